"""How right labels are as a picture: confusion matrix, reliability diagram, and where the errors lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from swishcli.errors import display_path
from swishcli.evaluation.metrics import CALIBRATION_BINS
from swishcli.evaluation.pairing import Pair
from swishcli.evaluation.report import Evaluation
from swishcli.evaluation.scores import ScoringConfig
from swishcli.evaluation.scoring import FRAME_S, frame_labels
from swishcli.pictures.drawing import drawn, legend, set_time_axis
from swishcli.pictures.overview import Array
from swishcli.pictures.palette import WRONG, Look, in_order, looks_of
from swishcli.pictures.ribbons import draw_ribbon
from swishcli.segments import SILENCE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RECORDINGS = 10
"""Recordings that have a timeline, those with the most seconds wrong."""

_WIDTH, _TOP_HEIGHT, _ROW_HEIGHT = 12.0, 4.2, 0.95
"""Inches."""
_ERROR_COLUMNS = 600
_MOST_WRITTEN = 12
"""Classes of a confusion matrix whose cells have room for numbers."""
_LONGEST_NAME = 60


def draw_evaluation(evaluation: Evaluation, pairs: Sequence[Pair]) -> Figure:
    """Draw what was counted of `pairs`, and where in the worst of them the errors lie.

    Parameters
    ----------
    evaluation : Evaluation
    pairs : sequence of Pair
        What its scores are of, in the same order.

    Raises MissingDependencyError where matplotlib is not installed.
    """
    config = evaluation.config
    by_wrong = sorted(range(len(pairs)), key=lambda i: (-evaluation.scores[i].wrong_s, pairs[i].name))
    worst = [i for i in by_wrong if evaluation.scores[i].wrong_s > 0][:RECORDINGS] or by_wrong[:1]
    height = _TOP_HEIGHT + _ROW_HEIGHT * len(worst)

    def draw(figure: Figure) -> None:
        grid = figure.add_gridspec(2, 1, height_ratios=[_TOP_HEIGHT, _ROW_HEIGHT * len(worst)])
        above, below = figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])
        matrix, reliability = above.subplots(1, 2, width_ratios=[1.4, 1])
        _draw_confusion(matrix, evaluation)
        _draw_reliability(reliability, evaluation)
        looks = looks_of(in_order([*config.labels, SILENCE]))
        rows = below.subplots(len(worst), 1, squeeze=False)[:, 0]
        for axes, i in zip(rows, worst, strict=True):
            _draw_errors(axes, pairs[i], evaluation.scores[i].wrong_s, config, looks)
        legend(figure, {**looks, "wrong": Look(WRONG, "red", looks[SILENCE].pattern)}, display_path)

    return drawn(draw, _WIDTH, height)


def wrong_shares(pair: Pair, config: ScoringConfig, columns: int) -> Array:
    """Share of each of so many equal parts of the reference that is labelled wrong: ``[columns]``."""
    n = max(1, int(pair.reference.duration / FRAME_S + 1e-6))
    wanted, given = (
        frame_labels(side.segments, config.classes, n)[:n] for side in (pair.reference, pair.hypothesis)
    )
    wrong = (wanted < len(config.classes)) & (wanted != given)
    starts = np.linspace(0, n, min(n, columns), endpoint=False).astype(int)
    return np.asarray(np.add.reduceat(wrong, starts) / np.diff(np.append(starts, n)), np.float32)


def _draw_confusion(axes: Axes, evaluation: Evaluation) -> None:
    classes = [display_path(name) for name in evaluation.config.classes]
    given = [*classes, "no label" if evaluation.config.count_silence else SILENCE]
    seconds = evaluation.counts.confusion * FRAME_S
    totals = seconds.sum(axis=1, keepdims=True)
    recalls = np.divide(seconds, totals, out=np.zeros_like(seconds), where=totals > 0)
    axes.imshow(recalls, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(given)), given)
    axes.set_yticks(range(len(classes)), classes)
    axes.set(xlabel="labelled", ylabel="reference", title="share of the reference, and seconds")
    axes.spines[:].set_visible(False)
    if len(classes) > _MOST_WRITTEN:
        axes.tick_params(axis="x", labelrotation=90)
        return
    for (row, column), share in np.ndenumerate(recalls):
        ink = "white" if share > 0.5 else "black"
        text = f"{share:.1%}\n{seconds[row, column]:.1f} s"
        axes.text(column, row, text, ha="center", va="center", color=ink)


def _draw_reliability(axes: Axes, evaluation: Evaluation) -> None:
    frames, confidences, right = evaluation.counts.calibration.T
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="confidence", ylabel="share that is right", aspect="equal")
    axes.plot([0, 1], [0, 1], color="#808080", linestyle="--", linewidth=1)
    there = frames > 0
    if not there.any():
        axes.set_title("labels without confidences")
        return
    edges = np.arange(CALIBRATION_BINS) / CALIBRATION_BINS
    axes.bar(
        edges,
        frames / frames.sum(),
        1 / CALIBRATION_BINS,
        align="edge",
        color="#d0d0d0",
        label="share of time",
    )
    confidence, accuracy = confidences[there] / frames[there], right[there] / frames[there]
    axes.plot(confidence, accuracy, color="#0072b2", linewidth=0.8)
    sizes = 15 + 80 * frames[there] / frames.sum()
    axes.scatter(confidence, accuracy, sizes, color="#0072b2", label="by confidence", clip_on=False, zorder=3)
    axes.set_title(f"expected calibration error {evaluation.figures['calibration_error']:.3f}")
    axes.legend(loc="upper left", frameon=False)


def _draw_errors(
    axes: Axes, pair: Pair, wrong_s: float, config: ScoringConfig, looks: Mapping[str, Look]
) -> None:
    """Reference above hypothesis above what is wrong, on a time axis of their own."""
    span_s = max(pair.reference.duration, FRAME_S)
    draw_ribbon(axes, pair.reference, looks, span_s, (0.62, 1.0))
    draw_ribbon(axes, pair.hypothesis, looks, span_s, (0.22, 0.6))
    wrong = wrong_shares(pair, config, _ERROR_COLUMNS)
    edges = np.linspace(0, span_s, len(wrong) + 1)
    axes.fill_between(
        edges, 0, 0.2 * np.append(wrong, wrong[-1:]), step="post", color=WRONG, linewidth=0, label="wrong"
    )
    axes.set_yticks([0.81, 0.41, 0.1], ["reference", "found", "wrong"])
    axes.set_ylim(0, 1)
    axes.tick_params(axis="y", length=0, labelsize="small")
    axes.tick_params(axis="x", labelsize="small")
    set_time_axis(axes, 0.0, span_s)
    name = display_path(pair.name)
    name = name if len(name) <= _LONGEST_NAME else "…" + name[-_LONGEST_NAME:]
    axes.set_title(f"{name}: {wrong_s:.1f} s wrong", loc="left", fontsize="small", pad=2)
