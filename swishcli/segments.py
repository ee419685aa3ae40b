"""Segments of a recording: the types that every stage after the network speaks.

Times are seconds of the original recording, as floats. A `Segmentation` always tiles what was listened to,
by default ``[0, duration]``: each segment starts where the one before it ends, the last ends at `duration`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from itertools import islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from swishcli.pictures.overview import Overview

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

    Iterating gives the segments, ``len`` their number.

    Raises
    ------
    ValueError
        If the segments leave a gap, overlap, or do not end at `duration`.

    >>> s = Segmentation(3.0, (Segment(0.0, 1.0, "music"), Segment(1.0, 3.0, "speech")), "a.wav")
    >>> s.label_at(0.5), s.label_at(1.0), s.total("speech")
    ('music', 'speech', 2.0)
    >>> [segment.label for segment in s.crop(0.5, 1.0)]
    ['music']
    """

    duration: float
    """Where the last segment ends, in seconds of the recording."""
    segments: tuple[Segment, ...]
    path: str | None = None
    channel: int | None = None
    """Channel the segments describe, counted from 0; None for the mean of all channels."""
    warnings: tuple[str, ...] = ()
    """What was damaged or missing in the recording, a sentence each, without its name."""
    partial: bool = False
    """Whether stretches are left out, as by `only`: then the segments follow each other and need not tile."""
    layered: bool = False
    """Whether segments say where a label's sound can be heard, and those of other labels may overlap them."""

    def __post_init__(self) -> None:
        if self.layered:
            self._check_layers()
            return
        if self.partial:
            times = [time for s in self.segments for time in (s.start, s.end)]
            if times != sorted(times) or (times and times[-1] > self.duration):
                raise ValueError("segments do not follow each other within the recording")
            return
        edges = [self.offset, *(s.end for s in self.segments)]
        if [s.start for s in self.segments] != edges[:-1] or edges[-1] != self.duration:
            raise ValueError(f"segments do not tile [{self.offset}, {self.duration}]")

    def _check_layers(self) -> None:
        """Raises ValueError."""
        ends: dict[str, float] = {}
        for s in self.segments:
            if s.start < ends.get(s.label, 0.0) or s.end > self.duration:
                raise ValueError("segments of a label do not follow each other within the recording")
            ends[s.label] = s.end

    def __iter__(self) -> Iterator[Segment]:
        return iter(self.segments)

    def __len__(self) -> int:
        return len(self.segments)

    @property
    def offset(self) -> float:
        """Where the first segment starts: at 0, or later where only a part was listened to."""
        return self.segments[0].start if self.segments else 0.0

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that occur, sorted."""
        return tuple(sorted({s.label for s in self.segments}))

    @property
    def boundaries(self) -> tuple[float, ...]:
        """Times at which one segment ends and the next begins, without the first and the last."""
        return tuple(s.start for s in self.segments[1:])

    def total(self, label: str) -> float:
        """Seconds that carry `label`."""
        return sum(s.duration for s in self.segments if s.label == label)

    def label_at(self, time: float) -> str:
        """Label at `time` seconds. Raises ValueError outside ``[offset, duration)``."""
        for s in self.segments:
            if s.start <= time < s.end:
                return s.label
        raise ValueError(f"{time} s is outside the recording ({self.offset:g} to {self.duration} s)")

    def only(self, label: str, pad_s: float = 0.0, min_s: float = 0.0) -> Segmentation:
        """The segments of one label alone, each `pad_s` seconds longer on both sides, those that meet as one.

        Those shorter than `min_s` seconds before that are left out.

        >>> s = Segmentation(3.0, (Segment(0.0, 1.0, "music"), Segment(1.0, 3.0, "speech")))
        >>> [(segment.start, segment.end) for segment in s.only("speech", pad_s=0.5)]
        [(0.5, 3.0)]
        """
        kept: list[Segment] = []
        for s in (s for s in self.segments if s.label == label and s.duration >= min_s):
            wide = replace(s, start=max(self.offset, s.start - pad_s), end=min(self.duration, s.end + pad_s))
            if kept and wide.start <= kept[-1].end:
                confidence = _mean_confidence(kept[-1], wide)
                kept[-1] = replace(kept[-1], end=wide.end, confidence=confidence)
            else:
                kept.append(wide)
        return replace(self, segments=tuple(kept), partial=True, layered=False)

    def without(self, others: Segmentation) -> Segmentation:
        """What is left of the segments where none of the segments of `others` lies.

        >>> s = Segmentation(3.0, (Segment(0.0, 3.0, "speech"),))
        >>> [(left.start, left.end) for left in s.without(Segmentation(3.0, (Segment(1.0, 2.0, "music"),), partial=True))]
        [(0.0, 1.0), (2.0, 3.0)]
        """
        left, covered, next_ = [], _union(others), 0
        for s in self.segments:
            start = s.start
            while next_ < len(covered) and covered[next_][1] <= start:
                next_ += 1
            for low, high in islice(covered, next_, None):
                if low >= s.end:
                    break
                if low > start:
                    left.append(replace(s, start=start, end=low))
                start = max(start, high)
            if start < s.end:
                left.append(replace(s, start=start))
        return replace(self, segments=tuple(left), partial=True)

    def plot(
        self,
        path: str | Path | None = None,
        *,
        overview: Overview | None = None,
        reference: Segmentation | None = None,
    ) -> Figure:
        """Draw the segments above a time axis, with the sound and a reference where there are any.

        Parameters
        ----------
        path : str or Path, optional
            Where to save the picture too: ``*.png``, ``*.svg`` or ``*.pdf``.
        overview : Overview, optional
            The sound and the posteriors, see `swishcli.pictures.overview`; by default the sound is read from the
            segmentation's own `path`, if there is such a file.
        reference : Segmentation, optional
            Drawn as a second ribbon.

        Raises
        ------
        MissingDependencyError
            Without matplotlib, which ``swishcli[plot]`` brings.
        AudioError, OutputError
            If the recording cannot be read, or the picture not written.
        """
        # By its name, as nothing here may need what draws: only who calls this imports it.
        return import_module("swishcli.pictures.recording").plot(self, path, overview, reference)

    def crop(self, start: float, end: float) -> Segmentation:
        """What lies between two times, which keep their meaning: segments across an edge are cut there.

        Raises ValueError where nothing of the recording lies between them.
        """
        start, end = max(start, self.offset), min(end, self.duration)
        if not start < end:
            raise ValueError(f"nothing of [{self.offset}, {self.duration}] lies from {start} s to {end} s")
        cut = (
            replace(s, start=max(s.start, start), end=min(s.end, end))
            for s in self.segments
            if s.start < end and s.end > start
        )
        return replace(self, duration=end, segments=tuple(cut))


@dataclass(frozen=True, slots=True)
class Classification:
    """What a recording is mostly, and how much of it is what."""

    duration: float
    """Seconds that were listened to."""
    label: str
    """The class that has the largest of the `shares`; `silence` only where there is nothing else."""
    confidence: float
    """Probability of `label`, averaged over the frames that are not silent; 1.0 if all are.

    A recording that is half of one thing and half of another has one of about a half.
    """
    shares: Mapping[str, float] = field(default_factory=dict)
    """Share of the time that was listened to under each label, `silence` included; they sum to 1."""
    path: str | None = None
    channel: int | None = None
    warnings: tuple[str, ...] = ()
    """What was damaged or missing in the recording, a sentence each, without its name."""
    audible: Mapping[str, float] = field(default_factory=dict)
    """Share of the time that each class can be heard, alone or beneath others; empty where nobody asked."""


def layered(duration: float, segments: Iterable[Segment]) -> Segmentation:
    """Segments of labels that may overlap, in the order in which they begin."""
    ordered = tuple(sorted(segments, key=lambda s: (s.start, s.end)))
    return Segmentation(duration, ordered, layered=True)


def _union(segments: Iterable[Segment]) -> list[tuple[float, float]]:
    """Stretches that segments cover, in order and apart from each other."""
    stretches: list[tuple[float, float]] = []
    for s in sorted(segments, key=lambda s: s.start):
        if stretches and s.start <= stretches[-1][1]:
            stretches[-1] = stretches[-1][0], max(stretches[-1][1], s.end)
        else:
            stretches.append((s.start, s.end))
    return stretches


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
