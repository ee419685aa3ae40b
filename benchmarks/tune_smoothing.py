"""Choose the smoothing defaults on the validation programmes and recordings of a corpus.

    python benchmarks/tune_smoothing.py ../shared/corpus --model wide
    python benchmarks/tune_smoothing.py ../shared/corpus --model wide --set transition_cost=9 min_duration_s=0.3

The network runs once; then every combination of the grid is scored: frame accuracy and boundary F1 (± 0.5 s)
on the programmes, macro-averaged recall on the 1-s windows of the recordings. The best by the mean of
programme accuracy and window recall comes last. The grid is flat around its best; so that models do not differ
by chance, all of them carry the defaults of `SmoothingConfig` unless one has reason not to.

``--set`` writes a smoothing into a checkpoint that was trained under another: the defaults, and what is named.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line does, before NumPy is imported

import argparse
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from corpus import LABELS, SAMPLE_RATE, Corpus

import swishcli
from swishcli.audio import AudioStream, Samples
from swishcli.checkpoint import find_model, load_checkpoint
from swishcli.evaluation.metrics import BoundaryScore, Confusion, accuracy, macro_recall
from swishcli.evaluation.scoring import (
    boundary_score,
    counted_windows,
    frame_confusion,
    frame_labels,
    majority_labels,
)
from swishcli.segments import Segmentation
from swishcli.smoothing import SmoothingConfig

GRID = {
    "transition_cost": (3.0, 6.0, 8.0, 10.0, 12.0, 16.0, 22.0),
    "min_duration_s": (0.0, 0.3, 0.5, 1.0),
    "min_silence_s": (0.3, 0.5, 0.7, 1.0),
}


@dataclass(frozen=True)
class Heard:
    """What the network said about a recording."""

    logits: npt.NDArray[np.float32]
    level_db: npt.NDArray[np.float32]
    duration: float

    def segments(self, model: swishcli.Model, smoothing: SmoothingConfig) -> Segmentation:
        """Its segments under another smoothing."""
        smoother = model.checkpoint.smoother(smoothing)
        segments = [*smoother.push(self.logits, self.level_db), *smoother.finish(self.duration)]
        return Segmentation(self.duration, tuple(segments))


def hear(model: swishcli.Model, samples: Samples) -> Heard:
    """Run the network over samples at the model's rate."""
    stream = AudioStream(samples, SAMPLE_RATE)
    chunks = list(model.frame_scores(stream))
    logits = np.concatenate([chunk.logits[0] for chunk in chunks])
    level_db = np.concatenate([chunk.level_db[0] for chunk in chunks])
    return Heard(logits, level_db, stream.duration)


def configurations(base: SmoothingConfig) -> Iterator[SmoothingConfig]:
    """Every combination of the grid."""
    for values in itertools.product(*GRID.values()):
        yield replace(base, **dict(zip(GRID, values, strict=True)))


@dataclass(frozen=True)
class File:
    """A recording of one label, heard, and the windows of it that count."""

    label: int
    windows: Sequence[int]
    heard: Heard


def window_confusion(model: swishcli.Model, files: Sequence[File], smoothing: SmoothingConfig) -> Confusion:
    """1-s windows of recordings by label and answer."""
    confusion = np.zeros((len(LABELS), len(LABELS) + 1), np.int64)
    for file in files:
        hypothesis = file.heard.segments(model, smoothing)
        frames = frame_labels(hypothesis, LABELS, int(100 * hypothesis.duration) + 1)
        answers = majority_labels(frames, file.windows, len(LABELS))
        confusion[file.label] += np.bincount(answers, minlength=len(LABELS) + 1)
    return confusion


def set_smoothing(model: str, changes: Sequence[str]) -> None:
    """Give a checkpoint the defaults, but for changes of the form ``name=value``."""
    values = {name: float(value) for name, _, value in (change.partition("=") for change in changes)}
    path = find_model(model)
    replace(load_checkpoint(path), smoothing=SmoothingConfig(**values)).save(path)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--model", default="wide")
    parser.add_argument("--cache", type=Path, help="folder for the decoded recordings")
    parser.add_argument("--threads", type=int, help="CPU threads; by default all cores")
    parser.add_argument("--set", nargs="*", metavar="NAME=VALUE", help="change the model, no more")
    arguments = parser.parse_args()
    if arguments.set is not None:
        return set_smoothing(arguments.model, arguments.set)
    model = swishcli.load(arguments.model, threads=arguments.threads)
    corpus = Corpus(arguments.corpus, arguments.cache)
    programmes = [(p.reference, hear(model, corpus.samples(p.path))) for p in corpus.programmes]
    files = []
    for item in corpus.val:
        samples = corpus.samples(item.path)
        windows = counted_windows(samples, SAMPLE_RATE)
        files.append(File(LABELS.index(item.label), windows, hear(model, samples)))

    results = []
    for smoothing in configurations(model.smoothing):
        frames = np.zeros((len(LABELS), len(LABELS) + 1), np.int64)
        boundaries = BoundaryScore(0, 0, 0)
        for reference, heard in programmes:
            hypothesis = heard.segments(model, smoothing)
            frames += frame_confusion(reference, hypothesis, LABELS)
            boundaries += boundary_score(reference, hypothesis, 0.5)
        recall = macro_recall(window_confusion(model, files, smoothing))
        values = "  ".join(f"{name} {getattr(smoothing, name):g}" for name in GRID)
        scores = f"programmes {accuracy(frames):.4f}  F1 {boundaries.f1:.3f}  windows {recall:.4f}"
        results.append(((accuracy(frames) + recall) / 2, f"{values}   {scores}"))
    for _, line in sorted(results):
        print(line)


if __name__ == "__main__":
    main()
