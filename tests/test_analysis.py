"""Answers from frame scores, whole or live: both say the same, and no answer contradicts another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from swishcli.analysis import Analyser, Stream
from swishcli.architecture import NetworkConfig
from swishcli.audio import Samples
from swishcli.checkpoint import Checkpoint
from swishcli.engines import TorchEngine
from swishcli.errors import AudioError
from swishcli.features import Features, FrontEndConfig
from swishcli.inference import FrameScores
from swishcli.model import Model, load
from swishcli.network import SwishNet
from swishcli.segments import SILENCE, Segment
from swishcli.smoothing import SmoothingConfig

CLASSES = ("a", "b", "c")


def made_of(*stretches: tuple[str, int, float]) -> Analyser:
    """What is said of positions (of 40 ms) that speak for a label so clearly, in nats, for so many each."""
    analyser = Analyser(untrained(NetworkConfig(width=4)))
    for label, n, nats in stretches:
        logits = np.tile(np.where(np.array(CLASSES) == label, nats, 0).astype(np.float32), (n, 1))
        analyser.push(logits, np.full(n, -100 if label == SILENCE else -20, np.float32))
    analyser.finish(sum(n for _, n, _ in stretches) / 25)
    return analyser


def test_a_recording_is_what_most_of_its_time_is_however_clearly_the_rest_speaks() -> None:
    """The mean of the logits would say b."""
    found = made_of(("a", 60, 4.0), ("b", 40, 30.0)).classification()
    assert found.label == "a"
    assert found.shares == pytest.approx({"a": 0.6, "b": 0.4, "c": 0, SILENCE: 0})
    assert found.confidence == pytest.approx(0.6, abs=0.03)


def test_a_recording_is_silence_only_if_nothing_else_is_there() -> None:
    found = made_of((SILENCE, 900, 0.0), ("b", 100, 9.0)).classification()
    assert (found.label, found.confidence) == ("b", pytest.approx(1, abs=0.01))
    assert found.shares[SILENCE] == pytest.approx(0.9)
    assert made_of((SILENCE, 50, 0.0)).classification().label == SILENCE
    assert made_of().classification().label == SILENCE


@pytest.fixture(scope="module")
def programme(samples: Path) -> tuple[Samples, int]:
    read, rate = soundfile.read(samples / "programme.flac", dtype="float32")
    return read, rate


def stream(model: Model, recording: Samples, rate: int, block: int) -> list[Segment]:
    live = model.stream(rate)
    segments = [s for i in range(0, len(recording), block) for s in live.push(recording[i : i + block])]
    return segments + live.finish()


@pytest.mark.parametrize("block", [160, 320, 4097, 10**6])
def test_a_stream_has_the_segments_of_the_whole_recording(programme: tuple[Samples, int], block: int) -> None:
    recording, rate = programme
    model = load("slim", "cpu", threads=1)
    streamed, whole = stream(model, recording, rate, block), model.segment(recording, rate).segments
    assert [(s.start, s.end, s.label) for s in streamed] == [(s.start, s.end, s.label) for s in whole]


def test_a_stream_takes_any_sample_rate(samples: Path) -> None:
    stereo, rate = soundfile.read(samples / "stereo-44k.mp3", dtype="float32")
    segments = stream(load("slim", "cpu", threads=1), stereo.mean(axis=1), rate, 882)
    assert [s.label for s in segments] == ["music", "speech"]
    assert segments[-1].end == len(stereo) / rate


@pytest.mark.parametrize("form", ["int16", "int32", "float64", "list", "column"])
def test_a_stream_takes_samples_in_every_usual_form(programme: tuple[Samples, int], form: str) -> None:
    integers = np.round(programme[0][: 8 * 16000] * 2**15).astype(np.int16)
    floats = integers.astype(np.float32) / 2**15
    given = {
        "int16": integers,
        "int32": integers.astype(np.int32) << 16,
        "float64": floats.astype(float),
        "list": floats.tolist(),
        "column": floats[:, None],
    }[form]
    model = load("slim", "cpu", threads=1)
    live = model.stream()
    assert tuple(live.push(given) + live.finish()) == tuple(stream(model, floats, 16000, len(floats)))


@pytest.mark.parametrize(
    ("unusable", "complaint"),
    [
        (np.array([0, np.nan], np.float32), "holds samples that are not finite numbers"),
        (np.array([0, np.inf]), "holds samples that are not finite numbers"),
        (np.zeros(10, np.uint8), "not uint8"),
        (np.zeros((10, 2), np.float32), r"must be mono, \[n\], not of the shape \[10, 2\]"),
    ],
    ids=["NaN", "infinity", "uint8", "stereo"],
)
def test_a_stream_refuses_other_samples_with_a_sentence_and_goes_on(
    unusable: np.ndarray, complaint: str
) -> None:
    live = load("slim", "cpu", threads=1).stream()
    live.push(np.zeros(8000, np.float32))
    with pytest.raises(AudioError, match=f"^samples: .*{complaint}"):
        live.push(unusable)
    live.push(np.zeros(8000, np.float32))
    assert live.finish() == [Segment(0.0, 1.0, SILENCE, 1.0)]


def test_a_stream_says_what_the_whole_was_at_its_end(programme: tuple[Samples, int]) -> None:
    recording, rate = programme
    model = load("slim", "cpu", threads=1)
    live = model.stream(rate)
    live.push(recording)
    live.finish()
    found, expected = live.classification(), model.classify(recording, rate)
    assert (found.label, found.duration) == (expected.label, pytest.approx(60))
    assert found.confidence == pytest.approx(expected.confidence, abs=1e-4)
    assert found.shares == pytest.approx(expected.shares)


def test_segments_come_out_while_the_recording_still_runs(programme: tuple[Samples, int]) -> None:
    recording, rate = programme
    live = load("slim", "cpu", threads=1).stream(rate)
    closed = live.push(recording[: 40 * rate])
    assert [s.label for s in closed[:3]] == ["speech", "music", "noise"]
    assert live.latency_s < 15


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("every_s", [0.04, 0.32, 1.0])
def test_a_sound_has_its_part_in_the_scores_after_the_latency(causal: bool, every_s: float) -> None:
    """After each block, positions are there for all but the last `latency_s` of what has come in."""
    checkpoint = untrained(NetworkConfig(width=4, causal=causal))
    live = Stream(checkpoint, TorchEngine(checkpoint, "cpu"), SmoothingConfig(), every_s=every_s)
    heard_s = 0.0
    runner_push = live._runner.push

    def push(features: Features, moments: Features) -> Iterator[FrameScores]:
        nonlocal heard_s
        for chunk in runner_push(features, moments):
            heard_s += chunk.logits.shape[1] * 0.04
            yield chunk

    live._runner.push = push  # type: ignore[method-assign]
    for i in range(1, 900):
        live.push(np.zeros(320, np.float32))
        assert heard_s >= i * 0.02 - live.latency_s - 1e-6
        assert heard_s <= i * 0.02
    assert heard_s > 0
    if causal:
        assert live.latency_s <= every_s + 0.06


def untrained(network: NetworkConfig) -> Checkpoint:
    weights = {name: w.numpy() for name, w in SwishNet(network).state_dict().items()}
    return Checkpoint(("a", "b", "c"), FrontEndConfig(), network, SmoothingConfig(), weights)


def test_a_segment_comes_out_within_seconds_of_when_its_end_is_heard(programme: tuple[Samples, int]) -> None:
    recording, rate = programme
    live = load("slim", "cpu", threads=1).stream(rate)
    block, waits = rate // 10, []
    for i in range(0, len(recording), block):
        now = (i + block) / rate
        waits += [now - s.end for s in live.push(recording[i : i + block])]
    assert len(waits) > 5
    assert max(waits) < live.latency_s + 2
