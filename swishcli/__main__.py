"""``python -m swishcli`` is ``swish``."""

from swishcli.cli.main import program

if __name__ == "__main__":
    program()
