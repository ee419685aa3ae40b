"""Engines, devices and threads: what runs where, and that nothing is sent or left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from swishcli import engines
from swishcli.checkpoint import Checkpoint, load_checkpoint
from swishcli.engines import (
    ENGINES,
    OnnxEngine,
    TorchEngine,
    cgroup_cores,
    default_threads,
    find_device,
    make_engine,
)
from swishcli.errors import CheckpointError, DeviceError, MissingDependencyError


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> Checkpoint:
    return load_checkpoint(tiny_model)


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_an_error(
    device: str, model: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(DeviceError, match=f"the device '{device}' is not available on this machine"):
        make_engine(model, device)
    assert find_device("auto") == "cpu"


def test_without_its_graph_a_model_runs_in_torch(model: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(make_engine(model, "cpu", 1), OnnxEngine)
    without = replace(model, onnx=b"")
    assert isinstance(make_engine(without, "cpu", 1), TorchEngine)
    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    for device in ("cpu", "cuda"):
        with pytest.raises(MissingDependencyError, match="needs PyTorch: pip install"):
            make_engine(without, device)


@pytest.mark.parametrize(
    "network",
    [{"n_classes": 4}, {"n_features": 31}, {"output_stride": 8}],
    ids=["classes", "features", "output stride"],
)
def test_a_graph_that_is_not_of_the_described_network_is_refused(
    model: Checkpoint, network: dict[str, int]
) -> None:
    other = replace(model, network=replace(model.network, **network))
    with pytest.raises(
        CheckpointError, match=r"tiny\.safetensors: has an ONNX graph that is not of the network"
    ):
        make_engine(other, "cpu")


def test_another_engine_is_one_class_and_one_line(model: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    class Mute:
        def __init__(self, checkpoint: Checkpoint, device: str = "cpu", threads: int = 1) -> None:
            self.threads = threads

        @staticmethod
        def serves(checkpoint: Checkpoint, device: str) -> bool:
            return device == "cpu"

        def __call__(self, features: np.ndarray) -> np.ndarray:
            return np.zeros((len(features), 3, -(-features.shape[2] // 4)), np.float32)

    monkeypatch.setattr(engines, "ENGINES", {"mute": Mute} | ENGINES)
    engine = make_engine(model, "cpu", threads=5)
    assert isinstance(engine, Mute)
    assert engine.threads == 5


def test_the_environment_says_how_many_threads_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert default_threads() == 3
    for unusable in ("", "0", "many", "-1"):
        monkeypatch.setenv("OMP_NUM_THREADS", unusable)
        assert 1 <= default_threads() <= (os.cpu_count() or 1)


@pytest.mark.parametrize(
    ("line", "files", "cores"),
    [
        pytest.param("0::/", {"cpu.max": "150000 100000"}, 1.5, id="a container, version 2"),
        pytest.param("0::/", {"cpu.max": "max 100000"}, np.inf, id="no limit, version 2"),
        pytest.param(
            "0::/a/b", {"a/cpu.max": "100000 100000", "a/b/cpu.max": "max 100000"}, 1, id="parent's"
        ),
        pytest.param("0::/of/the/host", {"cpu.max": "200000 100000"}, 2, id="a path of the host"),
        pytest.param(
            "4:cpu,cpuacct:/docker/x",
            {"cpu,cpuacct/cpu.cfs_quota_us": "50000", "cpu,cpuacct/cpu.cfs_period_us": "100000"},
            0.5,
            id="version 1",
        ),
        pytest.param(
            "4:cpu:/",
            {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"},
            np.inf,
            id="no limit",
        ),
        pytest.param("5:memory:/", {"memory/cpu.max": "1 100000"}, np.inf, id="another controller"),
        pytest.param("0::/", {"cpu.max": "nonsense"}, np.inf, id="unreadable"),
    ],
)
def test_a_control_groups_quota_counts_in_cores(
    tmp_path: Path, line: str, files: dict[str, str], cores: float
) -> None:
    (tmp_path / "own").write_text(line + "\n")
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    assert cgroup_cores(tmp_path, tmp_path / "own") == cores
    assert cgroup_cores(tmp_path, tmp_path / "none") == np.inf


def test_a_quota_below_a_core_leaves_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(engines, "cgroup_cores", lambda: 0.3)
    assert default_threads() == 1


FORBID_SOCKETS = """
import sys

def refuse(event, arguments):
    if event.startswith("socket."):
        raise AssertionError(f"{event} was asked for")

sys.addaudithook(refuse)
"""


def strangers(root: Path) -> Iterator[Path]:
    """Everything below a folder that the test did not put there."""
    return (path for path in root.rglob("*") if path.name != "sitecustomize.py")


@pytest.mark.parametrize(
    "code",
    [
        "import swishcli; swishcli.load(sys.argv[1], 'cpu').segment(np.ones(16000, np.float32))",
        "import swishcli.training.teachers",
    ],
)
def test_nothing_is_sent_and_nothing_is_written_to_the_users_folders(
    code: str, tiny_model: Path, tmp_path: Path
) -> None:
    """ONNX Runtime would keep an identity and events there, within a second or two of its import."""
    home, site = tmp_path / "home", tmp_path / "site"
    home.mkdir()
    site.mkdir()
    (site / "sitecustomize.py").write_text(FORBID_SOCKETS)
    keep = {k: v for k, v in os.environ.items() if k not in ("CI", "ORT_DISABLE_TELEMETRY")}
    keep = {k: v for k, v in keep.items() if not k.startswith(("XDG_", "GITHUB_"))}
    paths = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = keep | {"HOME": str(home), "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
    program = f"import sys, time, numpy as np; {code}; time.sleep(2)"
    subprocess.run([sys.executable, "-c", program, tiny_model], env=environment, check=True, timeout=120)
    assert not list(strangers(home))
