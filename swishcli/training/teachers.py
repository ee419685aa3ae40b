"""Teachers: networks whose answers about a crop are learnt beside its labels.

Hinton et al. 2015, *Distilling the Knowledge in a Neural Network*: soft targets say how alike sounds are
where a label says only which one it is. A teacher hears the crop as the student does, mixed and degraded, so
its answer is right for what is heard. Two kinds of files can teach: models of swish, and audio taggers, ONNX
graphs that score many kinds of sounds in windows of fixed length.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
import torch
from torch import Tensor, nn

from swishcli.audio import Samples
from swishcli.errors import CheckpointError
from swishcli.inference import open_session

SoftTargets = npt.NDArray[np.float16]
"""``[K, positions]``: a distribution over the classes, or zeros where the teacher has no opinion."""

_LEAST_SCORE = 0.1
"""A tagger that scores no class higher than this in a window has no opinion on it."""


@dataclass(frozen=True, slots=True)
class DistillationConfig:
    """How teachers are listened to."""

    weight: float = 1.0
    """Of the teachers in the loss; that of the labels is 1."""
    temperature: float = 2.0
    """Softens the answers: logits are divided by it, scores taken to the power of its inverse."""
    outputs: Mapping[str, Sequence[int | str]] = field(default_factory=dict)
    """Which outputs of a tagger speak for a class, as numbers and ranges like "24-32"; the highest counts."""
    heeded: tuple[str, ...] = ()
    """Labels at which a tagger is heeded, all if empty: it may know less about a class than the labels do."""

    def __post_init__(self) -> None:
        if not self.weight >= 0 or not self.temperature > 0:
            raise ValueError("the weight must be at least 0 and the temperature above 0")
        if not isinstance(self.outputs, Mapping):
            raise TypeError("outputs must be a table of classes and the numbers of their outputs")
        for label, spans in self.outputs.items():
            if not output_numbers(spans):
                raise ValueError(f"outputs of {label!r} must be a list of numbers")


def output_numbers(spans: Sequence[int | str]) -> list[int]:
    """Numbers from numbers and ranges, both ends included. Raises ValueError.

    >>> output_numbers([3, "5-7"])
    [3, 5, 6, 7]
    """
    numbers: list[int] = []
    for span in spans:
        first, _, last = str(span).partition("-")
        numbers += range(int(first), int(last or first) + 1)
    return numbers


class Tagger:
    """An audio tagger in a file: samples ``[1, window]`` in, scores ``[1, outputs]`` of 0 to 1 out.

    Parameters
    ----------
    classes : sequence of str
        The student's classes, each with its numbers in `config`.

    Raises
    ------
    CheckpointError
        If the file is no such graph, or the configuration does not fit it.
    """

    def __init__(self, path: Path, config: DistillationConfig, classes: Sequence[str]) -> None:
        self.path, self._temperature = path, config.temperature
        try:
            self._graph = path.read_bytes()
        except OSError as error:
            raise CheckpointError(path, f"cannot be read: {error.strerror}") from None
        without = [label for label in classes if label not in config.outputs]
        if without:
            raise CheckpointError(
                path, f"cannot teach the class {without[0]!r}: [distillation.outputs] of --config lacks it"
            )
        self._outputs = [output_numbers(config.outputs[label]) for label in classes]
        (given, *others), scores = self._session.get_inputs(), self._session.get_outputs()[0]
        fixed = [isinstance(s, int) and s > 0 for s in (*given.shape, *scores.shape)]
        if others or len(given.shape) != 2 or len(scores.shape) != 2 or not all(fixed):
            raise CheckpointError(path, "is no graph from [1, samples] to [1, scores]")
        self.window: int = given.shape[1]
        if max(map(max, self._outputs)) >= scores.shape[1]:
            raise CheckpointError(path, f"has only {scores.shape[1]} outputs")

    @property
    def digest(self) -> str:
        """SHA-256 of the graph."""
        return hashlib.sha256(self._graph).hexdigest()

    @cached_property
    def _session(self) -> onnxruntime.InferenceSession:
        return open_session(self._graph, self.path, threads=1)

    def __getstate__(self) -> dict[str, object]:
        # A session belongs to its process; the workers that make crops open their own.
        return {k: v for k, v in self.__dict__.items() if k != "_session"}

    def soft_targets(self, samples: Samples, position_samples: int) -> SoftTargets:
        """The answer about samples ``[n]`` for every position of `position_samples`: [K, ceil(n / those)]."""
        n_positions = -(-len(samples) // position_samples)
        n_windows = len(samples) // self.window
        name = self._session.get_inputs()[0].name
        # One column more, without an opinion, for positions after the last whole window.
        targets = np.zeros((len(self._outputs), n_windows + 1), np.float16)
        for i in range(n_windows):
            window = samples[i * self.window : (i + 1) * self.window]
            scores = self._session.run(None, {name: window[None]})[0][0]
            best = np.array([scores[numbers].max() for numbers in self._outputs])
            if best.max() > _LEAST_SCORE:
                soft = (best + 1e-3) ** (1 / self._temperature)
                targets[:, i] = soft / soft.sum()
        middles = (np.arange(n_positions) + 0.5) * position_samples
        return targets[:, np.minimum(middles // self.window, n_windows).astype(int)]


@torch.no_grad()
def soft_targets_of(network: nn.Module, features: Tensor, temperature: float) -> Tensor:
    """A network's distribution over the classes: features [N, F, T] → [N, K, positions]."""
    return torch.softmax(network(features).float() / temperature, dim=1)


def distillation_loss(logits: Tensor, soft: Tensor) -> Tensor:
    """Cross-entropy against soft targets, mean over the positions that have any: [N, K, P] each → scalar."""
    given = soft.sum(dim=1)
    return -(soft * torch.log_softmax(logits, dim=1)).sum() / given.sum().clamp(min=1)


def is_tagger(path: str) -> bool:
    """Whether a teacher is an audio tagger rather than a model of swish."""
    return path.lower().endswith(".onnx")
