"""Validation hears whole recordings without holding them."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest
import torch
from training_data import FRONT_END, PITCHES, RATE

from swishcli.architecture import NetworkConfig
from swishcli.audio import Samples
from swishcli.checkpoint import Checkpoint
from swishcli.evaluation.scoring import window_answers
from swishcli.network import SwishNet
from swishcli.smoothing import SmoothingConfig
from swishcli.training import validation
from swishcli.training.cache import CachedRecording

SHAPES = Checkpoint(tuple(PITCHES), FRONT_END, NetworkConfig(width=4), SmoothingConfig(), weights={})


@pytest.fixture
def engine() -> validation.NetworkEngine:
    torch.manual_seed(0)
    return validation.NetworkEngine(SwishNet(SHAPES.network), torch.device("cpu"))


def test_validation_in_blocks_gives_what_it_gives_at_once(
    recordings: list[CachedRecording], engine: validation.NetworkEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    recalls, calibration = validation.validate(engine, SHAPES, recordings)
    asked: list[int] = []
    read = CachedRecording.read

    def watched(self: CachedRecording, start: int = 0, n_samples: int = -1) -> Samples:
        asked.append(n_samples)
        return read(self, start, n_samples)

    monkeypatch.setattr(CachedRecording, "read", watched)
    monkeypatch.setattr(validation, "_BLOCK_S", 0.5)
    in_blocks = validation.validate(engine, SHAPES, recordings)
    assert in_blocks[0] == recalls
    assert astuple(in_blocks[1]) == (
        pytest.approx(calibration.temperature, rel=1e-3),
        pytest.approx(calibration.biases, abs=1e-3),
    )
    assert set(asked) == {RATE // 2}


def test_validation_counts_the_windows_that_benchmarks_count(
    recordings: list[CachedRecording], engine: validation.NetworkEngine
) -> None:
    for recording in recordings:
        segmentation, _ = validation._heard(engine, SHAPES, recording)
        expected = window_answers(recording.read(), RATE, segmentation, SHAPES.classes)
        np.testing.assert_array_equal(validation._windows(recording, segmentation, SHAPES)[1], expected)


def test_calibration_undoes_what_was_done_to_posteriors_that_were_right() -> None:
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 2, (30_000, 3))
    posteriors = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (posteriors.cumsum(axis=1) < generator.random((30_000, 1))).sum(axis=1)
    said = 2 * (logits - [0.5, -0.3, -0.2])
    found = validation.calibration_of(said.astype(np.float32), labels)
    assert found.temperature == pytest.approx(2, rel=0.03)
    assert found.biases == pytest.approx([0.5, -0.3, -0.2], abs=0.05)


def test_labels_of_some_classes_alone_say_nothing_about_biases() -> None:
    logits = np.random.default_rng(0).normal(0, 2, (1000, 3)).astype(np.float32)
    assert validation.calibration_of(logits, logits[:, :2].argmax(axis=1)).biases == (0, 0, 0)


def test_a_calibrated_network_says_what_the_calibration_makes_of_its_logits() -> None:
    network = SwishNet(SHAPES.network).eval()
    features = torch.randn(1, SHAPES.network.n_features, 64)
    with torch.inference_mode():
        before = network(features)
        validation.apply_calibration(network, validation.Calibration(2.0, (0.5, -0.25, -0.25)))
        after = network(features)
    torch.testing.assert_close(after, before / 2 + torch.tensor([0.5, -0.25, -0.25])[:, None])
