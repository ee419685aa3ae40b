"""What people see besides results: errors, warnings, progress. All of it goes to standard error."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

from swishcli.errors import display_path

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from swishcli.jobs.inputs import Input


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


class BatchProgress:
    """A bar that moves with the recordings, and within long ones."""

    def __init__(self, bar: Progress | None, total: int) -> None:
        self._bar, self._total = bar, total
        self._task = None if bar is None else bar.add_task("recordings", total=total, finished=0)
        self._shares: dict[str, float] = {}
        self._finished = 0
        self._lock = Lock()

    def within(self, item: Input, done_s: float, expected_s: float | None) -> None:
        """Take how far a recording is; called from the threads that work."""
        with self._lock:
            self._shares[item.path] = min(1.0, done_s / expected_s) if expected_s else 0.0
            self._show()

    def finish(self, item: Input) -> None:
        """Count a recording as done."""
        with self._lock:
            self._shares.pop(item.path, None)
            self._finished += 1
            self._show()

    def _show(self) -> None:
        if self._bar is not None and self._task is not None:
            completed = self._finished + sum(self._shares.values())
            self._bar.update(self._task, completed=completed, finished=self._finished)


@contextmanager
def batch_progress(total: int) -> Iterator[BatchProgress]:
    """A progress bar on standard error, which shows nothing where that is not a terminal."""
    if not sys.stderr.isatty():
        yield BatchProgress(None, total)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[finished]:.0f}/{task.total:.0f} recordings"),
        TimeRemainingColumn(),
    )
    # Standard output is written around the bar where both are on the terminal, and left alone in a pipe.
    with Progress(
        *columns, console=Console(stderr=True), transient=True, redirect_stdout=sys.stdout.isatty()
    ) as bar:
        yield BatchProgress(bar, total)
