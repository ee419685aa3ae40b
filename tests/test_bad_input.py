"""What cannot be used is named in one sentence, and costs nothing else its result."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from shutil import copy
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from conftest import Swish, command, names, tone, wav_header
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import swishcli
from swishcli.audio import AudioStream, Samples
from swishcli.cli.classify import ClassificationView
from swishcli.cli.main import main
from swishcli.errors import AudioError, display_path
from swishcli.formats import FORMATS, read_segments, segmentation_to_dict

RATE = 16000
SOUND = np.random.default_rng(0).normal(0, 0.1, 3 * RATE).astype(np.float32)

Tensor = npt.NDArray[Any]
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
    "no-channels.wav": (pcm(RATE, channels=0), r"holds audio of a format that cannot be decoded"),
    "no-samples.wav": (pcm(0), r"holds no audio samples"),
    "no-samples-streamed.wav": (pcm(0, claimed_bytes=2**32 - 1), r"holds no audio samples"),
    "nothing-finite.wav": (
        floats(np.full(RATE, np.nan, np.float32)),
        r"holds no samples that are finite numbers",
    ),
    "8-hz.wav": (pcm(100, rate=8), r"a sample rate of 8 Hz is too low, at least 1000 Hz is needed"),
    "no-rate.wav": (pcm(100, rate=0), r".*"),
    "silent-film.mp4": (video_without_sound, r"holds no audio stream"),
    "two\nlines.wav": (data(b"words"), r"is not a recording that can be decoded \(.*\)"),
}

DAMAGED: dict[str, tuple[Make, float, str]] = {
    "cut.flac": (cut("FLAC"), 1.5, r".*ends after [12]\.\d{3} s although its header says 3\.000 s"),
    "cut.mp3": (cut("MP3"), 1.5, r"ends after 1\.\d{3} s although its header says 3\.000 s"),
    "cut.ogg": (cut("OGG"), 1.0, r"has no end mark after \d\.\d{3} s; it may be truncated"),
    "cut.wav": (
        pcm(RATE, claimed_bytes=8 * RATE),
        1.0,
        r"its header promises \d+ bytes of audio, it holds \d+",
    ),
    "overwritten.flac": (
        overwritten("FLAC"),
        3.0,
        r"has no sound from 1\.\d{3} to 2\.\d{3} s",
    ),
    "overwritten.mp3": (overwritten("MP3"), 2.7, r"is damaged in one place, the first at 1\.\d{3} s"),
    "nan.wav": (at_one_second(np.nan), 3.0, r"holds .* not finite numbers.*, the first at 1\.000 s"),
    "infinite.wav": (at_one_second(np.inf, -np.inf), 3.0, r"holds .* not finite .*, the first at 1\.000 s"),
    "astronomic.wav": (at_one_second(3e38, 3e38), 3.0, r"holds .*, the first at 1\.000 s"),
}
"""Recordings of which something is missing: how long they are, about, and what is said."""

ODD: dict[str, tuple[Make, float]] = {
    "cut-in-a-sample.wav": (data(wav_header(1000) + bytes(501)), 250 / RATE),
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
WITH_WARNING = {"cut-in-a-sample.wav"}
"""Its header promises more than there is, and no program writes such a header on purpose."""


def rounded(value: Any) -> Any:
    """The same with all numbers rounded to five digits."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return round(value, 5) if isinstance(value, float) else value


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
    lines = done.stdout.splitlines() or [
        (folder / "results" / name).read_text() for name in names(folder / "results")
    ]
    results = {result["path"]: result for result in map(json.loads, lines)}
    return Batch(request.param, done.returncode, done.stderr.splitlines(), results, folder)


def test_a_batch_with_bad_inputs_exits_with_1(batch: Batch) -> None:
    assert batch.exit_code == 1


@pytest.mark.parametrize("name", BAD)
def test_a_bad_input_is_named_once_with_the_reason(batch: Batch, name: str) -> None:
    start = f"swish: {display_path(name)}: "
    (sentence,) = [line for line in batch.errors if line.startswith(start)]
    assert re.fullmatch(BAD[name][1], sentence.removeprefix(start))


def test_nothing_else_is_said(batch: Batch) -> None:
    assert [line for line in batch.errors if not line.startswith("swish: ")] == []
    summary = [f"swish: 3 recordings written, {len(BAD)} failed"] if "-o" in batch.command else []
    assert len(batch.errors) == len(BAD) + len(summary)


