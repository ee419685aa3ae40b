"""``swish evaluate``: files and folders of labels, recordings with a model, and what cannot be used."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import copy

import pytest
from conftest import Swish

from swishcli.cli.main import main

REFERENCE = "start_s\tend_s\tlabel\n0\t2\tspeech\n2\t4\tmusic\n"
HYPOTHESIS = "start,end,label\n0,3,speech\n3,4,music\n"


def folders(root: Path) -> tuple[Path, Path]:
    """References and hypotheses of a and b; c has a reference alone, d a hypothesis, e is none."""
    references, hypotheses = root / "ref", root / "hyp"
    for folder in (references / "sub", hypotheses / "sub"):
        folder.mkdir(parents=True)
    for name in ("a", "sub/b", "c"):
        (references / f"{name}.tsv").write_text(REFERENCE)
    for name in ("a.wav", "sub/b", "d"):
        (hypotheses / f"{name}.csv").write_text(HYPOTHESIS)
    (references / "e.rttm").write_text("no rttm\n")
    (hypotheses / "e.csv").write_text(HYPOTHESIS)
    return references, hypotheses


def test_two_files_are_compared_whatever_their_names(swish: Swish, tmp_path: Path) -> None:
    (tmp_path / "right.tsv").write_text(REFERENCE)
    (tmp_path / "said.csv").write_text(HYPOTHESIS)
    done = swish("evaluate", tmp_path / "right.tsv", tmp_path / "said.csv", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["figures"]["accuracy"] == 0.75
    assert found["confusion_s"]["references"] == {"speech": [2.0, 0.0, 0.0], "music": [1.0, 1.0, 0.0]}
    assert found["worst_stretches"] == [
        {"name": "right", "start": 2.0, "end": 3.0, "reference": "music", "hypothesis": "speech"}
    ]


def test_folders_are_matched_by_name_and_the_rest_is_told(swish: Swish, tmp_path: Path) -> None:
    done = swish("evaluate", *folders(tmp_path))
    assert done.returncode == 1
    assert done.stdout.startswith("2 recordings, 8.0 s counted in frames of 10 ms\n")
    said = done.stderr.splitlines()
    assert "swish: c: has a reference and no hypothesis" in said
    assert "swish: d: has a hypothesis and no reference" in said
    assert f"swish: {tmp_path}/ref/e.rttm: line 1: not a line of RTTM" in said
    assert len(said) == 3


def test_labels_can_have_other_names(swish: Swish, tmp_path: Path) -> None:
    (tmp_path / "r.tsv").write_text(REFERENCE)
    (tmp_path / "h.csv").write_text("start,end,label\n0,1,male\n1,2,female\n2,4,music\n")
    without = swish("evaluate", tmp_path / "r.tsv", tmp_path / "h.csv")
    assert "only hypotheses say female, male: all of it is wrong; --map gives" in without.stderr
    mapped = swish(
        "evaluate", tmp_path / "r.tsv", tmp_path / "h.csv", "--map", "male=speech,female=speech", "--csv"
    )
    assert mapped.stderr == ""
    assert mapped.stdout.splitlines()[1].startswith("all,,4.00,0.00,1.000000,")


def test_lengths_that_differ_are_told(swish: Swish, tmp_path: Path) -> None:
    (tmp_path / "r.tsv").write_text(REFERENCE)
    (tmp_path / "h.csv").write_text("start,end,label\n0,2,speech\n")
    done = swish("evaluate", tmp_path / "r.tsv", tmp_path / "h.csv")
    assert (
        "r: the reference lasts 4.0 s, the hypothesis 2.0 s: what is missing counts as silence" in done.stderr
    )


def test_lines_of_segment_are_hypotheses(swish: Swish, samples: Path, tmp_path: Path) -> None:
    copy(samples / "programme.tsv", tmp_path)
    said = swish("segment", samples / "programme.flac", "--json", "--model", "slim").stdout
    (tmp_path / "all.jsonl").write_text(said)
    from_lines = swish("evaluate", tmp_path / "programme.tsv", tmp_path / "all.jsonl", "--json")
    assert from_lines.returncode == 0, from_lines.stderr
    copy(samples / "programme.flac", tmp_path)
    from_model = swish("evaluate", tmp_path, "--model", "slim", "--json")
    of_one = swish("evaluate", tmp_path / "programme.tsv", "--model", "slim", "--json")
    for other in (from_model, of_one):
        assert json.loads(other.stdout)["confusion_s"] == json.loads(from_lines.stdout)["confusion_s"]


def test_silence_alone_is_a_sentence(swish: Swish, tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("start_s\tend_s\tlabel\n0\t2\tsilence\n")
    done = swish("evaluate", tmp_path / "a.tsv", tmp_path / "a.tsv")
    assert (done.returncode, done.stderr) == (2, "swish: there is nothing but silence on both sides\n")


def test_files_of_many_recordings_are_matched_one_by_one(swish: Swish, tmp_path: Path) -> None:
    (tmp_path / "ref.rttm").write_text(
        "SPEAKER a 1 0 2 <NA> <NA> speech <NA> <NA>\nSPEAKER b 1 0 4 <NA> <NA> music <NA> <NA>\n"
    )
    (tmp_path / "said.csv").write_text(
        "path,start,end,label\nx/a.wav,0,2,speech\nx/b.wav,0,1,speech\nx/b.wav,1,4,music\n"
    )
    done = swish("evaluate", tmp_path / "ref.rttm", tmp_path / "said.csv", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {file["name"]: file["wrong_s"] for file in found["files"]} == {"a": 0.0, "b": 1.0}


def test_a_part_of_the_segments_leaves_silence_between(swish: Swish, samples: Path, tmp_path: Path) -> None:
    said = swish("segment", samples / "programme.flac", "--only", "speech", "--json").stdout
    (tmp_path / "programme.jsonl").write_text(said)
    done = swish("evaluate", samples / "programme.tsv", tmp_path / "programme.jsonl", "--json")
    recalls = {label: figures["recall"] for label, figures in json.loads(done.stdout)["classes"].items()}
    assert recalls["speech"] > 0.8
    assert recalls["music"] == recalls["noise"] == 0


def test_recordings_of_one_label_are_judged_in_windows(swish: Swish, samples: Path) -> None:
    done = swish("evaluate", samples / "labels.tsv", "--model", "slim", "--compare", "wide")
    assert done.returncode == 0, done.stderr
    assert "counted in windows of 1 s" in done.stdout
    assert "The second system against the first" in done.stdout
    assert "boundary" not in done.stdout


MUSAN = "music-fma-0000 classical N Somebody\nmusic-fma-0001 pop Y Someone\n\nmusic-fma-0002 jazz N\n"


def test_labels_of_whole_recordings_are_references_of_labels_in_files(swish: Swish, tmp_path: Path) -> None:
    (tmp_path / "fma").mkdir()
    (tmp_path / "fma" / "ANNOTATIONS").write_text(MUSAN)
    lines = (
        '{"path": "x/music-fma-0000.wav", "segments": [[0, 6, "music"], [6, 8, "speech"]]}\n'
        '{"path": "x/music-fma-0001.wav", "segments": [[0, 1.4, "silence"], [1.4, 4, "music"]]}\n'
        '{"path": "x/music-fma-0003.wav", "segments": [[0, 1, "music"]]}\n'
    )
    (tmp_path / "said.jsonl").write_text(lines)
    done = swish("evaluate", tmp_path / "fma" / "ANNOTATIONS", tmp_path / "said.jsonl", "--json")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    # Nobody hears that the first second is a pause: it is a miss, as silence always is.
    assert found["confusion_s"]["hypotheses"][:2] == ["speech", "music"]
    assert found["confusion_s"]["references"]["music"] == [2.0, 9.0, 1.0]
    assert sorted(done.stderr.splitlines()) == [
        f"swish: {tmp_path}/fma/music-fma-0002.wav: has a reference and no hypothesis",
        "swish: music-fma-0003: has a hypothesis and no reference",
        "swish: warning: only hypotheses say speech: all of it is wrong; --map gives labels other names",
    ]


def test_where_the_recordings_are_there_pauses_do_not_count(
    swish: Swish, samples: Path, tiny_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "said.jsonl").write_text(swish("segment", "--json", samples, "-m", tiny_model).stdout)
    by_files = swish("evaluate", samples / "labels.tsv", tmp_path / "said.jsonl", "--json")
    by_model = swish("evaluate", samples / "labels.tsv", "--model", tiny_model, "--json")
    assert json.loads(by_files.stdout)["confusion_s"] == json.loads(by_model.stdout)["confusion_s"]


def test_a_table_with_times_that_is_wrong_stays_an_error(swish: Swish, tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("path,label,start,end\na.wav,speech,0,2\na.wav,music,1,3\n")
    done = swish("evaluate", tmp_path / "r.csv", tmp_path / "r.csv")
    assert done.returncode == 2
    assert "line 3: overlaps the segment before it" in done.stderr


def test_wrong_usage_is_a_sentence(swish: Swish, samples: Path, tmp_path: Path) -> None:
    reference = samples / "programme.tsv"
    for arguments, sentence in (
        ([reference], "give either HYPOTHESIS or --model"),
        ([reference, tmp_path / "none.csv"], "none.csv: no such file or folder"),
        ([reference, tmp_path], "is a folder without files of labels"),
        ([reference, reference, "--map", "male"], "'male' is not of the form label=label"),
        ([reference, reference, "--json", "--csv"], "choose one of them"),
        ([tmp_path, "--model", "slim"], "holds no folder of recordings"),
    ):
        done = swish("evaluate", *arguments)
        assert done.returncode == 2
        assert sentence in " ".join(done.stderr.replace("│", " ").split())


def test_silence_of_a_reference_is_left_out_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "r.tsv").write_text("start\tend\tlabel\n0\t2\tspeech\n2\t3\tsilence\n3\t5\tmusic\n")
    (tmp_path / "h.csv").write_text("start,end,label\n0,3,speech\n3,5,music\n")
    pair = [str(tmp_path / "r.tsv"), str(tmp_path / "h.csv")]
    assert main(["evaluate", *pair]) == 0
    first, *_ = capsys.readouterr().out.splitlines()
    assert first == "1 recording, 4.0 s counted in frames of 10 ms, 1.0 s of silence left out"
    assert main(["evaluate", *pair, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["counted_s"], found["left_out_s"], found["figures"]["accuracy"]) == (4.0, 1.0, 1.0)
    assert main(["evaluate", *pair, "--json", "--count-silence"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["counted_s"], found["left_out_s"], found["figures"]["accuracy"]) == (5.0, 0.0, 0.8)


def test_lines_of_other_programs_hold_arrays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ref").mkdir()
    (tmp_path / "ref/a.tsv").write_text(REFERENCE)
    line = {"path": "shows/a.opus", "segments": [[0, 3, "speech"], [3, 4, "music"]]}
    (tmp_path / "said.jsonl").write_text(json.dumps(line))
    assert main(["evaluate", str(tmp_path / "ref"), str(tmp_path / "said.jsonl"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["figures"]["accuracy"] == 0.75


def test_no_worst_ones_are_listed_where_none_are_wanted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder, text in (("ref", REFERENCE), ("hyp", HYPOTHESIS.replace(",", "\t"))):
        for name in ("x/a", "x/b", "y/c"):
            path = tmp_path / folder / f"{name}.tsv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    compared = ["evaluate", str(tmp_path / "ref"), str(tmp_path / "hyp")]
    assert main(compared) == 0
    assert "\nSources, the worst first\n" in capsys.readouterr().out
    assert main([*compared, "--worst", "0"]) == 0
    said = capsys.readouterr().out
    assert not any(word in said for word in ("worst", "Longest", "Most"))
