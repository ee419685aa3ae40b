"""What people see: errors, warnings, tables, progress. Results go to standard output, the rest to error."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from swishcli.errors import display_path

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from swishcli.segments import Classification, Segmentation


def print_error(error: object) -> None:
    """One line on standard error."""
    # In one write, unlike print: decoders in other threads have lines of their own for standard error.
    sys.stderr.write(f"swish: {error}\n")


def name_of(answer: Classification | Segmentation) -> str:
    """The recording of an answer as one line; a channel of it as ``name#channel``."""
    name = display_path(answer.path or "")
    return name if answer.channel is None else f"{name}#{answer.channel}"


def show_warnings() -> None:
    """Print what the package logs as lines on standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("swish: warning: %(message)s"))
    logger = logging.getLogger("swishcli")
    logger.addHandler(handler)
    logger.propagate = False


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