def test_good_recordings_among_bad_ones_get_the_results_they_get_alone(
    batch: Batch, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(batch.folder)
    model = swishcli.load(tiny_model, device="cpu", threads=1)
    alone = {name: model.analyse(name)[0] for name in GOOD}
    if batch.command.startswith("classify"):
        expected = {
            name: ClassificationView(()).to_dict(analysis.classification) for name, analysis in alone.items()
        }
    else:
        expected = {name: segmentation_to_dict(analysis.segmentation) for name, analysis in alone.items()}
    # Another number of threads sums in another order.
    assert rounded(batch.results) == rounded(expected)


def test_nothing_is_written_for_bad_inputs(batch: Batch) -> None:
    written = {"results"} if "-o" in batch.command else set()
    assert set(names(batch.folder)) == {*BAD, *GOOD, *written} - {"missing.wav"}
    if written:
        assert names(batch.folder / "results") == sorted(f"{Path(name).stem}.json" for name in GOOD)


@pytest.fixture(scope="module")
def odd(
    swish: Swish, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> subprocess.CompletedProcess[str]:
    """A run over recordings that are strange, and yet hold sound."""
    folder = tmp_path_factory.mktemp("odd")
    for name, (make, _) in ODD.items():
        make(folder / name)
    return swish("segment", "--json", "-m", tiny_model, *ODD, cwd=folder)


def test_strange_recordings_are_no_errors(odd: subprocess.CompletedProcess[str]) -> None:
    assert odd.returncode == 0


@pytest.mark.parametrize("name", ODD)
def test_a_strange_recording_is_segmented_as_long_as_it_is(
    odd: subprocess.CompletedProcess[str], name: str
) -> None:
    (found,) = [s for s in map(FORMATS["json"].parse, odd.stdout.splitlines()) if s.path == name]
    assert found.duration == ODD[name][1]
    assert found.segments  # which tile the recording, or they could not be read
    assert all(0 < s.confidence <= 1 for s in found.segments if s.confidence is not None)


def test_a_header_that_promises_more_is_warned_of(odd: subprocess.CompletedProcess[str]) -> None:
    warned = [
        re.match(r"swish: warning: (.*): its header promises \d+ bytes", x) for x in odd.stderr.splitlines()
    ]
    assert sorted(match[1] for match in warned if match) == sorted(WITH_WARNING)
    assert all(warned)


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_costs_what_is_damaged_and_is_said(name: str, tiny_model: Path, tmp_path: Path) -> None:
    make, seconds, warning = DAMAGED[name]
    make(tmp_path / name)
    found = swishcli.load(tiny_model, device="cpu", threads=1).segment(tmp_path / name)
    assert found.duration == pytest.approx(seconds, abs=0.35)
    assert re.match(warning, "; ".join(found.warnings))


def test_a_warning_is_a_line_with_the_files_name(swish: Swish, tiny_model: Path, tmp_path: Path) -> None:
    DAMAGED["cut.flac"][0](tmp_path / "cut.flac")
    done = swish("segment", "--json", "-m", tiny_model, "cut.flac", cwd=tmp_path)
    assert done.returncode == 0
    (line,) = done.stderr.splitlines()
    assert re.match(r"swish: warning: cut\.flac: .*ends after", line)


def test_a_file_without_permission_to_read(samples: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, mode: str = "r") -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "open", refuse)  # root may read anything
    with pytest.raises(AudioError, match=r"phone\.wav: cannot be read: Permission denied"):
        AudioStream(samples / "phone.wav", RATE)


def test_a_file_in_place_of_the_output_folder(
    swish: Swish, tiny_model: Path, samples: Path, tmp_path: Path
) -> None:
    (tmp_path / "results").write_text("mine")
    done = swish("segment", "-m", tiny_model, samples / "phone.wav", "-o", tmp_path / "results")
    assert done.returncode == 2
    assert done.stderr == f"swish: {tmp_path / 'results'}: cannot be written: File exists\n"
    assert (tmp_path / "results").read_text() == "mine"


def test_a_folder_in_place_of_one_output_file(
    swish: Swish, tiny_model: Path, samples: Path, tmp_path: Path
) -> None:
    in_the_way = tmp_path / "phone.json"
    in_the_way.mkdir()
    recordings = [samples / name for name in GOOD]
    done = swish("segment", "-m", tiny_model, *recordings, "-o", tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"swish: {in_the_way}: cannot be written: Is a directory\n")
    assert names(tmp_path) == ["noise-rain.json", "phone.json", "stereo-44k.json"]
    assert names(in_the_way) == []


def test_a_full_disk_leaves_nothing_behind(
    tiny_model: Path,
    samples: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def write_a_bit(self: Path, content: bytes) -> int:
        with self.open("wb") as file:
            file.write(content[:10])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", write_a_bit)
    arguments = ["-m", str(tiny_model), "-o", str(tmp_path), "-f", "json,csv", str(samples / "phone.wav")]
    assert main(["segment", *arguments]) == 3
    error, summary = capsys.readouterr().err.splitlines()
    assert error.startswith("swish: stopped: ")
    assert error.endswith("phone.json: cannot be written: No space left on device")
    assert summary.startswith("swish: 0 recordings written, 1 left")
    assert names(tmp_path) == []


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="no /dev/full here")
@pytest.mark.parametrize("arguments", [["--version"], ["classify", "--json"]], ids=" ".join)
def test_standard_output_that_is_full_is_an_error(
    arguments: list[str], tiny_model: Path, samples: Path
) -> None:
    if "classify" in arguments:
        arguments = [*arguments, "-m", str(tiny_model), str(samples / "phone.wav")]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command(*arguments), stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr == "swish: standard output: cannot be written: No space left on device\n"


ODD_NAMES = [
    "with space.wav",
    "two\nlines.wav",
    'tab\tand, "quotes".wav',
    "-dash.wav",
    os.fsdecode(b"caf\xe9.wav"),
]


@pytest.fixture(scope="module")
def oddly_named(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of recordings whose names are any bytes but zero and slash."""
    if sys.platform != "linux":
        pytest.skip("names of any bytes are Linux's")
    folder = tmp_path_factory.mktemp("oddly-named")
    for name in ODD_NAMES:
        pcm(RATE)(folder / name)
    return folder


@pytest.mark.parametrize("command", ["classify", "segment"])
def test_json_says_any_name_exactly(command: str, swish: Swish, tiny_model: Path, oddly_named: Path) -> None:
    done = swish(command, "--json", "-m", tiny_model, "--", *ODD_NAMES, cwd=oddly_named)
    assert (done.returncode, done.stderr) == (0, "")
    assert [json.loads(line)["path"] for line in done.stdout.splitlines()] == ODD_NAMES


def test_text_says_any_name_on_one_line_in_one_column(
    swish: Swish, tiny_model: Path, oddly_named: Path
) -> None:
    done = swish("classify", "-m", tiny_model, "--", *ODD_NAMES, cwd=oddly_named)
    assert (done.returncode, done.stderr) == (0, "")
    shown = ["with space.wav", r"two\nlines.wav", r'tab\tand, "quotes".wav', "-dash.wav", r"caf\udce9.wav"]
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == ["path", *shown]


def test_outputs_are_named_after_any_name(
    swish: Swish, tiny_model: Path, oddly_named: Path, tmp_path: Path
) -> None:
    done = swish("segment", "-m", tiny_model, "-o", tmp_path, oddly_named)
    assert (done.returncode, len(done.stderr.splitlines())) == (0, 1)
    assert names(tmp_path) == sorted(f"{Path(name).stem}.json" for name in ODD_NAMES)
    paths = {read_segments(tmp_path / name).path for name in names(tmp_path)}
    assert paths == {str(oddly_named / name) for name in ODD_NAMES}


def changed(change: Callable[[dict[str, Tensor], dict[str, Any]], object]) -> Callable[[bytes, Path], object]:
    """A model after `change` of its tensors and its description."""

    def make(model: bytes, path: Path) -> None:
        path.write_bytes(model)
        with safe_open(path, "np") as file:
            description = json.loads(file.metadata()["swish"])
        tensors = load_file(path)
        change(tensors, description)
        save_file(tensors, path, {"swish": json.dumps(description)})

    return make


BAD_MODELS: dict[str, tuple[Callable[[bytes, Path], object], str]] = {
    "missing": (lambda model, path: None, "is neither a model file nor one of the models .*"),
    "truncated": (
        lambda model, path: path.write_bytes(model[:-1000]),
        "is not a readable safetensors file: .*",
    ),
    "random": (
        lambda model, path: path.write_bytes(np.random.default_rng(0).bytes(5000)),
        "is not a readable safetensors file: .*",
    ),
    "no-model": (
        lambda model, path: save_file({"weight": np.zeros(3, np.float32)}, path),
        "is a safetensors file but not a swish model",
    ),
    "other-version": (
        changed(lambda tensors, description: description.update(format_version=99)),
        r"has format version 99, this swish reads version \d+",
    ),
    "other-shapes": (
        changed(lambda tensors, description: tensors.update({"network.head.weight": np.zeros((3, 5, 1))})),
        r"has weights 'head\.weight' of shape \(3, 5, 1\), its network needs \(3, 2, 1\)",
    ),
    "no-graph": (
        changed(lambda tensors, description: tensors.update(onnx=np.zeros(100, np.uint8))),
        "has an ONNX graph that cannot be used: .*",
    ),
}


@pytest.mark.parametrize("kind", BAD_MODELS)
def test_a_bad_model_file_is_wrong_usage(
    kind: str, swish: Swish, tiny_model: Path, samples: Path, tmp_path: Path
) -> None:
    make, reason = BAD_MODELS[kind]
    path = tmp_path / f"{kind}.safetensors"
    make(tiny_model.read_bytes(), path)
    done = swish("classify", "-m", path, samples / "phone.wav")
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(rf"swish: {re.escape(str(path))}: {reason}\n", done.stderr)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("classify --no-such-option a.wav", "--no-such-option"),
        ("classify", "PATH"),
        ("listen a.wav", "listen"),
        ("classify --json --csv a.wav", "--json/--csv"),
        ("segment -o results --json a.wav", "--json/--csv"),
        ("segment -o results --format json,mp3 a.wav", "'mp3' is no format"),
        ("classify --channel x a.wav", "neither a channel number, from 0, nor 'split'"),
        ("classify --device abacus a.wav", "abacus"),
        ("classify --threads 0 a.wav", "--threads"),
        pytest.param(f"classify -m {'x' * 300} a.wav", "is neither a model file nor", id="a name too long"),
    ],
)
def test_wrong_usage_is_said_and_nothing_done(
    arguments: str, reason: str, swish: Swish, tmp_path: Path
) -> None:
    done = swish(*arguments.split(), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert reason in done.stderr
    assert names(tmp_path) == []
