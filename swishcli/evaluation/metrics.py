"""Numbers from counts: recalls, accuracies, calibration, matched boundaries. Nothing here knows of recordings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

CALIBRATION_BINS = 15
"""Of confidence, from 0 to 1."""

Confusion = npt.NDArray[np.int64]
"""``[K, K + 1]``: counts by reference class and hypothesis, the last column for silence."""


def recalls(confusion: Confusion) -> npt.NDArray[np.float64]:
    """Share of each reference class that is labelled right; NaN for a class that does not occur."""
    totals = confusion.sum(axis=1)
    return np.where(totals > 0, np.diag(confusion) / np.maximum(totals, 1), np.nan)


def precisions(confusion: Confusion) -> npt.NDArray[np.float64]:
    """Share of what is labelled as each class that is of it; NaN for a class that is never given."""
    given = confusion[:, : len(confusion)].sum(axis=0)
    return np.where(given > 0, np.diag(confusion) / np.maximum(given, 1), np.nan)


def f1s(confusion: Confusion) -> npt.NDArray[np.float64]:
    """Harmonic means of precision and recall; NaN for a class that neither occurs nor is given."""
    both = confusion.sum(axis=1) + confusion[:, : len(confusion)].sum(axis=0)
    return np.where(both > 0, 2 * np.diag(confusion) / np.maximum(both, 1), np.nan)


def macro_recall(confusion: Confusion) -> float:
    """Mean of the recalls of the classes that occur."""
    return nan_mean(recalls(confusion))


def nan_mean(values: npt.NDArray[np.float64]) -> float:
    """Mean of the values that are there, NaN if none is."""
    there = values[~np.isnan(values)]
    return float(there.mean()) if len(there) else float("nan")


def accuracy(confusion: Confusion) -> float:
    """Share of all that is counted that is labelled right; NaN where nothing is."""
    total = confusion.sum()
    return float(np.trace(confusion) / total) if total else float("nan")


def balanced_detection(confusion: Confusion, index: int) -> float:
    """Mean of the recalls of one class and of all others together, as when only it is looked for.

    NaN where either does not occur.
    """
    others = np.delete(confusion, index, axis=0)
    if not confusion[index].sum() or not others.sum():
        return float("nan")
    hit = confusion[index, index] / confusion[index].sum()
    false_alarm = others[:, index].sum() / others.sum()
    return float((hit + 1 - false_alarm) / 2)


def calibration_counts(
    confidences: npt.NDArray[np.floating], right: npt.NDArray[np.bool_], bins: int = CALIBRATION_BINS
) -> npt.NDArray[np.float64]:
    """Answers, sum of their confidences, right ones among them of each bin of confidence: ``[bins, 3]``.

    Both ``[n]``. Such counts of several sets add up to those of all.
    """
    which = np.clip((confidences * bins).astype(int), 0, bins - 1)
    sums = (np.bincount(which, weights, bins) for weights in (None, confidences, right))
    return np.stack([np.asarray(s, float) for s in sums], axis=1)


def calibration_error(counts: npt.NDArray[np.float64]) -> float:
    """Expected calibration error: mean distance of confidence and share of right answers, by bins; NaN without any.

    Naeini et al. 2015, *Obtaining Well Calibrated Probabilities Using Bayesian Binning*. From `calibration_counts`.

    >>> counts = calibration_counts(np.array([0.9, 0.9, 0.6, 0.6]), np.array([True, True, True, False]))
    >>> round(calibration_error(counts), 3)
    0.1
    """
    answers = counts[:, 0].sum()
    return float(np.abs(counts[:, 1] - counts[:, 2]).sum() / answers) if answers else float("nan")


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


def match_boundaries(reference: Sequence[float], hypothesis: Sequence[float], tolerance: float) -> int:
    """The largest number of pairs of times no further apart than `tolerance`, each time in one pair.

    Both in ascending order. Pairing the earliest that fit is optimal on a line, as `mir_eval.util.match_events`
    finds by search.

    >>> match_boundaries([1.0, 1.3], [0.6, 1.2], 0.5)
    2
    """
    hits = i = j = 0
    while i < len(reference) and j < len(hypothesis):
        if abs(reference[i] - hypothesis[j]) <= tolerance:
            hits, i, j = hits + 1, i + 1, j + 1
        elif reference[i] < hypothesis[j]:
            i += 1
        else:
            j += 1
    return hits


def match_pairs(options: Sequence[Sequence[int]]) -> int:
    """The largest number of pairs of rows and columns, each in one: `options` are the columns of each row.

    By augmenting paths: Kuhn 1955, *The Hungarian method for the assignment problem*.

    >>> match_pairs([[0, 1], [0]])
    2
    """
    row_of: dict[int, int] = {}
    column_of: dict[int, int] = {}
    for first in range(len(options)):
        reached: dict[int, int] = {}  # column, by the row that found it
        free, rows = None, [first]
        for row in rows:
            for column in options[row]:
                if free is None and column not in reached:
                    reached[column] = row
                    if column in row_of:
                        rows.append(row_of[column])
                    else:
                        free = column
            if free is not None:
                break
        while free is not None:  # back along the path: each row takes the column that it found
            row = reached[free]
            row_of[free] = row
            before = column_of.get(row)
            column_of[row] = free
            free = before
    return len(row_of)


def f_score(hits: float, reference: float, hypothesis: float) -> float:
    """Harmonic mean of precision and recall from counts; NaN where both sides have nothing."""
    both = reference + hypothesis
    return float(2 * hits / both) if both else float("nan")
