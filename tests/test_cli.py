"""The command line: what it prints and writes, how it ends, and what it does not load."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import Swish, command, names, sparse_wav, tone

import swishcli
from swishcli.cli.main import main
from swishcli.engines import DEVICES
from swishcli.formats import FORMATS, read_segments
from swishcli.segments import SILENCE, Segmentation

CLASSES = ("speech", "music", "noise")

posix = pytest.mark.skipif(os.name != "posix", reason="signals and pipes of POSIX")


@pytest.fixture(scope="module")
def stereo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another sound in each of two channels."""
    noise = np.random.default_rng(0).normal(0, 0.1, 48000)
    path = tmp_path_factory.mktemp("stereo") / "stereo.wav"
    soundfile.write(path, np.stack([noise, np.zeros(48000)], axis=1), 16000)
    return path


def segmentations(stdout: str) -> list[Segmentation]:
    """From lines of JSON; segments that do not tile their recording are refused."""
    return [FORMATS["json"].parse(line) for line in stdout.splitlines()]


@pytest.fixture(scope="module")
def segmented(swish: Swish, tiny_model: Path, samples: Path) -> subprocess.CompletedProcess[str]:
    """Two recordings as JSON: phone.wav and programme.flac."""
    recordings = [samples / "phone.wav", samples / "programme.flac"]
    return swish("segment", "--json", "-m", tiny_model, *recordings)


@pytest.mark.parametrize("arguments", [[], ["-h"], ["train", "--help"]], ids=" ".join)
def test_help_is_plain_text_in_a_pipe(swish: Swish, arguments: list[str]) -> None:
    done = swish(*arguments)
    assert "Usage:" in done.stdout + done.stderr
    assert "\x1b" not in done.stdout + done.stderr


def test_help_names_every_option(swish: Swish) -> None:
    shared = ["--model", "--device", "--threads", "--json", "--csv", "--strict"]
    shared += ["--channel", "--track", "--start", "--duration", "--rate", "--sample-format", "--channels"]
    shared += ["--jobs", "--timeout", "--resume", "--shard", "--job", "--progress", "--quiet"]
    options = {
        "classify": shared,
        "segment": [
            *shared,
            *("--output", "--format", "--keep-suffix", "--skip-existing", "--only", "--pad"),
            *("--transition-cost", "--min-duration", "--min-silence", "--silence-db"),
        ],
    }
    for name, expected in options.items():
        done = swish(name, "--help")
        assert done.returncode == 0
        assert [option for option in expected if option not in done.stdout] == []


def test_help_names_every_format_and_device(swish: Swish) -> None:
    words = " ".join(swish("segment", "--help").stdout.replace("│", " ").split())
    assert [name for name in (*FORMATS, *DEVICES) if name not in words] == []


def test_version(swish: Swish) -> None:
    done = swish("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"swish {swishcli.__version__}\n", "")


@pytest.mark.parametrize("arguments", ["--help", "classify --device cpu", "segment --json --device cpu"])
def test_nothing_is_imported_that_is_not_needed(arguments: str, tiny_model: Path, samples: Path) -> None:
    program = (
        "import sys\n"
        "from swishcli.cli.main import program\n"
        "try:\n"
        "    program()\n"
        "except SystemExit as end:\n"
        "    print(end.code, *{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)\n"
    )
    recording = [] if "--help" in arguments else ["-m", str(tiny_model), str(samples / "phone.wav")]
    line = [sys.executable, "-c", program, *arguments.split(), *recording]
    code, *modules = subprocess.run(line, capture_output=True, text=True).stderr.split()
    assert code == "0"
    unwanted = {"torch", "torchaudio", "librosa", "scipy", "numba", "av", "matplotlib"}
    if "--help" in arguments:
        unwanted |= {"numpy", "onnxruntime", "soundfile"}
    assert unwanted & set(modules) == set()


def test_classify_prints_a_json_object_a_recording(swish: Swish, tiny_model: Path, samples: Path) -> None:
    recordings = [str(samples / "phone.wav"), str(samples / "programme.flac")]
    done = swish("classify", "--json", "-m", tiny_model, *recordings)
    assert (done.returncode, done.stderr) == (0, "")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["path"] for answer in answers] == recordings
    assert [answer["duration"] for answer in answers] == [9.16, 60.0]
    for answer in answers:
        assert list(answer) == ["path", "duration", "label", "confidence", "shares"]
        assert answer["label"] in CLASSES
        assert 1 / 3 <= answer["confidence"] <= 1
        assert list(answer["shares"]) == [*CLASSES, SILENCE]
        assert sum(answer["shares"].values()) == pytest.approx(1, abs=1e-3)


