"""matplotlib as swish uses it: figures without a display, text as it is written, files that come out the same."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from swishcli.errors import MissingDependencyError
from swishcli.files import atomic_path
from swishcli.pictures.palette import Look
from swishcli.pictures.time_axis import ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend

PICTURES = ("png", "svg", "pdf")
"""Formats that figures are saved in, told apart by the suffix of the file."""

_DPI = 120
_TICKS, _LONG_TICKS = 10, 6
"""Of a time axis at most; those with milliseconds are longer."""
_FONTS = (
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Hiragino Sans",
    "PingFang SC",
    "Apple SD Gothic Neo",
    "Microsoft YaHei",
    "Yu Gothic",
    "Malgun Gothic",
    "Noto Sans Arabic",
    "Noto Sans Devanagari",
    "Noto Sans Thai",
    "Segoe UI",
    "Arial Unicode MS",
)
"""For letters that matplotlib's own font lacks, where they are installed."""
_STYLE: dict[Any, Any] = {
    # Names of files and classes are no formulas.
    "text.parse_math": False,
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "hatch.linewidth": 0.6,
    # Text stays text, and the same figure is the same file.
    "svg.fonttype": "none",
    "svg.hashsalt": "swish",
    "pdf.fonttype": 42,
}
_WITHOUT_DATE: dict[str, dict[str, str | None]] = {
    "png": {"Software": "swish"},
    "svg": {"Date": None, "Creator": "swish"},
    "pdf": {"CreationDate": None, "Creator": "swish"},
}
_LOCK = Lock()
"""matplotlib's settings and fonts are the process's: one picture is drawn at a time."""


def require_matplotlib() -> None:
    """Raise MissingDependencyError where it is not installed."""
    from importlib.util import find_spec

    if find_spec("matplotlib") is None:
        raise MissingDependencyError("pictures need matplotlib: pip install 'swishcli[plot]'")


def drawn(draw: Callable[[Figure], None], width: float, height: float) -> Figure:
    """A figure of so many inches, drawn in swish's style; it belongs to no window.

    Raises MissingDependencyError where matplotlib is not installed.
    """
    require_matplotlib()
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # its font cache is nobody's business
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with _LOCK, rc_context(_STYLE | {"font.family": _families()}):
        figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained")
        draw(figure)
    return figure


def _families() -> list[str]:
    from matplotlib import font_manager

    installed = {font.name for font in font_manager.fontManager.ttflist}
    return ["DejaVu Sans", *(name for name in _FONTS if name in installed)]


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure as its suffix says, completely or not at all.

    Raises
    ------
    ValueError
        If the suffix is none of `PICTURES`.
    OutputError
        If `path` cannot be written.
    """
    from matplotlib import rc_context

    kind = picture_format(path)
    with _LOCK, rc_context(_STYLE), atomic_path(path) as temporary, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # letters that the font lacks are boxes
        figure.savefig(temporary, format=kind, metadata=_WITHOUT_DATE[kind])


def picture_format(path: str | Path) -> str:
    """The format that a suffix stands for. Raises ValueError."""
    kind = Path(path).suffix.lower().removeprefix(".")
    if kind not in PICTURES:
        raise ValueError(f"must end in {', '.join('.' + name for name in PICTURES[:-1])} or .{PICTURES[-1]}")
    return kind


def legend(figure: Figure, looks: Mapping[str, Look], spell: Callable[[str], str]) -> Legend:
    """What the classes look like, in a row at the top right."""
    from matplotlib.patches import Patch

    patches = [Patch(label=spell(label), **fill(look)) for label, look in looks.items()]
    return figure.legend(
        handles=patches,
        loc="outside upper right",
        ncols=min(8, len(patches)),
        frameon=False,
        handleheight=1.2,
    )


def fill(look: Look) -> dict[str, Any]:
    """The colour and the pattern of a class, for any area."""
    return {"facecolor": look.color, "hatch": look.pattern.hatch, "edgecolor": "white", "linewidth": 0.0}


def set_time_axis(axes: Axes, start_s: float, end_s: float) -> None:
    """Make x the time in seconds, written as h:mm:ss."""
    axes.set_xlim(start_s, end_s)
    written = ticks(start_s, end_s, _TICKS if end_s - start_s > 1 else _LONG_TICKS)
    axes.set_xticks([time for time, _ in written], [text for _, text in written])


def hide_ticks(axes: Iterable[Axes]) -> None:
    """Leave the times to the lowest of axes that stand above each other."""
    for one in axes:
        one.tick_params(labelbottom=False)
