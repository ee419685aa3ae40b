"""Segments from frame scores: the best path, silences, minimum durations, in a stream as at once."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from itertools import groupby, pairwise, product

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from swishcli.segments import SILENCE, Segment, Segmentation
from swishcli.smoothing import Smoother, SmoothingConfig, Viterbi, log_softmax

CLASSES = ("speech", "music", "noise")
PER_S = (25, 1)
DEFAULT = SmoothingConfig()
PLAIN = SmoothingConfig(transition_cost=0, min_duration_s=0, min_silence_s=0)
LOUD, QUIET = -20.0, -100.0

Sequence = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]


def smooth(
    logits: npt.NDArray[np.float32],
    level_db: npt.NDArray[np.float32],
    config: SmoothingConfig = DEFAULT,
    cuts: Iterable[int] = (),
    duration: float | None = None,
) -> list[Segment]:
    """Segments of positions that arrive in pieces, cut at `cuts`; by default they last as long as they are."""
    smoother = Smoother(config, CLASSES, PER_S)
    segments = []
    for piece in np.split(np.arange(len(logits)), sorted(cuts)):
        segments += smoother.push(logits[piece], level_db[piece])
    return segments + list(smoother.finish(len(logits) / 25 if duration is None else duration))


def said(*stretches: tuple[str, int]) -> Sequence:
    """Positions that clearly say a class, or are quiet, for so many positions each."""
    labels = np.repeat([label for label, _ in stretches], [n for _, n in stretches])
    logits = np.where(labels[:, None] == CLASSES, 4, 0).astype(np.float32)
    return logits, np.where(labels == SILENCE, QUIET, LOUD).astype(np.float32)


def labels(segments: list[Segment]) -> list[tuple[str, float]]:
    return [(s.label, s.duration) for s in segments]


@st.composite
def sequences(draw: st.DrawFn) -> Sequence:
    """Stretches of classes, doubt and silence, some clear and some noisy."""
    kinds = st.tuples(st.sampled_from([*CLASSES, "doubt", SILENCE]), st.integers(1, 40))
    stretches = draw(st.lists(kinds, min_size=1, max_size=12))
    logits, level_db = said(*stretches)
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    doubt = generator.standard_normal(logits.shape) * draw(st.sampled_from([0.01, 0.3, 3]))
    return logits + doubt.astype(np.float32), level_db


CONFIGS = st.builds(
    SmoothingConfig,
    transition_cost=st.sampled_from([0, 1, 6.1, 30]),
    min_duration_s=st.sampled_from([0, 0.1, 0.3, 2]),
    min_silence_s=st.sampled_from([0, 0.2, 0.5, 3]),
)


# Viterbi


def score_of(path: npt.ArrayLike, scores: npt.NDArray[np.float64], cost: float, state: int | None) -> float:
    """Score of a path by its definition."""
    path = np.asarray(path)
    entered = path if state is None else np.append(state, path)
    return scores[np.arange(len(path)), path].sum() - cost * np.count_nonzero(np.diff(entered))


def textbook_scores(
    scores: npt.NDArray[np.float64], cost: float, state: int | None
) -> npt.NDArray[np.float64]:
    """Best score of the paths that end in each class, position by position."""
    n_classes = scores.shape[1]
    best = np.zeros(n_classes) if state is None else np.where(np.arange(n_classes) == state, 0.0, -np.inf)
    for position, score in enumerate(scores):
        changed = np.full(n_classes, best.max() - cost) if position or state is not None else best
        best = np.maximum(best, changed) + score
    return best


def viterbi(
    scores: npt.NDArray[np.float64], cost: float, state: int | None = None, cuts: Iterable[int] = ()
) -> list[list[int]]:
    """The best path that ends in each class, then the best of all; positions arrive in pieces, cut at `cuts`."""
    paths = Viterbi(scores.shape[1], state)
    for piece in np.split(scores, sorted(cuts)):
        paths.push(piece, np.full(len(piece), cost))
    return [paths.path(last).tolist() for last in (*range(scores.shape[1]), None)]


problems = {
    "n_classes": st.integers(1, 4),
    "cost": st.sampled_from([0.0, 0.5, 2.0, 100.0]),
    "state": st.none() | st.integers(0, 3),
    "seed": st.integers(0, 2**32),
}


@settings(max_examples=60)
@given(n_positions=st.integers(1, 5), **problems)
def test_viterbi_finds_the_best_of_all_paths(
    n_positions: int, n_classes: int, cost: float, state: int | None, seed: int
) -> None:
    state = None if state is None else state % n_classes
    scores = np.random.default_rng(seed).normal(0, 2, (n_positions, n_classes))
    of_all = {p: score_of(p, scores, cost, state) for p in product(range(n_classes), repeat=n_positions)}
    *ending_in, best = viterbi(scores, cost, state)
    assert of_all[tuple(best)] == pytest.approx(max(of_all.values()))
    for k, path in enumerate(ending_in):
        assert path[-1] == k
        assert of_all[tuple(path)] == pytest.approx(max(s for p, s in of_all.items() if p[-1] == k))


@settings(max_examples=60)
@given(n_positions=st.integers(1, 2000), cuts=st.sets(st.integers(0, 2000), max_size=3), **problems)
def test_viterbi_in_pieces_scores_as_the_textbooks_loop(
    n_positions: int, n_classes: int, cost: float, state: int | None, seed: int, cuts: set[int]
) -> None:
    state = None if state is None else state % n_classes
    scores = np.random.default_rng(seed).normal(0, 2, (n_positions, n_classes))
    expected = textbook_scores(scores, cost, state)
    paths = viterbi(scores, cost, state, cuts)
    assert [score_of(p, scores, cost, state) for p in paths] == pytest.approx([*expected, expected.max()])


def test_of_equal_paths_the_one_that_changes_last_wins() -> None:
    assert viterbi(np.zeros((5, 2)), 1.0, state=1) == [[1, 1, 1, 1, 0], [1] * 5, [1] * 5]


def test_changes_that_cost_nothing_give_the_likeliest_class_of_each_position() -> None:
    scores = np.random.default_rng(0).standard_normal((500, 200))
    np.testing.assert_array_equal(viterbi(scores, 0.0)[-1], scores.argmax(axis=1))


@settings(max_examples=60)
@given(n_positions=st.integers(1, 300), **problems)
def test_what_the_survivors_agree_on_is_what_nothing_to_come_can_change(
    n_positions: int, n_classes: int, cost: float, state: int | None, seed: int
) -> None:
    state = None if state is None else state % n_classes
    scores = np.random.default_rng(seed).normal(0, 2, (n_positions, n_classes))
    paths = Viterbi(n_classes, state)
    decided: list[int] = []
    for score in scores:
        paths.push(score[None], np.array([cost]))
        if n := paths.agreed():
            decided += paths.decide(n).tolist()
    assert decided + paths.path().tolist() == viterbi(scores, cost, state)[-1]


def test_a_decision_before_the_survivors_agree_leaves_a_path_that_goes_on_from_it() -> None:
    even = np.zeros((100, 3))
    paths = Viterbi(3)
    paths.push(even, np.full(100, 12.0))
    assert paths.agreed() == 0
    decided = paths.decide(60).tolist()
    paths.push(np.repeat([[0.0, 0.0, 5.0]], 20, axis=0), np.full(20, 12.0))
    assert decided + paths.path().tolist() == [0] * 100 + [2] * 20


def test_hundreds_of_classes_cost_no_more_than_their_sums() -> None:
    labels = np.repeat(np.random.default_rng(0).integers(0, 527, 41), 50)
    logits = np.where(labels[:, None] == np.arange(527), 8, 0).astype(np.float32)
    smoother = Smoother(DEFAULT, tuple(map(str, range(527))), PER_S)
    start = time.process_time()
    segments = [*smoother.push(logits, np.full(2050, LOUD, np.float32)), *smoother.finish(82)]
    assert time.process_time() - start < 1.5  # all pairs of classes took 9 s
    assert [s.label for s in segments] == [str(label) for label, _ in groupby(labels)]


# Segments


@settings(max_examples=200)
@given(sequences(), CONFIGS, st.sets(st.integers(0, 400)))
@example(said(("speech", 20), (SILENCE, 5), ("music", 20)), SmoothingConfig(), {22, 23})
def test_a_stream_cut_anywhere_gives_the_segments_of_the_whole(
    sequence: Sequence, config: SmoothingConfig, cuts: set[int]
) -> None:
    at_once, streamed = smooth(*sequence, config), smooth(*sequence, config, cuts)
    assert [(s.start, s.end, s.label) for s in streamed] == [(s.start, s.end, s.label) for s in at_once]
    assert [s.confidence for s in streamed] == pytest.approx([s.confidence for s in at_once])


@pytest.mark.parametrize("seed", range(30))
def test_a_change_within_a_short_silence_does_not_depend_on_the_cuts(seed: int) -> None:
    # The posteriors there are as good for one moment of the change as for another.
    generator = np.random.default_rng(seed)
    stretches = [
        stretch
        for label in generator.choice(CLASSES, 20)
        for stretch in ((label, generator.integers(1, 30)), (SILENCE, generator.integers(0, 14)))
    ]
    logits, level_db = said(*stretches)
    logits = logits / 4 + generator.standard_normal(logits.shape).astype(np.float32)
    config = SmoothingConfig(transition_cost=6.1, min_duration_s=0, min_silence_s=0.6)
    cuts = generator.integers(0, len(logits), 10).tolist()
    at_once, streamed = smooth(logits, level_db, config), smooth(logits, level_db, config, cuts)
    assert [(s.start, s.label) for s in streamed] == [(s.start, s.label) for s in at_once]


@settings(max_examples=200)
@given(sequences(), CONFIGS, st.floats(-1, 1), st.sets(st.integers(0, 400), max_size=3))
def test_segments_tile_a_recording_that_ends_within_a_position_of_the_last(
    sequence: Sequence, config: SmoothingConfig, excess: float, cuts: set[int]
) -> None:
    duration = max(0.001, (len(sequence[0]) + excess) / 25)
    segments = smooth(*sequence, config, cuts, duration)
    Segmentation(duration, tuple(segments))
    assert all(s.duration > 0 and 0 <= s.confidence <= 1 for s in segments)
    assert all(a.label != b.label for a, b in pairwise(segments))


@settings(max_examples=200)
@given(sequences(), CONFIGS)
def test_a_short_segment_of_a_class_stands_only_between_silences_and_the_shorter_the_surer(
    sequence: Sequence, config: SmoothingConfig
) -> None:
    segments = smooth(*sequence, config)
    for before, segment, after in zip([None, *segments], segments, [*segments[1:], None], strict=False):
        if segment.label != SILENCE and segment.duration < config.min_duration_s - 1e-9:
            neighbours = {s.label for s in (before, after) if s}
            assert neighbours <= {SILENCE}
            if neighbours:  # else it is all there is
                assert segment.confidence >= 1 - segment.duration / config.min_duration_s - 1e-9


def between_silences(label: str, n: int, clearness: float) -> list[tuple[str, float]]:
    """What becomes of `n` positions that say a class so clearly, after other speech and between silences."""
    logits, level_db = said(("speech", 50), (SILENCE, 50), (label, n), (SILENCE, 50))
    logits[100 : 100 + n] *= clearness / 4
    return [(s.label, round(s.duration * 25)) for s in smooth(logits, level_db)]


@pytest.mark.parametrize("label", CLASSES)
def test_a_word_in_silence_stays_under_its_own_class_and_a_doubtful_click_does_not(label: str) -> None:
    assert between_silences(label, 8, clearness=1)[1:] == [(SILENCE, 50), (label, 8), (SILENCE, 50)]
    assert between_silences(label, 1, clearness=6)[1:] == [(SILENCE, 50), (label, 1), (SILENCE, 50)]
    assert between_silences(label, 1, clearness=1) == [("speech", 50), (SILENCE, 101)]


def test_a_doubtful_click_at_either_end_joins_the_silence_beside_it() -> None:
    logits, level_db = said(("music", 2), (SILENCE, 50), ("music", 2))
    assert labels(smooth(logits / 4, level_db)) == [(SILENCE, 54 / 25)]
    assert [s.label for s in smooth(4 * logits, level_db)] == ["music", SILENCE, "music"]
    assert [s.label for s in smooth(logits[:2] / 4, level_db[:2])] == ["music"]


def delay_of(boundary: int, logits: npt.NDArray[np.float32], level_db: npt.NDArray[np.float32]) -> int:
    """Positions after `boundary` until the segment that ends there has come out."""
    smoother = Smoother(DEFAULT, CLASSES, PER_S)
    for i in range(len(logits)):
        for segment in smoother.push(logits[i : i + 1], level_db[i : i + 1]):
            if round(segment.end * 25) == boundary:
                return i + 1 - boundary
    return len(logits)


@pytest.mark.parametrize("after", ["music", SILENCE])
def test_a_segment_comes_out_as_soon_as_what_follows_can_no_longer_join_it(after: str) -> None:
    """Not only once what follows has ended as well."""
    least_s = max(DEFAULT.min_duration_s, DEFAULT.min_silence_s)
    assert delay_of(100, *said(("speech", 100), (after, 500))) <= least_s * 25 + 4


@settings(max_examples=100)
@given(sequences())
def test_without_costs_and_durations_every_position_has_its_likeliest_class(sequence: Sequence) -> None:
    logits, level_db = sequence
    likeliest = np.where(level_db < -65, SILENCE, np.array(CLASSES)[logits.argmax(axis=1)])
    expected = [(label, len(list(run))) for label, run in groupby(likeliest)]
    assert [(s.label, round(s.duration * 25)) for s in smooth(logits, level_db, PLAIN)] == expected


def test_a_change_must_be_worth_its_cost() -> None:
    blip = said(("speech", 50), ("music", 3), ("speech", 50))  # 3 positions of 4 nats each
    config = SmoothingConfig(min_duration_s=0)
    assert len(smooth(*blip, replace(config, transition_cost=5.9))) == 3
    assert len(smooth(*blip, replace(config, transition_cost=6.1))) == 1


def test_a_short_segment_joins_the_neighbour_it_resembles() -> None:
    logits, level_db = said(("speech", 50), ("noise", 5), ("music", 50))
    for neighbour in (0, 1):
        doubtful = logits.copy()
        doubtful[50:55, neighbour] = 1
        segments = smooth(doubtful, level_db, SmoothingConfig(transition_cost=0, min_duration_s=0.3))
        assert labels(segments) == [
            ("speech", 2.2 - 0.2 * neighbour),
            ("music", pytest.approx(2 + 0.2 * neighbour)),
        ]


def test_a_long_quiet_stretch_is_silence_and_a_short_one_is_not() -> None:
    config = SmoothingConfig(min_silence_s=0.5)  # 12.5 positions
    for n, expected in ((12, ["speech"]), (13, ["speech", SILENCE, "speech"])):
        segments = smooth(*said(("speech", 50), (SILENCE, n), ("speech", 50)), config)
        assert [s.label for s in segments] == expected
    assert segments[1] == Segment(2.0, 2.52, SILENCE, 1.0)


def test_the_gate_takes_positions_below_its_level() -> None:
    logits, _ = said(("speech", 60))
    level_db = np.repeat([-40.0, -40.1, -39.9], 20).astype(np.float32)
    segments = smooth(logits, level_db, SmoothingConfig(silence_dbfs=-40.0))
    assert labels(segments) == [
        ("speech", 0.8),
        (SILENCE, pytest.approx(0.8)),
        ("speech", pytest.approx(0.8)),
    ]


@pytest.mark.parametrize("n", [1, 5, 12, 13, 1000, 10_000])
def test_a_recording_of_nothing_but_silence_is_one_silence_however_short(n: int) -> None:
    assert smooth(*said((SILENCE, n))) == [Segment(0.0, n / 25, SILENCE, 1.0)]


def test_a_recording_too_short_for_a_position_is_silence() -> None:
    assert smooth(*said(), duration=1e-5) == [Segment(0.0, 1e-5, SILENCE, 1.0)]


def test_confidence_is_the_softmax_of_the_mean_logits_of_what_sounds() -> None:
    logits, level_db = said(("speech", 10), (SILENCE, 5), ("speech", 10))
    logits[:10] = [3.0, 0.0, 1.0]
    logits[10:15] = 1000.0
    logits[15:] = [1.0, 2.0, 0.0]
    (segment,) = smooth(logits, level_db, SmoothingConfig(transition_cost=100))
    mean = np.array([2.0, 1.0, 0.5])
    assert segment.label == "speech"
    assert segment.confidence == pytest.approx(np.exp(mean[0]) / np.exp(mean).sum())


@pytest.mark.parametrize(
    ("label", "most_undecided"),
    [
        pytest.param("noise", 25, id="a class"),
        pytest.param(SILENCE, 25, id="digital silence"),
        pytest.param("doubt", 300 * 25, id="scores that tell nothing apart"),
    ],
)
def test_hours_of_one_thing_are_decided_in_bounded_memory(label: str, most_undecided: int) -> None:
    smoother = Smoother(SmoothingConfig(), CLASSES, PER_S)
    list(smoother.push(*said(("speech", 100))))
    chunk = said((label, 2000))
    for _ in range(50):  # 66 minutes
        list(smoother.push(*chunk))
        assert len(smoother._logits) <= most_undecided
        assert len(smoother._stretches) <= 2


@pytest.mark.parametrize("seed", range(3))
def test_a_decision_by_force_does_not_depend_on_the_cuts(seed: int) -> None:
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 0.01, (20_000, 3)).astype(np.float32)
    level_db = np.full(len(logits), LOUD, np.float32)
    cuts = generator.integers(0, len(logits), 30).tolist()
    assert smooth(logits, level_db) == smooth(logits, level_db, cuts=cuts)


def test_an_offset_moves_all_times_but_the_end() -> None:
    smoother = Smoother(DEFAULT, CLASSES, PER_S, offset_s=90.0)
    segments = [*smoother.push(*said(("speech", 50), ("music", 50))), *smoother.finish(94.0)]
    assert [(s.start, s.end) for s in segments] == [(90.0, 92.0), (92.0, 94.0)]


def test_hours_of_silence_at_the_start_are_decided_in_bounded_memory() -> None:
    smoother = Smoother(SmoothingConfig(), CLASSES, PER_S)
    for _ in range(20):
        list(smoother.push(*said((SILENCE, 2000))))
        assert len(smoother._logits) <= 300 * 25


def test_log_softmax_is_finite_for_large_logits() -> None:
    np.testing.assert_allclose(log_softmax(np.array([[1000.0, 0.0]])), [[0, -1000]])


@pytest.mark.parametrize(
    "nonsense",
    [
        {"transition_cost": -1},
        {"transition_cost": float("inf")},
        {"min_duration_s": float("nan")},
        {"min_silence_s": -0.1},
        {"silence_dbfs": 1},
        {"silence_dbfs": float("nan")},
        {"silence_dbfs": float("-inf")},
    ],
    ids=str,
)
def test_a_configuration_that_makes_no_sense_is_refused(nonsense: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be finite and at"):
        SmoothingConfig(**nonsense)
