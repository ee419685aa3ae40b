"""Accuracy of models on the validation recordings and programmes of a corpus.

    python benchmarks/accuracy.py ../shared/corpus                 # every model in weights/
    python benchmarks/accuracy.py ../shared/corpus --model FILE --cache DIR --worst 30
    python benchmarks/accuracy.py ../shared/corpus --hypotheses PEER.jsonl

1-s windows: recall of each class on the windows of the recordings that MANIFEST.tsv marks ``val``, each
recording segmented as a whole; windows 20 dB below their recording do not count. Whole files: the class of the
largest share, as ``swish classify`` answers. Programmes: 10-ms frames and boundaries against the references
beside the recordings. Balanced S/NS is the mean of the recalls of speech and of everything else. Clips: pieces
of the recordings, at most three of each, each classified on its own. Calibration: over the clips of 1 s, how
far the confidence is from the share that is right (expected calibration error, 15 bins).

By kind: the 1-s windows of all recordings of a kind (`corpus.KINDS`), and made cases (`made_cases.py`), an
answer each.

``--hypotheses`` scores another program: JSON Lines of ``{"path": …, "segments": [[start, end, label], …]}``.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line does, before NumPy is imported

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soxr
from corpus import LABELS, SAMPLE_RATE, Corpus, Item
from made_cases import Case, case_name, made_cases

import swishcli
from swishcli.audio import Samples
from swishcli.engines import make_engine
from swishcli.evaluation.metrics import (
    BoundaryScore,
    Confusion,
    accuracy,
    balanced_detection,
    calibration_counts,
    calibration_error,
    macro_recall,
    recalls,
)
from swishcli.evaluation.scoring import boundary_score, counted_windows, frame_confusion, window_answers
from swishcli.features import mfcc
from swishcli.segments import SILENCE, Segmentation, tile
from swishcli.smoothing import log_softmax

TOLERANCES_S = (0.2, 0.5)
CLIPS_S = (0.5, 1.0, 2.0)
CLIPS_OF_EACH = 3
ANSWERS = (*LABELS, SILENCE)
"""What a hypothesis can say, in the order of a `Confusion`'s columns."""

Listener = Callable[[Path, Samples], Segmentation | None]
"""Segments a recording, None where it has no answer."""


def _empty() -> Confusion:
    return np.zeros((len(LABELS), len(ANSWERS)), np.int64)


@dataclass(frozen=True)
class FileResult:
    """What was heard in a recording of one label."""

    item: Item
    windows: npt.NDArray[np.int64]
    """1-s windows by `ANSWERS`."""
    answer: int
    """Of the whole recording, as an index into `ANSWERS`."""

    @property
    def right(self) -> int:
        """Windows heard as what they are."""
        return int(self.windows[LABELS.index(self.item.label)])

    @property
    def wrong(self) -> int:
        """Windows heard as something else."""
        return int(self.windows.sum()) - self.right

    @property
    def taken_for(self) -> str:
        """The wrong answer that is most frequent."""
        wrong = self.windows.copy()
        wrong[LABELS.index(self.item.label)] = 0
        return ANSWERS[int(wrong.argmax())]


@dataclass(frozen=True)
class ClipResults:
    """What was heard in clips of one length."""

    labels: npt.NDArray[np.int64]
    answers: npt.NDArray[np.int64]
    confidences: npt.NDArray[np.float64]
    kinds: Sequence[tuple[str, ...]]
    """Of the recordings that the clips are of."""

    @property
    def confusion(self) -> Confusion:
        """Clips by label and answer."""
        pairs = self.labels * len(ANSWERS) + self.answers
        return np.bincount(pairs, minlength=_empty().size).reshape(_empty().shape)

    def calibration_error(self, kind: str | None = None) -> float:
        """Of all clips, or of those of a kind."""
        of_kind = np.array([kind is None or kind in kinds for kinds in self.kinds])
        right = (self.answers == self.labels)[of_kind]
        return calibration_error(calibration_counts(self.confidences[of_kind], right))


