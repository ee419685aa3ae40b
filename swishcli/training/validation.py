"""How good a network is on whole recordings, by the same windows as benchmarks and `swishcli.evaluation`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

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
from swishcli.smoothing import SmoothingConfig, log_softmax
from swishcli.training.cache import CachedRecording

_TELLING_S = 30.0
"""Seconds of validation below which they say nothing about the temperature."""
_BLOCK_S = 60.0
"""Seconds of a recording that are in memory at a time."""


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
) -> tuple[tuple[float, ...], float]:
    """Recall of each class on the 1-s windows of whole recordings, and the temperature.

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
        temperature_of(np.concatenate(sounding), wanted) if telling else 1.0,
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


def temperature_of(logits: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]) -> float:
    """The temperature that makes the labels likeliest, classes weighing alike: logits [P, K], labels [P].

    Guo et al. 2017, *On Calibration of Modern Neural Networks*; the likelihood has one maximum.
    """
    if not len(labels):
        return 1.0
    weights = (1 / np.bincount(labels, minlength=logits.shape[1]).clip(1))[labels]

    def loss(temperature: float) -> float:
        log_posteriors = log_softmax(logits / np.float32(temperature))
        return -float(weights @ log_posteriors[np.arange(len(labels)), labels])

    return float(min(np.geomspace(0.25, 4, 81), key=loss))
