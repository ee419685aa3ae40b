"""Segments of a recording: the types that every stage after the network speaks.

Times are seconds of the original recording, as floats. A `Segmentation` always tiles
``[0, duration]``: the first segment starts at 0, each starts where the one before it ends, the last
ends at `duration`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

SILENCE = "silence"
"""Label of stretches below the energy gate; the one label that no network gives."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch ``[start, end)`` of a recording that carries one label.

    >>> Segment(1.0, 3.5, "speech", 0.98).duration
    2.5
    """

    start: float
    end: float
    label: str
    confidence: float | None = None
    """Probability of `label` from the logits pooled over the segment; None where nobody gave one."""

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise ValueError(f"a segment cannot run from {self.start} s to {self.end} s")

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Segmentation:
    """A recording, or one channel of it, cut into labelled segments that tile it.

    Raises
    ------
    ValueError
        If the segments leave a gap, overlap, or do not end at `duration`.

    >>> s = Segmentation(3.0, (Segment(0.0, 1.0, "music"), Segment(1.0, 3.0, "speech")), "a.wav")
    >>> s.label_at(0.5), s.label_at(1.0), s.total("speech")
    ('music', 'speech', 2.0)
    """

    duration: float
    segments: tuple[Segment, ...]
    path: str | None = None
    channel: int | None = None
    """Channel the segments describe, counted from 0; None for the mean of all channels."""

    def __post_init__(self) -> None:
        edges = [0.0, *(s.end for s in self.segments)]
        if [s.start for s in self.segments] != edges[:-1] or edges[-1] != self.duration:
            raise ValueError(f"segments do not tile [0, {self.duration}]")

    @property
    def boundaries(self) -> tuple[float, ...]:
        """Times at which one segment ends and the next begins, without 0 and `duration`."""
        return tuple(s.start for s in self.segments[1:])

    def total(self, label: str) -> float:
        """Seconds that carry `label`."""
        return sum(s.duration for s in self.segments if s.label == label)

    def label_at(self, time: float) -> str:
        """Label at `time` seconds. Raises ValueError outside ``[0, duration)``."""
        for s in self.segments:
            if s.start <= time < s.end:
                return s.label
        raise ValueError(f"{time} s is outside the recording (0 to {self.duration} s)")


@dataclass(frozen=True, slots=True)
class Classification:
    """What a recording is, taken as one thing, and how much of it is what."""

    duration: float
    label: str
    """Class with the largest logit, averaged over all frames that are not silence."""
    confidence: float
    """Softmax of those averaged logits at `label`; 1.0 for a recording of nothing but silence."""
    shares: Mapping[str, float] = field(default_factory=dict)
    """Share of the recording's time under each label, `silence` included; they sum to 1."""
    path: str | None = None
    channel: int | None = None


def merge_adjacent(segments: Iterable[Segment]) -> tuple[Segment, ...]:
    """Join neighbours that carry the same label; their confidences are averaged by duration.

    >>> merge_adjacent([Segment(0, 1, "a"), Segment(1, 2, "a"), Segment(2, 3, "b")])
    (Segment(start=0, end=2, label='a', confidence=None), Segment(start=2, end=3, label='b', confidence=None))
    """
    merged: list[Segment] = []
    for s in segments:
        if merged and merged[-1].label == s.label:
            last = merged.pop()
            s = Segment(last.start, s.end, s.label, _mean_confidence(last, s))
        merged.append(s)
    return tuple(merged)


def _mean_confidence(a: Segment, b: Segment) -> float | None:
    if a.confidence is None or b.confidence is None:
        return None
    total = a.duration + b.duration
    if total == 0:
        return a.confidence
    return (a.confidence * a.duration + b.confidence * b.duration) / total


def tile(duration: float, labelled: Iterable[tuple[float, float, str]], default: str) -> tuple[Segment, ...]:
    """Tile ``[0, duration]`` from sparse ``(start, end, label)`` stretches; gaps get `default`.

    Raises ValueError where stretches overlap or leave ``[0, duration]``.

    >>> [s.label for s in tile(3.0, [(1.0, 2.0, "speech")], "noise")]
    ['noise', 'speech', 'noise']
    """
    ordered = sorted(labelled)
    for (_, end, _), (start, _, _) in pairwise(ordered):
        if start < end:
            raise ValueError(f"two labelled stretches overlap at {start} s")
    segments: list[Segment] = []
    position = 0.0
    for start, end, label in ordered:
        if start < 0 or end > duration:
            raise ValueError(f"a labelled stretch from {start} s to {end} s leaves [0, {duration}]")
        if start > position:
            segments.append(Segment(position, start, default))
        segments.append(Segment(start, end, label))
        position = end
    if position < duration:
        segments.append(Segment(position, duration, default))
    return merge_adjacent(segments)
