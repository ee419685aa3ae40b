"""Teachers: networks whose answers about a crop are learnt beside its labels.

Hinton et al. 2015, *Distilling the Knowledge in a Neural Network*: soft targets say how alike sounds are
where a label says only which one it is. A teacher hears the crop as the student does, mixed and degraded, so
its answer is right for what is heard. Two kinds of files can teach: models of swish, and audio taggers, ONNX
graphs that score many kinds of sounds in windows of fixed length. What a tagger's scores say about the classes
is itself learnt from the labels on the way; and the student learns every score of its own.
"""

from __future__ import annotations

import hashlib
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import cast

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

_FLOOR = 2e-3
"""Scores as small as this are no evidence of anything."""
_INTERPRETED_WINDOWS = 3
"""Windows of a tagger that its opinion about one of them is made from."""
_DROPPED_OUTPUTS = 0.3
"""Share of a tagger's outputs that the opinion has to do without while it is learnt."""


@dataclass(frozen=True, slots=True)
class DistillationConfig:
    """How teachers are listened to."""

    weight: float = 2.0
    """Of the teachers' answers about the classes in the loss; that of the labels is 1."""
    temperature: float = 1.5
    """Softens those answers: logits are divided by it."""
    score_weight: float = 1.0
    """Of a tagger's scores, learnt one by one as log-odds, in the loss: a factor on their mean squared error."""

    def __post_init__(self) -> None:
        if not self.weight >= 0 or not self.score_weight >= 0 or not self.temperature > 0:
            raise ValueError("the weights must be at least 0 and the temperature above 0")


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
    """What a tagger teaches a network; learns with it and is not kept.

    Parameters
    ----------
    tagger : Tagger
    width : int
        Channels of what the network has fused.
    n_classes : int
    window_positions : float
        Output positions of the network in a window of the tagger.
    """

    def __init__(self, tagger: Tagger, width: int, n_classes: int, window_positions: float) -> None:
        super().__init__()
        self._window_positions = window_positions
        self.scores = nn.Conv1d(width, tagger.n_outputs, 1)
        self.opinion = nn.Conv1d(
            tagger.n_outputs, n_classes, _INTERPRETED_WINDOWS, padding=_INTERPRETED_WINDOWS // 2
        )

    def score_loss(self, fused: Tensor, scores: Tensor) -> Tensor:
        """Squared error of the scores' log-odds by what is fused in each window: [N, C, P], [N, O, W] → scalar."""
        if not scores.shape[2]:
            return fused.new_zeros(())
        windows = self._window_of(fused.shape[2], fused.device).clamp(max=scores.shape[2])
        members = functional.one_hot(windows, scores.shape[2] + 1)[:, :-1].to(fused.dtype)
        averages = members / members.sum(0).clamp(min=1)
        return (self.scores(fused @ averages) - evidence(scores)).square().mean()

    def class_logits(self, scores: Tensor, n_positions: int) -> Tensor:
        """The tagger's opinion on each position that a whole window covers: [N, O, W] → [N, K, positions]."""
        if not scores.shape[2]:  # crops shorter than a window: torch does not convolve nothing
            return scores.new_zeros(len(scores), self.opinion.out_channels, 0)
        heard = functional.dropout(evidence(scores), _DROPPED_OUTPUTS, self.training)
        windows = self._window_of(n_positions, scores.device)
        return cast(Tensor, self.opinion(heard))[..., windows[windows < scores.shape[2]]]

    def _window_of(self, n_positions: int, device: torch.device) -> Tensor:
        """The window that the middle of each position lies in: ``[P]``."""
        return ((torch.arange(n_positions, device=device) + 0.5) / self._window_positions).long()


def evidence(scores: Tensor) -> Tensor:
    """How far scores lie above nothing, as log-odds; 0 for a score of 0."""
    odds = (scores + _FLOOR) / (1 - scores + _FLOOR)
    return odds.log() - math.log(_FLOOR / (1 + _FLOOR))


@torch.no_grad()
def soft_targets(logits: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """A teacher's distribution over the classes where its best one is the label's, else zeros.

    Logits ``[N, K, P]``, labels ``[N, ≥ P]`` → ``[N, K, P]``. Where it is wrong, it has nothing to teach: a
    tagger's windows do not end where the pieces of a crop do.
    """
    right = logits.argmax(dim=1) == labels[:, : logits.shape[2]]
    return torch.softmax(logits / temperature, dim=1) * right[:, None]


def distillation_loss(logits: Tensor, soft: Tensor) -> Tensor:
    """Cross-entropy against soft targets, mean over the positions that have any.

    Logits ``[N, K, P]``, soft targets ``[N, K, ≤ P]`` → scalar.
    """
    log_posteriors = torch.log_softmax(logits[..., : soft.shape[2]], dim=1)
    return -(soft * log_posteriors).sum() / soft.sum().clamp(min=1)


def is_tagger(path: str) -> bool:
    """Whether a teacher is an audio tagger rather than a model of swish."""
    return path.lower().endswith(".onnx")
