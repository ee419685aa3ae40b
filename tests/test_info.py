"""``swish info`` and ``swish models``: what is said of models and recordings."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import copy

import av
import numpy as np
import pytest
import soundfile
from conftest import Swish, tone

from swishcli.checkpoint import load_checkpoint, named_models, shipped_models
from swishcli.cli.main import main

RATE = 16000


def printed(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> list[dict[str, object]]:
    """The objects that a command prints with ``--json`` when all is well."""
    assert main([*map(str, arguments), "--json"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture(scope="module")
def two_tracks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Matroska file with a German mono track and an English stereo one, which is the default."""
    path = tmp_path_factory.mktemp("tracks") / "two.mka"
    with av.open(str(path), "w") as container:
        for language, layout in (("ger", "mono"), ("eng", "stereo")):
            track = container.add_stream("pcm_s16le", rate=RATE, layout=layout)
            track.metadata["language"] = language
            track.disposition = (
                av.stream.Disposition.default if language == "eng" else av.stream.Disposition(0)
            )
        for track in container.streams.audio:
            sound = np.tile(tone(RATE), (track.layout.nb_channels, 1))
            samples = (sound * 32767).astype(np.int16).T.reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(samples, "s16", track.layout.name)
            frame.sample_rate, frame.pts = RATE, 0
            container.mux(track.encode(frame))
            container.mux(track.encode())
    return path


def test_every_shipped_model_is_listed_with_its_cost_and_results(capsys: pytest.CaptureFixture[str]) -> None:
    listed = printed(capsys, "models")
    assert [model["name"] for model in listed] == list(named_models())
    for model in listed:
        checkpoint = load_checkpoint(str(model["path"]))
        assert model["parameters"] == checkpoint.network.n_parameters
        assert model["size_bytes"] == Path(str(model["path"])).stat().st_size
        # The classic network, over time alone, is the yardstick of the others.
        assert model["validation"]["macro_recall"] > (0.85 if model["name"] == "classic" else 0.9)


def test_models_fit_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split("\t")[:3] == ["model", "bytes", "parameters"]
    assert [row.split("\t")[0] for row in rows] == list(named_models())


def test_models_of_the_users_folder_have_names(
    swish: Swish, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, samples: Path
) -> None:
    monkeypatch.setenv("SWISH_MODELS", str(tmp_path))
    copy(tiny_model, tmp_path / "mine.safetensors")
    (tmp_path / "broken.safetensors").write_text("no model")
    listed = swish("models")
    names = [line.split("\t")[0] for line in listed.stdout.splitlines()]
    assert {"slim", "wide", "mine"} <= set(names)
    assert listed.returncode == 1
    assert "broken.safetensors: is not a readable safetensors file" in listed.stderr
    assert swish("classify", samples / "phone.wav", "--model", "mine").returncode == 0


def test_a_model_says_what_it_is_and_was_made_from(capsys: pytest.CaptureFixture[str]) -> None:
    (model,) = printed(capsys, "info", "slim")
    assert model["kind"] == "model"
    assert model["labels"] == ["speech", "music", "noise"]
    assert model["command"].startswith("swish train ")
    network = load_checkpoint(shipped_models()["slim"])
    assert model["latency_s"] == network.latency_s > model["look_ahead_s"]
    for data in model["data"]:
        assert data["train_minutes"] > data["validation_minutes"] > 1
        assert data["sources"] > 5
        assert len(data["licences"]) == len(set(data["licences"])) > 5


def test_a_model_without_a_history_is_told_without_one(
    capsys: pytest.CaptureFixture[str], tiny_model: Path
) -> None:
    assert main(["info", str(tiny_model)]) == 0
    properties = dict(line.split("\t")[1:] for line in capsys.readouterr().out.splitlines())
    assert properties["labels"] == "speech, music, noise"
    assert not {"trained with", "epochs", "recall in validation", "data: speech"} & set(properties)


@pytest.mark.parametrize(
    ("name", "container", "codec", "rate", "channels"),
    [
        ("phone.wav", "wav", "ulaw", 8000, 1),
        ("stereo-44k.mp3", "mp3", "mp3float", 44100, 2),
        ("music.flac", "flac", "flac", 16000, 1),
    ],
)
def test_a_recording_says_what_it_holds(
    name: str,
    container: str,
    codec: str,
    rate: int,
    channels: int,
    samples: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (found,) = printed(capsys, "info", samples / name)
    assert found["kind"] == "recording"
    assert found["container"] == container
    assert found["tracks"] == [{"codec": codec, "sample_rate": rate, "channels": channels, "language": None}]
    assert found["said_duration"] == pytest.approx(found["duration"], abs=0.01)
    assert found["size_bytes"] == (samples / name).stat().st_size
    assert found["warnings"] == []


def test_all_tracks_are_told_and_which_is_read(two_tracks: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = printed(capsys, "info", two_tracks)
    assert [(t["language"], t["channels"]) for t in found["tracks"]] == [("ger", 1), ("eng", 2)]
    assert found["track"] == 1
    main(["info", str(two_tracks)])
    assert "track 1\tpcm_s16le, 16000 Hz, 2 channels, eng, the one that is read\n" in capsys.readouterr().out


def test_what_is_missing_shows_beside_what_was_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 5 * RATE)
    whole, cut = tmp_path / "whole.flac", tmp_path / "cut.flac"
    soundfile.write(whole, noise, RATE)
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    (found,) = printed(capsys, "info", cut)
    assert found["said_duration"] == 5.0
    assert 2.0 < found["duration"] < 3.0
    assert "may be truncated" in found["warnings"][-1]


def test_what_cannot_be_read_is_a_sentence_and_the_rest_is_told(
    tmp_path: Path, samples: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "no.safetensors").write_text("no model")
    (tmp_path / "text.wav").write_text("no sound")
    paths = [tmp_path / "no.safetensors", tmp_path / "text.wav", tmp_path / "absent", samples / "phone.wav"]
    assert main(["info", *map(str, paths), "--json"]) == 1
    said = capsys.readouterr()
    assert [json.loads(line)["path"] for line in said.out.splitlines()] == [str(paths[-1])]
    lines = said.err.splitlines()
    assert lines[0].startswith(f"swish: {paths[0]}: is not a readable safetensors file")
    assert lines[1].startswith(f"swish: {paths[1]}: is not a recording that can be decoded")
    assert lines[2] == f"swish: {paths[2]}: no such file"


def test_standard_input_is_told_of_too(swish: Swish, samples: Path) -> None:
    done = swish("info", "-", "--json", input=(samples / "music.flac").read_bytes())
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert (found["container"], found["size_bytes"], found["duration"]) == ("flac", None, 10.0)


def test_a_track_that_nothing_decodes_does_not_cost_the_others(
    two_tracks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "strange.mka"
    path.write_bytes(two_tracks.read_bytes().replace(b"A_PCM/INT/LIT", b"A_XYZ/INT/LIT", 1))
    (found,) = printed(capsys, "info", path)
    assert [track["codec"] for track in found["tracks"]] == ["unknown", "pcm_s16le"]
    assert (found["track"], found["duration"]) == (1, 1.0)
