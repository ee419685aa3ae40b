"""Segments and shares as coloured, patterned areas along a time axis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from swishcli.errors import display_path
from swishcli.pictures.drawing import fill
from swishcli.pictures.overview import shares
from swishcli.pictures.palette import Look
from swishcli.segments import Segment, Segmentation

if TYPE_CHECKING:
    from matplotlib.axes import Axes

AREA_COLUMNS = 320
"""Of shares and of posteriors: finer ones would be lines whose patterns nobody sees."""

_MOST_SEGMENTS = 400
"""A ribbon of more would be thinner than its lines: shares of columns are drawn instead."""
_AXIS_WIDTH = 11.0
"""Inches of a time axis, about."""
_LETTER_INCHES, _MARGIN_INCHES = 0.085, 0.08


def draw_ribbon(
    axes: Axes,
    segmentation: Segmentation,
    looks: Mapping[str, Look],
    span_s: float,
    band: tuple[float, float] = (0.0, 1.0),
) -> None:
    """Draw segments as areas between two heights; where there are too many, shares of columns of time.

    `span_s` is what the axis is long.
    """
    low, high = band
    if len(segmentation) > _MOST_SEGMENTS:
        edges = np.linspace(segmentation.offset, segmentation.duration, AREA_COLUMNS + 1)
        stack(axes, edges, shares(segmentation, tuple(looks), edges), looks, band)
        return
    for label, look in looks.items():
        own = [(s.start, s.duration) for s in segmentation if s.label == label]
        axes.broken_barh(own, (low, high - low), label=label, **fill(look))
    inches_per_s = _AXIS_WIDTH / span_s
    for segment in segmentation:
        _write_label(axes, segment, looks[segment.label], segment.duration * inches_per_s, (low + high) / 2)


def stack(
    axes: Axes,
    edges: npt.NDArray[np.floating[Any]],
    heights: npt.NDArray[np.floating[Any]],
    looks: Mapping[str, Look],
    band: tuple[float, float] = (0.0, 1.0),
) -> None:
    """Areas on top of each other, a step for each of the columns ``[C, K]`` between C + 1 `edges`."""
    low, high = band
    upper = np.cumsum(np.concatenate([heights, heights[-1:]]), axis=1)
    lower = np.concatenate([np.zeros_like(upper[:, :1]), upper[:, :-1]], axis=1)
    for k, (label, look) in enumerate(looks.items()):
        bottom, top = (low + (high - low) * side[:, k] for side in (lower, upper))
        axes.fill_between(edges, bottom, top, step="post", label=label, **fill(look))


def _write_label(axes: Axes, segment: Segment, look: Look, inches: float, height: float) -> None:
    """The label within its segment, its letter where that is too short, nothing where it is shorter still."""
    name = display_path(segment.label)
    text = next((t for t in (name, look.letter) if len(t) * _LETTER_INCHES + _MARGIN_INCHES <= inches), None)
    if text is not None:
        axes.text(
            (segment.start + segment.end) / 2,
            height,
            text,
            color=look.ink,
            ha="center",
            va="center",
            fontsize="small",
            clip_on=True,
            bbox={"facecolor": look.color, "edgecolor": "none", "pad": 1.0},
        )
