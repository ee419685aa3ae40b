"""What can be heard where, whatever it lies beneath: log-odds of each class in, segments that may overlap out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from swishcli.checkpoint import Checkpoint
from swishcli.errors import CheckpointError
from swishcli.segments import Segment, Segmentation, layered
from swishcli.smoothing import SmoothingConfig

_INAUDIBLE = ""
"""Label of stretches in which a class cannot be heard."""


class LayerAnalyser:
    """The layers of one channel while its frame scores come in; each class is smoothed on its own.

    Parameters
    ----------
    checkpoint : Checkpoint
    smoothing : SmoothingConfig, optional
        Instead of the checkpoint's own.
    offset_s : float
        Time of the first position in seconds of the recording.

    Raises
    ------
    CheckpointError
        If the model does not say what can be heard.
    """

    def __init__(
        self, checkpoint: Checkpoint, smoothing: SmoothingConfig | None = None, offset_s: float = 0.0
    ) -> None:
        if not checkpoint.network.audible:
            raise CheckpointError(checkpoint.path or "model", "does not say which classes can be heard")
        self._smoothers = {
            name: checkpoint.smoother(smoothing, offset_s, (_INAUDIBLE, name)) for name in checkpoint.classes
        }
        self._segments: list[Segment] = []

    def push(self, audible: npt.NDArray[np.float32], level_db: npt.NDArray[np.float32]) -> None:
        """Take log-odds ``[P, K]`` and levels ``[P]``."""
        for log_odds, (name, smoother) in zip(audible.T, self._smoothers.items(), strict=True):
            logits = np.stack([np.zeros_like(log_odds), log_odds], axis=1)
            self._segments += (s for s in smoother.push(logits, level_db) if s.label == name)

    def finish(self, duration: float) -> Segmentation:
        """The layers of a recording that ends at `duration` seconds."""
        for name, smoother in self._smoothers.items():
            self._segments += (s for s in smoother.finish(duration) if s.label == name)
        return layered(duration, self._segments)
