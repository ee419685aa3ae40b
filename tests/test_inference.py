"""Chunks, blocks, threads and engines change nothing but the time and the memory that an answer takes."""

from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Iterator
from functools import cache
from itertools import repeat

import numpy as np
import pytest
import torch

from swishcli import inference
from swishcli.architecture import NetworkConfig
from swishcli.audio import Samples
from swishcli.checkpoint import Checkpoint
from swishcli.engines import Engine, OnnxEngine, Outputs, TorchEngine
from swishcli.errors import AudioError
from swishcli.features import Features, FrontEndConfig, MfccStream
from swishcli.inference import ChunkRunner, FrameScores, frame_scores
from swishcli.network import SwishNet, to_onnx
from swishcli.smoothing import Smoother, SmoothingConfig

torch.set_num_threads(1)

NETWORKS = {
    "centred": NetworkConfig(width=4),
    "causal": NetworkConfig(width=4, causal=True),
    "uneven": NetworkConfig(width=4, strides=(3, 2, 5), output_stride=6),
    "uneven causal": NetworkConfig(width=4, strides=(3, 2, 5), output_stride=6, causal=True),
    "bands": NetworkConfig(width=4, band_channels=(2, 2, 2, 2), strides=(2,) * 6, audible=True),
    "bands causal": NetworkConfig(width=4, band_channels=(2, 2, 2, 2), strides=(2, 3), causal=True, delay=8),
    "one grid": NetworkConfig(width=4, strides=(2, 2), output_stride=4),
}
N = 20 * 16000 + 77


@cache
def checkpoint(name: str) -> Checkpoint:
    """An untrained network whose logits are numbers of the size that a trained one gives."""
    torch.manual_seed(0)
    network = SwishNet(NETWORKS[name])
    with torch.no_grad():
        network.input_norm.running_mean.normal_(0, 20)
        network.input_norm.running_var.fill_(1000)
        network.head.weight *= 5
    weights = {k: w.numpy() for k, w in network.state_dict().items()}
    classes = ("speech", "music", "noise")
    onnx = to_onnx(network)
    return Checkpoint(classes, FrontEndConfig(), NETWORKS[name], SmoothingConfig(), weights, onnx)


@cache
def engine(name: str, kind: str) -> Engine:
    return OnnxEngine(checkpoint(name)) if kind == "onnx" else TorchEngine(checkpoint(name))


@cache
def sound(rows: int) -> Samples:
    """Noise that changes its level and colour, so that logits change with time."""
    generator = np.random.default_rng(0)
    noise = np.cumsum(generator.standard_normal((rows, N)), axis=1) % 0.7 - 0.35
    return (noise * (1 + np.sin(np.arange(N) / 9000)) / 2).astype(np.float32)


def run(samples: Samples, name: str, kind: str = "torch", block: int = N, **options: int) -> FrameScores:
    """FrameScores of samples ``[rows, n]`` that arrive in blocks, all chunks together."""
    blocks = (samples[:, i : i + block] for i in range(0, samples.shape[1], block))
    chunks = list(frame_scores(blocks, len(samples), checkpoint(name), engine(name, kind), **options))
    audible = [c.audible for c in chunks if c.audible is not None]
    return FrameScores(
        np.concatenate([c.logits for c in chunks], axis=1),
        np.concatenate([c.level_db for c in chunks], axis=1),
        np.concatenate(audible, axis=1) if audible else None,
    )


