"""TextGrids of Praat."""

from __future__ import annotations

import re
from collections.abc import Iterator

from swishcli.formats.base import (
    SNAP_S,
    Format,
    assemble,
    malformed,
    milliseconds,
    milliseconds_text,
    missing_tier,
    row_of,
    tiers,
    visible,
)
from swishcli.segments import SILENCE, Segmentation


class TextGrid(Format):
    """One interval tier, or one for each label of layers; when read, the first of however many, in the long or
    the short text format.

    An interval without text is `SILENCE`: Praat marks pauses so. Time that was not listened to is one too,
    because Praat wants every tier to begin with the sound.
    """

    name = "textgrid"
    extension = ".TextGrid"

    def __init__(self, tier: str | None = None) -> None:
        self.tier = tier
        """Name of the tier to read, None for the first of intervals."""

    def render(self, segmentation: Segmentation) -> str:
        xmax = milliseconds_text(milliseconds(segmentation.duration))
        written = tiers(segmentation)
        return (
            'File type = "ooTextFile"\nObject class = "TextGrid"\n\n'
            f"xmin = 0.000\nxmax = {xmax}\ntiers? <exists>\nsize = {len(written)}\nitem []:\n"
        ) + "".join(_tier(number, name, tier) for number, (name, tier) in enumerate(written.items(), 1))

    def parse(self, text: str) -> Segmentation:
        tokens = _Tokens(text)
        if not (tokens.take("text") == "ooTextFile" and tokens.take("text").startswith("TextGrid")):
            raise malformed(tokens.line, "not a TextGrid in text format")
        _xmin, _xmax = tokens.take("number"), tokens.take("number")
        names = []
        for _ in range(tokens.take_count()):
            kind, name, _xmin, xmax = (tokens.take(k) for k in ("text", "text", "number", "number"))
            if kind == "IntervalTier" and self.tier in (None, name):
                return _interval_tier(tokens, float(xmax))
            names.append(name)
            for _ in range(tokens.take_count()):
                tokens.take("number")
                if kind == "IntervalTier":
                    tokens.take("number")
                tokens.take("text")
        if self.tier is not None:
            raise missing_tier(self.tier, names)
        raise malformed(tokens.line, "no interval tier")


def _tier(number: int, name: str, segmentation: Segmentation) -> str:
    end = milliseconds(segmentation.duration)
    rows = list(_without_gaps(segmentation, end))
    return (
        f'    item [{number}]:\n        class = "IntervalTier"\n        name = {_quoted(name)}\n'
        f"        xmin = 0.000\n        xmax = {milliseconds_text(end)}\n        intervals: size = {len(rows)}\n"
    ) + "".join(
        f"        intervals [{i}]:\n"
        f"            xmin = {milliseconds_text(xmin)}\n"
        f"            xmax = {milliseconds_text(xmax)}\n"
        f"            text = {_quoted(label)}\n"
        for i, (xmin, xmax, label) in enumerate(rows, 1)
    )


def _without_gaps(segmentation: Segmentation, duration: int) -> Iterator[tuple[int, int, str]]:
    """Start and end in milliseconds and label of what is there, and of what is between, without a label.

    Segments of no length are left out: Praat refuses such intervals.
    """
    position = 0
    for start, end, s in visible(segmentation):
        if start > position:
            yield position, start, ""
        yield start, end, s.label
        position = end
    if position < duration:
        yield position, duration, ""


def _interval_tier(tokens: _Tokens, xmax: float) -> Segmentation:
    line, rows = tokens.line, []
    for _ in range(tokens.take_count()):
        start, end, label = tokens.take("number"), tokens.take("number"), tokens.take("text")
        rows.append(row_of(tokens.line, start, end, label or SILENCE))
    grid = assemble(rows)
    if abs(grid.duration - xmax) > SNAP_S:
        raise malformed(line, f"intervals end at {grid.duration} s, but their tier at {xmax} s")
    return grid


class _Tokens:
    """Quoted texts and numbers that stand free; Praat itself passes over all words and signs between."""

    _TOKEN = re.compile(
        r'"(?P<text>(?:[^"]|"")*)"'
        r"|(?<!\S)(?P<number>[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)(?!\S)"
    )

    def __init__(self, text: str) -> None:
        self._text = text
        self._matches = self._TOKEN.finditer(text)
        self._position = 0
        self.line = 1
        """Where the last token stands."""

    def take(self, kind: str) -> str:
        """The next token, which must be a ``text`` or a ``number``. Raises ValueError where it is none."""
        match = next(self._matches, None)
        if match is not None:
            self.line += self._text.count("\n", self._position, match.start())
            self._position = match.start()
        found = "end of file" if match is None else match.lastgroup
        if match is None or found != kind:
            raise malformed(self.line, f"not a TextGrid in text format: {found} in place of a {kind}")
        return match[kind].replace('""', '"')

    def take_count(self) -> int:
        """The next token, which must be a whole number."""
        count = self.take("number")
        if not re.fullmatch("[0-9]{1,9}", count):
            raise malformed(self.line, "not a TextGrid in text format: a count is not a whole number")
        return int(count)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
