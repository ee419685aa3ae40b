"""Scores of recordings: equal to independent libraries, and what figures are worth."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment  # comes with librosa

from swishcli.audio import Samples
from swishcli.evaluation.metrics import f1s, match_pairs, precisions
from swishcli.evaluation.report import Evaluation, tables, to_csv, to_dict, to_markdown, to_text
from swishcli.evaluation.scores import Score, ScoringConfig, Stretch, figures, relabel, score, total
from swishcli.evaluation.scoring import counted_windows, counted_windows_of, in_windows
from swishcli.evaluation.statistics import differences, intervals
from swishcli.segments import Segment, Segmentation

LABELS = ("speech", "music", "noise")
CONFIG = ScoringConfig(LABELS)
ORACLE = json.loads((Path(__file__).parent / "oracles/scores.json").read_text())


def segmentation(rows: list[tuple[float, float, str]], confidence: float | None = None) -> Segmentation:
    return Segmentation(rows[-1][1], tuple(Segment(*row, confidence) for row in rows))


PAIRS = [tuple(map(segmentation, pair)) for pair in ORACLE["pairs"]]


def scores(config: ScoringConfig = CONFIG) -> list[Score]:
    return [score(reference, hypothesis, config, str(n)) for n, (reference, hypothesis) in enumerate(PAIRS)]


@pytest.mark.parametrize("collar", [0.0, 0.25])
def test_the_detection_error_is_that_of_pyannote(collar: float) -> None:
    config = replace(CONFIG, collar_s=collar)
    found = figures(total(scores(config)), config)["detection_error_rate"]
    assert found == pytest.approx(ORACLE["figures"][f"detection_error_rate, collar {collar}"], abs=1e-9)


@pytest.mark.parametrize("figure", ["segment_f1", "segment_error_rate", "event_f1"])
def test_segment_and_event_based_scores_are_those_of_sed_eval(figure: str) -> None:
    assert figures(total(scores()), CONFIG)[figure] == pytest.approx(ORACLE["figures"][figure], abs=1e-9)


def test_precision_and_f1_leave_out_what_is_never_said() -> None:
    confusion = np.array([[6, 2, 0, 2], [0, 10, 0, 0], [0, 0, 0, 0]])
    assert precisions(confusion)[:2].tolist() == [1.0, 10 / 12]
    assert f1s(confusion)[:2].tolist() == [12 / 16, 20 / 22]
    assert np.isnan(precisions(confusion)[2])
    assert np.isnan(f1s(confusion)[2])


@given(st.lists(st.lists(st.integers(0, 7), max_size=5, unique=True), max_size=8))
def test_as_many_pairs_are_found_as_there_can_be(options: list[list[int]]) -> None:
    fits = np.zeros((len(options), 8))
    for row, columns in enumerate(options):
        fits[row, columns] = 1
    rows, columns = linear_sum_assignment(fits, maximize=True)
    assert match_pairs(options) == fits[rows, columns].sum()


def test_a_long_chain_of_exchanges_is_found() -> None:
    n = 3000  # deeper than Python recurses
    assert match_pairs([[k + 1, k] if k + 1 < n else [k] for k in reversed(range(n))]) == n


def test_a_perfect_hypothesis_has_no_errors() -> None:
    reference = segmentation([(0.0, 2.0, "speech"), (2.0, 5.0, "music")])
    found = score(reference, reference, CONFIG)
    assert (found.wrong_s, found.counted_s, found.errors) == (0.0, 5.0, ())
    by_name = figures(found.counts, CONFIG)
    assert by_name["accuracy"] == by_name["boundary_f1_0.2s"] == by_name["event_f1"] == 1
    assert by_name["detection_error_rate"] == by_name["segment_error_rate"] == 0


def test_silence_is_left_out_or_one_more_class() -> None:
    reference = segmentation([(0.0, 2.0, "speech"), (2.0, 4.0, "silence")])
    hypothesis = segmentation([(0.0, 1.0, "speech"), (1.0, 3.0, "silence"), (3.0, 4.0, "speech")])
    left_out = score(reference, hypothesis, CONFIG).counts.confusion
    assert left_out[0].tolist() == [100, 0, 0, 100]
    counted = score(reference, hypothesis, replace(CONFIG, count_silence=True)).counts.confusion
    assert counted.tolist()[0] == [100, 0, 0, 100, 0]
    assert counted.tolist()[3] == [100, 0, 0, 100, 0]


def test_what_a_hypothesis_lacks_is_missed_and_what_it_has_more_is_left_out() -> None:
    reference = segmentation([(0.0, 4.0, "speech")])
    short, long = (segmentation([(0.0, end, "speech")]) for end in (3.0, 9.0))
    assert score(reference, short, CONFIG).wrong_s == 1
    assert score(reference, long, CONFIG).wrong_s == 0


def test_the_longest_errors_come_first_with_their_times() -> None:
    reference = segmentation([(0.0, 2.0, "speech"), (2.0, 6.0, "music")])
    hypothesis = segmentation([(0.0, 1.5, "speech"), (1.5, 3.0, "noise"), (3.0, 6.0, "music")])
    first, second = score(reference, hypothesis, CONFIG).errors
    assert first == Stretch(2.0, 3.0, "music", "noise")
    assert second == Stretch(1.5, 2.0, "speech", "noise")


def test_labels_with_a_common_name_become_one_segment() -> None:
    voices = segmentation([(0.0, 1.0, "male"), (1.0, 2.0, "female"), (2.0, 3.0, "noEnergy")], 0.5)
    renamed = relabel(voices, {"male": "speech", "female": "speech", "noEnergy": "silence"})
    assert [(s.start, s.end, s.label) for s in renamed] == [(0.0, 2.0, "speech"), (2.0, 3.0, "silence")]


def test_confidence_is_judged_frame_by_frame() -> None:
    reference = segmentation([(0.0, 6.0, "speech"), (6.0, 10.0, "music")])
    hypothesis = segmentation([(0.0, 10.0, "speech")], 0.9)
    found = figures(score(reference, hypothesis, CONFIG).counts, CONFIG)["calibration_error"]
    assert found == pytest.approx(0.3)
    assert np.isnan(figures(scores()[0].counts, CONFIG)["calibration_error"])  # nobody gave one


def test_windows_that_count_are_the_same_in_blocks() -> None:
    generator = np.random.default_rng(3)
    levels = np.array([0.3, 0.001, 0.2, 0.02, 0.25])
    samples: Samples = (generator.standard_normal(5000) * levels.repeat(1000)).astype(np.float32)
    whole = counted_windows(samples, 1000)
    assert whole == counted_windows_of((samples[k : k + 700] for k in range(0, 5000, 700)), 1000)
    assert whole == [0, 2, 4]


def test_a_recording_of_one_label_is_judged_in_its_windows() -> None:
    hypothesis = segmentation([(0.0, 1.7, "speech"), (1.7, 4.0, "music")])
    reference, given = in_windows("speech", [0, 1, 3], hypothesis, LABELS)
    assert score(reference, given, CONFIG).counts.confusion[0].tolist() == [200, 100, 0, 0]


def test_intervals_hold_the_figure_and_shrink_with_more_recordings() -> None:
    few, value = intervals(scores(), CONFIG)["accuracy"], figures(total(scores()), CONFIG)["accuracy"]
    many = intervals(scores() * 16, CONFIG)["accuracy"]
    assert few.low < value < few.high
    assert many.high - many.low < (few.high - few.low) / 2


def test_a_system_does_not_differ_from_itself_and_does_from_the_reference() -> None:
    same = differences(scores(), scores(), CONFIG)["accuracy"]
    assert (same.value, same.p_value) == (0, 1)
    perfect = [score(reference, reference, CONFIG) for reference, _ in PAIRS]
    better = differences(scores(), perfect, CONFIG)["accuracy"]
    assert better.value == pytest.approx(1 - figures(total(scores()), CONFIG)["accuracy"])
    assert better.interval.low > 0
    assert better.p_value < 0.1  # of six recordings two in 64 exchanges differ as much


def test_every_report_has_the_same_figures() -> None:
    evaluation = Evaluation(scores(), CONFIG, scores())
    accuracy = evaluation.figures["accuracy"]
    shown = tables(evaluation, worst=2)
    assert f"accuracy                        {accuracy:.4f}" in to_text(shown)
    assert f"| accuracy | {accuracy:.4f} |" in to_markdown(shown)
    described = json.loads(json.dumps(to_dict(evaluation)))
    assert described["figures"]["accuracy"] == accuracy
    assert described["figures"]["calibration_error"] is None
    header, first, *_ = to_csv(evaluation).splitlines()
    row = dict(zip(header.split(","), first.split(","), strict=True))
    assert (row["scope"], row["accuracy"]) == ("all", f"{accuracy:.6f}")
    worst = next(table for table in shown if table.title == "Most seconds wrong")
    assert len(worst.rows) == 2


def test_tolerances_must_be_times() -> None:
    with pytest.raises(ValueError, match="at least 0 s"):
        ScoringConfig(LABELS, tolerances_s=(-1.0,))


def test_recordings_of_silence_alone_have_no_figures() -> None:
    silent = segmentation([(0.0, 2.0, "silence")])
    config = ScoringConfig(())
    evaluation = Evaluation([score(silent, silent, config)] * 2, config)
    assert all(np.isnan(value) for value in evaluation.figures.values())
    assert to_text(tables(evaluation)) == ""
    assert json.loads(json.dumps(to_dict(evaluation)))["figures"]["accuracy"] is None


def test_ten_hours_of_short_segments_are_scored() -> None:
    ends = np.arange(1, 120_001) * 0.3
    rows = [(end - 0.3, end, LABELS[k % 3]) for k, end in enumerate(ends.tolist())]
    edges = [0.0, *(end for _, end, _ in rows)]
    long = Segmentation(
        edges[-1], tuple(Segment(a, b, r[2]) for (a, b), r in zip(pairwise(edges), rows, strict=True))
    )
    assert figures(score(long, long, CONFIG).counts, CONFIG)["event_f1"] == 1
