"""Engines: what runs a network, on which device, with how many threads.

The CPU runs the checkpoint's ONNX graph and needs no torch; GPUs run the network in torch. Another engine is a
class and a line in `ENGINES`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, get_args

import numpy as np
import numpy.typing as npt

from swishcli.checkpoint import Checkpoint
from swishcli.errors import CheckpointError, DeviceError, MissingDependencyError
from swishcli.features import Features

if TYPE_CHECKING:
    import onnxruntime

Device = Literal["auto", "cpu", "cuda", "mps"]
"""Where a network runs; "auto" is a GPU where there is one, else the CPU."""
DEVICES: tuple[str, ...] = get_args(Device)


class Outputs(NamedTuple):
    """What a network says about features ``[N, F, T]``, for P = ceil(T / output_stride) positions."""

    logits: npt.NDArray[np.float32]
    """Of the classes, one of which it is: ``[N, K, P]``."""
    audible: npt.NDArray[np.float32] | None = None
    """Log-odds of each class to be heard, ``[N, K, P]``; None from a network that does not say it."""


class Engine(Protocol):
    """Runs a network."""

    def __call__(self, features: Features) -> Outputs:
        """What the network says about features ``[N, F, T]``."""


class EngineFactory(Protocol):
    """Makes engines of one kind; usually their class."""

    def serves(self, checkpoint: Checkpoint, device: str) -> bool:
        """Whether it can run this checkpoint on this device with what is installed."""

    def __call__(self, checkpoint: Checkpoint, device: str = ..., threads: int = ...) -> Engine:
        """An engine for `device`, none of which is "auto", with so many CPU threads where it has its own."""


class OnnxEngine:
    """The network in ONNX Runtime on the CPU: starts in a tenth of a second and needs no torch."""

    def __init__(self, checkpoint: Checkpoint, device: str = "cpu", threads: int = 1) -> None:
        name, network = checkpoint.path or "model", checkpoint.network
        self._session = open_session(checkpoint.onnx, name, threads)
        n_frames = 2 * network.output_stride + 1
        try:
            found = [o.shape for o in self._run(np.zeros((1, network.n_features, n_frames), np.float32))]
        except Exception:  # its exceptions have no base of their own
            found = []
        if found != [(1, network.n_classes, network.n_positions(n_frames))] * (1 + network.audible):
            raise CheckpointError(name, "has an ONNX graph that is not of the network it describes")

    @staticmethod
    def serves(checkpoint: Checkpoint, device: str) -> bool:
        """On the CPU, for a checkpoint that has a graph."""
        return device == "cpu" and bool(checkpoint.onnx) and find_spec("onnxruntime") is not None

    def __call__(self, features: Features) -> Outputs:
        return Outputs(*self._run(features))

    def _run(self, features: Features) -> list[npt.NDArray[np.float32]]:
        outputs: list[npt.NDArray[np.float32]] = self._session.run(None, {"features": features})
        return outputs


class TorchEngine:
    """The network in torch, on the CPU, CUDA or MPS; its CPU threads are those of the process."""

    def __init__(self, checkpoint: Checkpoint, device: str = "cpu", threads: int = 1) -> None:
        import torch

        from swishcli.network import Answers, network_of

        self._torch = torch
        self._device = torch.device(device)
        self._answers = Answers(network_of(checkpoint)).to(self._device).eval()

    @staticmethod
    def serves(checkpoint: Checkpoint, device: str) -> bool:
        """Wherever torch is installed."""
        return find_spec("torch") is not None

    def __call__(self, features: Features) -> Outputs:
        with self._torch.inference_mode():
            answers = self._answers(self._torch.from_numpy(features).to(self._device))
            return Outputs(*(answer.float().cpu().numpy() for answer in answers))


ENGINES: dict[str, EngineFactory] = {"onnx": OnnxEngine, "torch": TorchEngine}
"""By name; of those that serve a checkpoint and a device the first is taken."""


def make_engine(checkpoint: Checkpoint, device: Device = "auto", threads: int | None = None) -> Engine:
    """The engine for a device.

    Parameters
    ----------
    checkpoint : Checkpoint
    device : "auto", "cpu", "cuda" or "mps"
        "auto" takes a GPU where there is one and torch is installed, else the CPU.
    threads : int, optional
        CPU threads; by default `default_threads`.

    Raises
    ------
    CheckpointError
        If the checkpoint's graph cannot be used.
    DeviceError
        If the device is not there.
    MissingDependencyError
        If what the device needs is not installed.
    """
    found = find_device(device)
    for factory in ENGINES.values():
        if factory.serves(checkpoint, found):
            return factory(checkpoint, found, threads or default_threads())
    raise MissingDependencyError(
        "this model has no ONNX graph, or onnxruntime is not installed: it needs PyTorch: "
        "pip install 'swishcli[train]'"
    )


def open_session(graph: bytes, name: str | Path, threads: int) -> onnxruntime.InferenceSession:
    """A graph in ONNX Runtime on the CPU. Raises CheckpointError, with `name`, if it is none."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # One plan for all of a call's memory saves a twentieth of the time and takes a fifth more memory.
    options.enable_mem_pattern = False
    # Idle threads that spin would take the cores that decoding and the front end need.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no base of their own
        reason = " ".join(str(error).split())
        raise CheckpointError(name, f"has an ONNX graph that cannot be used: {reason}") from None


