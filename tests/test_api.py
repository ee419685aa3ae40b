"""The package as other programs use it: load a model, give it a file or samples."""

from __future__ import annotations

import io
import pickle
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import swishcli
from swishcli import Model, Segmentation, SmoothingConfig
from swishcli.audio import Decoding, Samples
from swishcli.errors import AudioError, CheckpointError
from swishcli.inference import FrameScores


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> Model:
    return swishcli.load(tiny_model, device="cpu", threads=1)


@pytest.fixture(scope="module")
def programme(samples: Path) -> Samples:
    return soundfile.read(samples / "programme.flac", dtype="float32")[0]


def same(a: Segmentation, b: Segmentation) -> bool:
    """Whether two segmentations say the same, whatever recording they are of."""
    confidences = [[segment.confidence for segment in s.segments] for s in (a, b)]
    times = [[(segment.start, segment.end, segment.label) for segment in s.segments] for s in (a, b)]
    # Blocks of other sizes are summed in another order.
    return (
        a.duration == b.duration and times[0] == times[1] and confidences[0] == pytest.approx(confidences[1])
    )


def test_every_public_name_is_there_and_listed() -> None:
    assert sorted(swishcli.__all__) == sorted(set(swishcli.__all__))
    for name in swishcli.__all__:
        assert getattr(swishcli, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = swishcli.nothing


@pytest.mark.parametrize("code", ["import swishcli", "import swishcli; swishcli.load(sys.argv[1])"])
def test_neither_the_import_nor_a_model_on_the_cpu_pays_for_torch(code: str, tiny_model: Path) -> None:
    heavy = "{'torch', 'torchaudio', 'librosa', 'numba', 'matplotlib', 'scipy', 'rich', 'typer'}"
    program = f"import sys; {code}; print(*{heavy} & sys.modules.keys())"
    done = subprocess.run(
        [sys.executable, "-c", program, tiny_model], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


def test_a_classification_says_what_a_recording_is_and_of_what_how_much(model: Model, samples: Path) -> None:
    path = samples / "programme.flac"
    found = model.classify(path)
    assert found.path == str(path)
    assert found.channel is None
    assert found.duration == 60.0
    assert found.label in model.classes == ("speech", "music", "noise")
    assert 0 < found.confidence <= 1
    assert found.shares[found.label] == max(found.shares[label] for label in model.classes)
    assert list(found.shares) == [*model.classes, swishcli.SILENCE]
    assert sum(found.shares.values()) == pytest.approx(1)
    segmentation = model.segment(path)
    assert all(found.shares[x] == pytest.approx(segmentation.total(x) / 60) for x in found.shares)


def test_a_segmentation_tiles_the_recording_with_labels_and_confidences(model: Model, samples: Path) -> None:
    path = samples / "programme.flac"
    found = model.segment(path)
    assert (found.path, found.channel, found.duration) == (str(path), None, 60.0)
    assert len(found.segments) > 3
    assert all(a.end == b.start and a.label != b.label for a, b in pairwise(found.segments))
    assert {s.label for s in found.segments} <= {*model.classes, swishcli.SILENCE}
    assert all(0 < s.confidence <= 1 for s in found.segments)


def test_a_file_is_named_by_a_string_or_a_path(model: Model, samples: Path) -> None:
    path = samples / "phone.wav"
    assert model.segment(str(path)) == model.segment(path)


def test_samples_give_what_their_file_gives(model: Model, samples: Path, programme: Samples) -> None:
    of_file, of_samples = model.segment(samples / "programme.flac"), model.segment(programme, 16000)
    assert same(of_file, of_samples)
    assert of_samples.path is None
    assert same(model.segment(programme), of_samples)  # 16 kHz is the model's own rate
    assert same(model.segment(programme.astype(np.float64), 16000), of_samples)
    assert same(model.segment(np.asfortranarray(programme[None]), 16000), of_samples)
    of_file, of_samples = model.classify(samples / "programme.flac"), model.classify(programme)
    assert of_samples.confidence == pytest.approx(of_file.confidence)


def test_samples_come_in_every_usual_form(model: Model, samples: Path) -> None:
    path = samples / "stereo-44k.mp3"
    sound, rate = soundfile.read(path, dtype="float32")  # [n, 2], as soundfile gives them
    expected = model.segment(sound.T, rate)
    assert same(model.segment(sound, rate), expected)
    integers, _ = soundfile.read(path, dtype="int32")
    assert same(model.segment(integers, rate), expected)
    assert same(model.segment(sound.mean(axis=1).tolist(), rate), expected)
    with path.open("rb") as file:
        assert model.segment(file).boundaries == model.segment(path).boundaries
    assert model.segment(io.BytesIO(path.read_bytes())).boundaries == model.segment(path).boundaries
    with pytest.raises(AudioError, match="recording: must be a file or samples, not int"):
        model.segment(3)  # type: ignore[arg-type]


def test_channels_are_averaged_or_taken_one_by_one(model: Model, programme: Samples) -> None:
    left, right = programme[: 30 * 16000], programme[30 * 16000 :]
    stereo = np.stack([left, right])
    assert same(model.segment(stereo), model.segment((left + right) / 2))
    for channel, alone in enumerate(stereo):
        found = model.segment(stereo, channel=channel)
        assert found.channel == channel
        assert same(found, model.segment(alone))
    both = [answer.segmentation for answer in model.analyse(stereo, Decoding("split"))]
    assert [s.channel for s in both] == [0, 1]
    assert [s.boundaries for s in both] == [model.segment(alone).boundaries for alone in stereo]


@pytest.mark.parametrize("rate", [8000, 22050, 44100])
def test_samples_of_any_rate_are_resampled_and_their_time_kept(
    model: Model, programme: Samples, rate: int
) -> None:
    n = 10 * rate + 1
    found = model.segment(np.resize(programme, n), rate)
    assert found.duration == n / rate


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000, 192000])
@pytest.mark.parametrize("n", [1, 2, 3, 100])
def test_a_few_samples_are_a_recording_too(model: Model, n: int, rate: int) -> None:
    analysis = model.analyse(np.full(n, 0.5, np.float32), sample_rate=rate)[0]
    assert analysis.segmentation.duration == n / rate
    assert analysis.classification.label in (*model.classes, swishcli.SILENCE)


