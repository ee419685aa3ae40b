"""How a model came about, as its checkpoint says."""

from __future__ import annotations

import math
import platform
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnxruntime
import torch
import torchaudio

from swishcli import __version__
from swishcli.checkpoint import DataProvenance, Provenance, Source, ValidationResult
from swishcli.training.cache import CachedRecording, data_digest
from swishcli.training.loop import Trainer
from swishcli.training.recipe import Recipe


def provenance_of(
    recipe: Recipe,
    trainer: Trainer,
    train: Sequence[CachedRecording],
    val: Sequence[CachedRecording],
    *,
    teachers: Sequence[str],
    command: str,
) -> Provenance:
    """What is known of the best weights that a trainer has so far.

    Parameters
    ----------
    train, val : sequence of CachedRecording
        The two splits.
    teachers : sequence of str
        Names or paths of models and taggers; of paths the last part is kept.
    command : str
        What started the training.
    """
    best, rate = trainer.best, recipe.front_end.sample_rate
    result = None
    if best is not None:
        pairs = zip(trainer.crops.classes, best.recalls, strict=True)
        recalls = {label: recall for label, recall in pairs if not math.isnan(recall)}
        biases = dict(zip(trainer.crops.classes, best.biases, strict=False))
        result = ValidationResult(best.epoch, best.macro_recall, recalls, best.temperature, biases)
    return Provenance(
        command=command,
        seed=recipe.training.seed,
        training=asdict(recipe.training),
        mixing=asdict(recipe.mixing),
        distillation=asdict(recipe.distillation) if teachers else {},
        teachers=tuple(Path(teacher).name for teacher in teachers),
        epochs_run=len(trainer.history),
        validation_1s_windows=result,
        data=DataProvenance(
            data_digest([*train, *val]),
            _sources(_stretches(train, recipe), rate),
            _sources(_stretches(val, recipe), rate),
        ),
        versions={
            "swish": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "torchaudio": torchaudio.__version__,
            "numpy": np.__version__,
            "onnxruntime": onnxruntime.__version__,
        },
    )


def _stretches(recordings: Sequence[CachedRecording], recipe: Recipe) -> list[CachedRecording]:
    front_end = recipe.front_end
    return [s for r in recordings for s in r.stretches(front_end.hop_length, front_end.sample_rate)]


def _sources(recordings: Sequence[CachedRecording], sample_rate: int) -> tuple[Source, ...]:
    """Seconds of every source, or nothing where no recordings share one."""
    found: Counter[tuple[str, str, str]] = Counter()
    for recording in recordings:
        item = recording.item
        found[item.label, item.source, item.licence] += recording.n_samples
    if len(found) == len(recordings):  # nothing says what belongs together
        return ()
    return tuple(
        Source(label, source, licence, round(n / sample_rate, 1))
        for (label, source, licence), n in sorted(found.items())
    )
