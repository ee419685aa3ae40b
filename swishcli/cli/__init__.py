"""The command line: a Typer app, one module per command, each with its signature and its run.

Nothing here imports the network's libraries before a command needs them: `swish --help` answers at once.
"""
