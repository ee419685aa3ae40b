"""Accuracy of models on the validation recordings and programmes of a corpus.

    python benchmarks/accuracy.py ../shared/corpus                 # every model in weights/
    python benchmarks/accuracy.py ../shared/corpus --model FILE --per-source --jsonl hypotheses.jsonl

Files: recall of each class on 1-s windows of the recordings that MANIFEST.tsv marks ``val``, and of each
source. Programmes: 10-ms frames and boundaries against the references beside the recordings. Balanced
S/NS is the mean of the recalls of speech and of everything else.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import swishcli
from swishcli.audio import read_audio
from swishcli.evaluation import (
    BoundaryScore,
    Confusion,
    accuracy,
    balanced_detection,
    boundary_score,
    frame_confusion,
    macro_recall,
    recalls,
    window_answers,
)
from swishcli.formats import read_segments

LABELS = ("speech", "music", "noise")
TOLERANCES_S = (0.2, 0.5)


def _empty() -> Confusion:
    return np.zeros((len(LABELS), len(LABELS) + 1), np.int64)


@dataclass
class FileResults:
    """What a model makes of single-label recordings."""

    windows: Confusion = field(default_factory=_empty)
    files: Confusion = field(default_factory=_empty)
    per_source: dict[tuple[str, str], Confusion] = field(default_factory=lambda: defaultdict(_empty))


@dataclass
class ProgrammeResults:
    """What a model makes of recordings with reference segments."""

    frames: Confusion = field(default_factory=_empty)
    boundaries: dict[float, BoundaryScore] = field(
        default_factory=lambda: dict.fromkeys(TOLERANCES_S, BoundaryScore(0, 0, 0))
    )


def val_rows(corpus: Path) -> list[dict[str, str]]:
    """The manifest's lines of the split ``val``."""
    with (corpus / "MANIFEST.tsv").open(encoding="utf-8") as file:
        return [row for row in csv.DictReader(file, delimiter="\t") if row["split"] == "val"]


def measure_files(model: swishcli.Model, corpus: Path, jsonl: list[str]) -> FileResults:
    """Classify and segment every validation recording."""
    results = FileResults()
    for row in val_rows(corpus):
        path = corpus / row["path"]
        (analysis,) = model.analyse(path)
        jsonl.append(_line(path, analysis.segmentation))
        label = LABELS.index(row["label"])
        rate = model.checkpoint.front_end.sample_rate
        answers = window_answers(read_audio(path, rate), rate, analysis.segmentation, LABELS)
        counts = np.bincount(answers, minlength=len(LABELS) + 1)
        results.windows[label] += counts
        results.per_source[row["label"], row["source"]][label] += counts
        answer = analysis.classification.label
        results.files[label, LABELS.index(answer) if answer in LABELS else len(LABELS)] += 1
    return results


def measure_programmes(model: swishcli.Model, corpus: Path, jsonl: list[str]) -> ProgrammeResults:
    """Segment every programme that has a reference."""
    results = ProgrammeResults()
    for reference_path in sorted((corpus / "programmes").glob("*.tsv")):
        path = reference_path.with_suffix(".opus")
        reference, hypothesis = read_segments(reference_path), model.segment(path)
        jsonl.append(_line(path, hypothesis))
        results.frames += frame_confusion(reference, hypothesis, LABELS)
        for tolerance in TOLERANCES_S:
            results.boundaries[tolerance] += boundary_score(reference, hypothesis, tolerance)
    return results


def _line(path: Path, segmentation: swishcli.Segmentation) -> str:
    segments = [[s.start, s.end, s.label] for s in segmentation.segments]
    return json.dumps({"path": str(path), "segments": segments})


def _row(title: str, confusion: Confusion) -> str:
    by_class = "/".join(f"{recall:.3f}" for recall in recalls(confusion))
    return f"{title:<12} {by_class}   {macro_recall(confusion):.3f}   {accuracy(confusion):.3f}   "


def report(files: FileResults, programmes: ProgrammeResults, per_source: bool) -> str:
    """The tables as text."""
    lines = [
        f"{'':<12} {'/'.join(LABELS)}  macro   acc.    S/NS   F1 ±0.2 ±0.5",
        _row("1-s windows", files.windows) + f"{balanced_detection(files.windows, 0):.3f}",
        _row("whole files", files.files) + f"{balanced_detection(files.files, 0):.3f}",
        _row("programmes", programmes.frames)
        + f"{balanced_detection(programmes.frames, 0):.3f}  "
        + " ".join(f"{programmes.boundaries[t].f1:.3f}" for t in TOLERANCES_S),
    ]
    if per_source:
        lines += ["", f"{'source':<42} label   recall  windows  as {'/'.join(LABELS)}/silence"]
        for (label, source), confusion in sorted(files.per_source.items()):
            counts = confusion[LABELS.index(label)]
            recall = counts[LABELS.index(label)] / max(1, counts.sum())
            lines.append(f"{source:<42} {label:<7} {recall:.3f}   {counts.sum():>6}  {counts.tolist()}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--model", action="append", help="a name or a file; by default every shipped model")
    parser.add_argument("--per-source", action="store_true")
    parser.add_argument("--jsonl", type=Path, help="also write the last model's segments, a line a recording")
    arguments = parser.parse_args()
    for name in arguments.model or swishcli.shipped_models():
        model = swishcli.load(name)
        jsonl: list[str] = []
        files = measure_files(model, arguments.corpus, jsonl)
        programmes = measure_programmes(model, arguments.corpus, jsonl)
        print(f"\n{name}: {model.checkpoint.network.n_parameters} parameters")
        print(report(files, programmes, arguments.per_source))
        if arguments.jsonl:
            arguments.jsonl.write_text("\n".join(jsonl) + "\n")


if __name__ == "__main__":
    main()
