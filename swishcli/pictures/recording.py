"""A recording as a picture: waveform, mel spectrogram, posteriors and ribbons of segments above one time axis."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from swishcli.audio import Decoding
from swishcli.errors import display_path
from swishcli.pictures.drawing import drawn, fill, hide_ticks, legend, picture_format, save, set_time_axis
from swishcli.pictures.overview import Overview, look_at, shares
from swishcli.pictures.palette import Look, in_order, looks_of
from swishcli.pictures.time_axis import clock
from swishcli.segments import Segment, Segmentation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH, _AXIS_WIDTH = 12.0, 11.0
"""Inches of the figure, and about those of its time axis."""
_HEIGHTS = {"waveform": 1.1, "spectrogram": 2.0, "posteriors": 1.0, "ribbon": 0.45}
"""Inches."""
_MARGINS = 1.0
"""Inches above and below."""
_MOST_SEGMENTS = 400
"""A ribbon of more would be thinner than its lines: shares of columns are drawn instead."""
_AREA_COLUMNS = 320
"""Of shares and of posteriors: finer ones would be lines whose patterns nobody sees."""
_MOST_BOUNDARIES = 60
"""Drawn through the sound; more of them would hide it."""
_LETTER_INCHES, _MARGIN_INCHES = 0.085, 0.08
_RANGE_DB = 70.0
"""Of the spectrogram's colours."""
_TICKS_HZ = (250, 500, 1000, 2000, 4000, 8000)


def plot(
    segmentation: Segmentation,
    path: str | Path | None = None,
    overview: Overview | None = None,
    reference: Segmentation | None = None,
) -> Figure:
    """What `Segmentation.plot` does."""
    if path is not None:
        picture_format(path)
    if overview is None and segmentation.path is not None and Path(segmentation.path).is_file():
        length_s = segmentation.duration - segmentation.offset
        part = Decoding(segmentation.channel, start_s=segmentation.offset, duration_s=length_s or None)
        overview = look_at(segmentation.path, decoding=part)
    figure = draw_recording(segmentation, overview, reference)
    if path is not None:
        save(figure, path)
    return figure


def draw_recording(
    segmentation: Segmentation, overview: Overview | None = None, reference: Segmentation | None = None
) -> Figure:
    """Draw what was found in a recording, with the sound above it and the reference below it where there are any.

    Raises MissingDependencyError where matplotlib is not installed.
    """
    parts = [*(("waveform", "spectrogram") if overview else ())]
    parts += ["posteriors"] if overview and overview.posteriors is not None else []
    parts += ["ribbon"] * (1 if reference is None else 2)
    heights = [_HEIGHTS[part] for part in parts]

    def draw(figure: Figure) -> None:
        rows = figure.subplots(
            len(parts), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": heights}
        )[:, 0]
        looks = _looks(segmentation, overview, reference)
        remaining = iter(rows)
        if overview is not None:
            waveform, spectrogram = next(remaining), next(remaining)
            _draw_waveform(waveform, overview)
            _draw_spectrogram(spectrogram, overview)
            _draw_boundaries(waveform, segmentation, "black")
            _draw_boundaries(spectrogram, segmentation, "white")
        if "posteriors" in parts:
            assert overview is not None
            _draw_posteriors(next(remaining), overview, looks)
        span_s = max(segmentation.duration - segmentation.offset, 1e-3)
        name = "segments" if reference is None else "found"
        draw_ribbon(next(remaining), segmentation, looks, name, span_s)
        if reference is not None:
            draw_ribbon(next(remaining), reference, looks, "reference", span_s)
        hide_ticks(rows[:-1])
        set_time_axis(rows[-1], segmentation.offset, segmentation.offset + span_s)
        figure.suptitle(_title(segmentation), x=0.01, ha="left", fontsize="medium")
        legend(figure, looks, display_path)

    return drawn(draw, _WIDTH, _MARGINS + 1.1 * sum(heights))


def draw_ribbon(
    axes: Axes, segmentation: Segmentation, looks: Mapping[str, Look], name: str, span_s: float
) -> None:
    """Draw segments as areas in a row called `name`; where there are too many, shares of columns of time.

    `span_s` is what the axis is long.
    """
    axes.set(ylim=(0, 1), yticks=[])
    axes.set_ylabel(name, rotation=0, ha="right", va="center")
    for side in ("left", "top", "right"):
        axes.spines[side].set_visible(False)
    if len(segmentation) > _MOST_SEGMENTS:
        edges = np.linspace(segmentation.offset, segmentation.duration, _AREA_COLUMNS + 1)
        _stack(axes, edges, shares(segmentation, tuple(looks), edges), looks)
        return
    for label, look in looks.items():
        own = [(s.start, s.duration) for s in segmentation if s.label == label]
        axes.broken_barh(own, (0, 1), label=label, **fill(look))
    inches_per_s = _AXIS_WIDTH / span_s
    for segment in segmentation:
        _write_label(axes, segment, looks[segment.label], segment.duration * inches_per_s)


