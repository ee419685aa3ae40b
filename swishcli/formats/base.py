"""What the formats have in common: their interface, how numbers are spelled, rows put together again."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import ClassVar, NamedTuple, TypeVar

from swishcli.segments import SILENCE, Segment, Segmentation, tile

Key = TypeVar("Key", bound=Hashable)
"""What tells recordings, and channels of them, apart within a file."""

SNAP_S = 1e-6
"""Boundaries no further apart than this, in seconds, are read as one: other programs round."""


TIER = "swish"
"""Name of the tier of what does not overlap."""
ROUNDING_S = 0.0005
"""By as much times may change where they are written with three decimals."""


class Format(ABC):
    """A way to write one segmentation down, and to read it back."""

    name: ClassVar[str]
    extension: ClassVar[str]
    """Put after the recording's name; no two formats share one, so that all fit into one folder."""
    keeps_confidences: ClassVar[bool] = False
    keeps_channel: ClassVar[bool] = False

    @abstractmethod
    def render(self, segmentation: Segmentation) -> str:
        """The whole text of the file."""

    @abstractmethod
    def parse(self, text: str) -> Segmentation:
        """Read `text` back. Raises ValueError, with the line and the reason, where it is malformed."""

    def parse_all(self, text: str) -> list[Segmentation]:
        """Read the segmentations of all recordings that `text` is of, each with its path where there are more."""
        return [self.parse(text)]


class Row(NamedTuple):
    """A segment as it was read, and the line where it stands (0 if unknown)."""

    line: int
    start: float
    end: float
    label: str
    confidence: float | None


def malformed(line: int, reason: str) -> ValueError:
    """The error for a line of a file; 0 where the format does not know lines."""
    return ValueError(f"line {line}: {reason}" if line else reason)


def missing_tier(tier: str, names: Sequence[str]) -> ValueError:
    """The error for a tier that a file does not have."""
    return ValueError(f"no tier is called {tier!r} (there are: {', '.join(map(repr, names)) or 'none'})")


def row_of(line: int, start: str, end: str, label: str, confidence: str = "") -> Row:
    """A row from its texts. Raises ValueError for times and confidences that cannot be."""
    try:
        row = Row(line, float(start), float(end), label, float(confidence) if confidence else None)
        if not math.isfinite(row.confidence or 0.0):
            raise ValueError
    except ValueError:
        raise malformed(line, "start, end or confidence is not a number") from None
    if not 0 <= row.start <= row.end < math.inf:
        raise malformed(line, f"a segment cannot run from {row.start} s to {row.end} s")
    return row


def assemble(rows: Iterable[Row]) -> Segmentation:
    """Order and snap rows that tile what was listened to. Raises ValueError where they leave a gap or overlap."""
    segments = list(_joined(rows))
    for row, before, after in segments[1:]:
        if after.start > before:
            raise malformed(row.line, f"leaves a gap from {before} s to {after.start} s")
    return Segmentation(segments[-1][2].end if segments else 0.0, tuple(s for _, _, s in segments))


def assemble_sparse(rows: Iterable[Row]) -> Segmentation:
    """As `assemble`, but time without a label is `SILENCE`, and neighbours of one label are one segment."""
    segments = [s for _, _, s in _joined(row for row in rows if row.start < row.end)]
    duration = segments[-1].end if segments else 0.0
    return Segmentation(duration, tile(duration, ((s.start, s.end, s.label) for s in segments), SILENCE))


def _joined(rows: Iterable[Row]) -> Iterator[tuple[Row, float, Segment]]:
    """The rows in order, each with the end of the one before it and, snapped to that, as a segment."""
    position = 0.0
    for row in sorted(rows, key=lambda r: (r.start, r.end)):
        start = position if abs(row.start - position) <= SNAP_S else row.start
        if start < position:
            raise malformed(row.line, f"overlaps the segment before it, which ends at {position} s")
        segment = Segment(start, max(start, row.end), row.label, row.confidence)
        yield row, position, segment
        position = segment.end


def of_one(recordings: Mapping[Key, Sequence[Row]], none: Key) -> tuple[Key, Sequence[Row]]:
    """The only recording and its rows, or `none` without rows. Raises ValueError where there are several."""
    first, *others = recordings.items() or [(none, ())]
    if others:
        _, rows = others[0]
        raise malformed(rows[0].line, "a second recording or channel, and a segmentation is of one")
    return first


def milliseconds(time: float) -> int:
    """A time in seconds as the nearest whole number of milliseconds."""
    return round(float(time) * 1000)


def seconds_text(time: float) -> str:
    """A time in seconds with three decimals, that of `milliseconds`.

    >>> seconds_text(2), seconds_text(0.0005), seconds_text(0.1 + 0.2)
    ('2.000', '0.000', '0.300')
    """
    return milliseconds_text(milliseconds(time))


def milliseconds_text(time: int) -> str:
    """A time in milliseconds as seconds with three decimals."""
    return f"{time // 1000}.{time % 1000:03}"


def confidence_text(segment: Segment) -> str:
    """The confidence with three decimals; nothing where there is none."""
    return "" if segment.confidence is None else f"{segment.confidence:.3f}"


def tiers(segmentation: Segmentation) -> dict[str, Segmentation]:
    """By its name, what a format with tiers writes into each: all of it, or a tier for each label of layers."""
    if not segmentation.layered:
        return {TIER: segmentation}
    return {label: segmentation.only(label) for label in segmentation.labels}


def visible(segmentation: Segmentation) -> Iterator[tuple[int, int, Segment]]:
    """Start and end in milliseconds of each segment that lasts one at least."""
    for s in segmentation:
        start, end = milliseconds(s.start), milliseconds(s.end)
        if start < end:
            yield start, end, s
