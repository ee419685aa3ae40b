"""Hand out work, several recordings at once, and give back what became of each as soon as it is known."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Generic, TypeVar

from swishcli.errors import AudioError, SwishError
from swishcli.jobs.inputs import Input

Result = TypeVar("Result")
Progress = Callable[[float, float | None], None]
Work = Callable[[Input, Progress], Result]

_GRACE_S = 3.0
"""Seconds that work under way has to stop when a batch is given up."""


class Cancelled(Exception):
    """Raised inside work whose batch has been given up."""


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Result]):
    """What became of one input."""

    index: int
    """Its place among the inputs, from 0."""
    input: Input
    result: Result | SwishError


def run(
    inputs: Iterable[Input],
    work: Work[Result],
    workers: int,
    on_progress: Callable[[Input, float, float | None], None] = lambda *_: None,
) -> Iterator[Outcome[Result]]:
    """Do `work` on every input, `workers` at once, and yield the outcomes as they complete.

    `work` gets the input and a function to tell its progress to (seconds done, seconds expected or None),
    which raises `Cancelled` once the batch has been given up: the generator closed, Ctrl-C. Whatever `work`
    raises is the outcome of that input alone.
    """
    cancelled = threading.Event()
    waiting: dict[Future[Result], tuple[int, Input]] = {}

    def attempt(item: Input) -> Result:
        def told(done_s: float, expected_s: float | None) -> None:
            if cancelled.is_set():
                raise Cancelled
            on_progress(item, done_s, expected_s)

        return work(item, told)

    pool = ThreadPoolExecutor(max(1, workers))
    try:
        for index, item in enumerate(inputs):
            waiting[pool.submit(attempt, item)] = index, item
            # Few are handed out ahead, so that ten thousand inputs are not ten thousand futures.
            while len(waiting) > 2 * workers:
                yield from _completed(waiting)
        while waiting:
            yield from _completed(waiting)
    finally:
        cancelled.set()
        pool.shutdown(wait=not waiting, cancel_futures=True)
        # Work under way stops at its next report; work that waits for input may never get there.
        # (Of a cancelled future nobody would say that it is done.)
        wait([future for future in waiting if not future.cancelled()], timeout=_GRACE_S)


def in_order(outcomes: Iterable[Outcome[Result]]) -> Iterator[Outcome[Result]]:
    """The same outcomes in the order of their inputs, each as soon as those before it are there."""
    held: dict[int, Outcome[Result]] = {}
    next_index = 0
    for outcome in outcomes:
        held[outcome.index] = outcome
        while next_index in held:
            yield held.pop(next_index)
            next_index += 1


def _completed(waiting: dict[Future[Result], tuple[int, Input]]) -> Iterator[Outcome[Result]]:
    """Wait until something is done, and take it out."""
    done, _ = wait(waiting, return_when=FIRST_COMPLETED)
    for future in sorted(done, key=lambda f: waiting[f][0]):
        yield _outcome(*waiting.pop(future), future)


def _outcome(index: int, item: Input, future: Future[Result]) -> Outcome[Result]:
    try:
        return Outcome(index, item, future.result())
    except SwishError as error:
        return Outcome(index, item, error)
    except Exception as error:
        # A fault of ours, or of a decoder: it must not cost the other recordings their results.
        return Outcome(index, item, AudioError(item.path, f"failed unexpectedly ({type(error).__name__})"))