def _looks(
    segmentation: Segmentation, overview: Overview | None, reference: Segmentation | None
) -> dict[str, Look]:
    """Of all classes that could be there, silence last."""
    classes = overview.classes if overview else ()
    return looks_of(in_order([*classes, *segmentation.labels, *(reference.labels if reference else ())]))


def _title(segmentation: Segmentation) -> str:
    name = display_path(Path(segmentation.path).name) if segmentation.path else "recording"
    channel = "" if segmentation.channel is None else f", channel {segmentation.channel}"
    return f"{name}{channel}, {clock(segmentation.duration - segmentation.offset, 1)}"


def _draw_waveform(axes: Axes, overview: Overview) -> None:
    times = overview.offset_s + overview.column_s * (np.arange(len(overview.peaks)) + 0.5)
    axes.fill_between(times, *overview.peaks.T, color="#a0a0a0", linewidth=0)
    axes.fill_between(times, -overview.rms, overview.rms, color="#404040", linewidth=0)
    most = max(0.01, float(np.abs(overview.peaks).max()))
    axes.set(ylim=(-most, most), ylabel="amplitude")


def _draw_spectrogram(axes: Axes, overview: Overview) -> None:
    columns, bands = overview.mel_db.shape
    end = overview.offset_s + columns * overview.column_s
    loudest = float(np.percentile(overview.mel_db, 99.8))
    axes.imshow(
        overview.mel_db.T,
        origin="lower",
        aspect="auto",
        interpolation="nearest" if columns < 500 else "auto",
        cmap="magma",
        vmin=loudest - _RANGE_DB,
        vmax=loudest,
        extent=(overview.offset_s, end, -0.5, bands - 0.5),
    )
    shown = [hz for hz in _TICKS_HZ if overview.mel_hz[0] < hz < overview.mel_hz[-1]]
    written = [f"{hz // 1000}k" if hz >= 1000 else str(hz) for hz in shown]
    axes.set_yticks(np.interp(shown, overview.mel_hz, np.arange(bands)), written)
    axes.set_ylabel("Hz")


def _draw_posteriors(axes: Axes, overview: Overview, looks: Mapping[str, Look]) -> None:
    assert overview.posteriors is not None
    starts = np.arange(0, len(overview.posteriors), -(-len(overview.posteriors) // _AREA_COLUMNS))
    positions = np.append(starts, len(overview.posteriors))
    means = np.add.reduceat(overview.posteriors, starts, axis=0) / np.diff(positions)[:, None]
    edges = overview.offset_s + overview.position_s * positions
    _stack(axes, edges, means, {label: looks[label] for label in overview.classes})
    axes.set(ylim=(0, 1), yticks=[0, 0.5, 1], ylabel="probability")


def _stack(axes: Axes, edges: np.ndarray, heights: np.ndarray, looks: Mapping[str, Look]) -> None:
    """Areas on top of each other, a step for each column ``[C, K]``."""
    upper = np.cumsum(np.concatenate([heights, heights[-1:]]), axis=1)
    lower = np.concatenate([np.zeros_like(upper[:, :1]), upper[:, :-1]], axis=1)
    for k, (label, look) in enumerate(looks.items()):
        axes.fill_between(edges, lower[:, k], upper[:, k], step="post", label=label, **fill(look))


def _draw_boundaries(axes: Axes, segmentation: Segmentation, color: str) -> None:
    if len(segmentation) <= _MOST_BOUNDARIES:
        for time in segmentation.boundaries:
            axes.axvline(time, color=color, linewidth=0.6, alpha=0.6)


def _write_label(axes: Axes, segment: Segment, look: Look, inches: float) -> None:
    """The label within its segment, its letter where that is too short, nothing where it is shorter still."""
    name = display_path(segment.label)
    text = next((t for t in (name, look.letter) if len(t) * _LETTER_INCHES + _MARGIN_INCHES <= inches), None)
    if text is not None:
        axes.text(
            (segment.start + segment.end) / 2,
            0.5,
            text,
            color=look.ink,
            ha="center",
            va="center",
            fontsize="small",
            clip_on=True,
            bbox={"facecolor": look.color, "edgecolor": "none", "pad": 1.0},
        )
