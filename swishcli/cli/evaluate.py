"""``swish evaluate``: how right labels are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Annotated

import typer

from swishcli.cli.console import print_error, print_text
from swishcli.cli.exit_codes import ExitCode
from swishcli.cli.options import CsvOption, DeviceName, DeviceOption, ThreadsOption, TierOption, check_picture
from swishcli.errors import SwishError, display_path

if TYPE_CHECKING:
    from swishcli.evaluation.pairing import Pair
    from swishcli.segments import Segmentation
    from swishcli.training.datasets import Item

_COUNTING = "What counts"


def evaluate(
    reference: Annotated[
        Path,
        typer.Argument(
            metavar="REFERENCE",
            help="Labels that are right: a file, a folder of them, or a table of recordings and their labels. With "
            "--model also what train learns from: recordings with such files beside them, corrections, a folder with "
            "a folder per class, a manifest.",
        ),
    ],
    hypothesis: Annotated[
        Path | None,
        typer.Argument(
            metavar="[HYPOTHESIS]",
            help="Labels to judge: a file, a folder, or JSON Lines; matched by name.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="Judge a model on the recordings instead.", show_default=False),
    ] = None,
    compare: Annotated[
        str | None,
        typer.Option(help="Other labels, or with --model another model: do they differ beyond chance?"),
    ] = None,
    names: Annotated[
        str,
        typer.Option(
            "--map",
            help="Other names for labels of both sides: male=speech,female=speech,noEnergy=silence.",
            rich_help_panel=_COUNTING,
        ),
    ] = "",
    count_silence: Annotated[
        bool,
        typer.Option(
            "--count-silence",
            help="Silence is one more class. Without it time that the reference calls silence is left out.",
            rich_help_panel=_COUNTING,
        ),
    ] = False,
    detect: Annotated[
        str, typer.Option(metavar="LABEL", help="Class of the detection error.", rich_help_panel=_COUNTING)
    ] = "speech",
    collar: Annotated[
        float,
        typer.Option(
            min=0,
            help="Seconds on both sides of its boundaries that the detection error leaves out.",
            rich_help_panel=_COUNTING,
        ),
    ] = 0.0,
    tolerance: Annotated[
        list[float] | None,
        typer.Option(
            min=0,
            help="Seconds that a boundary may be off; may be repeated.  [default: 0.2 0.5]",
            rich_help_panel=_COUNTING,
            show_default=False,
        ),
    ] = None,
    tier: TierOption = None,
    split: Annotated[
        str | None,
        typer.Option(
            help="Of a manifest with splits: which.  [default: val]",
            rich_help_panel=_COUNTING,
            show_default=False,
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Also draw confusions, reliability and the errors of the worst recordings: *.png, *.svg or *.pdf.",
            show_default=False,
        ),
    ] = None,
    worst: Annotated[int, typer.Option(min=0, help="Worst recordings and stretches to list.")] = 10,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
    csv: CsvOption = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Markdown on standard output.")] = False,
    device: DeviceOption = DeviceName.auto,
    threads: ThreadsOption = None,
) -> None:
    """Say how right labels are: by class, by boundary, by recording, and how sure that is.

    Files of labels are in any format that swish writes, told apart by their names. Silence of a reference is left
    out, and silence that a hypothesis puts elsewhere is a miss; time without a label is silence, overlapping labels
    are an error. The reference says how long a recording is. Recordings of one label
    (folders per class, manifests) are judged in windows of 1 s, those much softer than the recording left out.

    Examples:  swish evaluate reference/ labels/   ·   swish evaluate recordings/ --model wide
    """
    if (hypothesis is None) == (model is None):
        raise typer.BadParameter("give either HYPOTHESIS or --model")
    if json + csv + markdown > 1:
        raise typer.BadParameter("choose one of them", param_hint="--json/--csv/--markdown")
    if plot is not None:
        check_picture(plot)
    from json import dumps

    from swishcli.evaluation.pairing import label_names, labels_of, remarks
    from swishcli.evaluation.report import Evaluation, tables, to_csv, to_dict, to_markdown, to_text
    from swishcli.evaluation.scores import ScoringConfig, score

    try:
        renamed = label_names(names)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--map") from None
    found = _Pairs(reference, renamed, tier, split, device, threads)
    pairs = found.with_model(model) if model is not None else found.with_labels(hypothesis or reference)
    others: list[Pair] = []
    if compare is not None:
        others = found.with_model(compare) if model is not None else found.with_labels(Path(compare))
        pairs, others = _in_common(pairs, others)
    found.require(pairs)
    for remark in remarks(pairs):
        print_error(f"warning: {remark}")
    config = ScoringConfig(
        labels_of([*pairs, *others]),
        count_silence,
        renamed.get(detect, detect),
        collar,
        tuple(tolerance or (0.2, 0.5)),
        in_windows=found.in_windows,
    )
    if detect != "speech" and config.detected not in config.labels:
        print_error(f"warning: no label is {display_path(detect)}: there is no detection error of it")
    first, second = (
        [score(p.reference, p.hypothesis, config, p.name, p.source) for p in side] for side in (pairs, others)
    )
    evaluation = Evaluation(first, config, second)
    if json:
        print(dumps(to_dict(evaluation, worst)))
    elif csv:
        print_text(to_csv(evaluation))
    else:
        shown = tables(evaluation, worst)
        print_text(to_markdown(shown) if markdown else to_text(shown))
    if plot is not None:
        from swishcli.pictures.drawing import save
        from swishcli.pictures.evaluation import draw_evaluation

        save(draw_evaluation(evaluation, pairs), plot)
    raise typer.Exit(ExitCode.SOME_FAILED if found.failed else ExitCode.OK)


def _in_common(first: Sequence[Pair], second: Sequence[Pair]) -> tuple[list[Pair], list[Pair]]:
    """The pairs of the recordings that both have, in the same order."""
    names = {pair.name for pair in first} & {pair.name for pair in second}
    by_name = {pair.name: pair for pair in second}
    common = [pair for pair in first if pair.name in names]
    return common, [by_name[pair.name] for pair in common]


@dataclass
class _Pairs:
    """References with the hypotheses of files or of models; what cannot be used is said once."""

    reference: Path
    names: dict[str, str]
    tier: str | None
    split: str | None
    device: DeviceName
    threads: int | None
    in_windows: bool = False
    """Whether the references are labels of whole recordings, judged in windows of 1 s."""
    failed: set[str] = field(default_factory=set)

    def with_labels(self, hypothesis: Path) -> list[Pair]:
        """Pairs with the labels that lie in files."""
        from swishcli.evaluation.pairing import match, read_all
        from swishcli.training.datasets import is_manifest

        hypotheses = read_all(hypothesis)
        if is_manifest(self.reference):
            return self._with_whole_labels(hypotheses)
        references = read_all(self.reference, self.tier)
        one_each = not self.reference.is_dir() and not hypothesis.is_dir()
        pairs, errors = match(references, hypotheses, one_each and len(references) == len(hypotheses) == 1)
        for error in errors:
            self._fail(str(error))
        return [self._renamed(pair) for pair in pairs]

    def with_model(self, model: str) -> list[Pair]:
        """Pairs with what a model says."""
        if beside := _labels_beside_recordings(self.reference, self.tier):
            return self._with_references(model, beside)
        return self._with_classes(model)

    def require(self, pairs: Sequence[Pair]) -> None:
        """Raise DataError if there is nothing to evaluate."""
        from swishcli.errors import DataError
        from swishcli.evaluation.pairing import labels_of

        if not pairs:
            raise DataError("there is no recording with both a reference and a hypothesis")
        if not labels_of(pairs):
            raise DataError("there is nothing but silence on both sides")

    def _with_references(self, model: str, beside: dict[str, tuple[Path, Path]]) -> list[Pair]:
        from swishcli.evaluation.pairing import match, read_all

        references: dict[str, Segmentation | SwishError] = {}
        for name, (_, labels) in beside.items():
            (references[name],) = read_all(labels, self.tier).values()
        said = self._segmented(model, [recording for recording, _ in beside.values()])
        hypotheses: dict[str, Segmentation | SwishError] = {
            name: said[str(recording)] for name, (recording, _) in beside.items() if str(recording) in said
        }
        # Recordings that failed have been told.
        pairs, errors = match({n: r for n, r in references.items() if n in hypotheses}, hypotheses)
        for error in errors:
            self._fail(str(error))
        return [self._renamed(pair) for pair in pairs]

    def _with_whole_labels(self, hypotheses: Mapping[str, Segmentation | SwishError]) -> list[Pair]:
        from swishcli.evaluation.pairing import match_recordings

        items = self._items()
        found, errors = match_recordings([item.path for item in items], self.reference.parent, hypotheses)
        pairs = []
        for item, hypothesis in zip(items, found, strict=True):
            try:
                if hypothesis is not None:
                    pairs.append(self._in_windows(item, hypothesis, labels=()))
            except SwishError as unreadable:
                errors.append(unreadable)
        for error in errors:
            self._fail(str(error))
        return pairs

    def _items(self) -> list[Item]:
        """The labelled recordings of a folder of classes or a manifest. Raises DataError, BadParameter."""
        from swishcli.training.datasets import VAL, find_items

        items = find_items(self.reference)
        if any(item.split for item in items):
            items = [item for item in items if item.split == (self.split or VAL)]
        elif self.split is not None:
            raise typer.BadParameter("the data names no splits", param_hint="--split")
        return items

    def _with_classes(self, model: str) -> list[Pair]:
        from swishcli.checkpoint import find_model, load_checkpoint

        items = self._items()
        if items[0].segments:  # files of labels that say whose they are
            return self._with_items(model, items)
        classes = load_checkpoint(find_model(model)).classes
        said = self._segmented(model, [item.path for item in items])
        paired = ((item, said.get(str(item.path))) for item in items)
        return [
            self._in_windows(item, hypothesis, classes)
            for item, hypothesis in paired
            if hypothesis is not None
        ]

    def _in_windows(self, item: Item, hypothesis: Segmentation, labels: Sequence[str]) -> Pair:
        """A recording of one label in windows of 1 s: those that are not much softer than it, or all without sound.

        `labels` are those that the hypothesis may give beside those that it gives. Raises AudioError.
        """
        from swishcli.audio import AudioStream
        from swishcli.evaluation.pairing import Pair
        from swishcli.evaluation.scoring import WINDOW_S, counted_windows_of, in_windows
        from swishcli.features import FrontEndConfig
        from swishcli.segments import SILENCE

        self.in_windows = True
        hypothesis = self._relabelled(hypothesis)
        label = self.names.get(item.label, item.label)
        known = dict.fromkeys([*(self.names.get(name, name) for name in labels), *hypothesis.labels, label])
        known.pop(SILENCE, None)
        if item.path.is_file():
            rate = FrontEndConfig().sample_rate
            windows = counted_windows_of((block[0] for block in AudioStream(item.path, rate)), rate)
        else:
            windows = list(range(max(1, int(hypothesis.duration / WINDOW_S))))
        reference, windowed = in_windows(label, windows, hypothesis, tuple(known))
        return Pair(str(item.path), item.source, reference, windowed)

    def _with_items(self, model: str, items: Sequence[Item]) -> list[Pair]:
        from swishcli.evaluation.pairing import Pair
        from swishcli.segments import Segmentation

        said = self._segmented(model, [item.path for item in items])
        return [
            self._renamed(
                Pair(
                    str(item.path),
                    str(item.path.parent),
                    Segmentation(item.segments[-1].end, item.segments, str(item.path)),
                    said[str(item.path)],
                )
            )
            for item in items
            if str(item.path) in said
        ]

    def _segmented(self, model: str, paths: Sequence[Path]) -> dict[str, Segmentation]:
        """What a model says by path; errors are printed and counted."""
        from swishcli.cli.batch import Batch, BatchOptions
        from swishcli.engines import default_threads
        from swishcli.jobs.task import AnalysisTask

        batch = Batch(
            [str(p) for p in paths],
            AnalysisTask(model, self.device.device, self.threads or default_threads()),
            options=BatchOptions(self.threads),
        )
        said = {item.path: answers[0].segmentation for item, answers in batch}
        if batch.failed:
            self.failed.add("recordings")
        return said

    def _renamed(self, pair: Pair) -> Pair:
        from dataclasses import replace

        return replace(
            pair, reference=self._relabelled(pair.reference), hypothesis=self._relabelled(pair.hypothesis)
        )

    def _relabelled(self, segmentation: Segmentation) -> Segmentation:
        from swishcli.evaluation.scores import relabel

        return relabel(segmentation, self.names)

    def _fail(self, reason: str) -> None:
        if reason not in self.failed:
            self.failed.add(reason)
            print_error(reason)


def _labels_beside_recordings(reference: Path, tier: str | None) -> dict[str, tuple[Path, Path]]:
    """Recordings that have a file of labels beside them, by their names without suffixes.

    Of a folder all below it; of a file of labels its own.
    """
    from swishcli.errors import DataError
    from swishcli.evaluation.pairing import by_recording, recording_name
    from swishcli.files import is_audio, recordings_in
    from swishcli.formats import read_segments

    try:
        if reference.is_dir():
            folder, recordings, labels = reference, recordings_in(reference), by_recording(reference)
        else:
            read_segments(reference, tier)
            folder = reference.parent
            recordings = [path for path in sorted(folder.iterdir()) if is_audio(path)]
            labels = {recording_name(PurePath(reference.name)): reference}
    except DataError:  # folders of classes, or a manifest
        return {}
    named = {recording_name(path.relative_to(folder)): path for path in recordings}
    return {name: (path, labels[name]) for name, path in named.items() if name in labels}
