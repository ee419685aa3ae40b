"""How good segments are: frames, windows and boundaries against a reference.

Conventions, those of the corpus's own scorer: frames of 10 ms; what the reference calls silence is not
counted; a hypothesis of silence where the reference has a class is an error like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from swishcli.audio import Samples
from swishcli.segments import SILENCE, Segment, Segmentation

FRAME_S = 0.01
"""Seconds of a frame of `frame_labels`."""
WINDOW_S = 1.0
"""Seconds of a window of `window_answers`."""
QUIET_WINDOW_DB = 20.0
"""Windows further below the level of their recording are not counted."""
QUIETEST_WINDOW_DBFS = -50.0
"""Nor are windows below this level."""

Confusion = npt.NDArray[np.int64]
"""``[K, K + 1]``: counts by reference class and hypothesis, the last column for silence."""


def frame_labels(segments: Iterable[Segment], labels: Sequence[str], n_frames: int) -> npt.NDArray[np.int64]:
    """Index into `labels` of each 10-ms frame, ``len(labels)`` for silence: ``[n_frames]``."""
    index = {label: i for i, label in enumerate((*labels, SILENCE))}
    frames = np.full(n_frames, index[SILENCE])
    for s in segments:
        frames[round(s.start / FRAME_S) : round(s.end / FRAME_S)] = index[s.label]
    return frames


def frame_confusion(reference: Segmentation, hypothesis: Segmentation, labels: Sequence[str]) -> Confusion:
    """Counts of 10-ms frames by reference and hypothesis; reference silence is not counted."""
    n_frames = int(reference.duration / FRAME_S + 1e-6)
    wanted = frame_labels(reference.segments, labels, n_frames)
    given = frame_labels(hypothesis.segments, labels, n_frames)
    return _count(wanted, given, len(labels))


def counted_windows(samples: Samples, sample_rate: int, window_s: float = WINDOW_S) -> list[int]:
    """Numbers of the windows that count: whole ones that are not much softer than the recording.

    Softer ones (`QUIET_WINDOW_DB`) hold pauses. A recording shorter than a window is one.
    """
    n = round(window_s * sample_rate)
    floor = max(10 ** (QUIETEST_WINDOW_DBFS / 20), _rms(samples) * 10 ** (-QUIET_WINDOW_DB / 20))
    return [k for k in range(max(1, len(samples) // n)) if _rms(samples[k * n : (k + 1) * n]) >= floor]


def window_answers(
    samples: Samples, sample_rate: int, hypothesis: Segmentation, labels: Sequence[str]
) -> npt.NDArray[np.int64]:
    """Label that covers most of each of the `counted_windows` of 1 s, silence if it is all there is."""
    per_window = round(WINDOW_S / FRAME_S)
    frames = frame_labels(hypothesis.segments, labels, int(len(samples) / sample_rate / FRAME_S) + 1)
    answers = []
    for k in counted_windows(samples, sample_rate):
        counts = np.bincount(frames[k * per_window : (k + 1) * per_window], minlength=len(labels) + 1)
        answers.append(int(counts[:-1].argmax()) if counts[:-1].any() else len(labels))
    return np.array(answers, np.int64)


def _rms(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples), dtype=np.float64) + 1e-12))


def _count(reference: npt.NDArray[np.int64], hypothesis: npt.NDArray[np.int64], n: int) -> Confusion:
    counted = reference < n
    pairs = reference[counted] * (n + 1) + hypothesis[counted]
    return np.bincount(pairs, minlength=n * (n + 1)).reshape(n, n + 1)


def recalls(confusion: Confusion) -> npt.NDArray[np.float64]:
    """Share of each reference class that is labelled right; NaN for a class that does not occur."""
    totals = confusion.sum(axis=1)
    return np.where(totals > 0, np.diag(confusion) / np.maximum(totals, 1), np.nan)


def macro_recall(confusion: Confusion) -> float:
    """Mean of the recalls of the classes that occur."""
    return float(np.nanmean(recalls(confusion)))


def accuracy(confusion: Confusion) -> float:
    """Share of all that is counted that is labelled right."""
    return float(np.trace(confusion) / max(1, confusion.sum()))


def balanced_detection(confusion: Confusion, index: int) -> float:
    """Mean of the recalls of one class and of all others together, as when only it is looked for."""
    hit = confusion[index, index] / max(1, confusion[index].sum())
    others = np.delete(confusion, index, axis=0)
    false_alarm = others[:, index].sum() / max(1, others.sum())
    return float((hit + 1 - false_alarm) / 2)


def calibration_error(
    confidences: npt.NDArray[np.floating], right: npt.NDArray[np.bool_], bins: int = 15
) -> float:
    """Expected calibration error: mean distance of confidence and share of right answers, by bins.

    Naeini et al. 2015, *Obtaining Well Calibrated Probabilities Using Bayesian Binning*. Both ``[n]``.

    >>> round(calibration_error(np.array([0.9, 0.9, 0.6, 0.6]), np.array([True, True, True, False])), 3)
    0.1
    """
    which = np.minimum((confidences * bins).astype(int), bins - 1)
    gaps = np.bincount(which, confidences - right, minlength=bins)
    return float(np.abs(gaps).sum() / max(1, len(confidences)))


@dataclass(frozen=True, slots=True)
class BoundaryScore:
    """Boundaries found within a tolerance; each boundary is matched once."""

    hits: int
    reference: int
    hypothesis: int

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.hits / max(1, self.reference + self.hypothesis)

    def __add__(self, other: BoundaryScore) -> BoundaryScore:
        return BoundaryScore(
            self.hits + other.hits, self.reference + other.reference, self.hypothesis + other.hypothesis
        )


def boundary_score(reference: Segmentation, hypothesis: Segmentation, tolerance_s: float) -> BoundaryScore:
    """Match each reference boundary, in order, to the nearest free one within `tolerance_s` seconds."""
    free = list(hypothesis.boundaries)
    hits = 0
    for boundary in reference.boundaries:
        nearest = min(free, key=lambda time: abs(time - boundary), default=None)
        if nearest is not None and abs(nearest - boundary) <= tolerance_s:
            free.remove(nearest)
            hits += 1
    return BoundaryScore(hits, len(reference.boundaries), len(hypothesis.boundaries))
