"""One file that holds a model: weights and everything needed to use them.

A checkpoint is a safetensors file. Its tensors are the network's weights (``network.*``) and, under
``onnx``, the same network as an ONNX graph for inference without torch. Its metadata has one entry,
``swish``: JSON with the format version, class names, front end, network, smoothing defaults and how the
model was trained. Nothing is ever unpickled.
"""

from __future__ import annotations

import json
import os
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from swishcli.architecture import NetworkConfig
from swishcli.errors import CheckpointError
from swishcli.features import FrontEndConfig
from swishcli.files import atomic_path
from swishcli.segments import SILENCE
from swishcli.smoothing import Smoother, SmoothingConfig

FORMAT_VERSION = 1
SUFFIX = ".safetensors"

_METADATA_KEY = "swish"
_WEIGHT_PREFIX = "network."
_ONNX_KEY = "onnx"

Weights = Mapping[str, npt.NDArray[Any]]
Config = TypeVar("Config")


@dataclass(frozen=True, slots=True)
class Source:
    """The recordings of one class, source and licence that a model was made with."""

    label: str
    source: str | None
    licence: str | None
    seconds: float


@dataclass(frozen=True, slots=True)
class DataProvenance:
    """The recordings that a model was made with."""

    sha256: str = ""
    """Over their contents, labels and splits."""
    train: tuple[Source, ...] = ()
    val: tuple[Source, ...] = ()


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """How the epoch that was kept did on the validation recordings, by windows of a second."""

    epoch: int
    macro_recall: float
    recall: Mapping[str, float]
    """By class."""
    temperature: float
    """What the logits were divided by afterwards."""
    biases: Mapping[str, float] = field(default_factory=dict)
    """What was added to them then, by class."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """How a model came about. For people; nothing depends on it."""

    command: str = ""
    seed: int | None = None
    training: Mapping[str, Any] = field(default_factory=dict)
    """The recipe's options by name, as of `mixing` and `distillation`."""
    mixing: Mapping[str, Any] = field(default_factory=dict)
    distillation: Mapping[str, Any] = field(default_factory=dict)
    teachers: tuple[str, ...] = ()
    epochs_run: int = 0
    validation_1s_windows: ValidationResult | None = None
    data: DataProvenance = DataProvenance()
    versions: Mapping[str, str] = field(default_factory=dict)
    """Of the packages it was made with."""

    @classmethod
    def read(cls, described: Mapping[str, Any]) -> Provenance:
        """From what a checkpoint says: what is missing is left at its default, what is unknown left out."""
        known = _known(cls, described)
        data = _known(DataProvenance, described.get("data", {}))
        sources = {
            part: tuple(Source(**_known(Source, source)) for source in data.get(part, ()))
            for part in ("train", "val")
        }
        result = described.get("validation_1s_windows")
        return cls(
            **known
            | {
                "teachers": tuple(described.get("teachers", ())),
                "validation_1s_windows": ValidationResult(**_known(ValidationResult, result))
                if result
                else None,
                "data": DataProvenance(**data | sources),
            }
        )


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
    provenance: Provenance = Provenance()
    path: Path | None = field(default=None, compare=False)
    """The file it was read from."""

    @property
    def position_samples(self) -> int:
        """Samples that an output position stands for."""
        return self.network.output_stride * self.front_end.hop_length

    @property
    def latency_s(self) -> float:
        """Seconds after the beginning of a position until all the sound that its scores depend on is there."""
        frames = self.network.output_stride + self.network.look_ahead
        return frames * self.front_end.hop_s + self.front_end.padding / self.front_end.sample_rate

    def smoother(
        self,
        smoothing: SmoothingConfig | None = None,
        offset_s: float = 0.0,
        classes: tuple[str, ...] | None = None,
    ) -> Smoother:
        """What makes segments of this model's logits, the first at `offset_s`; by default as it was tuned.

        `classes` are those of the logits, by default the model's own.
        """
        positions_per_s = self.front_end.sample_rate, self.position_samples
        return Smoother(smoothing or self.smoothing, classes or self.classes, positions_per_s, offset_s)

    def description(self) -> dict[str, Any]:
        """Everything but the tensors, as JSON can say it."""
        return {
            "format_version": FORMAT_VERSION,
            "classes": self.classes,
            "front_end": asdict(self.front_end),
            "network": asdict(self.network),
            "smoothing": asdict(self.smoothing),
            "training": asdict(self.provenance),
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
        checkpoint = Checkpoint(
            classes=_checked_classes(description["classes"]),
            front_end=_config(FrontEndConfig, description["front_end"]),
            network=_config(NetworkConfig, description["network"]),
            smoothing=_config(SmoothingConfig, description["smoothing"]),
            weights={n.removeprefix(_WEIGHT_PREFIX): t for n, t in tensors.items() if n != _ONNX_KEY},
            onnx=tensors[_ONNX_KEY].tobytes(),
            provenance=Provenance.read(description["training"]),
            path=Path(path),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(path, f"has a description that cannot be used: {error}") from None
    _check_shapes(path, checkpoint)
    return checkpoint


def _checked_classes(names: Iterable[Any]) -> tuple[str, ...]:
    """Names that can be printed, and told apart. Raises ValueError."""
    classes = tuple(names)
    for name in classes:
        if not isinstance(name, str) or not name or name == SILENCE:
            raise ValueError(f"{name!r} cannot be the name of a class")
        # Control characters and line ends could command a terminal or break a line in two.
        if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in name):
            raise ValueError(f"the name of a class holds a control character: {name!r}")
    if len(set(classes)) < len(classes):
        raise ValueError("two classes have the same name")
    return classes


def _config(kind: type[Config], described: Mapping[str, Any]) -> Config:
    """A configuration from JSON, whose arrays are tuples here. Raises TypeError, ValueError."""
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in described.items()}
    config = kind(**values)
    default = kind()
    for name, value in values.items():
        wanted = type(getattr(default, name))
        if type(value) is not wanted and not (wanted is float and type(value) is int):
            raise TypeError(f"{name} must be of type {wanted.__name__}, not {value!r}")
    return config


def _known(kind: type, described: Mapping[str, Any]) -> dict[str, Any]:
    """Those entries that a dataclass has fields for."""
    names = {f.name for f in fields(kind)}
    return {name: value for name, value in described.items() if name in names}


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


def named_models() -> dict[str, Path]:
    """All models that are known by name: those of the user's folder, and before them those that ship."""
    folder = Path(os.environ.get("SWISH_MODELS") or Path.home() / ".swish" / "models")
    own = {path.stem: path for path in sorted(folder.glob(f"*{SUFFIX}")) if path.is_file()}
    shipped = shipped_models()
    return {**shipped, **{name: path for name, path in own.items() if name not in shipped}}


def find_model(name_or_path: str | Path) -> Path:
    """The file of a model by its name, or the path itself. Raises CheckpointError."""
    models = named_models()
    if str(name_or_path) in models:
        return models[str(name_or_path)]
    path = Path(name_or_path)
    if not os.path.isfile(path):  # noqa: PTH113
        raise CheckpointError(
            path, f"is neither a model file nor one of the models {', '.join(models) or '(none)'}"
        )
    return path
