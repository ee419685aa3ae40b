"""Segments tile the recording they describe, however they come about."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swishcli.segments import Segment, Segmentation, merge_adjacent, tile

LABELS = st.sampled_from(["speech", "music", "noise"])


@st.composite
def neighbours(draw: st.DrawFn) -> list[Segment]:
    """Segments that tile a recording, neighbours perhaps of the same label."""
    edges = sorted(draw(st.sets(st.floats(0, 3600), min_size=1, max_size=12)) | {0.0})
    return [Segment(a, b, draw(LABELS), draw(st.floats(0, 1))) for a, b in pairwise(edges)]


@st.composite
def stretches(draw: st.DrawFn) -> tuple[float, list[tuple[float, float, str]]]:
    """A duration and labelled stretches within it that do not overlap, in any order."""
    whole = draw(neighbours())
    kept = [(s.start, s.end, s.label) for s in whole if draw(st.booleans())]
    return (whole[-1].end if whole else 0.0), draw(st.permutations(kept))


@pytest.mark.parametrize(
    ("start", "end"), [(2.0, 1.0), (-0.5, 1.0), (float("nan"), 1.0), (0.0, float("nan"))]
)
def test_a_segment_runs_forward_from_0_or_later(start: float, end: float) -> None:
    with pytest.raises(ValueError, match="cannot run from"):
        Segment(start, end, "speech")


@pytest.mark.parametrize(
    "edges",
    [
        pytest.param([(0, 1), (1.5, 3)], id="gap"),
        pytest.param([(0, 2), (1, 3)], id="overlap"),
        pytest.param([(0, 2)], id="early end"),
        pytest.param([(0, 4)], id="end after the recording's"),
        pytest.param([(1, 3), (0, 1)], id="wrong order"),
        pytest.param([], id="nothing"),
    ],
)
def test_a_segmentation_refuses_what_does_not_tile(edges: list[tuple[float, float]]) -> None:
    with pytest.raises(ValueError, match="do not tile"):
        Segmentation(3.0, tuple(Segment(a, b, "music") for a, b in edges))


def test_a_segmentation_answers_what_is_where() -> None:
    segments = (Segment(0, 1, "music"), Segment(1, 2.5, "speech"), Segment(2.5, 3, "music"))
    segmentation = Segmentation(3.0, segments)
    assert segmentation.boundaries == (1, 2.5)
    assert segmentation.total("music") == 1.5
    assert segmentation.total("noise") == 0
    assert [segmentation.label_at(t) for t in (0, 1, 2.999)] == ["music", "speech", "music"]
    for outside in (-0.1, 3.0):
        with pytest.raises(ValueError, match="outside the recording"):
            segmentation.label_at(outside)


def test_a_segmentation_of_a_part_starts_where_the_part_does() -> None:
    part = Segmentation(3.0, (Segment(1, 2, "music"), Segment(2, 3, "speech")))
    assert part.offset == 1
    assert part.boundaries == (2,)
    with pytest.raises(ValueError, match=r"outside the recording \(1 to 3.0 s\)"):
        part.label_at(0.5)
    assert Segmentation(0.0, ()).offset == 0


def test_a_segmentation_is_its_segments_one_after_the_other() -> None:
    segments = (Segment(0, 1, "noise"), Segment(1, 2.5, "music"), Segment(2.5, 3, "noise"))
    segmentation = Segmentation(3.0, segments)
    assert tuple(segmentation) == segments
    assert len(segmentation) == 3
    assert segmentation.labels == ("music", "noise")


@given(neighbours().filter(bool), st.floats(-1, 3601), st.floats(-1, 3601))
def test_a_crop_says_of_every_time_within_what_the_whole_says(
    segments: list[Segment], start: float, end: float
) -> None:
    whole = Segmentation(segments[-1].end, tuple(segments), "a.wav", 2, ("is cut off",))
    if max(start, 0) >= min(end, whole.duration):
        with pytest.raises(ValueError, match="nothing of"):
            whole.crop(start, end)
        return
    crop = whole.crop(start, end)
    assert (crop.offset, crop.duration) == (max(start, 0), min(end, whole.duration))
    assert (crop.path, crop.channel, crop.warnings) == ("a.wav", 2, ("is cut off",))
    for s in crop:
        middle = (s.start + s.end) / 2
        assert s.end > s.start
        assert crop.label_at(s.start) == whole.label_at(s.start) == s.label
        assert middle in (s.start, s.end) or whole.label_at(middle) == s.label
    assert crop.crop(-1, 3601) == crop


@given(neighbours())
def test_merging_keeps_labels_and_leaves_no_equal_neighbours(segments: list[Segment]) -> None:
    merged = merge_adjacent(segments)
    assert all(a.label != b.label and a.end == b.start for a, b in pairwise(merged))
    assert merge_adjacent(merged) == merged
    assert all(
        any(m.start <= s.start and s.end <= m.end and m.label == s.label for m in merged) for s in segments
    )


def test_merging_averages_confidences_by_duration() -> None:
    (merged,) = merge_adjacent([Segment(0, 1, "a", 0.5), Segment(1, 4, "a", 0.9)])
    assert merged.confidence == pytest.approx(0.8)
    (unknown,) = merge_adjacent([Segment(0, 1, "a", 0.5), Segment(1, 4, "a")])
    assert unknown.confidence is None
    (instant,) = merge_adjacent([Segment(1, 1, "a", 0.5), Segment(1, 1, "a", 0.9)])
    assert instant.confidence == 0.5


@given(stretches())
def test_sparse_stretches_become_a_tiling(sparse: tuple[float, list[tuple[float, float, str]]]) -> None:
    duration, labelled = sparse
    segmentation = Segmentation(duration, tile(duration, labelled, "rest"))
    assert all(segmentation.label_at(start) == label for start, _, label in labelled)
    labels = [s.label for s in segmentation.segments]
    assert all(a != b for a, b in pairwise(labels))
    assert segmentation.total("rest") == pytest.approx(
        duration - sum(end - start for start, end, _ in labelled)
    )


@pytest.mark.parametrize(
    ("labelled", "complaint"),
    [
        ([(0, 2, "a"), (1, 3, "b")], "overlap at 1 s"),
        ([(0, 3, "a"), (1, 2, "b")], "overlap at 1 s"),
        ([(2, 3.1, "a")], "leaves"),
        ([(-1, 1, "a")], "leaves"),
    ],
)
def test_stretches_that_overlap_or_leave_the_recording_are_refused(
    labelled: list[tuple[float, float, str]], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        tile(3.0, labelled, "rest")
