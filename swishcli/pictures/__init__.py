"""What was found, for eyes.

palette: colour, pattern and letter of each class · overview: a recording of any length as a few thousand columns.
Both serve pictures, the review page and the terminal; what draws imports its drawing library itself.
"""
