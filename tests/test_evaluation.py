"""Metrics, against numbers worked out by hand."""

from __future__ import annotations

import mir_eval
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swishcli.errors import DataError
from swishcli.evaluation.metrics import (
    BoundaryScore,
    accuracy,
    balanced_detection,
    macro_recall,
    match_boundaries,
    recalls,
)
from swishcli.evaluation.scoring import boundary_score, frame_confusion, window_answers
from swishcli.segments import Segment, Segmentation, tile

LABELS = ("speech", "music", "noise")


def segmentation(*cuts: tuple[float, str]) -> Segmentation:
    """Segments by their ends and labels."""
    starts = [0.0, *(end for end, _ in cuts)]
    segments = tuple(Segment(start, end, label) for start, (end, label) in zip(starts, cuts, strict=False))
    return Segmentation(cuts[-1][0], segments)


REFERENCE = segmentation((2.0, "speech"), (3.0, "silence"), (5.0, "music"), (6.0, "noise"))
HYPOTHESIS = segmentation((1.5, "speech"), (3.25, "music"), (5.0, "music"), (5.5, "silence"), (6.0, "noise"))


def test_frames_are_counted_by_reference_and_hypothesis_and_reference_silence_is_not() -> None:
    confusion = frame_confusion(REFERENCE, HYPOTHESIS, LABELS)
    assert confusion.tolist() == [[150, 50, 0, 0], [0, 200, 0, 0], [0, 0, 50, 50]]
    assert recalls(confusion).tolist() == [0.75, 1.0, 0.5]
    assert macro_recall(confusion) == 0.75
    assert accuracy(confusion) == 0.8


def test_balanced_detection_is_the_mean_of_hits_and_correct_rejections() -> None:
    confusion = np.array([[8, 2, 0, 0], [1, 9, 0, 0], [4, 0, 6, 0]])
    assert balanced_detection(confusion, 0) == pytest.approx((8 / 10 + 1 - 5 / 20) / 2)


def test_a_class_that_does_not_occur_cannot_be_detected() -> None:
    assert np.isnan(balanced_detection(np.array([[0, 0, 0, 0], [1, 9, 0, 0], [4, 0, 6, 0]]), 0))
    assert np.isnan(balanced_detection(np.array([[3, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]), 0))


def test_a_label_that_is_none_is_a_sentence() -> None:
    with pytest.raises(DataError, match="the label 'birds' at 2 s is none of speech, music, noise, silence"):
        frame_confusion(segmentation((2.0, "speech"), (3.0, "birds")), HYPOTHESIS, LABELS)


times = st.lists(st.integers(0, 40).map(lambda tenths: tenths / 10), max_size=12, unique=True).map(sorted)


@given(times, times, st.sampled_from([0.0, 0.25, 0.55, 1.05]))
def test_as_many_boundaries_are_matched_as_can_be(
    reference: list[float], hypothesis: list[float], tolerance: float
) -> None:
    best = mir_eval.util.match_events(np.array(reference), np.array(hypothesis), tolerance)
    assert match_boundaries(reference, hypothesis, tolerance) == len(best)


def test_a_class_that_does_not_occur_has_no_part_in_the_mean() -> None:
    assert macro_recall(np.array([[3, 1, 0, 0], [0, 4, 0, 0], [0, 0, 0, 0]])) == 0.875


def test_each_boundary_is_matched_once_within_the_tolerance() -> None:
    reference = segmentation((1.0, "speech"), (1.5, "music"), (9.0, "speech"), (10.0, "noise"))
    hypothesis = segmentation((1.25, "speech"), (8.0, "noise"), (10.0, "speech"))
    assert boundary_score(reference, hypothesis, 0.5) == BoundaryScore(hits=1, reference=3, hypothesis=2)
    assert boundary_score(reference, hypothesis, 1.0).hits == 2
    assert BoundaryScore(1, 3, 2).f1 == pytest.approx(0.4)
    assert BoundaryScore(0, 0, 0).f1 == 0


def test_a_window_has_the_label_that_covers_most_of_it_silence_aside() -> None:
    rate = 1000
    samples = np.full(4 * rate, 0.1, np.float32)
    samples[3 * rate :] = 0.0001  # a pause: not counted
    hypothesis = Segmentation(
        4.0, tile(4.0, [(0.0, 0.6, "speech"), (0.6, 1.7, "music"), (1.7, 2.0, "speech")], "silence")
    )
    assert window_answers(samples, rate, hypothesis, LABELS).tolist() == [0, 1, 3]


def test_a_recording_shorter_than_a_window_is_one_window() -> None:
    samples = np.full(300, 0.1, np.float32)
    assert window_answers(samples, 1000, segmentation((0.3, "noise")), LABELS).tolist() == [2]
