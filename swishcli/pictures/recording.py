"""A recording as a picture: waveform, mel spectrogram, posteriors and ribbons of segments above one time axis."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from swishcli.audio import Decoding
from swishcli.errors import display_path
from swishcli.pictures.drawing import drawn, hide_ticks, legend, picture_format, save, set_time_axis
from swishcli.pictures.overview import Overview, look_at
from swishcli.pictures.palette import Look, in_order, looks_of
from swishcli.pictures.ribbons import AREA_COLUMNS, draw_ribbon, stack
from swishcli.pictures.time_axis import clock
from swishcli.segments import Segmentation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH = 12.0
_HEIGHTS = {"waveform": 1.1, "spectrogram": 2.0, "posteriors": 1.0, "ribbon": 0.45}
"""Inches."""
_MARGINS = 1.0
"""Inches above and below."""
_MOST_BOUNDARIES = 60
"""Drawn through the sound; more of them would hide it."""
_LOUDEST_DB = -30.0
"""At least, or digital silence would be as bright as any sound."""
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
        start_s = _start(segmentation)
        part = Decoding(segmentation.channel, None, start_s, segmentation.duration - start_s or None)
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
        start_s = _start(segmentation, overview)
        span_s = max(segmentation.duration - start_s, 1e-3)
        name = "segments" if reference is None else "found"
        _draw_row(next(remaining), segmentation, looks, name, span_s)
        if reference is not None:
            _draw_row(next(remaining), reference, looks, "reference", span_s)
        hide_ticks(rows[:-1])
        set_time_axis(rows[-1], start_s, start_s + span_s)
        figure.suptitle(_title(segmentation, start_s), x=0.01, ha="left", fontsize="medium")
        legend(figure, looks, display_path)

    return drawn(draw, _WIDTH, _MARGINS + 1.1 * sum(heights))


def _looks(
    segmentation: Segmentation, overview: Overview | None, reference: Segmentation | None
) -> dict[str, Look]:
    """Of all classes that could be there, silence last."""
    classes = overview.classes if overview else ()
    return looks_of(in_order([*classes, *segmentation.labels, *(reference.labels if reference else ())]))


def _start(segmentation: Segmentation, overview: Overview | None = None) -> float:
    """Where what was listened to begins: not where segments do of which some are left out."""
    if overview is not None:
        return overview.offset_s
    return 0.0 if segmentation.partial else segmentation.offset


def _title(segmentation: Segmentation, start_s: float) -> str:
    name = display_path(Path(segmentation.path).name) if segmentation.path else "recording"
    channel = "" if segmentation.channel is None else f", channel {segmentation.channel}"
    return f"{name}{channel}, {clock(segmentation.duration - start_s, 1)}"


def _draw_waveform(axes: Axes, overview: Overview) -> None:
    edges = overview.offset_s + overview.column_s * np.arange(len(overview.peaks) + 1)
    lowest, highest = np.append(overview.peaks, overview.peaks[-1:], axis=0).T
    rms = np.append(overview.rms, overview.rms[-1:])
    axes.fill_between(edges, lowest, highest, step="post", color="#a0a0a0", linewidth=0)
    axes.fill_between(edges, -rms, rms, step="post", color="#404040", linewidth=0)
    most = max(0.01, float(np.abs(overview.peaks).max()))
    axes.set(ylim=(-most, most), ylabel="amplitude")


def _draw_spectrogram(axes: Axes, overview: Overview) -> None:
    columns, bands = overview.mel_db.shape
    end = overview.offset_s + columns * overview.column_s
    loudest = max(_LOUDEST_DB, float(np.percentile(overview.mel_db, 99.8)))
    axes.imshow(
        overview.mel_db.T,
        origin="lower",
        aspect="auto",
        interpolation="none",  # vector graphics keep the columns; a finer picture of them would be larger
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
    starts = np.arange(0, len(overview.posteriors), -(-len(overview.posteriors) // AREA_COLUMNS))
    positions = np.append(starts, len(overview.posteriors))
    means = np.add.reduceat(overview.posteriors, starts, axis=0) / np.diff(positions)[:, None]
    edges = overview.offset_s + overview.position_s * positions
    stack(axes, edges, means, {label: looks[label] for label in overview.classes})
    axes.set(ylim=(0, 1), yticks=[0, 0.5, 1], ylabel="probability")


def _draw_row(
    axes: Axes, segmentation: Segmentation, looks: Mapping[str, Look], name: str, span_s: float
) -> None:
    axes.set(ylim=(0, 1), yticks=[])
    axes.set_ylabel(name, rotation=0, ha="right", va="center")
    axes.spines["left"].set_visible(False)
    draw_ribbon(axes, segmentation, looks, span_s)


def _draw_boundaries(axes: Axes, segmentation: Segmentation, color: str) -> None:
    if len(segmentation) <= _MOST_BOUNDARIES:
        for time in segmentation.boundaries:
            axes.axvline(time, color=color, linewidth=0.6, alpha=0.6)
