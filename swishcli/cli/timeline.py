"""Segments and shares as blocks of a terminal's cells: a lane for each class, so that they tell it without colour."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from swishcli.errors import display_path

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from rich.console import Console
    from rich.text import Text

    from swishcli.pictures.palette import Look
    from swishcli.segments import Segmentation

_HEIGHTS, _WIDTHS = " ▁▂▃▄▅▆▇█", " ▏▎▍▌▋▊▉█"
_PLAIN_HEIGHTS, _PLAIN_WIDTHS = " .:=#", " #"
"""For terminals whose encoding has no blocks."""
_LEAST_CELLS = 12
"""A timeline of fewer says nothing."""
_LONGEST_NAME = 16
_CELLS_PER_TICK = 12


def timeline(
    segmentation: Segmentation, labels: Iterable[str], console: Console, start_s: float = 0.0
) -> list[Text]:
    """Lines as wide as the terminal: when each label is heard, and the times; none where there is no room.

    It begins at `start_s`, which is where the segments do unless some are left out. The height of a block is the share of its time that the label has. Labels that do not occur have no lane.
    """
    import numpy as np

    from swishcli.pictures.overview import shares
    from swishcli.pictures.palette import looks_of

    looks = looks_of(labels)
    present = [label for label in looks if label in segmentation.labels]
    name_cells = name_cells_of(present)
    cells = console.width - name_cells - 1
    if cells < _LEAST_CELLS or segmentation.duration <= start_s or not present:
        return []
    edges = np.linspace(start_s, segmentation.duration, cells + 1)
    heard = shares(segmentation, present, edges)
    lines = lanes(present, heard, looks, name_cells, console)
    return [*lines, _times(start_s, segmentation.duration, cells, name_cells)]


def lanes(
    labels: Sequence[str],
    heard: npt.NDArray[np.floating],
    looks: Mapping[str, Look],
    name_cells: int,
    console: Console,
) -> list[Text]:
    """A line for each label: its name and, for each cell, a block as high as its share in ``[C, K]``."""
    from rich.text import Text

    lines = []
    for label, row in zip(labels, heard.T, strict=True):
        line = Text(name_of(label, name_cells) + " ", no_wrap=True)
        lines.append(line.append_text(blocks(row.tolist(), looks[label], console)))
    return lines


def name_cells_of(labels: Iterable[str]) -> int:
    """Cells for the names of lanes."""
    return min(_LONGEST_NAME, max((len(display_path(label)) for label in labels), default=0))


def blocks(shares: Iterable[float], look: Look, console: Console) -> Text:
    """Shares as cells that are filled as high."""
    from rich.text import Text

    heights = _PLAIN_HEIGHTS if console.options.ascii_only else _HEIGHTS
    filled = "".join(heights[_level(share, len(heights) - 1)] for share in shares)
    return Text(filled, style_of(look, console), no_wrap=True)


def name_of(label: str, cells: int) -> str:
    """A label in so many cells."""
    name = display_path(label)
    return (name if len(name) <= cells else name[: cells - 1] + "…").ljust(cells)


def bar(share: float, cells: int, look: Look, console: Console) -> Text:
    """A share as the filled part of some cells: of their width, or of the height of a single one."""
    from rich.text import Text

    plain = console.options.ascii_only
    if cells == 1:
        return blocks([share], look, console)
    widths = _PLAIN_WIDTHS if plain else _WIDTHS
    full, rest = divmod(_level(share, cells * (len(widths) - 1)), len(widths) - 1)
    filled = widths[-1] * full + (widths[rest] if rest else "")
    return Text(filled.ljust(cells), style_of(look, console), no_wrap=True)


def style_of(look: Look, console: Console) -> str:
    """A look's colour as the terminal can show it."""
    return look.color if console.color_system in ("256", "truecolor") else look.ansi


def _level(share: float, most: int) -> int:
    """A share in steps; what is there at all has one."""
    return max(1, min(most, round(share * most))) if share > 1e-6 else 0


def _times(start_s: float, end_s: float, cells: int, name_cells: int) -> Text:
    """The times under the lanes, each beginning in the cell that it belongs to."""
    from rich.text import Text

    from swishcli.pictures.time_axis import ticks

    line = ""
    for time, text in ticks(start_s, end_s, cells // _CELLS_PER_TICK):
        cell = int((time - start_s) / (end_s - start_s) * cells)
        if cell >= len(line) and cell + len(text) <= cells:
            line = line.ljust(cell) + text + " "
    return Text(" " * (name_cells + 1) + line.rstrip(), "dim", no_wrap=True)
