"""What is counted of one recording, and the figures that any sum of counts gives.

    reference, hypothesis ─ score ─→ Score (counts of one recording) ─ sum ─→ figures

Counts add up, so that one set of formulas serves recordings, sources, everything, and the redrawn sets of
recordings by which intervals are found.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from swishcli.evaluation.metrics import (
    accuracy,
    balanced_detection,
    calibration_counts,
    calibration_error,
    f1s,
    f_score,
    macro_recall,
    match_pairs,
    nan_mean,
)
from swishcli.evaluation.scoring import FRAME_S, boundary_score, count_pairs, frame_labels
from swishcli.segments import SILENCE, Segment, Segmentation, merge_adjacent

LONGEST_STRETCHES = 10
"""Errors kept of each recording, the longest ones."""

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ScoringConfig:
    """What is counted.

    Raises
    ------
    ValueError
        If a tolerance, collar or length is negative or no number.
    """

    labels: tuple[str, ...]
    """The K labels that are told apart."""
    count_silence: bool = False
    """Whether silence is one more label; else time that the reference calls silence is not counted, and a
    hypothesis of silence elsewhere is a miss."""
    detected: str = "speech"
    """The label of the detection error."""
    collar_s: float = 0.0
    """Seconds on both sides of each boundary of the detected label that its error leaves out, as NIST does;
    pyannote.metrics calls the sum of both sides the collar."""
    tolerances_s: tuple[float, ...] = (0.2, 0.5)
    """How far from the reference's a boundary may lie."""
    segment_s: float = 1.0
    """Length of the segments of segment-based scores."""
    onset_s: float = 0.2
    """How far off an event's onset may be; its offset also by half of the event's length."""
    in_windows: bool = False
    """Whether recordings of one label are judged in windows of 1 s: they have no boundaries and no events."""

    def __post_init__(self) -> None:
        if not self.tolerances_s:
            raise ValueError("at least one tolerance is needed")
        for value in (self.collar_s, *self.tolerances_s, self.onset_s):
            if not 0 <= value < np.inf:
                raise ValueError(f"collars and tolerances must be finite and at least 0 s, not {value}")
        if not 0 < self.segment_s < np.inf:
            raise ValueError(f"segments must be longer than 0 s, not {self.segment_s}")

    @property
    def classes(self) -> tuple[str, ...]:
        """Everything that has a row of its own in the confusion."""
        return (*self.labels, SILENCE) if self.count_silence else self.labels


