"""Teachers: networks whose answers about a crop are learnt beside its labels.

Hinton et al. 2015, *Distilling the Knowledge in a Neural Network*: soft targets say how alike sounds are
where a label says only which one it is. A teacher hears the crop as the student does, mixed and degraded, so
its answer is right for what is heard. Two kinds of files can teach: models of swish, and audio taggers, ONNX
graphs that score many kinds of sounds in windows of fixed length. A tagger teaches twice: what its scores
say about the classes, and, to a head that only training has, every score of its own.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
import torch
from torch import Tensor, nn
from torch.nn import functional

from swishcli.audio import Samples
from swishcli.engines import open_session
from swishcli.errors import CheckpointError

Scores = npt.NDArray[np.float16]
"""``[outputs, windows]``, 0 to 1: what a tagger says about every whole window of a crop."""

_LEAST_SCORE = 0.1
"""A tagger that scores no class higher than this in a window has no opinion on it."""
_RARE_LOGIT = -6.0
"""Most kinds of sounds are absent most of the time: the score of each starts at 1/400."""


@dataclass(frozen=True, slots=True)
class DistillationConfig:
    """How teachers are listened to."""

    weight: float = 0.5
    """Of the teachers' answers about the classes in the loss; that of the labels is 1."""
    temperature: float = 2.0
    """Softens those answers: logits are divided by it, scores taken to the power of its inverse."""
    outputs: Mapping[str, Sequence[int | str]] = field(default_factory=dict)
    """Which outputs of a tagger speak for a class, as numbers and ranges like "24-32"; the highest counts."""
    score_weight: float = 30.0
    """Of the tagger's scores, learnt one by one, in the loss: a factor on their mean cross-entropy."""

    def __post_init__(self) -> None:
        if not self.weight >= 0 or not self.score_weight >= 0 or not self.temperature > 0:
            raise ValueError("the weights must be at least 0 and the temperature above 0")
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

    Raises
    ------
    CheckpointError
        If the file is no such graph.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._graph = path.read_bytes()
        except OSError as error:
            raise CheckpointError(path, f"cannot be read: {error.strerror}") from None
        (given, *others), scores = self._session.get_inputs(), self._session.get_outputs()[0]
        fixed = [isinstance(s, int) and s > 0 for s in (*given.shape, *scores.shape)]
        if others or len(given.shape) != 2 or len(scores.shape) != 2 or not all(fixed):
            raise CheckpointError(path, "is no graph from [1, samples] to [1, scores]")
        self.window: int = given.shape[1]
        self.n_outputs: int = scores.shape[1]

    @property
    def digest(self) -> str:
        """SHA-256 of the graph."""
        return hashlib.sha256(self._graph).hexdigest()

    @property
    def _session(self) -> onnxruntime.InferenceSession:
        # A session belongs to its process: workers that make crops open their own, forked ones too.
        owner, session = self.__dict__.get("_opened", (None, None))
        if owner != os.getpid():
            session = open_session(self._graph, self.path, threads=1)
            self.__dict__["_opened"] = os.getpid(), session
        return session

    def __getstate__(self) -> dict[str, object]:
        return {k: v for k, v in self.__dict__.items() if k != "_opened"}

    def scores(self, samples: Samples) -> Scores:
        """What every whole window of samples ``[n]`` sounds like."""
        session = self._session
        name = session.get_inputs()[0].name
        scores = np.zeros((self.n_outputs, len(samples) // self.window), np.float16)
        for i in range(scores.shape[1]):
            window = samples[i * self.window : (i + 1) * self.window]
            scores[:, i] = session.run(None, {name: window[None]})[0][0]
        return scores


class TaggerLessons(nn.Module):
    """What a tagger's scores teach a network: its classes, and a head of all scores that is not kept.

    Parameters
    ----------
    tagger : Tagger
    width : int
        Channels of what the network has fused.
    classes : sequence of str
        The student's classes, each with its outputs in `config`.
    position_samples : int
        Samples per output position of the network.

    Raises
    ------
    CheckpointError
        If `config` does not fit the tagger.
    """

    def __init__(
        self,
        tagger: Tagger,
        width: int,
        classes: Sequence[str],
        config: DistillationConfig,
        position_samples: int,
    ) -> None:
        super().__init__()
        without = [label for label in classes if label not in config.outputs]
        if without:
            reason = f"cannot teach the class {without[0]!r}: [distillation.outputs] of --config lacks it"
            raise CheckpointError(tagger.path, reason)
        self._outputs = [output_numbers(config.outputs[label]) for label in classes]
        if max(map(max, self._outputs)) >= tagger.n_outputs:
            raise CheckpointError(tagger.path, f"has only {tagger.n_outputs} outputs")
        self._config, self._window_positions = config, tagger.window / position_samples
        self.head = nn.Conv1d(width, tagger.n_outputs, 1)
        assert self.head.bias is not None
        nn.init.constant_(self.head.bias, _RARE_LOGIT)

    def score_loss(self, fused: Tensor, scores: Tensor) -> Tensor:
        """Binary cross-entropy of all scores, each averaged over its window: [N, C, P], [N, O, W] → scalar."""
        if not scores.shape[2]:
            return fused.new_zeros(())
        windows = self._window_of(fused.shape[2], fused.device)
        members = functional.one_hot(windows.clamp(max=scores.shape[2]), scores.shape[2] + 1)[:, :-1]
        averages = members.to(fused.dtype) / members.sum(0).clamp(min=1)
        return functional.binary_cross_entropy_with_logits(self.head(fused @ averages), scores)

    def class_targets(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Distributions over the classes where the tagger has an opinion and it is the label's, else zeros.

        Scores ``[N, O, W]`` and labels ``[N, P]`` → ``[N, K, P]``.
        """
        best = torch.stack([scores[:, numbers].amax(dim=1) for numbers in self._outputs], dim=1)
        soft = (best + 1e-3) ** (1 / self._config.temperature)
        soft = soft / soft.sum(dim=1, keepdim=True) * (best.amax(dim=1, keepdim=True) > _LEAST_SCORE)
        # One window more, without an opinion, for positions after the last whole one.
        soft = functional.pad(soft, (0, 1))
        at = self._window_of(labels.shape[1], labels.device).clamp(max=scores.shape[2])
        targets = soft[:, :, at]
        return targets * (targets.argmax(dim=1) == labels)[:, None]

    def _window_of(self, n_positions: int, device: torch.device) -> Tensor:
        """The window that the middle of each position lies in: ``[P]``."""
        return ((torch.arange(n_positions, device=device) + 0.5) / self._window_positions).long()


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
