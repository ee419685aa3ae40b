"""What cannot be used is named in one sentence, and costs nothing else its result."""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import copy

import numpy as np
import pytest
import soundfile
from conftest import Swish, tone, wav_header
from safetensors.numpy import load_file, save_file

import swishcli
from swishcli import Model
from swishcli.audio import AudioStream, Samples
from swishcli.checkpoint import load_checkpoint
from swishcli.cli.classify import to_dict
from swishcli.cli.segment import Destination
from swishcli.cli.segment import run as run_segment
from swishcli.cli.work import Work
from swishcli.errors import AudioError
from swishcli.formats import read_segments, segmentation_to_dict

RATE = 16000
SOUND = np.random.default_rng(0).normal(0, 0.1, 3 * RATE).astype(np.float32)

Make = Callable[[Path], object]
"""Makes a file or folder at a path."""


def nothing(path: Path) -> None:
    """A file that is not there."""


def data(content: bytes) -> Make:
    return lambda path: path.write_bytes(content)


def pcm(n_samples: int, rate: int = RATE, channels: int = 1, claimed_bytes: int | None = None) -> Make:
    """A 16-bit wav whose header may say what is not so."""
    body = (0.1 * 32767 * np.resize(tone(RATE), n_samples * max(1, channels))).astype("<i2").tobytes()
    return data(wav_header(len(body) if claimed_bytes is None else claimed_bytes, rate, channels) + body)


def floats(samples: Samples) -> Make:
    return lambda path: soundfile.write(path, samples, RATE, format="WAV", subtype="FLOAT")


def at_one_second(*values: float) -> Make:
    """A float wav of sound with these samples in it, one second from its start."""
    samples = SOUND.copy()
    samples[RATE : RATE + len(values)] = values
    return floats(samples)


def cut(container: str, share: float = 0.5) -> Make:
    """The first part of a file of three seconds."""

    def make(path: Path) -> None:
        soundfile.write(path, SOUND, RATE, format=container)
        content = path.read_bytes()
        path.write_bytes(content[: round(share * len(content))])

    return make


def overwritten(container: str) -> Make:
    """A file of three seconds with zeros in its middle."""

    def make(path: Path) -> None:
        soundfile.write(path, SOUND, RATE, format=container)
        content = bytearray(path.read_bytes())
        middle = len(content) // 2
        content[middle : middle + 2000] = bytes(2000)
        path.write_bytes(content)

    return make


def video_without_sound(path: Path) -> None:
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("mpeg4", rate=10, width=64, height=64, pix_fmt="yuv420p")
        container.mux(pictures.encode(av.VideoFrame(64, 64, "yuv420p")))
        container.mux(pictures.encode(None))


BAD: dict[str, tuple[Make, str]] = {
    "missing.wav": (nothing, r"no such file"),
    "folder": (Path.mkdir, r"is a folder without recordings"),
    "empty.wav": (Path.touch, r"is an empty file"),
    "text.wav": (data(b"words\n" * 500), r"is not a recording that can be decoded \(.*\)"),
    "words.txt": (data(b"words\n"), r"is not a recording that can be decoded \(.*\)"),
    "random.mp3": (data(np.random.default_rng(0).bytes(100_000)), r".*"),
    "half-a-header.wav": (data(wav_header(1000)[:30]), r"is not a recording that can be decoded \(.*\)"),
    "cut.flac": (cut("FLAC"), r"cannot be decoded after [0-3]\.\d{3} s: .*"),
    "cut.mp3": (cut("MP3"), r"ends after 1\.\d{3} s although its header promises 3\.000 s, .*"),
    "overwritten.flac": (overwritten("FLAC"), r"cannot be decoded after [0-3]\.\d{3} s: .*"),
    "overwritten.mp3": (overwritten("MP3"), r"cannot be decoded after [0-3]\.\d{3} s: .*"),
    "no-channels.wav": (pcm(RATE, channels=0), r"has 0 channels at 16000 Hz"),
    "no-samples.wav": (pcm(0), r"holds no audio samples"),
    "no-samples-streamed.wav": (pcm(0, claimed_bytes=2**32 - 1), r"holds no audio samples"),
    "nan.wav": (at_one_second(np.nan), r"holds .* not finite numbers.*, the first at 1\.000 s"),
    "infinite.wav": (at_one_second(np.inf, -np.inf), r"holds .* not finite numbers.*, the first at 1\.000 s"),
    "astronomic.wav": (at_one_second(3e38, 3e38), r"holds .*, the first at 1\.000 s"),
    "8-hz.wav": (pcm(100, rate=8), r"a sample rate of 8 Hz is too low, at least 1000 Hz is needed"),
    "no-rate.wav": (pcm(100, rate=0), r".*"),
    "silent-film.mp4": (video_without_sound, r"holds no audio stream"),
    "two\nlines.wav": (data(b"words"), r"is not a recording that can be decoded \(.*\)"),
}