@pytest.mark.parametrize("seconds", [0.001, 0.2, 0.5, 3])
def test_digital_silence_is_silence_however_short(model: Model, seconds: float) -> None:
    analysis = model.analyse(np.zeros(round(16000 * seconds), np.float32))[0]
    assert analysis.classification.label == swishcli.SILENCE
    assert analysis.classification.shares[swishcli.SILENCE] == 1
    assert [s.label for s in analysis.segmentation.segments] == [swishcli.SILENCE]


@pytest.mark.parametrize(
    ("unusable", "complaint"),
    [
        (np.zeros(16000, np.uint8), "samples: must be floats with full scale at ±1, .*, not uint8"),
        (np.zeros((2, 2, 100), np.float32), r"samples: must be \[n\], .*, not 3-dimensional"),
        (np.array(0.5, np.float32), r"samples: must be \[n\], .*, not 0-dimensional"),
        (np.zeros(0, np.float32), "samples: holds no audio samples"),
        (np.zeros((0, 100), np.float32), "samples: holds no audio samples"),
        (np.array([0, np.nan, 0], np.float32), "samples: holds samples that are not finite numbers"),
    ],
    ids=["uint8", "3-dimensional", "0-dimensional", "empty", "no channels", "NaN"],
)
def test_samples_that_cannot_be_used_are_refused_with_a_sentence(
    model: Model, unusable: np.ndarray[Any, Any], complaint: str
) -> None:
    with pytest.raises(AudioError, match=complaint):
        model.segment(unusable)


def test_a_channel_that_is_not_there_is_an_error(model: Model, programme: Samples) -> None:
    for channel in (1, -1):
        with pytest.raises(AudioError, match="has no channel"):
            model.segment(programme, channel=channel)


def test_progress_runs_to_the_end_of_the_recording(model: Model, samples: Path) -> None:
    calls: list[tuple[float, float | None]] = []
    model.analyse(
        samples / "programme.flac", on_progress=lambda done, expected: calls.append((done, expected))
    )
    done = [seconds for seconds, _ in calls]
    assert done == sorted(done)
    assert calls[-1] == (60.0, 60.0)


def test_the_scores_that_answers_are_made_from_can_be_had_in_the_same_pass(
    model: Model, samples: Path
) -> None:
    taken: list[FrameScores] = []
    (found,) = model.analyse(samples / "programme.flac", on_scores=taken.append)
    posteriors = np.concatenate([scores.posteriors[0] for scores in taken])
    assert posteriors.shape == (60 * 25, 3)
    np.testing.assert_allclose(posteriors.sum(axis=1), 1, atol=1e-5)
    sounding = np.concatenate([scores.level_db[0] for scores in taken]) >= model.smoothing.silence_dbfs
    best = model.classes.index(found.classification.label)
    assert posteriors[sounding, best].mean() == pytest.approx(found.classification.confidence, abs=1e-5)


def test_smoothing_can_be_chosen_for_a_model(tiny_model: Path, programme: Samples) -> None:
    checkpoint = swishcli.load(tiny_model, device="cpu").checkpoint
    restless = Model(checkpoint, "cpu", smoothing=SmoothingConfig(0, 0, -65, 0)).segment(programme)
    calm = Model(checkpoint, "cpu", smoothing=SmoothingConfig(1000, 0, -200, 0)).segment(programme)
    assert len(restless.segments) > 10 * len(calm.segments)


def test_a_model_that_is_not_there_is_a_swish_error(tmp_path: Path) -> None:
    with pytest.raises(swishcli.SwishError, match="neither a model file nor one of the models"):
        swishcli.load("huge")
    (tmp_path / "text.safetensors").write_text("no model")
    with pytest.raises(CheckpointError, match=r"text\.safetensors: is not a readable safetensors file"):
        swishcli.load(tmp_path / "text.safetensors")


def test_a_part_of_a_recording_keeps_the_times_of_the_whole(model: Model, samples: Path) -> None:
    found = model.analyse(samples / "programme.flac", Decoding(start_s=20, duration_s=15))[0]
    assert (found.segmentation.offset, found.segmentation.duration) == (20.0, 35.0)
    assert found.classification.duration == pytest.approx(15)
    assert sum(found.classification.shares.values()) == pytest.approx(1)
    assert model.segment(samples / "programme.flac", decoding=Decoding(start_s=20, duration_s=15)) == (
        found.segmentation
    )


def test_warnings_about_a_recording_come_with_its_answers(
    model: Model, samples: Path, tmp_path: Path
) -> None:
    whole = (samples / "phone.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(whole[: len(whole) // 2])
    (found,) = model.analyse(tmp_path / "cut.wav")
    assert found.segmentation.warnings == found.classification.warnings != ()
    assert model.segment(samples / "phone.wav").warnings == ()


def test_a_model_can_be_pickled(model: Model, samples: Path) -> None:
    copy = pickle.loads(pickle.dumps(model))
    assert copy.segment(samples / "phone.wav") == model.segment(samples / "phone.wav")
    restless = Model(model.checkpoint, "cpu", 1, SmoothingConfig(0, 0, -65, 0))
    assert pickle.loads(pickle.dumps(restless)).smoothing == restless.smoothing
