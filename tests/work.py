"""Work for executors, in a module that worker processes import in a moment.

An input's path says what happens to it.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from swishcli.errors import AudioError
from swishcli.jobs.executors import Cancelled, Deferred
from swishcli.jobs.inputs import Input

Progress = Callable[[float, float | None], None]


def behave(item: Input, on_progress: Progress) -> str | Deferred[str]:
    """Do what the name of the input says; give the name back."""
    name = item.name.name
    if name == "bad":
        raise AudioError(item.path, "is bad")
    if name == "bug":
        raise ZeroDivisionError("division by zero")
    if name == "big":
        raise MemoryError
    if name == "hangs":
        time.sleep(3600)
    if name == "crashes":
        os.kill(os.getpid(), signal.SIGSEGV)
    if name == "exits":
        os._exit(7)
    if name == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "killed once" and not Path(item.path).exists():
        Path(item.path).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "slow to write":
        return Deferred(lambda: (time.sleep(0.5), name)[1])
    if name == "cannot be written":
        return Deferred(lambda: behave(Input(item.path, Path("bad")), on_progress))  # type: ignore[return-value]
    if name == "long":
        for second in range(100_000):
            on_progress(float(second), 100_000.0)
            time.sleep(0.01)
    return name


def stop_when_told(item: Input, on_progress: Progress) -> None:
    """Write ``path.started``, and ``path.stopped`` when it is given up."""
    Path(f"{item.path}.started").touch()
    try:
        while True:
            on_progress(0.0, None)
            time.sleep(0.01)
    except (Cancelled, SystemExit):
        Path(f"{item.path}.stopped").touch()
        raise


class CannotStart:
    """Work that no other process can take."""

    def __reduce__(self) -> tuple[Callable[[int], None], tuple[int]]:
        return os._exit, (3,)

    def __call__(self, item: Input, on_progress: Progress) -> str:
        return item.path
