"""Sound that is still coming in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from swishcli.architecture import NetworkConfig
from swishcli.audio import Samples
from swishcli.checkpoint import Checkpoint
from swishcli.engines import TorchEngine
from swishcli.features import Features, FrontEndConfig
from swishcli.inference import FrameScores
from swishcli.model import Model, load
from swishcli.network import SwishNet
from swishcli.segments import Segment
from swishcli.smoothing import SmoothingConfig
from swishcli.streaming import Stream


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

    def push(features: Features, energy: Features) -> Iterator[FrameScores]:
        nonlocal heard_s
        for chunk in runner_push(features, energy):
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