@dataclass(frozen=True)
class Counts:
    """Sums over recordings."""

    confusion: Array
    """10-ms frames by reference and hypothesis, ``[K, K + 1]``, the last column for silence or no label."""
    detection: Array
    """Seconds missed, falsely detected, and to be detected: ``[3]``."""
    boundaries: Array
    """Hits, reference, hypothesis of each tolerance: ``[tolerances, 3]``."""
    segments: Array
    """Hits, reference, hypothesis of each label in segments of fixed length: ``[K, 3]``."""
    segment_errors: Array
    """Substitutions, deletions, insertions in them, and all that was to be found: ``[4]``."""
    events: Array
    """Hits, reference, hypothesis of each label's events: ``[K, 3]``."""
    calibration: Array
    """Frames, sum of confidences, right frames of each bin of confidence: ``[bins, 3]``."""

    @property
    def vector(self) -> Array:
        """All of them in a row."""
        return np.concatenate([getattr(self, field.name).ravel() for field in fields(self)])

    def of(self, vector: Array) -> Counts:
        """Counts of the same shapes from such a row."""
        parts, position = [], 0
        for field in fields(self):
            shape = getattr(self, field.name).shape
            size = int(np.prod(shape))
            parts.append(vector[position : position + size].reshape(shape))
            position += size
        return Counts(*parts)

    def __add__(self, other: Counts) -> Counts:
        return self.of(self.vector + other.vector)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of a recording that is labelled wrong in one way."""

    start: float
    end: float
    reference: str
    hypothesis: str


@dataclass(frozen=True, slots=True)
class Score:
    """What was counted of a recording."""

    name: str
    source: str
    """What it is grouped by."""
    counts: Counts
    errors: tuple[Stretch, ...]
    """The longest ones, the longest first."""
    left_out_s: float = 0.0
    """Seconds that do not count, because the reference calls them silence."""

    @property
    def wrong_s(self) -> float:
        """Seconds labelled wrong."""
        confusion = self.counts.confusion
        return float(confusion.sum() - np.trace(confusion)) * FRAME_S

    @property
    def counted_s(self) -> float:
        """Seconds that count."""
        return float(self.counts.confusion.sum()) * FRAME_S


def score(
    reference: Segmentation, hypothesis: Segmentation, config: ScoringConfig, name: str = "", source: str = ""
) -> Score:
    """Compare a hypothesis with its reference, as long as the reference lasts.

    Raises DataError for labels that `config` does not know.
    """
    if hypothesis.duration > reference.duration:
        hypothesis = hypothesis.crop(0, reference.duration)
    n_frames = int(reference.duration / FRAME_S + 1e-6)
    wanted = frame_labels(reference.segments, config.classes, n_frames)
    given = frame_labels(hypothesis.segments, config.classes, n_frames)
    substitutions, segments = _segment_counts(reference, hypothesis, config)
    counts = Counts(
        count_pairs(wanted, given, len(config.classes)).astype(float),
        _detection(reference, hypothesis, config.detected, config.collar_s),
        np.array([astuple(boundary_score(reference, hypothesis, t)) for t in config.tolerances_s], float),
        segments,
        substitutions,
        _event_counts(reference, hypothesis, config),
        _calibration(wanted, given, hypothesis, n_frames, len(config.classes)),
    )
    left_out_s = int((wanted == len(config.classes)).sum()) * FRAME_S
    return Score(name, source, counts, _stretches(wanted, given, config.classes), left_out_s)


def total(scores: Sequence[Score]) -> Counts:
    """The sum of the counts of at least one recording."""
    first = scores[0].counts
    return first.of(np.sum([s.counts.vector for s in scores], axis=0))


def figures(counts: Counts, config: ScoringConfig) -> dict[str, float]:
    """Figures by name; NaN where there is nothing to tell.

    Rates and scores are shares. Of the speech/non-speech detection: miss and false alarm as shares of the
    speech, and their sum, the detection error rate, as in pyannote.metrics (Bredin 2017). Boundaries as
    `mir_eval` matches them, the recording's ends aside. Segment- and event-based scores over all labels
    together as sed_eval's micro average (Mesaros et al. 2016, *Metrics for Polyphonic Sound Event Detection*).
    """
    confusion = counts.confusion.astype(np.int64)
    missed, false, speech = (float(v) for v in counts.detection)
    detection = {"miss": missed, "false_alarm": false, "detection_error_rate": missed + false}
    per_speech = {name: seconds / speech if speech else float("nan") for name, seconds in detection.items()}
    found = config.classes.index(config.detected) if config.detected in config.classes else None
    wrong, wanted = float(counts.segment_errors[:3].sum()), float(counts.segment_errors[3])
    by_frames = {
        "accuracy": accuracy(confusion),
        "macro_recall": macro_recall(confusion),
        "macro_f1": nan_mean(f1s(confusion)),
        "balanced_detection": float("nan") if found is None else balanced_detection(confusion, found),
        **per_speech,
    }
    if config.in_windows:
        return by_frames
    return {
        **by_frames,
        **{
            f"boundary_f1_{tolerance:g}s": f_score(*row)
            for tolerance, row in zip(config.tolerances_s, counts.boundaries.tolist(), strict=True)
        },
        "segment_f1": f_score(*counts.segments.sum(axis=0).tolist()),
        "segment_error_rate": wrong / wanted if wanted else float("nan"),
        "event_f1": f_score(*counts.events.sum(axis=0).tolist()),
        "calibration_error": calibration_error(counts.calibration),
    }


def relabel(segmentation: Segmentation, names: dict[str, str]) -> Segmentation:
    """With other names for some labels; neighbours that have one name then are one segment."""
    if not names.keys() & set(segmentation.labels):
        return segmentation
    renamed = (replace(s, label=names.get(s.label, s.label)) for s in segmentation.segments)
    return replace(segmentation, segments=merge_adjacent(renamed))


def _detection(reference: Segmentation, hypothesis: Segmentation, label: str, collar: float) -> Array:
    """Seconds missed, falsely detected, to be detected; exact, not in frames."""
    wanted, given = _stretches_of(reference, label), _stretches_of(hypothesis, label)
    inner = wanted.ravel()
    left_out = np.stack([inner - collar, inner + collar], axis=1)
    edges = np.concatenate([wanted.ravel(), given.ravel(), left_out.ravel(), [0, reference.duration]])
    edges = np.unique(edges.clip(0, reference.duration))
    middles, lengths = (edges[:-1] + edges[1:]) / 2, np.diff(edges)
    lengths = np.where(_inside(middles, left_out), 0, lengths) if collar else lengths
    is_wanted, is_given = _inside(middles, wanted), _inside(middles, given)
    return np.array(
        [lengths[is_wanted & ~is_given].sum(), lengths[is_given & ~is_wanted].sum(), lengths[is_wanted].sum()]
    )


def _stretches_of(segmentation: Segmentation, label: str) -> Array:
    """Starts and ends of a label, ``[n, 2]``, neighbours as one."""
    merged = (s for s in merge_adjacent(segmentation.segments) if s.label == label)
    return np.array([(s.start, s.end) for s in merged], float).reshape(-1, 2)


def _inside(times: Array, stretches: Array) -> npt.NDArray[np.bool_]:
    """Which times lie in one of the stretches ``[n, 2]``, which may overlap."""
    begun = np.searchsorted(np.sort(stretches[:, 0]), times, side="right")
    ended = np.searchsorted(np.sort(stretches[:, 1]), times, side="right")
    return begun > ended


def _segment_counts(
    reference: Segmentation, hypothesis: Segmentation, config: ScoringConfig
) -> tuple[Array, Array]:
    """Errors ``[4]`` and hits ``[K, 3]`` in segments of fixed length, in which several labels may occur."""
    n = max(1, int(np.ceil(reference.duration / config.segment_s)))
    wanted, given = (_activity(s, config, n) for s in (reference, hypothesis))
    deletions, insertions = (wanted & ~given).sum(axis=1), (given & ~wanted).sum(axis=1)
    swapped = np.minimum(deletions, insertions)
    errors = [swapped.sum(), (deletions - swapped).sum(), (insertions - swapped).sum(), wanted.sum()]
    hits = [(wanted & given).sum(axis=0), wanted.sum(axis=0), given.sum(axis=0)]
    return np.array(errors, float), np.stack(hits, axis=1).astype(float)


def _activity(segmentation: Segmentation, config: ScoringConfig, n: int) -> npt.NDArray[np.bool_]:
    """Which labels occur in which segments: ``[n, K]``."""
    active = np.zeros((n, len(config.labels)), bool)
    for s in segmentation.segments:
        if s.label in config.labels and s.start < s.end:
            first, stop = int(s.start / config.segment_s), int(np.ceil(s.end / config.segment_s))
            active[first:stop, config.labels.index(s.label)] = True
    return active


def _event_counts(reference: Segmentation, hypothesis: Segmentation, config: ScoringConfig) -> Array:
    """Hits, reference, hypothesis ``[K, 3]``: events whose onsets and offsets lie close enough."""
    rows = []
    for label in config.labels:
        wanted, given = ([s for s in side if s.label == label] for side in (reference, hypothesis))
        onsets = [s.start for s in given]
        options = []
        for event in wanted:
            # A little more than can fit, so that rounding excludes nothing.
            first = bisect_left(onsets, event.start - config.onset_s - 1e-6)
            stop = bisect_right(onsets, event.start + config.onset_s + 1e-6)
            options.append([i for i in range(first, stop) if _is_found(event, given[i], config.onset_s)])
        rows.append((match_pairs(options), len(wanted), len(given)))
    return np.array(rows, float).reshape(-1, 3)


def _is_found(event: Segment, heard: Segment, onset_s: float) -> bool:
    offset_s = max(onset_s, event.duration / 2)
    return abs(heard.start - event.start) <= onset_s and abs(heard.end - event.end) <= offset_s


def _calibration(
    wanted: npt.NDArray[np.int64],
    given: npt.NDArray[np.int64],
    hypothesis: Segmentation,
    n_frames: int,
    n_classes: int,
) -> Array:
    confidences = np.full(n_frames, np.nan)
    for s in hypothesis.segments:
        if s.confidence is not None and s.label != SILENCE:
            confidences[round(s.start / FRAME_S) : round(s.end / FRAME_S)] = s.confidence
    counted = (wanted < n_classes) & ~np.isnan(confidences)
    return calibration_counts(confidences[counted], (wanted == given)[counted])


def _stretches(
    wanted: npt.NDArray[np.int64], given: npt.NDArray[np.int64], classes: Sequence[str]
) -> tuple[Stretch, ...]:
    names = (*classes, SILENCE)
    wrong = (wanted < len(classes)) & (wanted != given)
    key = np.where(wrong, wanted * len(names) + given, -1)
    starts = np.flatnonzero(np.diff(key, prepend=-2))
    stops = np.append(starts[1:], len(key))
    errors = [
        Stretch(first * FRAME_S, stop * FRAME_S, names[wanted[first]], names[given[first]])
        for first, stop in zip(starts.tolist(), stops.tolist(), strict=True)
        if key[first] >= 0
    ]
    return tuple(sorted(errors, key=lambda e: (e.start - e.end, e.start))[:LONGEST_STRETCHES])
