"""An evaluation as people and programs read it: text, Markdown, JSON and CSV, all from the same tables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from swishcli.errors import display_path
from swishcli.evaluation.metrics import f1s, precisions, recalls
from swishcli.evaluation.scores import Counts, Score, ScoringConfig, Stretch, figures, total
from swishcli.evaluation.scoring import FRAME_S
from swishcli.evaluation.statistics import Difference, Interval, differences, intervals
from swishcli.formats import csv_line
from swishcli.segments import SILENCE

_NAMES = {
    "accuracy": "accuracy",
    "macro_recall": "macro-averaged recall",
    "macro_f1": "macro-averaged F1",
    "balanced_detection": "balanced detection of {detected}",
    "miss": "miss, share of {detected}",
    "false_alarm": "false alarm, share of {detected}",
    "detection_error_rate": "detection error rate of {detected}",
    "segment_f1": "segment-based F1",
    "segment_error_rate": "segment-based error rate",
    "event_f1": "event-based F1",
    "calibration_error": "expected calibration error",
}


@dataclass(frozen=True)
class Evaluation:
    """Scores of recordings, and what they come to."""

    scores: Sequence[Score]
    config: ScoringConfig
    other: Sequence[Score] = ()
    """Of a second system, on the same recordings in the same order."""

    @property
    def counts(self) -> Counts:
        """Over all recordings."""
        return total(self.scores)

    @property
    def figures(self) -> dict[str, float]:
        """Over all recordings."""
        return figures(self.counts, self.config)

    @property
    def intervals(self) -> dict[str, Interval]:
        """Of the figures; none for a single recording."""
        return intervals(self.scores, self.config) if len(self.scores) > 1 else {}

    @property
    def differences(self) -> dict[str, Difference]:
        """What the second system has more."""
        return differences(self.scores, self.other, self.config) if self.other else {}

    @property
    def by_source(self) -> dict[str, list[Score]]:
        """The scores of each source."""
        sources: dict[str, list[Score]] = {}
        for score in self.scores:
            sources.setdefault(score.source, []).append(score)
        return sources


@dataclass(frozen=True)
class Table:
    """A table of texts; the columns after the first are numbers where `right` says so."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    right: bool = True


def tables(evaluation: Evaluation, worst: int = 10) -> list[Table]:
    """What people are shown, with the `worst` recordings and stretches."""
    shown = [_figure_table(evaluation), _class_table(evaluation), _confusion_table(evaluation)]
    if evaluation.other:
        shown.append(_difference_table(evaluation))
    if 1 < len(evaluation.by_source) < len(evaluation.scores):
        shown.append(_source_table(evaluation, worst))
    if worst:
        shown += [_worst_recordings(evaluation, worst), _worst_stretches(evaluation, worst)]
    return [table for table in shown if table.rows]


def to_text(shown: Iterable[Table]) -> str:
    """Tables with aligned columns."""
    return "\n".join(f"{table.title}\n{_aligned(table)}" for table in shown)


def to_markdown(shown: Iterable[Table]) -> str:
    """Tables in GitHub's Markdown."""
    parts = []
    for table in shown:
        rule = ["---", *(["---:" if table.right else "---"] * (len(table.header) - 1))]
        rows = ([cell.replace("|", "\\|") for cell in row] for row in (table.header, rule, *table.rows))
        lines = "".join(f"| {' | '.join(row)} |\n" for row in rows)
        parts.append(f"**{table.title}**\n\n{lines}")
    return "\n".join(parts)


def to_csv(evaluation: Evaluation) -> str:
    """A row of figures for everything, for each source and for each recording."""
    names = list(evaluation.figures)
    lines = [csv_line(["scope", "name", "counted_s", "wrong_s", *names])]
    groups = [("all", "", evaluation.scores)]
    groups += [("source", source, scores) for source, scores in evaluation.by_source.items()]
    groups += [("recording", score.name, [score]) for score in evaluation.scores]
    for scope, name, scores in groups:
        found = figures(total(scores), evaluation.config)
        seconds = (sum(s.counted_s for s in scores), sum(s.wrong_s for s in scores))
        cells = ["" if math.isnan(found[n]) else f"{found[n]:.6f}" for n in names]
        lines.append(csv_line([scope, name, *(f"{s:.2f}" for s in seconds), *cells]))
    return "".join(lines)


def to_dict(evaluation: Evaluation, worst: int = 10) -> dict[str, object]:
    """Everything as JSON can say it; what is not a number is null."""
    config, counts = evaluation.config, evaluation.counts
    confusion = counts.confusion.astype(np.int64)
    per_class = zip(config.classes, recalls(confusion), precisions(confusion), f1s(confusion), strict=True)
    return {
        "recordings": len(evaluation.scores),
        "settings": asdict(config),
        "counted_s": round(sum(score.counted_s for score in evaluation.scores), 2),
        "left_out_s": round(sum(score.left_out_s for score in evaluation.scores), 2),
        "figures": _numbers(evaluation.figures),
        "intervals": {n: _numbers(asdict(i)) for n, i in evaluation.intervals.items()},
        "classes": {
            label: _numbers({"recall": recall, "precision": precision, "f1": f1})
            for label, recall, precision, f1 in per_class
        },
        "confusion_s": {
            "hypotheses": [*config.classes, _last_column(config)],
            "references": dict(zip(config.classes, (confusion * FRAME_S).round(2).tolist(), strict=True)),
        },
        "differences": {
            name: {
                **_numbers({"value": d.value, "p_value": d.p_value}),
                "interval": _numbers(asdict(d.interval)),
            }
            for name, d in evaluation.differences.items()
        },
        "sources": {
            source: _numbers(figures(total(scores), config))
            for source, scores in evaluation.by_source.items()
        },
        "files": [
            {
                "name": score.name,
                "counted_s": round(score.counted_s, 2),
                "wrong_s": round(score.wrong_s, 2),
                **_numbers(figures(score.counts, config)),
            }
            for score in evaluation.scores
        ],
        "worst_stretches": [{"name": name, **asdict(s)} for name, s in _longest(evaluation, worst)],
    }


