"""Many recordings: find them, work on several at once, keep one bad file from costing the others."""

from __future__ import annotations

import glob
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from swishcli.audio import STDIN
from swishcli.errors import AudioError, SwishError
from swishcli.files import recordings_in

Result = TypeVar("Result")

_GRACE_S = 3.0
"""Seconds that work under way has to stop when a batch is given up."""


@dataclass(frozen=True, slots=True)
class Input:
    """A recording to work on."""

    path: str
    name: Path
    """Its path below the folder it was found in, or its file name: what its outputs are named after."""


def find_inputs(arguments: Iterable[str]) -> Iterator[Input | SwishError]:
    """The recordings that files, folders (recursively), shell patterns and ``"-"`` stand for.

    What stands for nothing comes out as an error in its place. A recording named twice comes once.
    """
    seen: set[str] = set()
    for argument in arguments:
        for found in _inputs_of(argument):
            if isinstance(found, SwishError):
                yield found
            elif found.path not in seen:
                seen.add(found.path)
                yield found


def _inputs_of(argument: str) -> Iterator[Input | SwishError]:
    path = Path(argument)
    if not argument:
        yield AudioError("''", "is not a file name")
    elif argument == STDIN:
        yield Input(STDIN, Path("stdin"))
    elif _is_dir(path):
        yield from _inputs_of_folder(path)
    elif glob.has_magic(argument) and not os.path.exists(argument):  # noqa: PTH110  (no name is an error to it)
        matches = sorted(glob.glob(argument, recursive=True))  # noqa: PTH207  (absolute patterns too)
        for match in matches:
            if Path(match).is_dir():
                yield from _inputs_of_folder(Path(match))
            else:
                yield Input(match, Path(Path(match).name))
        if not matches:
            yield AudioError(argument, "no file matches the pattern")
    else:
        yield Input(argument, Path(path.name))


def _is_dir(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that no file can have: who opens it says so
        return False


def _inputs_of_folder(folder: Path) -> Iterator[Input | SwishError]:
    try:
        recordings = recordings_in(folder)
    except OSError as error:
        yield AudioError(folder, f"cannot be read: {error.strerror}")
        return
    if not recordings:
        yield AudioError(folder, "is a folder without recordings")
    for path in recordings:
        yield Input(str(path), path.relative_to(folder))


def output_names(inputs: Iterable[Input]) -> dict[str, Path]:
    """For each recording's path a name for its outputs, without suffix, that no other recording has.

    ``a.wav`` becomes ``a``; where ``a.mp3`` is there too they stay ``a.wav`` and ``a.mp3``; recordings of
    the same name from different folders get numbers.

    >>> inputs = [Input("x/a.wav", Path("a.wav")), Input("y/a.wav", Path("a.wav")), Input("b.wav", Path("b.wav"))]
    >>> {path: str(name) for path, name in output_names(inputs).items()}
    {'x/a.wav': 'a.wav', 'y/a.wav': 'a.wav-2', 'b.wav': 'b'}
    """
    inputs = list(inputs)
    stems = Counter(item.name.with_suffix("") for item in inputs)
    names: dict[str, Path] = {}
    taken: set[Path] = set()
    for item in inputs:
        name = item.name.with_suffix("")
        if stems[name] > 1:
            name = item.name
        number = 1
        while name in taken:
            number += 1
            name = item.name.with_name(f"{item.name.name}-{number}")
        taken.add(name)
        names[item.path] = name
    return names


class Cancelled(Exception):
    """Raised inside a worker whose batch was interrupted."""


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Result]):
    """What became of one input."""

    input: Input
    result: Result | SwishError


def run_batch(
    inputs: Iterable[Input],
    work: Callable[[Input, Callable[[], None]], Result],
    workers: int,
) -> Iterator[Outcome[Result]]:
    """Do `work` on every input, several at once, and yield the outcomes in the order of the inputs.

    `work` gets the input and a function to call now and then, which raises `Cancelled` once the batch has
    been given up (the generator closed, Ctrl-C). Whatever `work` raises is the outcome of that input alone.
    """
    cancelled = threading.Event()

    def check() -> None:
        if cancelled.is_set():
            raise Cancelled

    pool = ThreadPoolExecutor(max(1, workers))
    waiting: list[tuple[Input, Future[Result]]] = []
    try:
        for item in inputs:
            waiting.append((item, pool.submit(work, item, check)))
            # Few are handed out ahead, so that ten thousand inputs are not ten thousand futures.
            if len(waiting) > 4 * workers:
                yield _outcome(*waiting[0])
                del waiting[0]
        while waiting:
            yield _outcome(*waiting[0])
            del waiting[0]
    finally:
        cancelled.set()
        pool.shutdown(wait=False, cancel_futures=True)
        # Work under way stops at its next check; work that waits for input may never get there.
        # (Of a cancelled future nobody would say that it is done.)
        wait([future for _, future in waiting if not future.cancelled()], timeout=_GRACE_S)


def _outcome(item: Input, future: Future[Result]) -> Outcome[Result]:
    try:
        return Outcome(item, future.result())
    except SwishError as error:
        return Outcome(item, error)
    except Exception as error:
        # A fault of ours, or of a decoder: it must not cost the other recordings their results.
        return Outcome(item, AudioError(item.path, f"failed unexpectedly: {type(error).__name__}: {error}"))
