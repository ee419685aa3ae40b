"""What can be heard beneath: segments that may overlap, from the network's second answer to every format."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import praatio.textgrid
import pytest
from conftest import Swish
from hypothesis import given
from hypothesis import strategies as st
from pympi.Elan import Eaf

from swishcli.analysis import Analysis
from swishcli.checkpoint import load_checkpoint
from swishcli.errors import CheckpointError
from swishcli.formats import FORMATS, read_segments
from swishcli.jobs.task import Selection
from swishcli.layers import LayerAnalyser
from swishcli.model import load
from swishcli.segments import Classification, Segment, Segmentation, layered
from swishcli.smoothing import SmoothingConfig

LAYERS = replace(
    layered(
        10.0,
        [
            Segment(1.0, 4.0, "speech", 0.9),
            Segment(0.0, 6.5, "music", 0.8),
            Segment(6.0, 10.0, "speech", 0.7),
            Segment(3.0, 3.5, "noise", 0.6),
        ],
    ),
    path="show.wav",
)
TIERS = {
    "music": [(0.0, 6.5)],
    "noise": [(3.0, 3.5)],
    "speech": [(1.0, 4.0), (6.0, 10.0)],
}


def times_of(segmentation: Segmentation, label: str) -> list[tuple[float, float]]:
    return [(s.start, s.end) for s in segmentation if s.label == label]


def test_each_class_is_heard_where_its_log_odds_say_so_whatever_the_others_do(tiny_model: Path) -> None:
    checkpoint = load_checkpoint(tiny_model)
    smoothing = SmoothingConfig(transition_cost=2, min_duration_s=0.2)
    heard = np.full((250, 3), -3, np.float32)  # 10 s
    heard[50:150, 0] = heard[:, 1] = 3
    heard[200:203, 2] = 3  # shorter than the shortest segment
    analyser = LayerAnalyser(checkpoint, smoothing)
    for start in range(0, 250, 60):
        part = heard[start : start + 60]
        analyser.push(part, np.full(len(part), -20, np.float32))
    layers = analyser.finish(10.0)
    assert layers.layered
    assert [(s.label, s.start, s.end) for s in layers] == [("music", 0, 10), ("speech", 2, 6)]
    assert layers.segments[0].confidence == pytest.approx(1 / (1 + np.exp(-3)), abs=1e-3)


def test_silence_holds_nothing_that_could_be_heard(tiny_model: Path) -> None:
    analyser = LayerAnalyser(load_checkpoint(tiny_model))
    analyser.push(np.full((100, 3), 5, np.float32), np.full(100, -90, np.float32))
    assert not analyser.finish(4.0).segments


def test_a_model_without_the_answer_says_so(tiny_model: Path) -> None:
    checkpoint = load_checkpoint(tiny_model)
    deaf = replace(checkpoint, network=replace(checkpoint.network, audible=False))
    with pytest.raises(CheckpointError, match="does not say which classes can be heard"):
        LayerAnalyser(deaf)


@pytest.mark.parametrize(
    "segments",
    [
        (Segment(0.0, 2.0, "a"), Segment(1.0, 3.0, "a")),
        (Segment(2.0, 3.0, "a"), Segment(0.0, 1.0, "a")),
        (Segment(0.0, 4.1, "a"),),
    ],
    ids=["overlap of one label", "not in order", "after the end"],
)
def test_layers_of_one_label_follow_each_other_within_the_recording(segments: tuple[Segment, ...]) -> None:
    with pytest.raises(ValueError, match="do not follow"):
        Segmentation(4.0, segments, layered=True)


SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 8)), max_size=8)


@given(SPANS, SPANS)
def test_what_is_left_is_what_the_others_do_not_cover(
    own: list[tuple[int, int]], other: list[tuple[int, int]]
) -> None:
    edges = sorted({t for start, length in own for t in (start, start + length)} | {0, 48})
    whole = Segmentation(48.0, tuple(Segment(a, b, str(a)) for a, b in itertools.pairwise(edges)))
    others = layered(48.0, [Segment(a, a + n, str(i)) for i, (a, n) in enumerate(other)])
    left = whole.without(others)
    covered = {t for a, n in other for t in range(a, a + n)}
    kept = [t for s in left for t in range(round(s.start), round(s.end))]
    assert kept == [t for t in range(48) if t not in covered]
    assert all(s.label == whole.label_at(s.start) for s in left)


def test_clean_speech_is_speech_with_nothing_else_beneath() -> None:
    labels = (Segment(0.0, 1.0, "music"), Segment(1.0, 9.0, "speech"), Segment(9.0, 10.0, "music"))
    answer = Analysis(Classification(10.0, "speech", 1.0), Segmentation(10.0, labels), LAYERS)
    clean = Selection("speech", clean="speech").of(answer).segmentation
    assert [(s.start, s.end, s.label) for s in clean] == [(6.5, 9.0, "speech")]


def test_json_keeps_layers(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(FORMATS["json"].render(LAYERS))
    assert read_segments(path) == LAYERS


def test_praat_has_a_tier_for_each_class(tmp_path: Path) -> None:
    path = tmp_path / "a.TextGrid"
    path.write_text(FORMATS["textgrid"].render(LAYERS))
    grid = praatio.textgrid.openTextgrid(str(path), includeEmptyIntervals=False)
    assert {name: [(i.start, i.end) for i in grid.getTier(name).entries] for name in grid.tierNames} == TIERS


def test_elan_has_a_tier_for_each_class(tmp_path: Path) -> None:
    path = tmp_path / "a.eaf"
    path.write_text(FORMATS["elan"].render(LAYERS))
    found = Eaf(str(path))
    tiers = {name: found.get_annotation_data_for_tier(name) for name in found.get_tier_names()}
    assert {name: [(a / 1000, b / 1000) for a, b, _ in rows] for name, rows in tiers.items()} == TIERS


def test_rttm_has_a_line_for_each_segment() -> None:
    lines = [line.split() for line in FORMATS["rttm"].render(LAYERS).splitlines()]
    assert [(fields[7], float(fields[3])) for fields in lines] == [
        ("music", 0.0),
        ("speech", 1.0),
        ("noise", 3.0),
        ("speech", 6.0),
    ]


def test_layers_are_printed_and_written(
    swish: Swish, tiny_model: Path, samples: Path, tmp_path: Path
) -> None:
    programme = samples / "programme.flac"
    options = "--layers", "--model", tiny_model, "--transition-cost", "1", "--min-duration", "0"
    printed = json.loads(swish("segment", programme, "--json", *options).stdout)
    layers = load(tiny_model)
    assert printed["layered"]
    assert {s["label"] for s in printed["segments"]} <= set(layers.classes)
    swish("segment", programme, "-o", tmp_path, "-f", "json,textgrid", *options)
    written = read_segments(tmp_path / "programme.json")
    assert [s.start for s in written] == [s["start"] for s in printed["segments"]]
    grid = praatio.textgrid.openTextgrid(str(tmp_path / "programme.TextGrid"), includeEmptyIntervals=False)
    assert set(grid.tierNames) == {s["label"] for s in printed["segments"]}


def test_classify_says_how_much_can_be_heard_of_each(swish: Swish, tiny_model: Path, samples: Path) -> None:
    programme = samples / "programme.flac"
    answer = json.loads(swish("classify", programme, "--json", "--layers", "--model", tiny_model).stdout)
    layers = load(tiny_model).layers(programme)
    assert answer["audible"] == {
        name: pytest.approx(layers.total(name) / layers.duration, abs=1e-3) for name in answer["audible"]
    }
    header, row = swish("classify", programme, "--csv", "--layers", "--model", tiny_model).stdout.splitlines()
    assert header.split(",")[-3:] == ["speech_audible", "music_audible", "noise_audible"]
    assert [float(cell) for cell in row.split(",")[-3:]] == pytest.approx(list(answer["audible"].values()))


@pytest.mark.parametrize(
    ("options", "reason"),
    [("--clean", "needs --only LABEL"), ("--layers --only speech --clean", "choose one of them")],
)
def test_what_makes_no_sense_with_layers_is_wrong_usage(
    swish: Swish, tiny_model: Path, samples: Path, options: str, reason: str
) -> None:
    done = swish("segment", samples / "programme.flac", *options.split(), "--model", tiny_model)
    assert done.returncode == 2
    assert reason in " ".join(done.stderr.split())
