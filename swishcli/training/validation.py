"""How good a network is on whole recordings, by the same windows as benchmarks and `swishcli.evaluation`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from swishcli.analysis import Analyser
from swishcli.checkpoint import Checkpoint
from swishcli.engines import Outputs
from swishcli.evaluation.metrics import recalls
from swishcli.evaluation.scoring import (
    FRAME_S,
    WINDOW_S,
    count_pairs,
    counted_windows_of,
    frame_labels,
    majority_labels,
)
from swishcli.features import Features
from swishcli.inference import frame_scores
from swishcli.network import IGNORE, SwishNet
from swishcli.segments import Segmentation
from swishcli.smoothing import SmoothingConfig
from swishcli.training.cache import CachedRecording

_TELLING_S = 30.0
"""Seconds of validation below which they say nothing about the calibration."""
_TEMPERATURES, _LARGEST_BIAS = (0.25, 4.0), 3.0
"""Calibrations beyond these are of validation data that says too little."""
_BLOCK_S = 60.0
"""Seconds of a recording that are in memory at a time."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What makes posteriors right as often as they say."""

    temperature: float = 1.0
    """Logits are divided by it."""
    biases: tuple[float, ...] = ()
    """Added to them then, one for each class, their sum 0; none for zeros."""


class NetworkEngine:
    """A network that is still learning, as an engine."""

    def __init__(self, network: SwishNet, device: torch.device) -> None:
        self._network, self._device = network.eval(), device

    def __call__(self, features: Features) -> Outputs:
        """The logits; what is audible is not validated."""
        with torch.inference_mode():
            logits = self._network(torch.from_numpy(features).to(self._device))
            return Outputs(logits.float().cpu().numpy())


def validate(
    engine: NetworkEngine, checkpoint: Checkpoint, recordings: Sequence[CachedRecording]
) -> tuple[tuple[float, ...], Calibration]:
    """Recall of each class on the 1-s windows of whole recordings, and the calibration.

    A window has the label that covers most of it, after the default smoothing where the network says it. A class that
    no window has is one whose recall is NaN. `checkpoint` says the classes and shapes; its weights are not looked at.
    """
    n_classes = len(checkpoint.classes)
    confusion = np.zeros((n_classes, n_classes + 1), np.int64)
    sounding, labels = [], []
    for recording in recordings:
        segmentation, logits = _heard(engine, checkpoint, recording)
        confusion += count_pairs(*_windows(recording, segmentation, checkpoint), n_classes)
        known = recording.labels(checkpoint.classes, checkpoint.front_end.hop_s)
        known = known[:: checkpoint.network.output_stride][: len(logits)]
        taught = known != IGNORE
        sounding.append(logits[: len(known)][taught])
        labels.append(known[taught])
    wanted = np.concatenate(labels)
    position_s = checkpoint.position_samples / checkpoint.front_end.sample_rate
    telling = len(wanted) * position_s >= _TELLING_S
    return (
        tuple(recalls(confusion).tolist()),
        calibration_of(np.concatenate(sounding), wanted) if telling else Calibration(),
    )


def _heard(
    engine: NetworkEngine, checkpoint: Checkpoint, recording: CachedRecording
) -> tuple[Segmentation, npt.NDArray[np.float32]]:
    """The segments of a recording, and the logits ``[P, K]`` they are made of."""
    rate = checkpoint.front_end.sample_rate
    analyser, segments, logits = Analyser(checkpoint, SmoothingConfig()), [], []
    blocks = (block[None] for block in recording.blocks(round(_BLOCK_S * rate)))
    for scores in frame_scores(blocks, 1, checkpoint, engine):
        segments += analyser.push(scores.logits[0], scores.level_db[0])
        logits.append(scores.logits[0])
    segments += analyser.finish(recording.n_samples / rate)
    return Segmentation(recording.n_samples / rate, tuple(segments)), np.concatenate(logits)


def _windows(
    recording: CachedRecording, segmentation: Segmentation, checkpoint: Checkpoint
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The class that each 1-s window that counts has, and the one it is given; their number for silence."""
    rate, classes = checkpoint.front_end.sample_rate, checkpoint.classes
    windows = counted_windows_of(recording.blocks(round(_BLOCK_S * rate)), rate)
    n_frames = (max(windows, default=0) + 1) * round(WINDOW_S / FRAME_S)
    given, item = frame_labels(segmentation.segments, classes, n_frames), recording.item
    answers = majority_labels(given, windows, len(classes))
    if not item.segments:
        return np.full(len(answers), classes.index(item.label)), answers
    return majority_labels(frame_labels(item.segments, classes, n_frames), windows, len(classes)), answers


def calibration_of(logits: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]) -> Calibration:
    """The calibration that makes the labels likeliest, classes weighing alike: logits [P, K], labels [P].

    Alexandari et al. 2020, *Maximum Likelihood with Bias-Corrected Calibration is Hard-to-Beat at Label Shift
    Adaptation*: crops hold sounds in another mixture than recordings do, and teach how often each is right. The
    likelihood has one maximum. A class that no label is of keeps the others from saying anything about biases.
    """
    counts = np.bincount(labels, minlength=logits.shape[1])
    given, wanted = torch.from_numpy(logits), torch.from_numpy(labels)
    weights = torch.from_numpy(1 / counts.clip(1)).float()
    log_scale = torch.zeros(1, requires_grad=True)
    biases = torch.zeros(logits.shape[1], requires_grad=bool(counts.all()))
    optimizer = torch.optim.LBFGS(
        [p for p in (log_scale, biases) if p.requires_grad], max_iter=100, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        optimizer.zero_grad()
        likelihood = functional.cross_entropy(given * log_scale.exp() + biases, wanted, weight=weights)
        likelihood.backward()
        return likelihood.detach()

    optimizer.step(loss)
    centred = (biases - biases.mean()).tolist()
    temperature = float(torch.exp(-log_scale.detach()).clamp(*_TEMPERATURES))
    return Calibration(temperature, tuple(float(np.clip(b, -_LARGEST_BIAS, _LARGEST_BIAS)) for b in centred))


def apply_calibration(network: SwishNet, calibration: Calibration) -> None:
    """Put a calibration into the head of a network."""
    with torch.no_grad():
        for parameter in network.head.parameters():
            parameter.div_(calibration.temperature)
        if calibration.biases and network.head.bias is not None:
            network.head.bias.add_(torch.tensor(calibration.biases))
