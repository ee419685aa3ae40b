"""How far a batch is, on standard error: a bar for people, JSON Lines for logs, or nothing.

A bar is for terminals alone: nothing of it ends in a pipe, a file or a mail.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from swishcli.errors import display_path

if TYPE_CHECKING:
    from swishcli.jobs.inputs import Input

_LINE_EVERY_S = 10.0
"""Seconds from one line of a log to the next."""
_LONG_S = 600.0
"""Recordings as long as this have their own share shown."""
_NAME_WIDTH = 24


class ProgressKind(StrEnum):
    """How progress is shown."""

    auto = "auto"
    """A bar on a terminal, nothing elsewhere."""
    json = "json"
    none = "none"


class BatchProgress:
    """How far a batch is.

    Parameters
    ----------
    sizes : mapping of str to float
        By path, what a recording is of the whole: its bytes.
    show : callable
        Called when something has changed.
    """

    def __init__(
        self, sizes: Mapping[str, float], show: Callable[[BatchProgress], None] = lambda _: None
    ) -> None:
        self._sizes, self._show = sizes, show
        self._total = sum(sizes.values()) or 1.0
        self._under_way: dict[str, tuple[float, float | None]] = {}
        self._finished_size = 0.0
        self._finished_s = 0.0
        self._started = time.monotonic()
        self._lock = Lock()
        self.total, self.finished, self.failed = len(sizes), 0, 0

    def within(self, item: Input, done_s: float, expected_s: float | None) -> None:
        """Take how far a recording is."""
        with self._lock:
            self._under_way[item.path] = done_s, expected_s
            self._show(self)

    def finish(self, item: Input, audio_s: float | None = None) -> None:
        """Count a recording as done, or without seconds of audio as failed."""
        with self._lock:
            self._under_way.pop(item.path, None)
            self._finished_size += self._sizes.get(item.path, 0.0)
            self._finished_s += audio_s or 0.0
            self.finished += 1
            self.failed += audio_s is None
            self._show(self)

    @property
    def share(self) -> float:
        """How much of the work is done, from 0 to 1, by the sizes of the recordings."""
        parts = [
            self._sizes.get(path, 0.0) * min(1.0, done_s / expected_s)
            for path, (done_s, expected_s) in self._under_way.items()
            if expected_s
        ]
        return min(1.0, (self._finished_size + sum(parts)) / self._total)

    @property
    def audio_s(self) -> float:
        """Seconds of audio that have been listened to."""
        return self._finished_s + sum(done_s for done_s, _ in self._under_way.values())

    @property
    def elapsed_s(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._started

    @property
    def left_s(self) -> float | None:
        """Seconds until the end, probably."""
        share = self.share
        return self.elapsed_s * (1 - share) / share if share > 0.001 else None

    @property
    def longest(self) -> tuple[str, float] | None:
        """The long recording under way that has most left, and how much of it is done."""
        long = [(e - d, path, d / e) for path, (d, e) in self._under_way.items() if e and e >= _LONG_S]
        return max(long)[1:] if long else None

    def __str__(self) -> str:
        """What stands beside the bar."""
        from swishcli.pictures.time_axis import clock

        parts = [f"{self.finished}/{self.total}", f"{self.audio_s / 3600:.1f} h"]
        parts += [f"{self.audio_s / self.elapsed_s:.0f} × real time"] if self.elapsed_s > 0.5 else []
        parts += [] if self.left_s is None else [f"{clock(self.left_s)} left"]
        parts += [f"{self.failed} failed"] if self.failed else []
        if self.longest is not None:
            path, share = self.longest
            parts.append(f"{display_path(Path(path).name)[:_NAME_WIDTH]} {share:.0%}")
        return " · ".join(parts)

    def to_dict(self) -> dict[str, object]:
        """The JSON object of a line in a log."""
        return {
            "event": "progress",
            "recordings": self.finished,
            "of": self.total,
            "failed": self.failed,
            "share": round(self.share, 4),
            "audio_hours": round(self.audio_s / 3600, 3),
            "times_real_time": round(self.audio_s / max(self.elapsed_s, 1e-3), 1),
            "seconds": round(self.elapsed_s, 1),
            "seconds_left": None if self.left_s is None else round(self.left_s, 1),
        }


@contextmanager
def batch_progress(
    sizes: Mapping[str, float], kind: ProgressKind = ProgressKind.auto
) -> Iterator[BatchProgress]:
    """Progress that is shown as long as the block runs."""
    if kind == ProgressKind.json:
        yield BatchProgress(sizes, _log())
    elif kind == ProgressKind.none or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield BatchProgress(sizes)
    else:
        with _bar() as show:
            yield BatchProgress(sizes, show)


def print_event(event: str, **fields: object) -> None:
    """A line of a log: a JSON object on standard error."""
    sys.stderr.write(json.dumps({"event": event, **fields}) + "\n")
    sys.stderr.flush()


def _log() -> Callable[[BatchProgress], None]:
    last = time.monotonic()

    def show(progress: BatchProgress) -> None:
        nonlocal last
        if time.monotonic() - last >= _LINE_EVERY_S or progress.finished == progress.total:
            last = time.monotonic()
            sys.stderr.write(json.dumps(progress.to_dict()) + "\n")
            sys.stderr.flush()

    return show


@contextmanager
def _bar() -> Iterator[Callable[[BatchProgress], None]]:
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
    from rich.table import Column

    status = TextColumn("{task.description}", table_column=Column(no_wrap=True, overflow="ellipsis"))
    # Standard output is written around the bar where both are on the terminal, and left alone in a pipe.
    with Progress(
        BarColumn(bar_width=20),
        TaskProgressColumn(),
        status,
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=sys.stdout.isatty(),
    ) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda progress: bar.update(task, completed=progress.share, description=escape(str(progress)))
