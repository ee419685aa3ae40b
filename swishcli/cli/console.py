"""What people see: errors, warnings, tables, progress. Results go to standard output, the rest to error."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress


def print_error(error: object) -> None:
    """One line on standard error."""
    print(f"swish: {error}", file=sys.stderr)


def show_warnings() -> None:
    """Print what the package logs as lines on standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("swish: warning: %(message)s"))
    logger = logging.getLogger("swishcli")
    logger.addHandler(handler)
    logger.propagate = False


def on_terminal() -> bool:
    """Whether results are read by a person and not by a program."""
    return sys.stdout.isatty()


def console() -> Console:
    """For tables on standard output."""
    from rich.console import Console

    return Console(highlight=False)


@contextmanager
def progress(description: str, total: float | None) -> Iterator[Progress | None]:
    """A progress bar on standard error, or None where that is not a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    # Standard output is left alone: it may be a pipe while standard error is a terminal.
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as bar:
        bar.add_task(description, total=total)
        yield bar