def test_segment_prints_a_json_object_a_recording(
    segmented: subprocess.CompletedProcess[str], samples: Path
) -> None:
    assert (segmented.returncode, segmented.stderr) == (0, "")
    for line in segmented.stdout.splitlines():
        found = json.loads(line)
        assert list(found) == ["path", "duration", "segments"]
        assert all(list(segment) == ["start", "end", "label", "confidence"] for segment in found["segments"])
    phone, programme = segmentations(segmented.stdout)
    assert [phone.path, programme.path] == [str(samples / "phone.wav"), str(samples / "programme.flac")]
    assert (phone.duration, programme.duration) == (9.16, 60.0)
    assert len(programme.segments) > 3
    assert {s.label for s in programme.segments} <= {*CLASSES, SILENCE}
    assert all(s.confidence is not None and 0 < s.confidence <= 1 for s in programme.segments)


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("classify", ["path", "duration", "label", "confidence", *CLASSES, SILENCE]),
        ("segment", ["path", "start", "end", "label", "confidence"]),
    ],
)
def test_csv_has_one_header(
    swish: Swish, tiny_model: Path, samples: Path, name: str, header: list[str]
) -> None:
    recordings = [samples / "phone.wav", samples / "noise-rain.flac"]
    done = swish(name, "--csv", "-m", tiny_model, *recordings)
    first, *rows = csv.reader(done.stdout.splitlines())
    assert first == header
    assert {row[0] for row in rows} == {str(path) for path in recordings}
    assert {len(row) for row in rows} == {len(header)}


def test_text_in_a_pipe_has_tabs_and_no_escape_codes(
    swish: Swish, tiny_model: Path, samples: Path, segmented: subprocess.CompletedProcess[str]
) -> None:
    path = str(samples / "programme.flac")
    done = swish("segment", "-m", tiny_model, path)
    assert "\x1b" not in done.stdout + done.stderr
    assert [line.split("\t") for line in done.stdout.splitlines()] == [
        ["path", "start", "end", "label", "confidence"],
        *(
            [path, f"{s.start:.3f}", f"{s.end:.3f}", s.label, f"{s.confidence:.3f}"]
            for s in segmentations(segmented.stdout)[1].segments
        ),
    ]


def test_csv_is_the_same_in_a_file_and_on_standard_output(
    swish: Swish, tiny_model: Path, samples: Path, tmp_path: Path
) -> None:
    path = samples / "phone.wav"
    printed = swish("segment", "--csv", "-m", tiny_model, path).stdout
    swish("segment", "-f", "csv", "-o", tmp_path, "-m", tiny_model, path)
    assert (tmp_path / "phone.csv").read_text() == printed
    assert swish("segment", "-f", "csv", "-m", tiny_model, path).stdout == printed


@pytest.mark.parametrize("name", ["rttm", "textgrid", "srt"])
def test_one_recording_can_be_printed_in_any_format(
    swish: Swish, tiny_model: Path, samples: Path, tmp_path: Path, name: str
) -> None:
    done = swish("segment", "-f", name, "-m", tiny_model, samples / "phone.wav")
    assert FORMATS[name].parse(done.stdout).segments
    several = swish("segment", "-f", name, "-m", tiny_model, samples)
    assert several.returncode == 2
    assert "standard output takes one recording" in several.stderr


