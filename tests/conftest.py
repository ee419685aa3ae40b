"""What the tests share: the command line as a process of its own, a small model, the samples."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pytest
from hypothesis import settings

from swishcli.architecture import NetworkConfig
from swishcli.audio import Samples
from swishcli.checkpoint import Checkpoint
from swishcli.features import FrontEndConfig
from swishcli.smoothing import SmoothingConfig

if TYPE_CHECKING:
    from swishcli.training.cache import CachedRecording

settings.register_profile("swish", deadline=None)  # the machines that run the tests are busy
settings.load_profile("swish")


class Swish(Protocol):
    """Runs ``swish`` with arguments to its end; fails the test on a traceback."""

    def __call__(
        self, *arguments: str | Path, input: bytes = b"", cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]: ...


def command(*arguments: str | Path) -> list[str]:
    """The command line of a ``swish`` of its own."""
    return [sys.executable, "-m", "swishcli", *map(str, arguments)]


@pytest.fixture(scope="session")
def swish() -> Swish:
    def run(
        *arguments: str | Path, input: bytes = b"", cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(command(*arguments), input=input, cwd=cwd, capture_output=True, timeout=120)
        stdout, stderr = done.stdout.decode("utf-8"), done.stderr.decode("utf-8")
        assert "Traceback" not in stderr, stderr
        return subprocess.CompletedProcess(done.args, done.returncode, stdout, stderr)

    return run


@pytest.fixture(scope="session", autouse=True)
def _plain_output() -> Iterator[None]:
    """Where the tests run must not decide whether help comes in colour."""
    with pytest.MonkeyPatch.context() as environment:
        for name in ("FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS"):
            environment.delenv(name, raising=False)
        yield


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that nobody trained: wrong about everything, but with segments of all classes."""
    import torch

    from swishcli.network import SwishNet, to_onnx

    front_end, config = FrontEndConfig(n_mfcc=32), NetworkConfig(n_features=32, width=4, audible=True)
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(1)
        network = SwishNet(config).train()
        for _ in range(10):  # running means and variances of roughly what a front end gives
            network(20 * torch.randn(8, config.n_features, 512))
        network.head.weight *= 5
        network.audible.weight *= 5
    weights = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    classes = ("speech", "music", "noise")
    onnx = to_onnx(network)
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    Checkpoint(classes, front_end, config, SmoothingConfig(), weights, onnx).save(path)
    return path


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of short recordings with reference labels."""
    return Path(__file__).parents[1] / "samples"


def names(folder: Path) -> list[str]:
    """What lies in a folder, sorted; the journals of batches are hidden."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def tone(rate: int, seconds: float = 1.0, hz: float = 440.0, amplitude: float = 0.5) -> Samples:
    """A sine ``[n]``."""
    t = np.arange(round(seconds * rate)) / rate
    return (amplitude * np.sin(2 * np.pi * hz * t)).astype(np.float32)


def wav_header(
    data_bytes: int, rate: int = 16000, channels: int = 1, sample_bytes: int = 2, format_tag: int = 1
) -> bytes:
    """The 44 bytes before the samples of a PCM wav (`format_tag` 1), however untrue."""
    frame = channels * sample_bytes
    riff_bytes = min(36 + data_bytes, 2**32 - 1)
    head = struct.pack("<4sI8sIHH", b"RIFF", riff_bytes, b"WAVEfmt ", 16, format_tag, channels)
    return head + struct.pack("<IIHH4sI", rate, rate * frame, frame, 8 * sample_bytes, b"data", data_bytes)


def sparse_wav(path: Path, hours: float) -> Path:
    """Hours of a constant at 8 kHz and 8 bits that take no room on the disk."""
    n = round(hours * 3600 * 8000)
    with path.open("wb") as file:
        file.write(wav_header(n, rate=8000, sample_bytes=1))
        file.truncate(44 + n)
    return path


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of tones."""
    from training_data import PITCHES, folder_of  # imports torch, which most tests do without

    return folder_of(tmp_path_factory.mktemp("data"), PITCHES)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for decoded audio."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def recordings(folder: Path, cache: Path) -> list[CachedRecording]:
    """The data set of tones, decoded."""
    from training_data import HOP, RATE

    from swishcli.training.cache import load_recordings
    from swishcli.training.datasets import find_items

    return load_recordings(find_items(folder), RATE, HOP, cache)
