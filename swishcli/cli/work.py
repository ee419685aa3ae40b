"""What classify and segment share: load the model, go through the recordings, count the failures."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from swishcli.analysis import Analysis
from swishcli.audio import Channel, Decoding
from swishcli.batch import Input, find_inputs, run_batch
from swishcli.checkpoint import find_model, load_checkpoint
from swishcli.cli.console import print_error, progress
from swishcli.engines import Device, default_threads
from swishcli.errors import SwishError, display_path
from swishcli.model import Model

_log = logging.getLogger("swishcli")


@dataclass(frozen=True)
class Work:
    """The options that classify and segment share."""

    model: str
    device: str
    channel: int | str | None
    threads: int | None
    smoothing: dict[str, float] = field(default_factory=dict)
    """Values of a `SmoothingConfig` instead of the model's own."""

    def load_model(self, n_inputs: int) -> tuple[Model, int]:
        """The model, and how many recordings to work on at once.

        One recording gets all threads; several get a thread each.
        """
        checkpoint = load_checkpoint(find_model(self.model))
        threads = self.threads or default_threads()
        workers = min(threads, n_inputs)
        try:
            smoothing = replace(checkpoint.smoothing, **self.smoothing)
        except ValueError as error:
            raise SwishError(str(error)) from None
        model = Model(checkpoint, cast(Device, self.device), max(1, threads // workers), smoothing)
        return model, workers


def analyse_all(
    paths: Sequence[str], work: Work, then: Callable[[Input, list[Analysis]], None] = lambda *_: None
) -> Iterator[tuple[Input | None, list[Analysis] | None]]:
    """Analyse every recording that `paths` stand for, in order.

    Yields ``(input, analyses)``, and ``(None, None)`` for an input that failed, whose error has been
    printed. `then` is part of an input's work (writing its files): what it raises is that input's error.
    """
    found = list(find_inputs(paths))
    inputs = [item for item in found if isinstance(item, Input)]
    for item in found:
        if isinstance(item, SwishError):
            print_error(item)
            yield None, None
    if not inputs:
        return
    model, workers = work.load_model(len(inputs))

    def analyse(item: Input, check: Callable[[], None]) -> list[Analysis]:
        analyses = model.analyse(
            item.path, Decoding(cast(Channel, work.channel)), on_progress=lambda *_: check()
        )
        then(item, analyses)
        if analyses[0].segmentation.warnings:
            _log.warning("%s: %s", display_path(item.path), "; ".join(analyses[0].segmentation.warnings))
        return analyses

    with progress("recordings", len(inputs)) as bar:
        for outcome in run_batch(inputs, analyse, workers):
            if bar is not None:
                bar.advance(bar.task_ids[0])
            if isinstance(outcome.result, SwishError):
                print_error(outcome.result)
                yield None, None
            else:
                yield outcome.input, outcome.result
            sys.stdout.flush()