def test_segments_of_one_label_are_printed_alone(
    swish: Swish, tiny_model: Path, samples: Path, segmented: subprocess.CompletedProcess[str]
) -> None:
    whole = segmentations(segmented.stdout)[1]
    done = swish("segment", "--json", "--only", "music", "--pad", "0.1", "-m", tiny_model, whole.path)
    (found,) = segmentations(done.stdout)
    assert found.segments == whole.only("music", 0.1).segments
    refused = swish("segment", "--only", "birds", "-m", tiny_model, samples / "phone.wav")
    assert refused.returncode == 2
    assert "'birds' is none of speech, music, noise, silence" in refused.stderr


def test_files_that_are_there_can_be_left_alone(
    swish: Swish, tiny_model: Path, samples: Path, tmp_path: Path
) -> None:
    (tmp_path / "phone.json").write_text("mine")
    recordings = [samples / "phone.wav", samples / "noise-rain.flac"]
    done = swish("segment", "--skip-existing", "-m", tiny_model, *recordings, "-o", tmp_path)
    assert done.returncode == 0
    assert done.stderr.startswith("swish: 1 recordings written, 1 were there already: 0:00:06 of audio in ")
    assert (tmp_path / "phone.json").read_text() == "mine"
    assert read_segments(tmp_path / "noise-rain.json").duration == 6.0