@dataclass
class ProgrammeResults:
    """What was heard in recordings with reference segments."""

    frames: Confusion = field(default_factory=_empty)
    """Of 10 ms."""
    boundaries: dict[float, BoundaryScore] = field(
        default_factory=lambda: dict.fromkeys(TOLERANCES_S, BoundaryScore(0, 0, 0))
    )
    """By tolerance in seconds."""


@dataclass
class Results:
    """What a listener makes of a corpus."""

    files: list[FileResult]
    programmes: ProgrammeResults = field(default_factory=ProgrammeResults)
    cases: dict[str, Confusion] = field(default_factory=dict)
    """Made cases by kind."""
    clips: dict[float, ClipResults] = field(default_factory=dict)

    def windows(self, chosen: Callable[[Item], bool] = lambda item: True) -> Confusion:
        """1-s windows of the recordings that are chosen."""
        confusion = _empty()
        for result in self.files:
            if chosen(result.item):
                confusion[LABELS.index(result.item.label)] += result.windows
        return confusion

    @property
    def whole_files(self) -> Confusion:
        """Recordings by label and answer."""
        confusion = _empty()
        for result in self.files:
            confusion[LABELS.index(result.item.label), result.answer] += 1
        return confusion

    @property
    def by_kind(self) -> dict[str, Confusion]:
        """1-s windows by kind of recording, and made cases by kind."""
        kinds = sorted({kind for result in self.files for kind in result.item.kinds})
        return {kind: self.windows(lambda item, kind=kind: kind in item.kinds) for kind in kinds} | self.cases


def measure(listen: Listener, corpus: Corpus) -> Results:
    """Everything that segments tell: files, programmes and made cases."""
    return Results(
        measure_files(listen, corpus),
        measure_programmes(listen, corpus),
        measure_cases(listen, made_cases(corpus)),
    )


def measure_files(
    listen: Listener,
    corpus: Corpus,
    worsen: Callable[[Samples, int], Samples] = lambda samples, index: samples,
) -> list[FileResult]:
    """Segment every validation recording, made worse or not; which windows count is decided before."""
    results = []
    for index, item in enumerate(corpus.val):
        samples = corpus.samples(item.path)
        hypothesis = listen(item.path, worsen(samples, index))
        if hypothesis is None:
            continue
        answers = window_answers(samples, SAMPLE_RATE, hypothesis, LABELS)
        windows = np.bincount(answers, minlength=len(ANSWERS))
        results.append(FileResult(item, windows, ANSWERS.index(main_label(hypothesis))))
    return results


def main_label(segmentation: Segmentation) -> str:
    """The class of the largest share; silence only where there is nothing else."""
    longest = max(LABELS, key=segmentation.total)
    return longest if segmentation.total(longest) > 0 else SILENCE


def measure_programmes(listen: Listener, corpus: Corpus) -> ProgrammeResults:
    """Segment every programme that has a reference."""
    results = ProgrammeResults()
    for programme in corpus.programmes:
        hypothesis = listen(programme.path, corpus.samples(programme.path))
        if hypothesis is not None:
            results.frames += frame_confusion(programme.reference, hypothesis, LABELS)
            for tolerance in TOLERANCES_S:
                results.boundaries[tolerance] += boundary_score(programme.reference, hypothesis, tolerance)
    return results


def measure_cases(listen: Listener, cases: Iterable[Case]) -> dict[str, Confusion]:
    """The answers to made cases by kind; an answer that is as right as the class counts as it."""
    by_kind: dict[str, Confusion] = defaultdict(_empty)
    for number, case in enumerate(cases):
        hypothesis = listen(Path(case_name(number)), case.samples)
        if hypothesis is not None:
            heard = main_label(hypothesis.crop(case.start, case.end))
            answer = case.labels[0] if heard in case.labels else heard
            by_kind[case.kind][LABELS.index(case.labels[0]), ANSWERS.index(answer)] += 1
    return dict(by_kind)


