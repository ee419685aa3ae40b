"""The training loop: epochs of crops, a moving average of the weights, validation on whole recordings."""

from __future__ import annotations

import json
import math
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader

from swishcli.checkpoint import Checkpoint
from swishcli.errors import CheckpointError
from swishcli.files import atomic_path
from swishcli.network import SwishNet, audible_loss, frame_loss
from swishcli.smoothing import SmoothingConfig
from swishcli.torch_features import TorchMfcc
from swishcli.training.batches import Batch, BatchMaker, Epoch
from swishcli.training.cache import CachedRecording
from swishcli.training.crops import CropMaker
from swishcli.training.teachers import (
    DistillationConfig,
    Tagger,
    TaggerLessons,
    distillation_loss,
    soft_targets,
)
from swishcli.training.validation import Calibration, NetworkEngine, validate

_LEAST_EPOCH_S = 300.0
"""Crops are cut and mixed otherwise each time: half a minute of corrections still teaches for some epochs."""


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """How a network is trained."""

    epochs: int = 16
    epoch_s: float = 0.0
    """Seconds of crops in an epoch; 0 for as much as the training split holds, and five minutes at least."""
    fresh_epochs: int = 0
    """Epochs after which crops are seen again, in another order; 0 if they are always new."""
    batch_s: float = 32.0
    """Seconds of crops in a batch."""
    crop_s: tuple[float, ...] = (2.0, 4.0, 8.0, 16.0, 16.0)
    """Lengths of crops; each batch draws one of them."""
    learning_rate: float = 3e-3
    """Peak of the schedule: a linear rise over the first twentieth, then half a cosine down to 0."""
    weight_decay: float = 0.01
    label_smoothing: float = 0.05
    audible_weight: float = 0.5
    """In the loss, of what the network says about which classes can be heard."""
    average_decay: float = 0.9995
    """Of the exponential moving average of the weights, which is what is validated and kept."""
    patience: int = 10
    """Epochs without a better validation after which training stops."""
    max_unreadable: float = 0.05
    """Share of the recordings that may be unreadable; above it there is no training."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.patience < 1 or self.fresh_epochs < 0:
            raise ValueError(
                "training needs at least one epoch, one of them fresh, and a patience of at least one"
            )
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"the seed must be between 0 and {2**32 - 1}, not {self.seed}")
        for name in ("epoch_s", "learning_rate", "weight_decay", "audible_weight"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be at least 0, not {getattr(self, name)}")
        for name in ("label_smoothing", "average_decay"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 0 and below 1, not {getattr(self, name)}")
        if not 0 <= self.max_unreadable <= 1:
            raise ValueError(f"max_unreadable must be between 0 and 1, not {self.max_unreadable}")
        # A batch norm cannot learn from one crop that the coarsest stage sees as one position.
        if not self.crop_s or min(self.crop_s) <= 0 or self.batch_s < 2 * max(self.crop_s):
            raise ValueError(
                "a batch must have room for two of the longest crops, and crops must be longer than 0 s"
            )


@dataclass(frozen=True, slots=True)
class EpochResult:
    """What an epoch came to."""

    epoch: int
    """Counted from 1."""
    loss: float
    recalls: tuple[float, ...]
    """Share of each class's 1-s windows of the validation recordings that are labelled right, NaN if it has none."""
    temperature: float
    """What logits must be divided by for posteriors that are right as often as they say."""
    seconds: float
    biases: tuple[float, ...] = ()
    """What must be added to them then, by class; see `calibration_of`."""

    @property
    def macro_recall(self) -> float:
        """Mean of the classes' recalls: what the best weights are chosen by."""
        known = [recall for recall in self.recalls if not math.isnan(recall)]
        return float(np.mean(known)) if known else 0.0


class Observer(Protocol):
    """What the loop tells while it runs."""

    def on_batch(self, epoch: int, batch: int, batches: int, loss: float) -> None:
        """After every batch, all counted from 1."""

    def on_epoch(self, result: EpochResult, best: bool) -> None:
        """After every epoch."""