@pytest.mark.parametrize("suffix", [".npz", ".csv"])
def test_frame_posteriors_can_be_written(
    swish: Swish, tiny_model: Path, samples: Path, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"frames{suffix}"
    part = ["--start", "2", "--duration", "4"]
    done = swish("segment", "--frames", path, *part, "-m", tiny_model, samples / "phone.wav")
    assert done.returncode == 0
    if suffix == ".npz":
        with np.load(path) as arrays:
            time, posteriors = arrays["time"], arrays["posteriors"]
            assert arrays["classes"].tolist() == list(CLASSES)
    else:
        header, *rows = csv.reader(path.read_text().splitlines())
        assert header == ["time", *CLASSES, "level_db"]
        numbers = np.array(rows, float)
        time, posteriors = numbers[:, 0], numbers[:, 1:4]
    np.testing.assert_allclose(time, 2 + 0.04 * np.arange(100), atol=1e-3)
    np.testing.assert_allclose(posteriors.sum(axis=1), 1, atol=1e-3)


def test_a_part_of_a_recording_keeps_its_times(swish: Swish, tiny_model: Path, samples: Path) -> None:
    part = ["--start", "20", "--duration", "15.5"]
    done = swish("segment", "--json", *part, "-m", tiny_model, samples / "programme.flac")
    (found,) = segmentations(done.stdout)
    assert (found.offset, found.duration) == (20.0, 35.5)
    assert found.label_at(27.5) == SILENCE


def test_raw_samples_are_read_as_they_are_said_to_be(swish: Swish, tiny_model: Path, samples: Path) -> None:
    sound, rate = soundfile.read(samples / "phone.wav", dtype="int16")
    done = swish("classify", "--json", "--rate", str(rate), "-m", tiny_model, "-", input=sound.tobytes())
    assert json.loads(done.stdout)["duration"] == 9.16


def test_a_damaged_recording_is_warned_of_and_with_strict_an_error(
    swish: Swish, tiny_model: Path, samples: Path, tmp_path: Path
) -> None:
    path = tmp_path / "cut.flac"
    path.write_bytes((samples / "programme.flac").read_bytes()[:600_000])
    done = swish("segment", "--json", "-m", tiny_model, path)
    (warning,) = done.stderr.splitlines()
    assert done.returncode == 0
    assert warning.startswith(f"swish: warning: {path}: ")
    assert any("may be truncated" in w for w in json.loads(done.stdout)["warnings"])
    strict = swish("segment", "--json", "--strict", "-m", tiny_model, path)
    assert (strict.returncode, strict.stdout) == (1, "")
    assert strict.stderr == warning.replace("warning: ", "") + "\n"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["segment", "x.wav", "--pad", "1"], "needs --only LABEL"),
        (["segment", "x.wav", "--skip-existing"], "it needs --output"),
        (["segment", "x.wav", "-f", "csv,json"], "standard output takes one format"),
        (["segment", "x.wav", "-f", "words"], "'words' is no format: choose from json, csv"),
        (["segment", "x.wav", "-o", "out.csv"], "looks like a file"),
        (["segment", "x.wav", "--duration", "0"], "the duration must be above 0"),
        (["segment", "x.wav", "--frames", "out.txt"], "must end in .npz or .csv"),
        (["segment", "x.wav", "y.wav", "--frames", "out.csv"], "takes one recording and channel"),
        (["classify", "x.wav", "--channel", "left"], "'left' is neither a channel number"),
        (
            ["classify", "x.wav", "--rate", "8000", "--sample-format", "s12"],
            "the sample format must be one of",
        ),
        (["classify", "x.wav", "--json", "--csv"], "choose one of them"),
        (["listen", "x.wav"], "is a recording by its name"),
        (["train", "x", "-o", "y", "--init-from", "slim", "--size", "wide"], "leave --size and --causal out"),
        (["train", "x", "-o", "y", "--size", "7"], "the size '7' is none of"),
    ],
    ids=" ".join,
)
def test_nonsense_is_refused_in_the_users_words(
    arguments: list[str],
    complaint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    assert main(arguments) == 2
    assert complaint in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_recipe_cannot_change_the_network_that_training_starts_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("[network]\nwidth = 8\n")
    start = ["--init-from", "slim", "--config", str(recipe)]
    assert main(["train", str(tmp_path), "-o", str(tmp_path / "m.safetensors"), *start]) == 2
    assert "[network] width" in capsys.readouterr().err


def test_segments_are_written_in_the_formats_asked_for_and_no_other(
    swish: Swish, tiny_model: Path, samples: Path, tmp_path: Path
) -> None:
    recordings = [samples / "programme.flac", samples / "noise-wind.flac"]
    out = tmp_path / "a" / "new folder"
    done = swish("segment", "-m", tiny_model, *recordings, "-o", out, "-f", ",".join(FORMATS))
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("swish: 2 recordings written: 0:01:06 of audio in ")
    extensions = [file_format.extension for file_format in FORMATS.values()]
    assert {*names(out)} == {r.stem + e for r in recordings for e in extensions}
    for recording in recordings:
        whole = read_segments(out / f"{recording.stem}.json")
        assert whole.path == str(recording)
        for extension in extensions:
            read = read_segments(out / f"{recording.stem}{extension}")
            assert [(s.start, s.end, s.label) for s in read.segments] == [
                (s.start, s.end, s.label) for s in whole.segments
            ]


def test_outputs_of_a_folder_lie_as_its_recordings_do(
    swish: Swish, tiny_model: Path, samples: Path, tmp_path: Path
) -> None:
    for name in ("a/phone.wav", "b/phone.wav", "b/phone.flac"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).symlink_to(samples / "phone.wav")
    clash = swish("segment", "-m", tiny_model, "in", "-o", "out", cwd=tmp_path)
    assert clash.returncode == 2
    assert "would write the same files: --keep-suffix tells them apart" in clash.stderr
    done = swish("segment", "--keep-suffix", "-m", tiny_model, "in", "-o", "out", cwd=tmp_path)
    assert done.returncode == 0
    written = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").glob("[ab]/*")}
    assert written == {"a/phone.wav.json", "b/phone.wav.json", "b/phone.flac.json"}


def test_split_answers_for_every_channel(swish: Swish, tiny_model: Path, stereo: Path) -> None:
    done = swish("classify", "--json", "--channel", "split", "-m", tiny_model, stereo)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(a["path"], a["channel"]) for a in answers] == [(str(stereo), 0), (str(stereo), 1)]
    assert [answer["label"] == SILENCE for answer in answers] == [False, True]


def test_split_writes_a_file_for_every_channel(
    swish: Swish, tiny_model: Path, stereo: Path, tmp_path: Path
) -> None:
    swish("segment", "--channel", "split", "-m", tiny_model, stereo, "-o", tmp_path)
    assert names(tmp_path) == ["stereo.channel0.json", "stereo.channel1.json"]
    assert [read_segments(tmp_path / name).channel for name in names(tmp_path)] == [0, 1]


def test_no_channel_takes_the_file_of_another_recording(
    swish: Swish, tiny_model: Path, stereo: Path, tmp_path: Path
) -> None:
    mono = tmp_path / "stereo.channel0.wav"
    soundfile.write(mono, tone(16000), 16000)
    swish("segment", "--channel", "split", "-m", tiny_model, stereo, mono, "-o", tmp_path / "out")
    paths = [read_segments(file).path for file in (tmp_path / "out").glob("*.json")]
    assert sorted(paths) == sorted([str(stereo), str(stereo), str(mono)])


def test_a_channel_alone(swish: Swish, tiny_model: Path, stereo: Path) -> None:
    done = swish("classify", "--json", "--channel", "1", "-m", tiny_model, stereo)
    assert json.loads(done.stdout)["label"] == SILENCE
    done = swish("classify", "--json", "--channel", "2", "-m", tiny_model, stereo)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"swish: {stereo}: has no channel 2, only 0 to 1\n"


def test_standard_input_gives_what_the_file_gives(
    swish: Swish, tiny_model: Path, samples: Path, segmented: subprocess.CompletedProcess[str]
) -> None:
    sound = (samples / "programme.flac").read_bytes()
    (found,) = segmentations(swish("segment", "--json", "-m", tiny_model, "-", input=sound).stdout)
    assert found.path == "-"
    assert found.duration == 60.0
    expected = segmentations(segmented.stdout)[1]
    assert [(s.start, s.label) for s in found.segments] == [(s.start, s.label) for s in expected.segments]


def test_live_gives_the_segments_of_the_whole(
    swish: Swish, tiny_model: Path, samples: Path, segmented: subprocess.CompletedProcess[str]
) -> None:
    sound = (samples / "programme.flac").read_bytes()
    live = swish("listen", "--json", "-m", tiny_model, "-", input=sound)
    assert (live.returncode, live.stderr) == (0, "")
    found = [json.loads(line) for line in live.stdout.splitlines()]
    expected = segmentations(segmented.stdout)[1].segments
    assert [(s["start"], s["end"], s["label"]) for s in found] == [
        (s.start, s.end, s.label) for s in expected
    ]


def test_live_input_that_is_no_recording_is_a_failed_input(swish: Swish, tiny_model: Path) -> None:
    done = swish("listen", "-m", tiny_model, "-", input=b"words")
    assert done.returncode == 1
    assert done.stderr.startswith("swish: standard input: is not a recording that can be decoded")


def test_a_file_called_minus_is_not_standard_input(swish: Swish, tiny_model: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "-", tone(16000), 16000, format="WAV")
    done = swish("classify", "--json", "-m", tiny_model, "./-", cwd=tmp_path)
    assert json.loads(done.stdout)["path"] == "./-"


SMOOTHING: dict[str, Callable[[Segmentation], bool]] = {
    "--transition-cost 1e9": lambda s: len({x.label for x in s.segments} - {SILENCE}) == 1,
    "--transition-cost 0 --min-duration 0": lambda s: len(s.segments) > 30,
    "--min-duration 60": lambda s: [x.label == SILENCE for x in s.segments] == [False, True, False],
    "--min-silence 2": lambda s: s.total(SILENCE) == 0,
    "--silence-db 0": lambda s: s.total(SILENCE) == s.duration,
}
"""What must be true of the programme, whose only silence is one of 1.5 s."""


@pytest.mark.parametrize("options", SMOOTHING)
def test_smoothing_does_as_it_is_told(swish: Swish, tiny_model: Path, samples: Path, options: str) -> None:
    done = swish("segment", "--json", "-m", tiny_model, samples / "programme.flac", *options.split())
    (found,) = segmentations(done.stdout)
    assert SMOOTHING[options](found)


@pytest.mark.parametrize(
    "option", ["--transition-cost=-1", "--transition-cost=inf", "--min-duration=nan", "--silence-db=1"]
)
def test_smoothing_that_makes_no_sense_is_wrong_usage(
    swish: Swish, tiny_model: Path, samples: Path, option: str
) -> None:
    done = swish("segment", "-m", tiny_model, samples / "phone.wav", option)
    assert (done.returncode, done.stdout) == (2, "")
    assert option[2:].partition("=")[0] in done.stderr.replace("_", "-")


def _mind_interruptions() -> None:
    """A shell starts what runs in its background deaf to interruptions, these tests for one."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def started(*arguments: str | Path, stdin: int = subprocess.DEVNULL) -> Iterator[subprocess.Popen[str]]:
    """A ``swish segment`` at work; it is killed if it has not ended with the block."""
    line = command("segment", "--threads", "1", *arguments)
    with subprocess.Popen(
        line,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_mind_interruptions,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@posix
@pytest.mark.parametrize(
    ("closed", "recording", "exit_code", "error"),
    [(">&-", "phone.wav", 0, ""), ("<&-", "-", 1, "swish: standard input: is closed\n")],
    ids=["output", "input"],
)
def test_a_standard_stream_may_be_closed(
    closed: str, recording: str, exit_code: int, error: str, tiny_model: Path, samples: Path
) -> None:
    line = command("classify", "--json", "-m", tiny_model, recording)
    shell = ["sh", "-c", f'exec "$@" {closed}', "sh", *line]
    done = subprocess.run(shell, cwd=samples, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (exit_code, error)


@posix
def test_a_reader_that_has_seen_enough_ends_it_quietly(
    tiny_model: Path, samples: Path, tmp_path: Path
) -> None:
    recordings = [samples / "phone.wav", samples / "music.flac", sparse_wav(tmp_path / "long.wav", hours=10)]
    with started("-m", tiny_model, *recordings) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("path\t")
        process.stdout.close()
        assert process.wait(timeout=60) == 0
        assert process.stderr.read() == ""


@posix
def test_an_interruption_ends_it_with_130_and_leaves_no_part_of_a_file(
    tiny_model: Path, tmp_path: Path
) -> None:
    long = sparse_wav(tmp_path / "long.wav", hours=10)
    out = tmp_path / "out"
    with started("-m", tiny_model, tmp_path / "*.mp3", tmp_path / "missing.wav", long, "-o", out) as process:
        assert process.stderr is not None
        assert "no file matches" in process.stderr.readline()  # so the recordings are about to be worked on
        time.sleep(2)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130
        assert "Traceback" not in process.stderr.read()
    assert names(out) == []


@posix
def test_a_reader_that_leaves_does_not_wait_for_standard_input(
    tiny_model: Path, samples: Path, tmp_path: Path
) -> None:
    long = sparse_wav(tmp_path / "long.wav", hours=0.5)
    with started("-m", tiny_model, samples / "phone.wav", long, "-", stdin=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(timeout=60) == 0  # although standard input stays open


@posix
def test_an_interruption_does_not_wait_for_standard_input(tiny_model: Path, samples: Path) -> None:
    with started("-m", tiny_model, samples / "phone.wav", "-", stdin=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130
        assert "Traceback" not in process.stderr.read()


def test_a_shell_is_told_what_may_follow() -> None:
    asked = {**os.environ, "_SWISH_COMPLETE": "complete_bash", "COMP_WORDS": "swish eval", "COMP_CWORD": "1"}
    done = subprocess.run(command(), env=asked, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["evaluate"]