def measure_clips(
    model: swishcli.Model, corpus: Corpus, threads: int | None = None
) -> dict[float, ClipResults]:
    """Classify clips of the validation recordings, each on its own; quiet ones do not count.

    Clips of a recording go through the network side by side, which a loop over `Model.classify` would not.
    """
    engine, front_end = make_engine(model.checkpoint, threads=threads), model.checkpoint.front_end
    results = {}
    for length in CLIPS_S:
        n, labels, answers, confidences, kinds = round(length * SAMPLE_RATE), [], [], [], []
        for item in corpus.val:
            samples = corpus.samples(item.path)
            clips = [samples[k * n : (k + 1) * n] for k in counted_windows(samples, SAMPLE_RATE, length)]
            clips = [clip for clip in clips if len(clip) == n]
            if not clips:
                continue
            spread = np.unique(np.linspace(0, len(clips) - 1, min(len(clips), CLIPS_OF_EACH)).astype(int))
            features = np.stack([mfcc(clips[k], front_end).T for k in spread])
            for posterior in np.exp(log_softmax(engine(features).logits.mean(axis=2))):
                labels.append(LABELS.index(item.label))
                answers.append(LABELS.index(model.classes[int(posterior.argmax())]))
                confidences.append(float(posterior.max()))
                kinds.append(item.kinds)
        results[length] = ClipResults(np.array(labels), np.array(answers), np.array(confidences), kinds)
    return results


def listener(model: swishcli.Model) -> Listener:
    """A model as a listener."""
    return lambda path, samples: model.segment(samples, SAMPLE_RATE)


def hypotheses_of(path: Path) -> Listener:
    """The answers of another program; labels are taken as ours by how they begin, as peers refine them."""
    ours = {"male": "speech", "female": "speech", "noenergy": SILENCE, "silence": SILENCE, "music": "music"}

    def label(theirs: str) -> str:
        lowered = theirs.lower()
        return "speech" if lowered.startswith("speech") else ours.get(lowered, "noise")

    answers = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        said = json.loads(line)
        stretches = [(float(s), float(e), label(name)) for s, e, name in said.get("segments", ()) if e > s]
        if stretches:
            duration = max(end for _, end, _ in stretches)
            segmentation = Segmentation(duration, tile(duration, stretches, "noise"))
            answers[os.path.realpath(said["path"])] = answers[Path(said["path"]).name] = segmentation
    # Made cases lie in no place of their own.
    return lambda path, samples: answers.get(os.path.realpath(path) if path.parent.name else path.name)


def keeping(listen: Listener, lines: list[str]) -> Listener:
    """A listener whose answers about files are kept as JSON Lines."""

    def kept(path: Path, samples: Samples) -> Segmentation | None:
        hypothesis = listen(path, samples)
        if hypothesis is not None and path.exists():
            segments = [[s.start, s.end, s.label] for s in hypothesis.segments]
            lines.append(json.dumps({"path": str(path), "segments": segments}))
        return hypothesis

    return kept


def _telephone(samples: Samples, _: np.random.Generator) -> Samples:
    narrow = soxr.resample(samples, SAMPLE_RATE, 8000)
    coded = np.sign(narrow) * np.log1p(255 * np.abs(narrow).clip(0, 1)) / np.log(256)
    coded = np.round(coded * 127) / 127
    decoded = np.sign(coded) * np.expm1(np.abs(coded) * np.log(256)) / 255
    return soxr.resample(decoded.astype(np.float32), 8000, SAMPLE_RATE)


def _noisy(samples: Samples, generator: np.random.Generator) -> Samples:
    white = np.fft.rfft(generator.standard_normal(len(samples)))
    pink = np.fft.irfft(white / np.sqrt(np.arange(len(white)) + 1), len(samples))
    gain = np.sqrt(np.mean(samples**2) / np.mean(pink**2) / 10)
    return (samples + gain * pink).astype(np.float32)


