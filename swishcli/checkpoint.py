"""One file that holds a model: weights and everything needed to use them.

A checkpoint is a safetensors file. Its tensors are the network's weights (``network.*``) and, under
``onnx``, the same network as an ONNX graph for inference without torch. Its metadata has one entry,
``swish``: JSON with the format version, class names, front end, network, smoothing defaults and how the
model was trained. Nothing is ever unpickled.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from swishcli.architecture import NetworkConfig
from swishcli.errors import CheckpointError
from swishcli.features import FrontEndConfig
from swishcli.files import atomic_path
from swishcli.smoothing import Smoother, SmoothingConfig

FORMAT_VERSION = 1
SUFFIX = ".safetensors"

_METADATA_KEY = "swish"
_WEIGHT_PREFIX = "network."
_ONNX_KEY = "onnx"

Weights = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Checkpoint:
    """A trained model."""

    classes: tuple[str, ...]
    front_end: FrontEndConfig
    network: NetworkConfig
    smoothing: SmoothingConfig
    weights: Weights = field(repr=False)
    """Tensors by the names they have in `swishcli.network.SwishNet`."""
    onnx: bytes = field(default=b"", repr=False)
    """The network as an ONNX graph, batch norms folded: ``features [N, F, T]`` → ``logits [N, K, P]``."""
    training: Mapping[str, Any] = field(default_factory=dict)
    """How it came about: data, command, seed, versions, results. For people; nothing depends on it."""
    path: Path | None = field(default=None, compare=False)
    """The file it was read from."""

    @property
    def position_samples(self) -> int:
        """Samples that an output position stands for."""
        return self.network.output_stride * self.front_end.hop_length

    def smoother(self, smoothing: SmoothingConfig | None = None, offset_s: float = 0.0) -> Smoother:
        """What makes segments of this model's logits, the first at `offset_s`; by default as it was tuned."""
        positions_per_s = self.front_end.sample_rate, self.position_samples
        return Smoother(smoothing or self.smoothing, self.classes, positions_per_s, offset_s)

    def description(self) -> dict[str, Any]:
        """Everything but the tensors, as JSON can say it."""
        return {
            "format_version": FORMAT_VERSION,
            "classes": self.classes,
            "front_end": asdict(self.front_end),
            "network": asdict(self.network),
            "smoothing": asdict(self.smoothing),
            "training": self.training,
        }

    def save(self, path: str | Path) -> None:
        """Write the checkpoint, complete or not at all. Raises OutputError."""
        tensors = {_WEIGHT_PREFIX + name: np.array(w, order="C") for name, w in self.weights.items()}
        tensors[_ONNX_KEY] = np.frombuffer(self.onnx, np.uint8)
        # Serialised first: a write that fails is then the system's error and not one of safetensors' own.
        data = save(tensors, {_METADATA_KEY: json.dumps(self.description())})
        with atomic_path(path) as temporary:
            temporary.write_bytes(data)


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Read a checkpoint.

    Raises
    ------
    CheckpointError
        If the file is missing, truncated, no checkpoint, or of another format version, or if its weights
        do not fit the network it describes.
    """
    if not os.path.isfile(path):  # noqa: PTH113  (no name is an error to it)
        raise CheckpointError(path, "no such model file")
    try:
        with safe_open(path, "np") as file:
            metadata = file.metadata() or {}
            if _METADATA_KEY not in metadata:
                raise CheckpointError(path, "is a safetensors file but not a swish model")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, TypeError) as error:
        raise CheckpointError(path, f"is not a readable safetensors file: {error}") from None
    try:
        description = json.loads(metadata[_METADATA_KEY])
        version = description["format_version"]
        if version != FORMAT_VERSION:
            reason = f"has format version {version}, this swish reads version {FORMAT_VERSION}"
            raise CheckpointError(path, reason)
        network: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in description["network"].items()
        }
        checkpoint = Checkpoint(
            classes=tuple(description["classes"]),
            front_end=FrontEndConfig(**description["front_end"]),
            network=NetworkConfig(**network),
            smoothing=SmoothingConfig(**description["smoothing"]),
            weights={n.removeprefix(_WEIGHT_PREFIX): t for n, t in tensors.items() if n != _ONNX_KEY},
            onnx=tensors[_ONNX_KEY].tobytes(),
            training=description["training"],
            path=Path(path),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(path, f"has a description that cannot be used: {error}") from None
    _check_shapes(path, checkpoint)
    return checkpoint


def _check_shapes(path: str | Path, checkpoint: Checkpoint) -> None:
    network, expected = checkpoint.network, checkpoint.network.weight_shapes
    if len(checkpoint.classes) != network.n_classes or checkpoint.front_end.n_mfcc != network.n_features:
        raise CheckpointError(path, "has a network that does not fit its classes or its front end")
    found = {name: tuple(w.shape) for name, w in checkpoint.weights.items()}
    for name in expected.keys() | found.keys():
        if expected.get(name) != found.get(name):
            reason = (
                f"has weights {name!r} of shape {found.get(name)}, its network needs {expected.get(name)}"
            )
            raise CheckpointError(path, reason)


def shipped_models() -> dict[str, Path]:
    """The models that come with swish, by name."""
    for folder in (resources.files("swishcli") / "weights", Path(__file__).parents[1] / "weights"):
        found = sorted(Path(str(folder)).glob(f"*{SUFFIX}"))
        if found:
            return {path.stem: path for path in found}
    return {}


def find_model(name_or_path: str | Path) -> Path:
    """The file of a shipped model by its name, or the path itself. Raises CheckpointError."""
    models = shipped_models()
    if str(name_or_path) in models:
        return models[str(name_or_path)]
    path = Path(name_or_path)
    if not os.path.isfile(path):  # noqa: PTH113
        raise CheckpointError(
            path, f"is neither a model file nor one of the models {', '.join(models) or '(none)'}"
        )
    return path
