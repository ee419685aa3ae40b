"""What ``swish listen`` shows on a terminal: meters, a timeline that scrolls, and segments above them."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from swishcli.cli.timeline import bar, blocks, name_cells_of, name_of
from swishcli.errors import display_path
from swishcli.pictures.palette import in_order, looks_of
from swishcli.pictures.time_axis import clock
from swishcli.segments import SILENCE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from swishcli.inference import FrameScores
    from swishcli.live import Heard
    from swishcli.segments import Segment

_REFRESH_S = 0.1
_COLUMN_S = 0.5
"""Seconds of a cell of the timeline."""
_MOST_COLUMNS = 500
_METER_CELLS, _PERCENT_CELLS = 12, 5
_LEAST_COLUMNS = 8
_LEAST_SHARE = 0.06
"""Of a cell of the timeline: networks are never quite sure."""
_QUIETEST_DB = -60.0
_NOTICEABLE_WAIT_S = 1.0


class LiveScreen:
    """Shows what is heard until its block ends; segments stay on the terminal, the meters do not.

    Parameters
    ----------
    classes : sequence of str
    silence_dbfs : float
        Level below which it is silent.
    position_s : float
        Seconds of a position of the frame scores.
    source : str
        What is listened to.
    latency_s : float
        Seconds until a sound is answered.
    """

    def __init__(
        self,
        console: Console,
        classes: Sequence[str],
        silence_dbfs: float,
        position_s: float,
        source: str,
        latency_s: float,
    ) -> None:
        self._console, self._source, self._latency_s = console, source, latency_s
        self._labels = in_order([*classes, SILENCE])
        self._order = [[*classes, SILENCE].index(label) for label in self._labels]
        self._looks = looks_of(self._labels)
        self._silence_dbfs = silence_dbfs
        self._per_column = max(1, round(_COLUMN_S / position_s))
        self._column_s = self._per_column * position_s
        self._columns: deque[np.ndarray] = deque(maxlen=_MOST_COLUMNS)
        self._pending: list[np.ndarray] = []
        self._now = np.zeros(len(self._labels))
        self._level_db = _QUIETEST_DB
        self._heard: Heard | None = None
        self._shown_s = 0.0
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> LiveScreen:
        self._live.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.__exit__(None, None, None)

    def show(self, heard: Heard) -> None:
        """Take what was heard; the screen changes ten times a second at most."""
        self._heard = heard
        for scores in heard.scores:
            self._take(scores)
        if time.monotonic() - self._shown_s >= _REFRESH_S:
            self._shown_s = time.monotonic()
            self._live.update(Group(*self.lines()), refresh=True)

    def print(self, segment: Segment, file: Path | None = None) -> None:
        """Put a segment above the meters."""
        self._live.console.print(self.line_of(segment, file))

    def line_of(self, segment: Segment, file: Path | None = None) -> Text:
        """A segment in a line."""
        sure = "" if segment.confidence is None else f"{segment.confidence:.0%}"
        times = f"{clock(segment.start, 1)}  {clock(segment.end, 1)}"
        line = f"{times}  {name_of(segment.label, name_cells_of(self._labels))}  {sure:>4}"
        if file is not None:
            line += f"  {display_path(file)}"
        return Text(line)

    def lines(self) -> list[Text]:
        """The meters as they are now."""
        name_cells = name_cells_of(self._labels)
        room = self._console.width - name_cells - _METER_CELLS - _PERCENT_CELLS - 3
        shown = np.array(list(self._columns)[-room:]) if room >= _LEAST_COLUMNS else np.zeros((0, 0))
        shown = np.where(shown < _LEAST_SHARE, 0, shown)
        lines = []
        for k, label in enumerate(self._labels):
            look = self._looks[label]
            share = float(self._now[k])
            line = Text(name_of(label, name_cells) + " ", no_wrap=True)
            line.append_text(bar(share, _METER_CELLS, look, self._console))
            line.append(f"{share:>{_PERCENT_CELLS}.0%}  ")
            if len(shown):
                line.append_text(blocks(shown[:, k].tolist(), look, self._console))
            lines.append(line)
        return [*lines, self._status(len(shown) * self._column_s)]

    def _take(self, scores: FrameScores) -> None:
        posteriors, level_db = scores.posteriors[0], scores.level_db[0]
        sounding = level_db >= self._silence_dbfs
        shares = np.concatenate([posteriors * sounding[:, None], ~sounding[:, None]], axis=1)
        self._pending += list(shares[:, self._order])
        self._now = shares[:, self._order].mean(axis=0)
        self._level_db = float(10 * np.log10(np.mean(10 ** (level_db / 10)) + 1e-12))
        while len(self._pending) >= self._per_column:
            self._columns.append(np.mean(self._pending[: self._per_column], axis=0))
            del self._pending[: self._per_column]

    def _status(self, shown_s: float) -> Text:
        heard = self._heard
        assert heard is not None
        text = f"{clock(heard.time_s)}  {display_path(self._source)}  {max(self._level_db, -99):.0f} dBFS"
        line = Text(text, no_wrap=True, overflow="ellipsis")
        if heard.waiting_s >= _NOTICEABLE_WAIT_S:
            line.append(f"  no sound for {heard.waiting_s:.0f} s", "bold")
        else:
            line.append(f"  answers after {self._latency_s + heard.computing_s:.2f} s", "dim")
        if shown_s:
            line.append(f"  timeline of {shown_s:.0f} s", "dim")
        return line
