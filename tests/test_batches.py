"""Batches are the same for the same epoch and index."""

from __future__ import annotations

from pathlib import Path

from training_data import crops_of

from swishcli.training.batches import BatchMaker, Epoch
from swishcli.training.cache import CachedRecording


def test_a_repeated_epoch_has_the_same_crops_in_another_order(
    recordings: list[CachedRecording], cache: Path
) -> None:
    maker = BatchMaker(crops_of(recordings), 2.0, (1.0,), seed=3)
    epochs = [Epoch(maker, 6, epoch, fresh_epochs=2) for epoch in (1, 2, 3)]
    sums = [[float(batch.features.float().sum()) for batch in epoch] for epoch in epochs]
    assert sums[0] != sums[2]
    assert sorted(sums[0]) == sorted(sums[2])
    assert not set(sums[0]) & set(sums[1])