ODD: dict[str, tuple[Make, float]] = {
    "cut.wav": (cut("WAV"), 1.5),
    "promises-more.wav": (pcm(RATE, claimed_bytes=8 * RATE), 1.0),
    "streamed-0.wav": (pcm(RATE, claimed_bytes=0), 1.0),
    "streamed-7fffffff.wav": (pcm(RATE, claimed_bytes=2**31 - 1), 1.0),
    "streamed-ffffffff.wav": (pcm(RATE, claimed_bytes=2**32 - 1), 1.0),
    "streamed-short.wav": (pcm(100, claimed_bytes=0), 100 / RATE),
    "one-sample.wav": (pcm(1), 1 / RATE),
    "one-sample-at-384-khz.wav": (pcm(1, rate=384_000), 1 / 384_000),
    "hundred-samples.wav": (pcm(100), 100 / RATE),
    "384-khz.wav": (pcm(384_000, rate=384_000), 1.0),
    "1-khz.wav": (pcm(1000, rate=1000), 1.0),
    "twenty-channels.wav": (pcm(RATE, channels=20), 1.0),
    "zeros.wav": (floats(np.zeros(RATE, np.float32)), 1.0),
    "very-loud.wav": (floats(1e9 * SOUND), 3.0),
    "flac-inside.wav": (lambda path: soundfile.write(path, SOUND, RATE, format="FLAC"), 3.0),
    "no-suffix": (pcm(RATE), 1.0),
}
WITH_WARNING = {"cut.wav", "promises-more.wav"}
"""Their headers promise more than there is, and no program writes such headers on purpose."""

GOOD = ["phone.wav", "noise-rain.flac", "stereo-44k.mp3"]


@dataclass(frozen=True)
class Batch:
    """A run over bad recordings among good ones, in the folder they lie in."""

    command: str
    exit_code: int
    errors: list[str]
    """Lines of standard error."""
    results: dict[str, dict[str, object]]
    """JSON objects by the paths in them."""
    folder: Path


@pytest.fixture(
    scope="module", params=["classify --json", "segment --json", "segment -o results"], ids=lambda c: c
)
def batch(
    request: pytest.FixtureRequest,
    swish: Swish,
    tiny_model: Path,
    samples: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Batch:
    folder = tmp_path_factory.mktemp("batch")
    for name, (make, _) in BAD.items():
        make(folder / name)
    for name in GOOD:
        copy(samples / name, folder)
    bad = list(BAD)
    inputs = [GOOD[0], *bad[:9], GOOD[1], *bad[9:], GOOD[2]]
    done = swish(*request.param.split(), "-m", tiny_model, *inputs, cwd=folder)
    lines = done.stdout.splitlines() or [file.read_text() for file in (folder / "results").iterdir()]
    results = {result["path"]: result for result in map(json.loads, lines)}
    return Batch(request.param, done.returncode, done.stderr.splitlines(), results, folder)


def test_a_batch_with_bad_inputs_exits_with_1(batch: Batch) -> None:
    assert batch.exit_code == 1


@pytest.mark.parametrize("name", BAD)
def test_a_bad_input_is_named_once_with_the_reason(batch: Batch, name: str) -> None:
    start = f"swish: {name}: ".replace("\n", "\\n")
    (sentence,) = [line for line in batch.errors if line.startswith(start)]
    assert soundly(sentence)
    assert matches(BAD[name][1], sentence.removeprefix(start))


def matches(pattern: str, text: str) -> bool:
    import re

    return re.fullmatch(pattern, text) is not None
