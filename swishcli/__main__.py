"""``python -m swishcli`` is ``swish``."""

from swishcli.cli import main

if __name__ == "__main__":
    main()
