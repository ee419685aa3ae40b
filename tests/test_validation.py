"""Validation hears whole recordings without holding them."""

from __future__ import annotations

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
    recalls, temperature = validation.validate(engine, SHAPES, recordings)
    asked: list[int] = []
    read = CachedRecording.read

    def watched(self: CachedRecording, start: int = 0, n_samples: int = -1) -> Samples:
        asked.append(n_samples)
        return read(self, start, n_samples)

    monkeypatch.setattr(CachedRecording, "read", watched)
    monkeypatch.setattr(validation, "_BLOCK_S", 0.5)
    in_blocks = validation.validate(engine, SHAPES, recordings)
    assert in_blocks == (recalls, pytest.approx(temperature))
    assert set(asked) == {RATE // 2}


def test_validation_counts_the_windows_that_benchmarks_count(
    recordings: list[CachedRecording], engine: validation.NetworkEngine
) -> None:
    for recording in recordings:
        segmentation, _ = validation._heard(engine, SHAPES, recording)
        expected = window_answers(recording.read(), RATE, segmentation, SHAPES.classes)
        np.testing.assert_array_equal(validation._windows(recording, segmentation, SHAPES)[1], expected)
