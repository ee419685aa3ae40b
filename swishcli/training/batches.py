"""Batches of crops as the network takes them: features, labels, what is audible, and a tagger's opinion.

Batch `i` of epoch `e` depends on the seed, `e` and `i` alone, so any worker may make it, in any order, and a
run that was interrupted goes on with the batches it would have had. Where epochs see crops again
(`TrainingConfig.fresh_epochs`), batches are kept on disk: a tagger costs more than all else together.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from swishcli import features, torch_features
from swishcli.files import atomic_path
from swishcli.torch_features import TorchMfcc
from swishcli.training import activity, cache, crops, effects, signals, sounds, teachers
from swishcli.training.crops import CropMaker
from swishcli.training.sounds import music, noise, voices
from swishcli.training.teachers import Tagger

_MAKERS = (
    *(features, torch_features),
    *(activity, cache, crops, effects, signals, teachers),
    *(sounds, music, noise, voices),
    sys.modules[__name__],
)
"""The modules whose code decides what a batch holds."""


class Batch(NamedTuple):
    """N crops of T frames."""

    features: Tensor
    """Half precision, ``[N, F, T]``."""
    labels: Tensor
    """Of frames, ``[N, T]``: classes, or `IGNORE`."""
    audible: Tensor
    """Whether a sound of each class is known to be heard, bool ``[N, K, T]``."""
    scores: Tensor
    """Half precision, ``[N, outputs, windows]``: the tagger's; no outputs without a tagger."""


@dataclass(frozen=True)
class BatchMaker:
    """Makes batches, or finds those it made before.

    Parameters
    ----------
    keep_in : Path, optional
        Folder that batches are kept in; None if none is needed again.
    """

    crops: CropMaker
    batch_s: float
    crop_s: tuple[float, ...]
    seed: int
    tagger: Tagger | None = None
    keep_in: Path | None = None

    def batch(self, epoch: int, index: int) -> Batch:
        """Batch `index` of epoch `epoch`."""
        if self.keep_in is None:
            return self._make(epoch, index)
        path = self.keep_in / self._key / f"{epoch}-{index}.npz"
        if not path.exists():
            batch = self._make(epoch, index)
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(path) as temporary, temporary.open("wb") as file:
                np.savez(file, *(tensor.numpy() for tensor in batch))
            return batch
        with np.load(path) as arrays:
            return Batch(*(torch.from_numpy(arrays[name]) for name in arrays.files))

    @torch.no_grad()
    def _make(self, epoch: int, index: int) -> Batch:
        generator = np.random.default_rng([self.seed, epoch, index])
        crop_s = float(generator.choice(self.crop_s))
        n_frames = max(1, round(crop_s / self.crops.front_end.hop_s))
        made = [self.crops.crop(generator, n_frames) for _ in range(max(1, int(self.batch_s / crop_s)))]
        samples, labels, audible = (np.stack(arrays) for arrays in zip(*made, strict=True))
        features = self._front_end(torch.from_numpy(samples))
        scores = np.zeros((len(made), 0, 0), np.float16)
        if self.tagger is not None:
            scores = np.stack([self.tagger.scores(crop) for crop in samples])
        return Batch(features.half().contiguous(), *map(torch.from_numpy, (labels, audible, scores)))

    @cached_property
    def _front_end(self) -> nn.Module:
        return TorchMfcc(self.crops.front_end)

    @cached_property
    def _key(self) -> str:
        """Of everything that a batch depends on, the code that makes it included."""
        digest = hashlib.sha256(json.dumps(self.description(), sort_keys=True).encode())
        for module in _MAKERS:
            digest.update(Path(str(module.__file__)).read_bytes())
        return f"crops-{digest.hexdigest()[:16]}"

    def description(self) -> dict[str, object]:
        """What batches depend on, as JSON can write it."""
        return {
            "classes": self.crops.classes,
            "front end": asdict(self.crops.front_end),
            "mixing": asdict(self.crops.mixing),
            "data": self.crops.digest,
            "rooms": self.crops.rooms_digest,
            "batches": [self.batch_s, self.crop_s, self.seed],
            "tagger": None if self.tagger is None else self.tagger.digest,
        }


class Epoch(Dataset[Batch]):
    """The batches of one epoch, in an order of its own."""

    def __init__(self, maker: BatchMaker, n_batches: int, epoch: int, fresh_epochs: int) -> None:
        self._maker = maker
        self._made_in = (epoch - 1) % fresh_epochs + 1 if fresh_epochs else epoch
        self._order = np.random.default_rng([maker.seed, epoch]).permutation(n_batches)

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, index: int) -> Batch:
        return self._maker.batch(self._made_in, int(self._order[index]))