def _figure_table(evaluation: Evaluation) -> Table:
    found = evaluation.intervals
    rows = []
    for name, value in evaluation.figures.items():
        if not math.isnan(value):
            interval = found.get(name)
            between = f"{interval.low:.3f} – {interval.high:.3f}" if interval else ""
            rows.append((_title(name, evaluation.config), f"{value:.4f}", between))
    n = len(evaluation.scores)
    seconds = sum(score.counted_s for score in evaluation.scores)
    unit = "windows of 1 s" if evaluation.config.in_windows else "frames of 10 ms"
    left_out = sum(score.left_out_s for score in evaluation.scores)
    silence = f", {left_out:.1f} s of silence left out" if left_out else ""
    title = f"{n} recording{'s' if n > 1 else ''}, {seconds:.1f} s counted in {unit}{silence}"
    return Table(title, ("figure", "value", "95 % interval" if found else ""), rows)


def _title(name: str, config: ScoringConfig) -> str:
    if name.startswith("boundary_f1_"):
        return f"boundary F1, ± {name.removeprefix('boundary_f1_').removesuffix('s')} s"
    return _NAMES[name].format(detected=config.detected)


def _class_table(evaluation: Evaluation) -> Table:
    counts, classes = evaluation.counts, evaluation.config.classes
    confusion = counts.confusion.astype(np.int64)
    rows = [
        (
            display_path(label),
            f"{confusion[k].sum() * FRAME_S:.1f}",
            _share(recalls(confusion)[k]),
            _share(precisions(confusion)[k]),
            _share(f1s(confusion)[k]),
        )
        for k, label in enumerate(classes)
    ]
    return Table("By class", ("class", "seconds", "recall", "precision", "F1"), rows)


def _confusion_table(evaluation: Evaluation) -> Table:
    classes = [*map(display_path, evaluation.config.classes)]
    seconds = evaluation.counts.confusion * FRAME_S
    rows = [
        (label, *(f"{value:.1f}" for value in row))
        for label, row in zip(classes, seconds.tolist(), strict=True)
    ]
    header = ("reference", *classes, _last_column(evaluation.config))
    return Table("Seconds by reference and hypothesis", header, rows)


def _last_column(config: ScoringConfig) -> str:
    return "no label" if config.count_silence else SILENCE


def _difference_table(evaluation: Evaluation) -> Table:
    first, second = evaluation.figures, figures(total(evaluation.other), evaluation.config)
    rows = [
        (
            _title(name, evaluation.config),
            f"{first[name]:.4f}",
            f"{second[name]:.4f}",
            f"{d.value:+.4f}",
            f"{d.interval.low:+.3f} – {d.interval.high:+.3f}",
            f"{d.p_value:.3f}",
        )
        for name, d in evaluation.differences.items()
        if not math.isnan(d.value)
    ]
    header = ("figure", "first", "second", "difference", "95 % interval", "p")
    return Table("The second system against the first, on the same recordings", header, rows)


def _source_table(evaluation: Evaluation, n: int) -> Table:
    rows = []
    for source, scores in evaluation.by_source.items():
        found = figures(total(scores), evaluation.config)
        seconds = sum(score.counted_s for score in scores)
        rows.append((found["accuracy"], source, len(scores), seconds, found["macro_recall"]))
    rows = sorted(rows, key=lambda row: row[:2])[:n]
    cells = [
        (display_path(source), str(count), f"{seconds:.1f}", _share(accuracy), _share(recall))
        for accuracy, source, count, seconds, recall in rows
    ]
    header = ("source", "recordings", "seconds", "accuracy", "macro recall")
    return Table("Sources, the worst first", header, cells)


def _worst_recordings(evaluation: Evaluation, n: int) -> Table:
    worst = sorted(evaluation.scores, key=lambda s: (-s.wrong_s, s.name))[:n]
    rows = [
        (display_path(s.name), f"{s.wrong_s:.1f}", f"{s.counted_s:.1f}", _share(1 - s.wrong_s / s.counted_s))
        for s in worst
        if s.wrong_s > 0
    ]
    return Table("Most seconds wrong", ("recording", "wrong", "counted", "accuracy"), rows)


def _worst_stretches(evaluation: Evaluation, n: int) -> Table:
    rows = [
        (
            display_path(name),
            f"{s.start:.2f}",
            f"{s.end:.2f}",
            display_path(s.reference),
            display_path(s.hypothesis),
        )
        for name, s in _longest(evaluation, n)
    ]
    return Table("Longest stretches wrong", ("recording", "start", "end", "is", "labelled"), rows)


def _longest(evaluation: Evaluation, n: int) -> list[tuple[str, Stretch]]:
    found = [(score.name, stretch) for score in evaluation.scores for stretch in score.errors]
    return sorted(found, key=lambda e: (e[1].start - e[1].end, e[0], e[1].start))[:n]


def _share(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"


def _numbers(values: Mapping[str, float]) -> dict[str, float | None]:
    return {name: None if math.isnan(value) else float(value) for name, value in values.items()}


def _aligned(table: Table) -> str:
    rows = [table.header, *table.rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        first, *rest = zip(row, widths, strict=True)
        cells = [first[0].ljust(first[1]), *(c.rjust(w) if table.right else c.ljust(w) for c, w in rest)]
        lines.append("  ".join(cells).rstrip() + "\n")
    return "".join(lines)
