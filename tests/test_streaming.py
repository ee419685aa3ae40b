"""Sound that is still coming in."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile

from swishcli.architecture import NetworkConfig
from swishcli.audio import Samples
from swishcli.model import Model, load
from swishcli.segments import Segment


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
    model = load("wide", "cpu", threads=1)
    streamed, whole = stream(model, recording, rate, block), model.segment(recording, rate).segments
    assert [(s.start, s.end, s.label) for s in streamed] == [(s.start, s.end, s.label) for s in whole]


def test_a_stream_takes_any_sample_rate(samples: Path) -> None:
    stereo, rate = soundfile.read(samples / "stereo-44k.mp3", dtype="float32")
    segments = stream(load("wide", "cpu", threads=1), stereo.mean(axis=1), rate, 882)
    assert [s.label for s in segments] == ["music", "speech"]
    assert segments[-1].end == len(stereo) / rate


def test_segments_come_out_while_the_recording_still_runs(programme: tuple[Samples, int]) -> None:
    recording, rate = programme
    live = load("wide", "cpu", threads=1).stream(rate)
    closed = live.push(recording[: 40 * rate])
    assert [s.label for s in closed[:3]] == ["speech", "music", "noise"]
    assert live.latency_s < 15


def test_a_causal_model_waits_for_nothing_but_its_blocks() -> None:
    assert NetworkConfig(causal=True).look_ahead == 0
