"""Pictures show what was found where it was found: checked by what they are made of, not by their pixels."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from conftest import Swish, names, tone
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import swishcli
from swishcli.errors import AudioError
from swishcli.evaluation.pairing import Pair, labels_of
from swishcli.evaluation.report import Evaluation
from swishcli.evaluation.scores import ScoringConfig, score
from swishcli.pictures.drawing import save
from swishcli.pictures.evaluation import draw_evaluation, wrong_shares
from swishcli.pictures.overview import look_at
from swishcli.pictures.palette import looks_of
from swishcli.pictures.recording import draw_recording
from swishcli.segments import Segment, Segmentation, tile

FOUND = Segmentation(
    20.0,
    (Segment(0.0, 12.0, "speech"), Segment(12.0, 15.0, "music"), Segment(15.0, 20.0, "silence")),
    "talks/a.wav",
)
HOSTILE = '<script>alert("$\\frac&")</script>\n.wav'


def row(figure: Figure, name: str) -> Axes:
    (found,) = (axes for axes in figure.axes if axes.get_ylabel() == name)
    return found


def areas(axes: Axes) -> dict[str, list[tuple[float, float]]]:
    """Where the areas of each label begin and end."""
    return {
        str(collection.get_label()): [
            (path.vertices[:, 0].min(), path.vertices[:, 0].max()) for path in collection.get_paths()
        ]
        for collection in axes.collections
    }


def times(axes: Axes) -> list[str]:
    return [label.get_text() for label in axes.get_xticklabels()]


def svg_text(path: Path) -> list[str]:
    texts = ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")
    return ["".join(element.itertext()) for element in texts]


def test_areas_lie_where_the_segments_lie_in_the_colours_of_their_classes() -> None:
    figure = draw_recording(FOUND)
    ribbon = row(figure, "segments")
    assert areas(ribbon) == {"speech": [(0, 12)], "music": [(12, 15)], "silence": [(15, 20)]}
    for collection in ribbon.collections:
        look = looks_of(["speech", "music", "silence"])[str(collection.get_label())]
        assert matplotlib.colors.to_hex(collection.get_facecolor()[0]) == look.color
        assert collection.get_hatch() == look.pattern.hatch
    assert [text.get_text() for text in ribbon.texts] == ["speech", "music", "silence"]
    assert ribbon.get_xlim() == (0, 20)
    assert times(ribbon)[:2] == ["0:00:00", "0:00:02"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["speech", "music", "silence"]


def test_a_segment_too_short_for_its_label_has_its_letter_or_nothing() -> None:
    stretches = [(0.0, 3.0, "speech"), (3.0, 3.1, "music"), (3.1, 100.0, "noise")]
    ribbon = row(draw_recording(Segmentation(100.0, tile(100.0, stretches, "noise"))), "segments")
    assert [text.get_text() for text in ribbon.texts] == ["S", "noise"]


def test_a_ribbon_of_too_many_segments_shows_the_share_of_each_class() -> None:
    stretches = ((i * 4.0, i * 4.0 + 1, "speech") for i in range(9000))
    found = Segmentation(36_000.0, tile(36_000.0, stretches, "music"))
    ribbon = row(draw_recording(found), "segments")
    (speech,) = (c for c in ribbon.collections if c.get_label() == "speech")
    heights = np.unique(speech.get_paths()[0].vertices[:, 1].round(2))
    assert heights[0] == 0
    assert heights[1:] == pytest.approx(0.25, abs=0.02)
    assert times(ribbon) == [f"{hour}:00:00" for hour in range(11)]
    assert not ribbon.texts


def test_the_reference_is_a_second_ribbon() -> None:
    reference = Segmentation(20.0, (Segment(0.0, 11.0, "speech"), Segment(11.0, 20.0, "noise")))
    figure = draw_recording(FOUND, reference=reference)
    assert areas(row(figure, "found"))["speech"] == [(0, 12)]
    assert {k: v for k, v in areas(row(figure, "reference")).items() if v} == {
        "speech": [(0, 11)],
        "noise": [(11, 20)],
    }


def test_the_sound_stands_above_the_segments_at_the_same_times() -> None:
    samples = np.concatenate([np.zeros(16000 * 12, np.float32), tone(16000, 8.0, hz=1000.0)])
    figure = draw_recording(FOUND, look_at(samples))
    assert len({axes.get_xlim() for axes in figure.axes}) == 1
    (image,) = row(figure, "Hz").images
    left, right, *_ = image.get_extent()
    columns = np.linspace(left, right, image.get_array().shape[1], endpoint=False)
    loud = columns[image.get_array().max(axis=0) > -20]
    assert loud[[0, -1]] == pytest.approx([12, 20], abs=0.1)
    pitches = row(figure, "Hz").get_yticks()
    assert image.get_array()[:, -20].argmax() == pytest.approx(pitches[2], abs=0.7)  # that of 1 kHz
    waveform = row(figure, "amplitude")
    assert [line.get_xdata()[0] for line in waveform.lines] == [12, 15]  # boundaries


def test_times_of_a_part_are_those_of_the_recording() -> None:
    part = Segmentation(7210.0, (Segment(7200.0, 7205.0, "speech"), Segment(7205.0, 7210.0, "music")))
    assert times(row(draw_recording(part), "segments"))[0] == "2:00:00"


def test_names_are_text_and_neither_markup_nor_formulas(tmp_path: Path) -> None:
    found = Segmentation(9.0, (Segment(0, 5, "$x_$<b>"), Segment(5, 9, "\x1b[0m")), HOSTILE)
    save(draw_recording(found), tmp_path / "a.svg")
    texts = svg_text(tmp_path / "a.svg")
    assert "$x_$<b>" in texts
    assert "\\x1b[0m" in texts
    assert any(text.startswith("script>") for text in texts)
    assert "<script" not in (tmp_path / "a.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_the_same_picture_is_the_same_file(suffix: str, tmp_path: Path) -> None:
    for name in ("a", "b"):
        FOUND.plot(tmp_path / f"{name}.{suffix}")
    assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


def test_segmentations_draw_themselves_with_the_sound_of_their_recording(
    tiny_model: Path, samples: Path, tmp_path: Path
) -> None:
    found = swishcli.load(tiny_model).segment(samples / "phone.wav")
    figure = found.plot(tmp_path / "phone.png")
    assert row(figure, "Hz").images
    assert (tmp_path / "phone.png").read_bytes().startswith(b"\x89PNG")
    assert not any(axes.get_ylabel() == "Hz" for axes in FOUND.plot().axes)  # of a file that is not there
    (tmp_path / "text.wav").write_text("no sound")
    with pytest.raises(AudioError):
        Segmentation(1.0, (Segment(0, 1, "a"),), str(tmp_path / "text.wav")).plot()


def pair(found: Segmentation, reference: Segmentation, name: str = "a") -> Pair:
    return Pair(name, "", reference, found)


def test_an_evaluation_draws_its_confusions_its_calibration_and_where_the_errors_are() -> None:
    reference = Segmentation(100.0, (Segment(0, 60, "speech"), Segment(60, 100, "music")))
    found = Segmentation(100.0, (Segment(0, 70, "speech", 0.7), Segment(70, 100, "music", 0.9)))
    pairs = [pair(found, reference, "<b>$a$"), pair(reference, reference, "right")]
    config = ScoringConfig(labels_of(pairs))
    scores = [score(p.reference, p.hypothesis, config, p.name) for p in pairs]
    figure = draw_evaluation(Evaluation(scores, config), pairs)
    matrix, reliability, errors = figure.axes  # one recording has errors, and one has not
    assert config.labels == ("speech", "music")
    cells = {tuple(map(round, text.get_position())): text.get_text() for text in matrix.texts}
    assert cells[(0, 0)] == "100.0%\n120.0 s"
    assert cells[(0, 1)] == "12.5%\n10.0 s"
    assert cells[(1, 1)] == "87.5%\n70.0 s"
    points = np.asarray(reliability.collections[0].get_offsets())
    np.testing.assert_allclose(points, [[0.7, 60 / 70], [0.9, 1.0]])
    assert errors.get_title("left") == "<b>$a$: 10.0 s wrong"
    wrong = errors.collections[-1].get_paths()[0].vertices
    raised = wrong[wrong[:, 1] > 0.1, 0]
    assert [raised.min(), raised.max()] == pytest.approx([60, 70], abs=0.2)


def test_evaluations_of_any_size_are_drawn() -> None:
    nothing_wrong = [pair(FOUND, FOUND, str(i)) for i in range(30)]
    config = ScoringConfig(tuple(f"class {i}" for i in range(20)) + labels_of(nothing_wrong))
    evaluation = Evaluation([score(FOUND, FOUND, config) for _ in nothing_wrong], config)
    assert len(draw_evaluation(evaluation, nothing_wrong).axes) == 3


@given(st.lists(st.sampled_from("abs"), min_size=1, max_size=40), st.integers(1, 50))
def test_shares_of_what_is_wrong_add_up_to_what_is_counted(labels: list[str], columns: int) -> None:
    names = {"a": "a", "b": "b", "s": "silence"}
    n = len(labels)
    reference = Segmentation(n, tile(n, ((i, i + 1, names[c]) for i, c in enumerate(labels)), "a"))
    found = Segmentation(n, (Segment(0, n, "a"),))
    config = ScoringConfig(("a", "b"))
    shares = wrong_shares(pair(found, reference), config, columns)
    lengths = np.diff(np.linspace(0, n * 100, len(shares) + 1).astype(int)) / 100
    assert shares @ lengths == pytest.approx(score(reference, found, config).wrong_s, abs=1e-3)


def test_evaluate_draws_what_it_says(swish: Swish, tiny_model: Path, samples: Path, tmp_path: Path) -> None:
    done = swish("evaluate", samples, "--model", tiny_model, "--plot", tmp_path / "a.svg", "--json")
    assert done.returncode == 0, done.stderr
    texts = svg_text(tmp_path / "a.svg")
    assert any(text.startswith("programme: ") for text in texts)
    assert (
        f"expected calibration error {json.loads(done.stdout)['figures']['calibration_error']:.3f}" in texts
    )
    assert swish("evaluate", samples, "--model", tiny_model, "--plot", "a.jpg").returncode == 2


def test_a_plot_has_posteriors_and_the_reference(
    swish: Swish, tiny_model: Path, samples: Path, tmp_path: Path
) -> None:
    file = tmp_path / "a.svg"
    done = swish(
        "segment",
        samples / "phone.wav",
        "--model",
        tiny_model,
        "--plot",
        file,
        "--reference",
        samples / "phone.tsv",
    )
    assert done.returncode == 0
    assert done.stdout.startswith("path\t")  # a picture takes nothing away
    assert {"probability", "reference", "found", "amplitude", "0:00:09", "noise"} <= {*svg_text(file)}


def test_a_batch_of_pictures(swish: Swish, tiny_model: Path, samples: Path, tmp_path: Path) -> None:
    arguments = (samples / "phone.wav", samples / "stereo-44k.mp3", "--model", tiny_model, "-o", tmp_path)
    done = swish("segment", *arguments, "--format", "svg,json", "--reference", samples)
    assert done.returncode == 0, done.stderr
    found = names(tmp_path)
    assert found == ["phone.json", "phone.svg", "stereo-44k.json", "stereo-44k.svg"]
    assert "reference" in svg_text(tmp_path / "phone.svg")
    again = swish("segment", *arguments, "--format", "svg,json", "--skip-existing")
    assert "2 were there already" in again.stderr
    split = swish("segment", samples / "stereo-44k.mp3", "--channel", "split", *arguments[2:], "-f", "svg")
    assert split.returncode == 0
    assert "stereo-44k.mp3, channel 1, 0:00:12.3" in svg_text(tmp_path / "stereo-44k.channel1.svg")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("phone.wav --plot a.gif", "must end in .png, .svg or .pdf"),
        ("phone.wav music.flac --plot a.png", "draws one recording"),
        (". --plot a.png", "draws one recording"),
        ("*.flac --plot a.png", "draws one recording"),
        ("phone.wav --channel split --plot a.png", "draws one recording"),
        ("phone.wav --format png", "is a picture"),
        ("phone.wav --reference phone.tsv", "it needs --plot"),
        ("phone.wav --plot a.png --reference none.tsv", "does not exist"),
        (". -o out --format png --reference phone.tsv", "need a folder"),
        (". -o out.png --format png", "looks like a file"),
        ("phone.wav --plot no/folder/a.png", "cannot be written"),
    ],
)
def test_what_cannot_be_drawn_is_said(
    swish: Swish, samples: Path, tmp_path: Path, arguments: str, words: str
) -> None:
    for file in samples.iterdir():
        (tmp_path / file.name).symlink_to(file)
    done = swish("segment", *arguments.split(), cwd=tmp_path)
    assert done.returncode in (1, 2)
    assert words in " ".join(done.stderr.replace("│", " ").split())
    assert not (tmp_path / "out").exists()


def test_without_matplotlib_it_is_said_what_to_install(
    monkeypatch: pytest.MonkeyPatch, samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from swishcli.cli.main import main

    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["segment", str(samples / "phone.wav"), "--plot", str(tmp_path / "a.png")]) == 2
    assert capsys.readouterr().err == "swish: pictures need matplotlib: pip install 'swishcli[plot]'\n"


def test_what_is_left_out_leaves_the_axis_as_long() -> None:
    overview = look_at(tone(16000, 20.0))
    only = FOUND.only("music")
    figures = draw_recording(only, overview), draw_recording(only), draw_recording(FOUND.only("noise"))
    assert [row(figure, "segments").get_xlim() for figure in figures] == [(0, 20)] * 3


@pytest.mark.parametrize("sound", [np.zeros(48_000, np.float32), np.full(1, 0.1, np.float32)])
def test_silence_is_dark_and_a_single_sample_is_drawn(sound: np.ndarray) -> None:
    found = Segmentation(len(sound) / 16000, (Segment(0.0, len(sound) / 16000, "silence"),))
    figure = draw_recording(found, look_at(sound))
    (image,) = row(figure, "Hz").images
    if not sound.any():
        assert image.get_array().max() <= image.get_clim()[0] + 0.1
    heights = row(figure, "amplitude").collections[0].get_paths()[0].vertices[:, 1]
    assert [heights.min(), heights.max()] == pytest.approx([sound.min(), sound.max()])