@dataclass
class Trainer:
    """Trains a `SwishNet` and keeps the best of its averaged weights.

    Parameters
    ----------
    crops : CropMaker
        Where training crops come from.
    validation : sequence of CachedRecording
        Whole recordings the network is judged on after every epoch.
    """

    network: SwishNet
    crops: CropMaker
    validation: Sequence[CachedRecording]
    config: TrainingConfig
    device: torch.device
    distillation: DistillationConfig
    workers: int = 1
    """Processes that make batches beside the one that trains; 0 for none."""
    tagger: Tagger | None = None
    """A teacher that hears the crops."""
    teachers: Sequence[SwishNet] = ()
    """Teachers that see the features; classes and output grid are those of the network."""
    cache: Path | None = None
    """Folder for batches that are needed again."""
    history: list[EpochResult] = field(default_factory=list)
    best_weights: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.network.to(self.device)
        self._front_end = TorchMfcc(self.crops.front_end).to(self.device)
        for teacher in self.teachers:
            teacher.to(self.device).eval()
        config = self.config
        self._maker = BatchMaker(
            self.crops,
            config.batch_s,
            config.crop_s,
            config.seed,
            tagger=self.tagger,
            keep_in=self.cache if config.fresh_epochs else None,
        )
        self._averaged = AveragedModel(self.network, avg_fn=self._average, use_buffers=True)
        self._learning = nn.ModuleDict({"network": self.network})
        if self.tagger is not None:
            own, position = self.network.config, self.crops.front_end.hop_length
            self._learning["lessons"] = TaggerLessons(
                self.tagger,
                own.width,
                own.n_classes,
                self.tagger.window / (own.output_stride * position),
            ).to(self.device)
        self._optimizer = torch.optim.AdamW(
            self._learning.parameters(), self.config.learning_rate, weight_decay=self.config.weight_decay
        )

    @property
    def batches_per_epoch(self) -> int:
        """Batches in an epoch."""
        return max(1, math.ceil(self._epoch_s / self.config.batch_s))

    @property
    def _epoch_s(self) -> float:
        return self.config.epoch_s or max(self.crops.total_s, _LEAST_EPOCH_S)

    @property
    def best(self) -> EpochResult | None:
        """The epoch whose weights are kept, None before the first has ended."""
        return max(self.history, key=lambda r: (r.macro_recall, -r.epoch), default=None)

    @property
    def finished(self) -> bool:
        """Whether all epochs are done, or the last ones brought nothing."""
        done = len(self.history)
        return done >= self.config.epochs or (
            self.best is not None and done - self.best.epoch >= self.config.patience
        )

    def averaged_weights(self) -> dict[str, Tensor]:
        """The averaged weights as they are now, on the CPU."""
        state = self._averaged.module.state_dict()
        return {name: w.detach().cpu().clone() for name, w in state.items()}

    def run(self, observer: Observer, state_path: Path, on_best: Callable[[], object]) -> None:
        """Train until `finished`; `on_best` is called after an epoch whose weights are the best so far.

        After every epoch the state is saved at `state_path`.
        """
        while not self.finished:
            result = self._epoch(len(self.history) + 1, observer)
            self.history.append(result)
            is_best = self.best is result
            if is_best:
                self.best_weights = self.averaged_weights()
                on_best()
            self.save_state(state_path)
            observer.on_epoch(result, is_best)

    def _epoch(self, epoch: int, observer: Observer) -> EpochResult:
        start = time.monotonic()
        torch.manual_seed(self.config.seed * 100_003 + epoch)  # dropout, the same after a resume
        self.network.train()
        losses: list[float] = []
        n = self.batches_per_epoch
        for i, batch in enumerate(self._load(epoch)):
            rate = self._learning_rate((epoch - 1) * n + i, n * self.config.epochs)
            for group in self._optimizer.param_groups:
                group["lr"] = rate
            losses.append(self._step(batch))
            observer.on_batch(epoch, i + 1, n, float(np.mean(losses[-50:])))
        recalls, calibration = self._validate()
        return EpochResult(
            epoch,
            float(np.mean(losses)),
            recalls,
            calibration.temperature,
            time.monotonic() - start,
            calibration.biases,
        )

    def _load(self, epoch: int) -> Iterator[Batch]:
        loader = DataLoader(
            Epoch(self._maker, self.batches_per_epoch, epoch, self.config.fresh_epochs),
            batch_size=None,
            num_workers=self.workers,
            prefetch_factor=4 if self.workers else None,
            pin_memory=self.device.type == "cuda",
            worker_init_fn=_init_worker,
        )
        return iter(loader)

    def _learning_rate(self, step: int, steps: int) -> float:
        rise = max(1, steps // 20)
        if step < rise:
            return self.config.learning_rate * (step + 1) / rise
        return (
            self.config.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))
        )

    def _step(self, batch: Batch) -> float:
        stride = self.network.config.output_stride
        # An output position is taught the label of the frame in its middle, or of the crop's last one.
        n_frames = batch.labels.shape[1]
        middles = (torch.arange(0, n_frames, stride) + stride // 2).clamp(max=n_frames - 1)
        labels = batch.labels[:, middles].to(self.device)
        features = batch.features.to(self.device, non_blocking=True).float()
        with self._autocast():
            fused = self.network.fused(features)
            logits, audible = self.network.classify(fused), self.network.listen(fused)
        fused, logits = fused.float(), logits.float()
        loss = frame_loss(logits, labels, self.config.label_smoothing)
        with torch.no_grad():
            opinions = [teacher(features).float() for teacher in self.teachers]
        if self.tagger is not None:
            lessons = cast(TaggerLessons, self._learning["lessons"])
            scores = batch.scores.to(self.device).float()
            loss = loss + self.distillation.score_weight * lessons.score_loss(fused, scores)
            opinion = lessons.class_logits(scores, logits.shape[2])
            loss = loss + frame_loss(opinion, labels[:, : opinion.shape[2]])
            opinions.append(opinion)
        if opinions:
            soft = [soft_targets(o, labels, self.distillation.temperature) for o in opinions]
            drawn = torch.stack([distillation_loss(logits, s) for s in soft]).mean()
            loss = loss + self.distillation.weight * drawn
        if audible is not None:
            known = batch.audible[:, :, middles].to(self.device)
            loss = loss + self.config.audible_weight * audible_loss(audible.float(), known, opinions)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._learning.parameters(), 5.0)
        self._optimizer.step()
        self._averaged.update_parameters(self.network)
        return float(loss.detach())

    def _average(self, average: Tensor, current: Tensor, count: Tensor | int) -> Tensor:
        """Exponential moving average whose memory grows with what there is to remember."""
        decay = min(self.config.average_decay, (1 + int(count)) / (10 + int(count)))
        return decay * average + (1 - decay) * current

    def _autocast(self) -> Any:
        if self.device.type == "cuda":
            return torch.autocast("cuda", torch.bfloat16)
        return nullcontext()

    def _validate(self) -> tuple[tuple[float, ...], Calibration]:
        """Recalls and calibration of the averaged weights."""
        shapes = Checkpoint(
            self.crops.classes, self.crops.front_end, self.network.config, SmoothingConfig(), weights={}
        )
        engine = NetworkEngine(cast(SwishNet, self._averaged.module), self.device)
        return validate(engine, shapes, self.validation)

    def save_state(self, path: Path) -> None:
        """Write everything that a run needs to go on exactly: weights, averages, optimiser, history."""
        tensors = {f"learning.{k}": v for k, v in self._learning.state_dict().items()}
        tensors |= {f"averaged.{k}": v for k, v in self._averaged.state_dict().items()}
        tensors |= {f"best.{k}": v for k, v in self.best_weights.items()}
        for index, state in self._optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{k}": v for k, v in state.items()}
        tensors = {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}
        data = save(tensors, {"swish_run": json.dumps(self._description())})
        with atomic_path(path) as temporary:
            temporary.write_bytes(data)

    def load_state(self, path: Path) -> None:
        """Take over a saved state. Raises CheckpointError if it is of another run."""
        try:
            with safe_open(path, "pt") as file:
                description = json.loads((file.metadata() or {})["swish_run"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError, KeyError) as error:
            raise CheckpointError(path, f"is not a training state that can be resumed: {error}") from None
        changed = list(_changes(description, self._description()))
        if changed:
            raise CheckpointError(path, f"cannot be resumed: it is of a run with {', '.join(changed)}")
        self._learning.load_state_dict(_take(tensors, "learning."))
        self._averaged.load_state_dict(_take(tensors, "averaged."))
        self.best_weights = _take(tensors, "best.")
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _take(tensors, "optimizer.").items():
            index, _, key = name.partition(".")
            state.setdefault(int(index), {})[key] = tensor
        self._optimizer.load_state_dict(self._optimizer.state_dict() | {"state": state})
        self.history = [_epoch_result(result) for result in description["history"]]

    def _description(self) -> dict[str, Any]:
        described = {
            **self._maker.description(),
            "network": asdict(self.network.config),
            "training configuration": asdict(self.config),
            "distillation": asdict(self.distillation),
            "teachers": [asdict(teacher.config) for teacher in self.teachers],
            "history": [asdict(result) for result in self.history],
        }
        return cast(dict[str, Any], json.loads(json.dumps(described)))


_TABLES = {
    "front end": "[front_end]",
    "network": "[network]",
    "training configuration": "[training]",
    "mixing": "[mixing]",
    "distillation": "[distillation]",
}
_OTHERS = {
    "data": "other recordings, labels or splits",
    "rooms": "other impulse responses (--rir)",
    "tagger": "another tagger (--teacher)",
    "teachers": "other teachers (--teacher)",
}
"""What the entries of a run's description are to its user: tables of options, and other things."""


def _changes(before: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    """How a run of description `before` differs from one of `now`, in the words of its options."""
    for key, words in _OTHERS.items():
        if before.get(key) != now[key]:
            yield words
    for key, table in _TABLES.items():
        for option, value in now[key].items():
            # An option that the state does not know came later, and its default changes nothing.
            if (was := before.get(key, {}).get(option, value)) != value:
                yield f"{table} {option} = {json.dumps(was)} instead of {json.dumps(value)}"


def _epoch_result(described: dict[str, Any]) -> EpochResult:
    """From JSON, which knows no tuples; biases came later."""
    biases = tuple(described.get("biases", ()))
    return EpochResult(**{**described, "recalls": tuple(described["recalls"]), "biases": biases})


def _take(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}


def _init_worker(_: int) -> None:
    torch.set_num_threads(1)
    # Ctrl-C reaches every process of the terminal; the one that trains tells the others to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
