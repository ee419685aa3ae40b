"""Choose the smoothing defaults on the validation programmes and recordings of a corpus.

    python benchmarks/tune_smoothing.py ../shared/corpus --model wide
    python benchmarks/tune_smoothing.py ../shared/corpus --model wide --defaults

The network runs once; then every combination of the grid is scored: frame accuracy and boundary F1 (± 0.5 s)
on the programmes, macro-averaged recall on the 1-s windows of the recordings. The best by the mean of
programme accuracy and window recall comes last. The grid is flat around its best; so that models do not differ
by chance, all of them carry the defaults of `SmoothingConfig`, which `--defaults` writes into a checkpoint that
was trained under older ones.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from accuracy import LABELS, val_rows

import swishcli
from swishcli.audio import AudioStream, Samples, read_audio
from swishcli.checkpoint import find_model, load_checkpoint
from swishcli.evaluation.metrics import BoundaryScore, accuracy, macro_recall
from swishcli.evaluation.scoring import boundary_score, frame_confusion, window_answers
from swishcli.formats import read_segments
from swishcli.smoothing import SmoothingConfig

GRID = {
    "transition_cost": (3.0, 6.0, 9.0, 12.0, 16.0, 22.0),
    "min_duration_s": (0.0, 0.3, 0.5, 1.0),
    "min_silence_s": (0.5, 1.0),
    "silence_dbfs": (-65.0, -75.0),
}


@dataclass(frozen=True)
class Heard:
    """What the network said about a recording."""

    logits: npt.NDArray[np.float32]
    level_db: npt.NDArray[np.float32]
    duration: float

    def segments(self, model: swishcli.Model, smoothing: SmoothingConfig) -> swishcli.Segmentation:
        """Its segments under another smoothing."""
        smoother = model.checkpoint.smoother(smoothing)
        segments = [*smoother.push(self.logits, self.level_db), *smoother.finish(self.duration)]
        return swishcli.Segmentation(self.duration, tuple(segments))


def hear(model: swishcli.Model, path: Path) -> Heard:
    """Run the network over a recording."""
    stream = AudioStream(path, model.checkpoint.front_end.sample_rate)
    chunks = list(model.frame_scores(stream))
    logits = np.concatenate([chunk.logits[0] for chunk in chunks])
    level_db = np.concatenate([chunk.level_db[0] for chunk in chunks])
    return Heard(logits, level_db, stream.duration)


def configurations(base: SmoothingConfig) -> Iterator[SmoothingConfig]:
    """Every combination of the grid."""
    for values in itertools.product(*GRID.values()):
        yield replace(base, **dict(zip(GRID, values, strict=True)))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--model", default="wide")
    parser.add_argument("--defaults", action="store_true", help="give the model today's defaults, no more")
    arguments = parser.parse_args()
    if arguments.defaults:
        path = find_model(arguments.model)
        replace(load_checkpoint(path), smoothing=SmoothingConfig()).save(path)
        return
    model = swishcli.load(arguments.model)
    rate = model.checkpoint.front_end.sample_rate
    programmes = [
        (read_segments(path), hear(model, path.with_suffix(".opus")))
        for path in sorted((arguments.corpus / "programmes").glob("*.tsv"))
    ]
    files: list[tuple[int, Samples, Heard]] = []
    for row in val_rows(arguments.corpus):
        path = arguments.corpus / row["path"]
        files.append((LABELS.index(row["label"]), read_audio(path, rate), hear(model, path)))

    results = []
    for smoothing in configurations(model.smoothing):
        frames = np.zeros((3, 4), np.int64)
        windows = np.zeros((3, 4), np.int64)
        boundaries = BoundaryScore(0, 0, 0)
        for reference, heard in programmes:
            hypothesis = heard.segments(model, smoothing)
            frames += frame_confusion(reference, hypothesis, LABELS)
            boundaries += boundary_score(reference, hypothesis, 0.5)
        for label, samples, heard in files:
            answers = window_answers(samples, rate, heard.segments(model, smoothing), LABELS)
            windows[label] += np.bincount(answers, minlength=4)
        result = (accuracy(frames) + macro_recall(windows)) / 2
        values = "  ".join(f"{name} {getattr(smoothing, name):g}" for name in GRID)
        scores = (
            f"programmes {accuracy(frames):.4f}  F1 {boundaries.f1:.3f}  windows {macro_recall(windows):.4f}"
        )
        results.append((result, f"{values}   {scores}"))
    for _, line in sorted(results):
        print(line)


if __name__ == "__main__":
    main()