def _reverberant(samples: Samples, generator: np.random.Generator) -> Samples:
    n = int(0.6 * SAMPLE_RATE)
    room = generator.standard_normal(n) * np.exp(-6.9 * np.arange(n) / n)
    room[0] = np.sqrt(np.sum(room**2))  # as much direct sound as reverberation
    size = len(samples) + n
    wet = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(room, size), size)[: len(samples)]
    return (wet * np.abs(samples).max() / max(1e-9, np.abs(wet).max())).astype(np.float32)


VARIANTS: dict[str, Callable[[Samples, np.random.Generator], Samples]] = {
    "telephone: 8 kHz, μ-law": _telephone,
    "pink noise 10 dB below": _noisy,
    "room, T60 0.6 s": _reverberant,
    "40 dB softer": lambda samples, generator: samples * np.float32(0.01),
    "clipped, 12 dB over": lambda samples, generator: np.clip(
        samples * np.float32(4 / max(1e-9, np.abs(samples).max())), -1, 1
    ),
}
"""Ways to make recordings worse; on purpose not those of training."""


def measure_variant(listen: Listener, corpus: Corpus, name: str) -> Confusion:
    """1-s windows of the validation recordings made worse."""
    files = measure_files(
        listen, corpus, lambda samples, index: VARIANTS[name](samples, np.random.default_rng(index))
    )
    return Results(files).windows()


def _row(title: str, confusion: Confusion) -> str:
    by_class = "/".join(f"{recall:.3f}" for recall in recalls(confusion))
    return (
        f"{title:<24} {by_class}   {macro_recall(confusion):.4f}   {accuracy(confusion):.4f}   "
        f"{balanced_detection(confusion, 0):.4f}"
    )


def report(results: Results) -> str:
    """The main table as text."""
    boundaries = " ".join(f"{results.programmes.boundaries[t].f1:.3f}" for t in TOLERANCES_S)
    lines = [
        f"{'':<24} {'/'.join(LABELS)}  macro    acc.     S/NS     F1 ±0.2 ±0.5",
        _row("1-s windows", results.windows()),
        _row("whole files", results.whole_files),
        f"{_row('programmes', results.programmes.frames)}   {boundaries}",
        *(_row(f"clips of {length:g} s", result.confusion) for length, result in results.clips.items()),
    ]
    if results.clips:
        lines.append(f"expected calibration error {results.clips[1.0].calibration_error():.4f}")
    return "\n".join(lines)


def _share_rows(confusions: Mapping[str, Confusion]) -> list[tuple[float, str, npt.NDArray[np.int64]]]:
    """Share that is right, name and answers, the worst first."""
    rows = [(accuracy(c), name, c.sum(axis=0)) for name, c in confusions.items() if c.sum()]
    return sorted(rows, key=lambda row: (row[0], row[1]))


def kind_table(results: Results) -> str:
    """Recall of every kind, the worst first."""
    one_second = results.clips.get(1.0)
    lines = [f"{'kind':<42} recall     n  as {'/'.join(ANSWERS)}{'':8} calibration error"]
    for share, kind, counts in _share_rows(results.by_kind):
        heard = "/".join(map(str, counts))
        has_clips = one_second is not None and kind not in results.cases
        error = f"{one_second.calibration_error(kind):.3f}" if has_clips else ""
        lines.append(f"{kind:<42} {share:.3f}  {counts.sum():>5}  {heard:<36} {error}".rstrip())
    return "\n".join(lines)


def source_table(results: Results) -> str:
    """Recall of every source, the worst first."""
    by_source: dict[str, Confusion] = defaultdict(_empty)
    for result in results.files:
        name = f"{result.item.label:<7} {result.item.source}"
        by_source[name][LABELS.index(result.item.label)] += result.windows
    lines = [f"{'source':<50} recall  windows  as {'/'.join(ANSWERS)}"]
    for share, name, counts in _share_rows(by_source):
        lines.append(f"{name:<50} {share:.3f}   {counts.sum():>6}  {'/'.join(map(str, counts))}")
    return "\n".join(lines)


