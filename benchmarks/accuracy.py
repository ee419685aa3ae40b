"""Accuracy of models on the validation recordings and programmes of a corpus.

    python benchmarks/accuracy.py ../shared/corpus                 # every model in weights/
    python benchmarks/accuracy.py ../shared/corpus --model FILE --full --picture confusion.png

1-s windows: recall of each class on the windows of the recordings that MANIFEST.tsv marks ``val``, each
recording segmented as a whole; windows 20 dB below their recording do not count. Whole files: the answer of
``swish classify``. Programmes: 10-ms frames and boundaries against the references beside the recordings.
Balanced S/NS is the mean of the recalls of speech and of everything else. Clips: the recordings cut into
pieces, each classified on its own. Calibration: over 1-s clips, how far the confidence is from the share that
is right (expected calibration error, 15 bins).

``--full`` adds every source, the hard cases that the manifest names, and the recordings made worse.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soxr

import swishcli
from swishcli.audio import Samples, read_audio
from swishcli.engines import OnnxEngine
from swishcli.evaluation.metrics import (
    BoundaryScore,
    Confusion,
    accuracy,
    balanced_detection,
    calibration_error,
    macro_recall,
    recalls,
)
from swishcli.evaluation.scoring import boundary_score, counted_windows, frame_confusion, window_answers
from swishcli.features import mfcc
from swishcli.formats import read_segments
from swishcli.smoothing import log_softmax

LABELS = ("speech", "music", "noise")
TOLERANCES_S = (0.2, 0.5)
CLIPS_S = (0.5, 1.0, 2.0)

CASES: dict[str, Callable[[dict[str, str]], bool]] = {
    "rap": lambda row: row["style"] == "vocals=rap",
    "sung music": lambda row: row["style"] == "vocals=yes",
    "electronic and ambient music": lambda row: row["kind"].startswith(("electronic", "ambient")),
    "hum and motors": lambda row: (
        row["kind"]
        in ("air-conditioner", "dishwasher", "vacuum-cleaner", "machine", "tools", "aircraft", "vehicle")
    ),
    "birds, insects, animals": lambda row: (
        row["label"] == "noise" and any(k in row["kind"] for k in ("bird", "insect", "animal", "dog"))
    ),
    "short effects": lambda row: row["label"] == "noise" and row["style"] == "event",
    "babble": lambda row: row["style"] == "babble",
    "radio and broadcast speech": lambda row: row["style"] in ("radio", "broadcast"),
    "conversation and podcast": lambda row: row["style"].startswith(("conversation", "podcast")),
    "far-field speech": lambda row: row["style"] == "far-field",
    "telephone prompts": lambda row: row["style"] == "telephone-prompts",
}
"""What a recording is a hard case of, by its line in the manifest."""


def _empty() -> Confusion:
    return np.zeros((len(LABELS), len(LABELS) + 1), np.int64)


@dataclass
class FileResults:
    """What a model makes of single-label recordings."""

    windows: Confusion = field(default_factory=_empty)
    files: Confusion = field(default_factory=_empty)
    per_source: dict[tuple[str, str], Confusion] = field(default_factory=lambda: defaultdict(_empty))
    per_case: dict[str, Confusion] = field(default_factory=lambda: defaultdict(_empty))


@dataclass
class ProgrammeResults:
    """What a model makes of recordings with reference segments."""

    frames: Confusion = field(default_factory=_empty)
    boundaries: dict[float, BoundaryScore] = field(
        default_factory=lambda: dict.fromkeys(TOLERANCES_S, BoundaryScore(0, 0, 0))
    )


@dataclass
class ClipResults:
    """What a model makes of clips of one length."""

    clips: Confusion = field(default_factory=_empty)
    confidences: list[float] = field(default_factory=list)
    right: list[bool] = field(default_factory=list)


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
        counts = _window_counts(read_audio(path, rate), rate, analysis.segmentation)
        results.windows[label] += counts
        results.per_source[row["label"], row["source"]][label] += counts
        for case, is_one in CASES.items():
            if is_one(row):
                results.per_case[case][label] += counts
        answer = analysis.classification.label
        results.files[label, LABELS.index(answer) if answer in LABELS else len(LABELS)] += 1
    return results


def _window_counts(samples: Samples, rate: int, segmentation: swishcli.Segmentation) -> Confusion:
    answers = window_answers(samples, rate, segmentation, LABELS)
    return np.bincount(answers, minlength=len(LABELS) + 1)


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


def measure_clips(model: swishcli.Model, corpus: Path) -> dict[float, ClipResults]:
    """Classify every clip of the validation recordings on its own; quiet ones do not count.

    Clips of a recording go through the network side by side, which a loop over `Model.classify` would not.
    """
    checkpoint = model.checkpoint
    rate, engine = checkpoint.front_end.sample_rate, OnnxEngine(checkpoint, threads=2)
    results = {length: ClipResults() for length in CLIPS_S}
    for row in val_rows(corpus):
        samples, label = read_audio(corpus / row["path"], rate), LABELS.index(row["label"])
        for length, result in results.items():
            n = round(length * rate)
            clips = [samples[k * n : (k + 1) * n] for k in counted_windows(samples, rate, length)]
            clips = [clip for clip in clips if len(clip) == n]
            if not clips:
                continue
            features = np.stack([mfcc(clip, checkpoint.front_end).T for clip in clips])
            posteriors = np.exp(log_softmax(engine(features).mean(axis=2)))
            for posterior in posteriors:
                heard = int(posterior.argmax())
                result.clips[label, heard] += 1
                result.confidences.append(float(posterior[heard]))
                result.right.append(heard == label)
    return results


def _telephone(samples: Samples, rate: int, _: np.random.Generator) -> Samples:
    narrow = soxr.resample(samples, rate, 8000)
    coded = np.sign(narrow) * np.log1p(255 * np.abs(narrow).clip(0, 1)) / np.log(256)
    coded = np.round(coded * 127) / 127
    decoded = np.sign(coded) * np.expm1(np.abs(coded) * np.log(256)) / 255
    return soxr.resample(decoded.astype(np.float32), 8000, rate)


def _noisy(samples: Samples, _: int, generator: np.random.Generator) -> Samples:
    white = np.fft.rfft(generator.standard_normal(len(samples)))
    pink = np.fft.irfft(white / np.sqrt(np.arange(len(white)) + 1), len(samples))
    gain = np.sqrt(np.mean(samples**2) / np.mean(pink**2) / 10)
    return (samples + gain * pink).astype(np.float32)


def _reverberant(samples: Samples, rate: int, generator: np.random.Generator) -> Samples:
    n = int(0.6 * rate)
    room = generator.standard_normal(n) * np.exp(-6.9 * np.arange(n) / n)
    room[0] = np.sqrt(np.sum(room**2))  # as much direct sound as reverberation
    size = len(samples) + n
    wet = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(room, size), size)[: len(samples)]
    return (wet * np.abs(samples).max() / max(1e-9, np.abs(wet).max())).astype(np.float32)


VARIANTS: dict[str, Callable[[Samples, int, np.random.Generator], Samples]] = {
    "telephone: 8 kHz, μ-law": _telephone,
    "pink noise 10 dB below": _noisy,
    "room, T60 0.6 s": _reverberant,
    "40 dB softer": lambda samples, rate, generator: samples * np.float32(0.01),
    "clipped, 12 dB over": lambda samples, rate, generator: np.clip(
        samples * np.float32(4 / max(1e-9, np.abs(samples).max())), -1, 1
    ),
}


def measure_variant(model: swishcli.Model, corpus: Path, name: str) -> Confusion:
    """1-s windows of the validation recordings made worse; which ones count is decided before."""
    windows, rate = _empty(), model.checkpoint.front_end.sample_rate
    for index, row in enumerate(val_rows(corpus)):
        samples = read_audio(corpus / row["path"], rate)
        worse = VARIANTS[name](samples, rate, np.random.default_rng(index))
        windows[LABELS.index(row["label"])] += _window_counts(samples, rate, model.segment(worse))
    return windows


def _line(path: Path, segmentation: swishcli.Segmentation) -> str:
    segments = [[s.start, s.end, s.label] for s in segmentation.segments]
    return json.dumps({"path": str(path), "segments": segments})


def _row(title: str, confusion: Confusion) -> str:
    by_class = "/".join(f"{recall:.3f}" for recall in recalls(confusion))
    return (
        f"{title:<24} {by_class}   {macro_recall(confusion):.3f}   {accuracy(confusion):.3f}   "
        f"{balanced_detection(confusion, 0):.3f}"
    )


def report(files: FileResults, programmes: ProgrammeResults, clips: dict[float, ClipResults]) -> str:
    """The main table as text."""
    boundaries = " ".join(f"{programmes.boundaries[t].f1:.3f}" for t in TOLERANCES_S)
    one_second = clips[1.0]
    error = calibration_error(np.array(one_second.confidences), np.array(one_second.right))
    return "\n".join(
        [
            f"{'':<24} {'/'.join(LABELS)}  macro   acc.    S/NS    F1 ±0.2 ±0.5",
            _row("1-s windows", files.windows),
            _row("whole files", files.files),
            f"{_row('programmes', programmes.frames)}   {boundaries}",
            *(_row(f"clips of {length:g} s", result.clips) for length, result in clips.items()),
            f"expected calibration error {error:.3f}",
        ]
    )


def source_table(files: FileResults) -> str:
    """Recall of every source and every hard case."""
    lines = [f"{'source':<42} label   recall  windows  as {'/'.join(LABELS)}/silence"]
    for (label, source), confusion in sorted(files.per_source.items()):
        counts = confusion[LABELS.index(label)]
        recall = counts[LABELS.index(label)] / max(1, counts.sum())
        lines.append(f"{source:<42} {label:<7} {recall:.3f}   {counts.sum():>6}  {counts.tolist()}")
    lines += ["", f"{'hard case':<50} recall  windows  as {'/'.join(LABELS)}/silence"]
    for case, confusion in files.per_case.items():
        counts = confusion.sum(axis=0)
        lines.append(f"{case:<50} {accuracy(confusion):.3f}   {counts.sum():>6}  {counts.tolist()}")
    return "\n".join(lines)


def draw(confusions: dict[str, Confusion], path: Path) -> None:
    """Confusion matrices side by side, in shares of the reference class."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(confusions), figsize=(4.2 * len(confusions), 3.6))
    for axis, (title, confusion) in zip(np.atleast_1d(axes), confusions.items(), strict=True):
        shares = confusion / confusion.sum(axis=1, keepdims=True)
        axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for (i, j), share in np.ndenumerate(shares):
            colour = "white" if share > 0.5 else "black"
            axis.text(j, i, f"{share:.1%}", ha="center", va="center", color=colour)
        axis.set_xticks(range(len(LABELS) + 1), (*LABELS, "silence"))
        axis.set_yticks(range(len(LABELS)), LABELS)
        axis.set(title=title, xlabel="heard as", ylabel="is")
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--model", action="append", help="a name or a file; by default every shipped model")
    parser.add_argument("--full", action="store_true", help="sources, hard cases and worse recordings too")
    parser.add_argument("--jsonl", type=Path, help="also write the last model's segments, a line a recording")
    parser.add_argument("--picture", type=Path, help="also draw the last model's confusion matrices")
    arguments = parser.parse_args()
    for name in arguments.model or swishcli.shipped_models():
        model = swishcli.load(name)
        jsonl: list[str] = []
        files = measure_files(model, arguments.corpus, jsonl)
        programmes = measure_programmes(model, arguments.corpus, jsonl)
        print(f"\n{name}: {model.checkpoint.network.n_parameters} parameters")
        print(report(files, programmes, measure_clips(model, arguments.corpus)), flush=True)
        if arguments.full:
            print(f"\n{source_table(files)}\n")
            for variant in VARIANTS:
                print(_row(variant, measure_variant(model, arguments.corpus, variant)), flush=True)
        if arguments.jsonl:
            arguments.jsonl.write_text("\n".join(jsonl) + "\n")
        if arguments.picture:
            draw(
                {f"{name}: 1-s windows": files.windows, f"{name}: programmes": programmes.frames},
                arguments.picture,
            )


if __name__ == "__main__":
    main()
