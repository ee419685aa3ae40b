"""A batch's table has all of it in the order of the inputs, or is not there."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import Swish, command, names, sparse_wav
from hypothesis import given, settings
from hypothesis import strategies as st

from swishcli.cli.main import main
from swishcli.errors import MissingDependencyError, OutputError
from swishcli.formats import read_all_segments
from swishcli.jobs.tables import (
    SEGMENT_COLUMNS,
    SUFFIXES,
    Column,
    check_table,
    classification_columns,
    open_table,
    segment_rows,
)
from swishcli.segments import Segment, Segmentation

COLUMNS = ["path", "channel", "start_s", "end_s", "label", "confidence"]


def read_table(path: Path) -> list[dict[str, Any]]:
    """The rows of a table by an independent reader, numbers as such, None where there is nothing."""
    if path.suffix == ".parquet":
        return pytest.importorskip("pyarrow.parquet").read_table(path).to_pylist()
    text = path.read_bytes().decode("utf-8")
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in text.splitlines()]
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.fixture(params=SUFFIXES)
def suffix(request: pytest.FixtureRequest) -> str:
    if request.param == ".parquet":
        pytest.importorskip("pyarrow")
    return request.param


def test_a_table_holds_the_segments_of_all_recordings_in_their_order(
    swish: Swish, tiny_model: Path, samples: Path, tmp_path: Path, suffix: str
) -> None:
    recordings = [samples / name for name in ("programme.flac", "phone.wav", "missing.wav", "stereo-44k.mp3")]
    printed = swish("segment", "--json", "-m", tiny_model, *recordings)
    expected = [
        {
            "path": found["path"],
            "channel": None,
            "start_s": round(segment["start"], 3),
            "end_s": round(segment["end"], 3),
            "label": segment["label"],
            "confidence": segment["confidence"],
        }
        for found in map(json.loads, printed.stdout.splitlines())
        for segment in found["segments"]
    ]
    for threads in ("1", "3"):
        path = tmp_path / f"all-{threads}{suffix}"
        done = swish("segment", "--table", path, "--threads", threads, "-m", tiny_model, *recordings)
        assert (done.returncode, done.stdout) == (1, "")
        assert "missing.wav: no such file" in done.stderr
        assert "swish: 3 recordings written, 1 failed" in done.stderr
        rows = read_table(path)
        if suffix == ".csv":  # where all is text
            numbers = ("start_s", "end_s", "confidence")
            rows = [r | {n: float(r[n]) for n in numbers} | {"channel": r["channel"] or None} for r in rows]
        assert rows == expected
        assert list(rows[0]) == COLUMNS
    assert (tmp_path / f"all-1{suffix}").read_bytes() == (tmp_path / f"all-3{suffix}").read_bytes()


def test_a_table_of_labels_is_a_row_a_recording(
    swish: Swish, tiny_model: Path, samples: Path, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"all{suffix}"
    arguments = ["--channel", "split", "-m", tiny_model, samples / "stereo-44k.mp3", samples / "phone.wav"]
    done = swish("classify", "--table", path, "--json", *arguments)
    rows, said = read_table(path), [json.loads(line) for line in done.stdout.splitlines()]
    assert list(rows[0]) == [
        *("path", "channel", "duration_s", "label", "confidence"),
        *("share_speech", "share_music", "share_noise", "share_silence", "warnings"),
    ]
    assert [(r["path"], int(r["channel"]), r["label"]) for r in rows] == [
        (a["path"], a["channel"], a["label"]) for a in said
    ]
    for row, answer in zip(rows, said, strict=True):
        assert float(row["duration_s"]) == pytest.approx(answer["duration"], abs=5e-4)
        shares = [float(row[f"share_{label}"]) for label in ("speech", "music", "noise", "silence")]
        assert shares == list(answer["shares"].values())


def test_segments_come_back_from_a_table(
    swish: Swish, tiny_model: Path, samples: Path, tmp_path: Path
) -> None:
    options = ["-m", tiny_model, "-o", tmp_path / "labels", "--table", tmp_path / "all.csv"]
    done = swish("segment", *options, samples / "phone.wav", samples / "programme.flac")
    assert done.returncode == 0
    found = read_all_segments(tmp_path / "all.csv")
    assert [s.path for s in found] == [str(samples / "phone.wav"), str(samples / "programme.flac")]
    assert names(tmp_path / "labels") == ["phone.json", "programme.json"]


texts = st.text(
    st.characters(exclude_categories=["Cs"]) | st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF)
)


@settings(max_examples=60)  # writes files, each down to the disk
@given(
    st.lists(
        st.builds(Segmentation, st.just(1.0), st.builds(lambda t: (Segment(0.0, 1.0, t, 0.5),), texts), texts)
    ),
    st.sampled_from(SUFFIXES),
)
def test_no_name_breaks_a_table(
    tmp_path_factory: pytest.TempPathFactory, found: list[Segmentation], suffix: str
) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path_factory.getbasetemp() / f"all{suffix}"
    with open_table(path, SEGMENT_COLUMNS) as add:
        for segmentation in found:
            add(segment_rows(segmentation))
    exact = suffix == ".jsonl"

    def kept(text: str | None) -> str:
        return str(text) if exact else str(text).encode("utf-8", "backslashreplace").decode()

    expected = [(kept(s.path), kept(s.segments[0].label)) for s in found]
    assert [(row["path"], row["label"]) for row in read_table(path)] == expected


def test_columns_of_classes_are_words_and_differ() -> None:
    names = [c.name for c in classification_columns(["Rock & Roll", "rock_roll", "silence", "Geräusch", "+"])]
    assert len(set(names)) == len(names)
    assert names[5:-1] == [
        "share_rock_roll",
        "share_rock_roll_1",
        "share_silence",
        "share_geräusch",
        "share_",
        "share_silence_5",
    ]
    assert all(name.isidentifier() for name in names)


def test_a_table_that_is_interrupted_is_not_there(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"all{suffix}"
    path.write_text("of yesterday")

    def interrupted() -> None:
        with open_table(path, [Column("path", "text")]) as add:
            add([["a.wav"]] * 100_000)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "of yesterday"
    assert list(tmp_path.iterdir()) == [path]


def test_a_table_that_cannot_be_begun_is_found_out_before_anything_is_done(
    swish: Swish, tiny_model: Path, samples: Path, tmp_path: Path
) -> None:
    options = ["-m", tiny_model, "--table", tmp_path / "no" / "all.csv", "-o", tmp_path / "labels"]
    done = swish("segment", *options, samples / "phone.wav")
    assert done.returncode == 2
    assert done.stderr.endswith("all.csv: cannot be written: No such file or directory\n")
    assert names(tmp_path / "labels") == []


def test_a_table_that_cannot_be_ended_costs_no_other_output(
    tiny_model: Path,
    samples: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def full(*arguments: object) -> str:
        raise OutputError(tmp_path / "all.csv", "No space left on device")

    monkeypatch.setattr("swishcli.jobs.tables.csv_line", lambda fields: "" if fields[0] == "path" else full())
    recordings = [str(samples / name) for name in ("phone.wav", "noise-rain.flac")]
    options = ["-m", str(tiny_model), "--table", str(tmp_path / "all.csv"), "-o", str(tmp_path)]
    assert main(["segment", *options, *recordings]) == 1
    error, summary = capsys.readouterr().err.splitlines()
    assert error.endswith("all.csv: cannot be written: No space left on device")
    assert summary.startswith("swish: 2 recordings written: ")
    assert names(tmp_path) == ["noise-rain.json", "phone.json"]


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_a_batch_that_is_killed_and_resumed_has_the_outputs_of_one_that_was_not(
    tiny_model: Path, samples: Path, tmp_path: Path
) -> None:
    recordings = [samples / f"{name}.flac" for name in ("music", "noise-rain", "noise-wind", "speech-en")]
    long = sparse_wav(tmp_path / "long.wav", hours=0.5)

    def line(out: Path, *more: str) -> list[str]:
        options = ["--extract", "noise", "--kaldi", "--table", out / "all.csv", "-o", out, "--jobs", "1"]
        return command("segment", *recordings, long, "-m", tiny_model, *options, *more)

    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run(line(whole), check=True, capture_output=True)
    with subprocess.Popen(line(killed), stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while not (killed / "noise-wind.json").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        process.kill()
    assert not (killed / "all.csv").exists()
    assert not (killed / "manifest.jsonl").exists()
    subprocess.run(line(killed, "--resume"), check=True, capture_output=True)

    def files(folder: Path) -> dict[str, bytes]:
        found = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
        own = {name: path for name, path in found.items() if not name.startswith(".swish/")}
        return {name: path.read_bytes().replace(b"/killed/", b"/whole/") for name, path in own.items()}

    assert files(killed) == files(whole)


def test_shards_have_a_table_each(swish: Swish, tiny_model: Path, samples: Path, tmp_path: Path) -> None:
    for shard in ("1/2", "2/2"):
        options = ["--table", tmp_path / "all.csv", "--shard", shard]
        assert swish("classify", samples, "-m", tiny_model, *options).returncode == 0
    assert names(tmp_path) == ["all-1-of-2.csv", "all-2-of-2.csv"]
    rows = [row["path"] for path in tmp_path.iterdir() for row in read_table(path)]
    assert len(rows) == len(set(rows)) == 9


def test_what_is_no_table_is_refused(monkeypatch: pytest.MonkeyPatch, swish: Swish) -> None:
    for name in ("all.xlsx", "all"):
        done = swish("classify", "--table", name, "x.wav")
        assert done.returncode == 2
        assert "a table ends in .csv, .jsonl or .parquet" in done.stderr
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'swishcli\[parquet\]'"):
        check_table(Path("all.parquet"))
