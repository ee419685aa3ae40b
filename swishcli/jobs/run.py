"""Hand out work and give back what became of each input as soon as it is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from swishcli.errors import SwishError
from swishcli.jobs.executors import Executor, Progressed
from swishcli.jobs.inputs import Input

Result = TypeVar("Result")

_MOST_AHEAD = 1000
"""Inputs that may overtake one that takes long: who wants them in order has to hold what came of them."""


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Result]):
    """What became of one input."""

    index: int
    """Its place among the inputs, from 0."""
    input: Input
    result: Result | SwishError


def run(
    inputs: Iterable[Input],
    executor: Executor[Result],
    on_progress: Callable[[Input, float, float | None], None] = lambda *_: None,
) -> Iterator[Outcome[Result]]:
    """Let `executor` work on every input, and yield the outcomes as they complete.

    Inputs are taken as there is room for them, so that ten thousand are not all held at once. What something from
    outside has ended is tried once more. The executor is closed at the end, also where the generator is.

    Parameters
    ----------
    on_progress : callable
        Told, of inputs under way, the seconds done and the seconds expected, None if unknown.
    """
    waiting: dict[int, Input] = {}
    tried_twice: set[int] = set()
    newest = 0
    coming = enumerate(inputs)
    try:
        while True:
            while executor.room > 0 and newest - min(waiting, default=newest) < _MOST_AHEAD:
                if (following := next(coming, None)) is None:
                    break
                newest, item = following
                waiting[newest] = item
                executor.submit(newest, item)
            if not waiting:
                return
            for event in executor.wait():
                item = waiting[event.index]
                if isinstance(event, Progressed):
                    on_progress(item, event.done_s, event.expected_s)
                elif event.may_differ and event.index not in tried_twice:
                    tried_twice.add(event.index)
                    executor.submit(event.index, item)
                else:
                    del waiting[event.index]
                    yield Outcome(event.index, item, event.result)
    finally:
        executor.close()


def in_order(outcomes: Iterable[Outcome[Result]]) -> Iterator[Outcome[Result]]:
    """The same outcomes in the order of their inputs, each as soon as those before it are there."""
    held: dict[int, Outcome[Result]] = {}
    next_index = 0
    for outcome in outcomes:
        held[outcome.index] = outcome
        while next_index in held:
            yield held.pop(next_index)
            next_index += 1