def worst_table(results: Results, n: int) -> str:
    """The recordings with most windows wrong, and what they were taken for."""
    worst = sorted(results.files, key=lambda r: (-r.wrong, r.right, str(r.item.path)))[:n]
    lines = ["wrong  of  is      heard as  recording"]
    for result in worst:
        item = result.item
        about = f"{item.path.parent.name}/{item.path.name}  ({item.kind}; {item.style})"
        lines.append(
            f"{result.wrong:>5} {result.windows.sum():>3}  {item.label:<7} {result.taken_for:<8}  {about}"
        )
    return "\n".join(lines)


def to_dict(results: Results) -> dict[str, object]:
    """Every figure, for programs."""

    def figures(confusion: Confusion) -> dict[str, object]:
        return {
            "recall": dict(zip(LABELS, recalls(confusion).tolist(), strict=True)),
            "macro_recall": macro_recall(confusion),
            "accuracy": accuracy(confusion),
            "balanced_speech_detection": balanced_detection(confusion, 0),
            "confusion": confusion.tolist(),
        }

    return {
        "windows_1s": figures(results.windows()),
        "files": figures(results.whole_files),
        "programmes": {
            **figures(results.programmes.frames),
            "boundary_f1": {f"{t:g}": results.programmes.boundaries[t].f1 for t in TOLERANCES_S},
        },
        "clips": {
            f"{length:g}": {**figures(r.confusion), "calibration_error": r.calibration_error()}
            for length, r in results.clips.items()
        },
        "kinds": {
            kind: {
                "recall": share,
                "n": int(counts.sum()),
                "heard": dict(zip(ANSWERS, counts.tolist(), strict=True)),
            }
            for share, kind, counts in _share_rows(results.by_kind)
        },
    }


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
        axis.set_xticks(range(len(ANSWERS)), ANSWERS)
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
    parser.add_argument("--hypotheses", type=Path, help="score the segments of another program instead")
    parser.add_argument("--cache", type=Path, help="folder for the decoded recordings")
    parser.add_argument("--threads", type=int, help="CPU threads; by default all cores")
    parser.add_argument("--json", action="store_true", help="one JSON object a model on standard output")
    parser.add_argument("--worst", type=int, default=0, metavar="N", help="list the worst recordings too")
    parser.add_argument("--full", action="store_true", help="sources and recordings made worse too")
    parser.add_argument("--jsonl", type=Path, help="also write the last model's segments, a line a recording")
    parser.add_argument("--picture", type=Path, help="also draw the last model's confusion matrices")
    arguments = parser.parse_args()
    corpus = Corpus(arguments.corpus, arguments.cache)
    names = [] if arguments.hypotheses else arguments.model or list(swishcli.shipped_models())
    for name in names or [str(arguments.hypotheses)]:
        lines: list[str] = []
        model = swishcli.load(name, threads=arguments.threads) if names else None
        listen = hypotheses_of(arguments.hypotheses) if model is None else listener(model)
        results = measure(keeping(listen, lines), corpus)
        title = name
        if model is not None:
            results.clips = measure_clips(model, corpus, arguments.threads)
            title += f": {model.checkpoint.network.n_parameters} parameters"
        if arguments.json:
            print(json.dumps({"model": name, **to_dict(results)}), flush=True)
        else:
            print(f"\n{title}\n{report(results)}\n\n{kind_table(results)}", flush=True)
            if arguments.worst:
                print(f"\n{worst_table(results, arguments.worst)}", flush=True)
            if arguments.full:
                print(f"\n{source_table(results)}\n")
                for variant in VARIANTS if model else ():
                    print(_row(variant, measure_variant(listen, corpus, variant)), flush=True)
        if arguments.jsonl:
            arguments.jsonl.write_text("".join(line + "\n" for line in lines))
        if arguments.picture:
            windows, frames = f"{name}: 1-s windows", f"{name}: programmes"
            draw({windows: results.windows(), frames: results.programmes.frames}, arguments.picture)


if __name__ == "__main__":
    main()
