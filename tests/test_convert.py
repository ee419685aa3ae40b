"""``swish convert``: labels from one format to another."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Swish

from swishcli.formats import FORMATS, losses, read_segments
from swishcli.segments import SILENCE, Segment, Segmentation

REFERENCE = "start_s\tend_s\tlabel\n0\t2\tspeech\n2\t4\tmusic\n"


def test_a_folder_is_converted_in_its_own_folders(swish: Swish, tmp_path: Path) -> None:
    (tmp_path / "in/sub").mkdir(parents=True)
    for name in ("a.tsv", "sub/b.tsv"):
        (tmp_path / "in" / name).write_text(REFERENCE)
    done = swish("convert", tmp_path / "in", "--to", "textgrid", "-o", tmp_path / "out")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    found = read_segments(tmp_path / "out/sub/b.TextGrid")
    assert [(s.start, s.end, s.label) for s in found] == [(0, 2, "speech"), (2, 4, "music")]
    assert (tmp_path / "out/a.TextGrid").is_file()


def test_one_result_is_printed(swish: Swish, tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text(REFERENCE)
    done = swish("convert", tmp_path / "a.tsv", "--to", "audacity")
    assert done.stdout == "0.000\t2.000\tspeech\n2.000\t4.000\tmusic\n"


def test_a_file_of_many_recordings_becomes_a_file_for_each(swish: Swish, tmp_path: Path) -> None:
    line = "SPEAKER {} 1 0 1 <NA> <NA> speech <NA> <NA>\n"
    (tmp_path / "all.rttm").write_text(line.format("a") + line.format("b"))
    done = swish("convert", tmp_path / "all.rttm", "--to", "json", "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.json", "b.json"]


def test_recordings_that_differ_in_their_suffix_alone_keep_it(swish: Swish, tmp_path: Path) -> None:
    rows = "".join(f"{path},{n},0,1,speech\n" for path in ("x/a.wav", "x/a.mp3", "b.wav") for n in (0, 1))
    (tmp_path / "all.csv").write_text(f"path,channel,start,end,label\n{rows}")
    done = swish("convert", tmp_path / "all.csv", "--to", "json", "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    names = ("a.mp3", "a.wav", "b")
    assert written == [f"{name}.channel{n}.json" for name in names for n in (0, 1)]


def test_rttm_is_told_the_recording_by_the_name_of_the_file(swish: Swish, tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text(REFERENCE)
    assert swish("convert", tmp_path / "a.tsv", "--to", "rttm").stdout.startswith("SPEAKER a 1 0.000 2.000")


def test_what_the_target_has_no_room_for_is_said_once(swish: Swish, tmp_path: Path) -> None:
    segments = (Segment(0.0, 1.0, "speech", 0.9), Segment(1.0, 2.0, SILENCE, 1.0))
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text(FORMATS["json"].render(Segmentation(2.0, segments, channel=1)))
    done = swish("convert", tmp_path, "--to", "srt", "-o", tmp_path / "out")
    assert done.stderr.splitlines() == [
        "swish: warning: srt has no room for confidences (2 of 2)",
        "swish: warning: srt has no room for the channel (2 of 2)",
        "swish: warning: srt has no room for silence at the end (2 of 2)",
    ]


@pytest.mark.parametrize("name", FORMATS)
def test_what_a_format_does_not_say_it_loses_it_keeps(name: str) -> None:
    segments = (
        Segment(0.0, 1.0, "a b\tc", 0.5),
        Segment(1.0, 2.0, "music", 0.5),
        Segment(2.0, 3.0, SILENCE, 1.0),
    )
    whole = Segmentation(3.0, segments, "a.wav", 2)
    lost = losses(whole, FORMATS[name])
    kept = FORMATS[name].parse(FORMATS[name].render(whole))
    assert ("silence at the end" in lost) == (kept.duration != 3.0)
    assert ("white space or quotes in labels" in lost) == ("a b\tc" not in kept.labels)
    assert losses(whole, FORMATS["json"]) == []


def test_files_that_cannot_be_converted_do_not_cost_the_others(swish: Swish, tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text(REFERENCE)
    (tmp_path / "a.csv").write_text("start,end,label\n0,1,speech\n")
    (tmp_path / "b.rttm").write_text("no rttm\n")
    done = swish("convert", tmp_path, "--to", "json", "-o", tmp_path / "out")
    assert done.returncode == 1
    assert "a.tsv: a.json is written for another file already" in done.stderr
    assert "b.rttm: line 1: not a line of RTTM" in done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.json"]
    assert swish("convert", tmp_path / "a.tsv", "--to", "xml").returncode == 2
    assert swish("convert", tmp_path / "a.tsv", tmp_path / "a.csv", "--to", "json").returncode == 1


def test_what_segment_prints_becomes_a_file_for_each_recording(swish: Swish, tmp_path: Path) -> None:
    lines = [
        FORMATS["json"].render(Segmentation(1.0, (Segment(0.0, 1.0, label),), f"shows/{label}.wav"))
        for label in ("speech", "music")
    ]
    (tmp_path / "said.jsonl").write_text("".join(lines))
    done = swish("convert", tmp_path / "said.jsonl", "--to", "tsv", "-o", tmp_path / "out")
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["music.tsv", "speech.tsv"]
    (tmp_path / "said.jsonl").write_text(lines[0] + "no json\n")
    broken = swish("convert", tmp_path / "said.jsonl", "--to", "tsv", "-o", tmp_path / "out")
    assert broken.returncode == 1
    assert broken.stderr == f"swish: {tmp_path}/said.jsonl: line 2: not the JSON of a segmentation\n"
