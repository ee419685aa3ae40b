"""How good segments are.

metrics: numbers from counts · scoring: frames, windows, boundaries of a pair · pairing: which files belong
together · scores: all counts of a recording and their figures · statistics: intervals, comparisons · report.
"""