@cache
def whole(name: str, rows: int) -> FrameScores:
    """The scores of `sound` from one call of the network, but the last, of less than a position."""
    front_end, stride = FrontEndConfig(), NETWORKS[name].output_stride
    stream = MfccStream(front_end, rows)
    features = np.concatenate([stream.push(sound(rows))[0], stream.finish()[0]], axis=1)
    logits, audible = engine(name, "torch")(np.ascontiguousarray(features.transpose(0, 2, 1)))
    step = stride * front_end.hop_length
    own = sound(rows)[:, : N // step * step].reshape(rows, -1, step)
    level_db = 10 * np.log10(own.astype(float).var(axis=2))
    return FrameScores(
        logits.transpose(0, 2, 1), level_db, None if audible is None else audible.transpose(0, 2, 1)
    )


@pytest.mark.parametrize("kind", ["torch", "onnx"])
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(
    ("chunk_frames", "block", "rows", "threads"),
    [
        pytest.param(10**6, N, 1, 1, id="one chunk"),
        pytest.param(200, N, 1, 1, id="chunks shorter than their context"),
        pytest.param(100, 5003, 2, 1, id="two rows"),
        pytest.param(256, 161, 1, 1, id="blocks of a hop"),
        pytest.param(300, 64000, 2, 3, id="three threads"),
    ],
)
def test_chunks_with_context_give_the_scores_of_the_whole(
    kind: str, name: str, chunk_frames: int, block: int, rows: int, threads: int
) -> None:
    right = whole(name, rows)
    chunked = run(sound(rows), name, kind, block, chunk_frames=chunk_frames, threads=threads)
    np.testing.assert_allclose(chunked.logits, right.logits, rtol=0, atol=2e-5)
    assert chunked.level_db.shape[1] == right.level_db.shape[1] + 1
    np.testing.assert_allclose(chunked.level_db[:, :-1], right.level_db, rtol=0, atol=1e-3)
    assert (chunked.audible is None) == (right.audible is None) == (not NETWORKS[name].audible)
    if chunked.audible is not None and right.audible is not None:
        np.testing.assert_allclose(chunked.audible, right.audible, rtol=0, atol=2e-5)


@pytest.mark.parametrize("n", [1, 160, 161, 641, 16000])
@pytest.mark.parametrize("kind", ["torch", "onnx"])
def test_a_short_recording_has_a_position_for_every_40_ms_it_begins(n: int, kind: str) -> None:
    answer = run(sound(1)[:, :n], "centred", kind)
    assert answer.logits.shape == (1, -(-n // 640), 3)
    assert answer.level_db.shape == (1, -(-n // 640))


@pytest.mark.parametrize("name", NETWORKS)
def test_the_onnx_engine_gives_the_logits_of_the_torch_engine(name: str) -> None:
    for rows, n_frames in ((1, 1), (2, 999)):
        features = np.random.default_rng(0).normal(0, 30, (rows, 64, n_frames)).astype(np.float32)
        by_torch, by_onnx = engine(name, "torch")(features), engine(name, "onnx")(features)
        np.testing.assert_allclose(by_onnx.logits, by_torch.logits, rtol=0, atol=1e-4)
        if NETWORKS[name].audible:
            np.testing.assert_allclose(by_onnx.audible, by_torch.audible, rtol=0, atol=1e-4)


def test_levels_are_decibels_of_full_scale() -> None:
    time = np.arange(6400) / 16000
    square, sine = np.sign(np.sin(2 * np.pi * 1000 * (time + 1e-5))), 0.1 * np.sin(2 * np.pi * 1000 * time)
    samples = np.concatenate([square, sine, np.zeros(6400), -0.5 * square[:320]]).astype(np.float32)
    (level_db,) = run(samples[None], "centred").level_db
    np.testing.assert_allclose(level_db, [0] * 10 + [-23.0103] * 10 + [-200] * 10 + [-6.0206], atol=1e-3)


@pytest.mark.parametrize("offset", [0.002, 1 / 128, -1.0, 1 / 3])
def test_an_offset_of_the_samples_is_no_sound(offset: float) -> None:
    """A cheap sound card's, or the one step that 8 bits may be off."""
    (level_db,) = run(np.full((1, 16077), offset, np.float32), "centred", block=5000).level_db
    assert level_db.max() < -120
    wave = 0.01 * np.sin(2 * np.pi * 40 * np.arange(16000) / 16000)
    (level_db,) = run((offset + wave)[None].astype(np.float32), "centred").level_db
    np.testing.assert_allclose(level_db, -43.01, atol=1)


def test_no_more_frames_are_held_than_a_chunk_and_its_context() -> None:
    network = NETWORKS["centred"]

    def answer_nothing(features: Features) -> Outputs:
        return Outputs(np.zeros((1, 3, network.n_positions(features.shape[2])), np.float32))

    runner = ChunkRunner(checkpoint("centred"), 1, answer_nothing, chunk_frames=1000)
    block = np.zeros((1, 700, 64), np.float32), np.zeros((1, 700, 2), np.float32)
    most = 1000 + network.look_back + network.look_ahead + network.total_stride + 700
    n_positions = 0
    for _ in range(500):  # an hour
        n_positions += sum(chunk.logits.shape[1] for chunk in runner.push(*block))
        held = runner._chunker._features.shape[1] + runner._chunker._n_pending
        assert held <= most
    n_positions += sum(chunk.logits.shape[1] for chunk in runner.finish())
    assert n_positions == network.n_positions(500 * 700)


def test_the_network_is_called_once_a_chunk() -> None:
    calls = []

    def count(features: Features) -> Outputs:
        calls.append(features.shape[2])
        return Outputs(np.zeros((1, 3, NETWORKS["centred"].n_positions(features.shape[2])), np.float32))

    minutes = (np.zeros((1, 960_000), np.float32) for _ in range(10))
    for _ in frame_scores(minutes, 1, checkpoint("centred"), count, threads=2):
        pass
    assert len(calls) == -(-60000 // inference.CHUNK_FRAMES)


def most_memory(hours: float) -> int:
    """Peak of the bytes that segmenting `hours` of features takes, from an engine of random opinions."""
    network = NETWORKS["centred"]
    generator = np.random.default_rng(0)

    def talk(features: Features) -> Outputs:
        n = network.n_positions(features.shape[2])
        opinions = generator.normal(0, 3, (1, 3, n // 100 + 1)).astype(np.float32)
        return Outputs(opinions.repeat(100, axis=2)[..., :n])

    runner = ChunkRunner(checkpoint("centred"), 1, talk, inference.CHUNK_FRAMES)
    smoother = Smoother(SmoothingConfig(), checkpoint("centred").classes, (25, 1))
    block = np.zeros((1, 6000, 64), np.float32), np.full((1, 6000, 2), 0.1, np.float32)
    n_segments = 0
    tracemalloc.start()
    for _ in range(round(hours * 60)):
        for chunk in runner.push(*block):
            n_segments += sum(1 for _ in smoother.push(chunk.logits[0], chunk.level_db[0]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert n_segments > 100 * hours
    return peak


def test_a_day_takes_no_more_memory_than_an_hour() -> None:
    assert most_memory(hours=24) < 1.1 * most_memory(hours=1)


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_while_decoding_is_raised_where_the_scores_are_taken(threads: int) -> None:
    def blocks() -> Iterator[Samples]:
        yield sound(1)[:, :16000]
        raise AudioError("a.wav", "is damaged")

    with pytest.raises(AudioError, match="damaged"):
        list(frame_scores(blocks(), 1, checkpoint("centred"), engine("centred", "torch"), threads=threads))


def test_scores_that_nobody_takes_any_more_leave_no_thread_behind() -> None:
    before = threading.active_count()
    endless = repeat(sound(1))
    chunks = frame_scores(endless, 1, checkpoint("centred"), engine("centred", "torch"), threads=2)
    next(chunks)
    chunks.close()
    assert threading.active_count() == before