def find_device(name: str) -> str:
    """The device that a name stands for: itself if it is there, for "auto" a GPU or else the CPU.

    Raises DeviceError or MissingDependencyError if it is not there.
    """
    if name == "auto":
        return _present_gpu() or "cpu"
    if name != "cpu":
        _require_gpu(name)
    return name


def require_torch(what: str) -> None:
    """Raise MissingDependencyError, starting with `what`, unless torch is installed."""
    if not find_spec("torch"):
        raise MissingDependencyError(f"{what} needs PyTorch: pip install 'swishcli[train]'")


def _present_gpu() -> str | None:
    """The GPU that torch can use. Importing torch takes seconds: it is asked only where a driver is."""
    if not find_spec("torch"):
        return None
    if Path("/dev/nvidia0").exists() or Path("/dev/dxg").exists() or os.name == "nt":
        import torch

        return "cuda" if torch.cuda.is_available() else None
    return None


def _require_gpu(device: str) -> None:
    require_torch(f"the device {device!r}")
    import torch

    there = torch.cuda.is_available() if device == "cuda" else torch.backends.mps.is_available()
    if not there:
        raise DeviceError(f"the device {device!r} is not available on this machine")


def default_threads() -> int:
    """``OMP_NUM_THREADS`` where it is set, else the cores this process may use, a container's quota included."""
    wished = os.environ.get("OMP_NUM_THREADS", "")
    return int(wished) if wished.isdigit() and int(wished) > 0 else available_cores()


def available_cores() -> int:
    """The cores that this process may use, by its affinity and by a container's quota; at least one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, ceil(min(cores, cgroup_cores())))


_CGROUPS, _OWN_CGROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def cgroup_cores(root: Path = _CGROUPS, own: Path = _OWN_CGROUPS) -> float:
    """Cores' worth of time that Linux's control groups leave to this process; infinite without a limit."""
    return min(map(_quota, _cgroups("cpu", root, own)), default=np.inf)


def cgroup_memory(root: Path = _CGROUPS, own: Path = _OWN_CGROUPS) -> float:
    """Bytes of memory that Linux's control groups leave to this process and its kin; infinite without a limit."""
    return min(map(_memory_limit, _cgroups("memory", root, own)), default=np.inf)


def _cgroups(controller: str, root: Path, own: Path) -> Iterator[Path]:
    """The groups whose limits hold for this process, of version 2 or 1."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        group = root / controllers / path.lstrip("/")
        # Inside a container the path may be the host's; the root that is mounted there is then the group.
        for folder in (group, *group.parents):
            yield folder
            if folder == root / controllers:
                break


def _quota(group: Path) -> float:
    """A control group's own limit in cores, of version 2 (``cpu.max``) or 1."""
    try:
        if (group / "cpu.max").exists():
            quota, period = (group / "cpu.max").read_text().split()
        else:
            quota, period = ((group / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        return np.inf if quota == "max" or int(quota) <= 0 else int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return np.inf


def _memory_limit(group: Path) -> float:
    """A control group's own limit in bytes, of version 2 (``memory.max``) or 1."""
    for name in ("memory.max", "memory.limit_in_bytes"):
        try:
            limit = (group / name).read_text().strip()
            return np.inf if limit == "max" else int(limit)
        except (OSError, ValueError):
            continue
    return np.inf
