"""What people see besides results: errors and warnings, on standard error."""

from __future__ import annotations

import logging
import os
import re
import sys
from typing import TYPE_CHECKING

from swishcli.errors import display_path

if TYPE_CHECKING:
    from rich.console import Console


def print_error(error: object) -> None:
    """One line on standard error."""
    # In one write, unlike print: other threads have lines of their own for standard error.
    sys.stderr.write(f"swish: {error}\n")


def print_text(text: str) -> None:
    """Text as files hold it, on standard output: as it is into a file or a pipe, harmless on a terminal."""
    if sys.stdout.isatty():
        text = "".join(part if part in "\n\t" else display_path(part) for part in re.split(r"([\n\t])", text))
    sys.stdout.write(text)


def print_warnings(path: str, warnings: tuple[str, ...]) -> None:
    """All that is to be said about a recording, in one line; nothing without warnings."""
    if warnings:
        print_error(f"warning: {display_path(path)}: {'; '.join(warnings)}")


def show_warnings() -> None:
    """Print what the package logs as lines on standard error."""
    logger = logging.getLogger("swishcli")
    logger.handlers = [logging.StreamHandler()]
    logger.handlers[0].setFormatter(logging.Formatter("swish: warning: %(message)s"))
    logger.propagate = False


def close_output() -> None:
    """Python flushes standard output when it ends: what is left there must not fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def console() -> Console:
    """For tables on standard output."""
    from rich.console import Console

    return Console(highlight=False)
