"""Lists of recordings: whatever names them, each comes once and is named for good; no name leads upwards."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path, PurePath

import pytest
from conftest import Swish
from hypothesis import given
from hypothesis import strategies as st

from swishcli.errors import DataError
from swishcli.jobs.inputs import Input, check_output_names, find_inputs

posix = pytest.mark.skipif(os.name != "posix", reason="paths of POSIX")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a folder of lists in it."""
    (tmp_path / "lists").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def listed(content: str | bytes, name: str = "list.txt") -> list[tuple[str, str]]:
    """Paths and names of what a list names; sentences about lines that name nothing."""
    path = Path("lists", name)
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogateescape"))
    found = find_inputs([], str(path))
    return [(i.path, i.name.as_posix()) if isinstance(i, Input) else ("", str(i)) for i in found]


def paths(content: str | bytes, name: str = "list.txt") -> list[str]:
    return [path for path, _ in listed(content, name)]


@pytest.mark.parametrize(
    "content",
    [
        b"a.wav\nsub/b c.wav\n",
        b"a.wav\r\n\r\nsub/b c.wav",
        b"\xef\xbb\xbfa.wav\nsub/b c.wav\n",
        "a.wav\r\nsub/b c.wav\r\n".encode("utf-16"),
        b"a.wav\0sub/b c.wav\0",
    ],
    ids=["lines", "Windows", "byte order mark", "PowerShell", "find -print0"],
)
def test_a_text_has_a_path_a_line_from_where_the_program_runs(here: Path, content: bytes) -> None:
    assert listed(content) == [("a.wav", "a.wav"), ("sub/b c.wav", "sub/b c.wav")]


def test_nothing_in_a_text_means_anything_else(here: Path) -> None:
    lines = [
        "#1 hit.wav",
        " spaces .wav",
        "*.wav",
        "a,b.wav",
        "path",
        "$(reboot).wav",
        '"q".wav',
        "~/x.wav",
        "-x",
    ]
    assert paths("\n".join(lines)) == lines
    assert paths("-\n") == ["./-"]  # a file of that name


@posix
def test_names_between_nuls_may_hold_anything(here: Path) -> None:
    assert paths(b"two\nlines.wav\0caf\xe9.wav\0") == ["two\nlines.wav", os.fsdecode(b"caf\xe9.wav")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("m.tsv", "label\tpath\nmusic\ta.wav\n\nspeech\tsub/b, c.wav\n"),
        ("m.csv", '\ufefflabel,Path\r\nmusic,a.wav\r\nspeech,"sub/b, c.wav"\r\n'),
        ("m.csv", 'path\na.wav\n"sub/b, c.wav"\n'),
        ("m.csv", "filename;label\na.wav;music\nsub/b, c.wav;speech\n"),
        ("m.txt", "file\tlabel\na.wav\tmusic\nsub/b, c.wav\tspeech\n"),
        ("m.jsonl", '{"audio_filepath": "a.wav", "duration": 1}\n\n{"path": "sub/b, c.wav"}\n'),
    ],
)
def test_paths_in_manifests_begin_where_the_manifest_lies(here: Path, name: str, content: str) -> None:
    assert listed(content, name) == [("lists/a.wav", "a.wav"), ("lists/sub/b, c.wav", "sub/b, c.wav")]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("m.tsv", "path\tlabel\n\tmusic\nb.wav\n", "lists/m.tsv, line 2: names no recording"),
        (
            "m.jsonl",
            '{"path": 3}\n{"path": "b.wav"}\n',
            "lists/m.jsonl, line 1: not a JSON object with a path",
        ),
        ("m.jsonl", '{"path": "b.wav"}\n{"a":\n', "lists/m.jsonl, line 2: not a JSON object with a path"),
        (
            "m.jsonl",
            '{"path": "b.wav"}\n' + "[" * 9999,
            "lists/m.jsonl, line 2: not a JSON object with a path",
        ),
    ],
)
def test_a_line_that_names_nothing_costs_the_others_nothing(
    here: Path, name: str, content: str, sentence: str
) -> None:
    found = listed(content, name)
    assert sorted(path for path, _ in found) == ["", "lists/b.wav"]
    assert any(said.startswith(sentence) for _, said in found)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("m.csv", b"name,label\na.wav,music\n", "lists/m.csv, line 1: no column is called path"),
        ("m.txt", b"\xff\xfea\xd8", "lists/m.txt: is not UTF-16 text"),
        ("no/m.txt", None, "lists/no/m.txt: cannot be read as a list: No such file or directory"),
        ("", None, "lists: cannot be read as a list: Is a directory"),
    ],
)
def test_a_list_that_cannot_be_read_is_an_error(
    here: Path, name: str, content: bytes | None, sentence: str
) -> None:
    if content is not None:
        (here / "lists" / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        find_inputs([], str(Path("lists", name)))
    assert str(caught.value).startswith(sentence)


def test_an_empty_list_is_an_error_in_its_place(here: Path) -> None:
    assert listed("\n\n") == [("", "lists/list.txt: lists no recordings")]


def test_a_listed_folder_stands_for_its_recordings(here: Path) -> None:
    (here / "radio" / "2020").mkdir(parents=True)
    (here / "radio" / "2020" / "a.mp3").touch()
    assert listed("radio\n") == [("radio/2020/a.mp3", "radio/2020/a.mp3")]
    assert listed("path,label\n../radio,x\n", "m.csv") == [
        ("lists/../radio/2020/a.mp3", f"{here.relative_to('/').as_posix()}/radio/2020/a.mp3")
    ]


def test_a_recording_comes_once_however_it_is_named(here: Path) -> None:
    (here / "a.wav").touch()
    Path("list.txt").write_text(f"a.wav\n./a.wav\n{here}/a.wav\nlists/../a.wav\nb.wav\n")
    found = find_inputs(["*.wav", "./a.wav", str(here)], "list.txt")
    assert [item.path for item in found if isinstance(item, Input)] == ["a.wav", "b.wav"]


@posix
def test_a_part_of_a_list_gives_the_names_of_the_whole(here: Path) -> None:
    lines = ["x/a.wav", "/data/radio/a.wav", "../b.wav", f"{here}/c.wav"]
    whole = [name for _, name in listed("\n".join(lines))]
    assert whole == [name for line in lines for _, name in listed(line)]
    assert whole == [
        "x/a.wav",
        "data/radio/a.wav",
        f"{here.parent.relative_to('/').as_posix()}/b.wav",
        "c.wav",
    ]


def test_a_pattern_keeps_the_folders_that_it_stands_for(here: Path) -> None:
    for name in ("radio/2020/a.wav", "radio/2021/a.wav"):
        (here / name).parent.mkdir(parents=True)
        (here / name).touch()
    for pattern in ("radio/*/a.wav", "radio/**/*.wav", "radio/20*", "lists/../radio/*"):
        names = [i.name.as_posix() for i in find_inputs([pattern]) if isinstance(i, Input)]
        assert names == ["2020/a.wav", "2021/a.wav"]


parts = st.sampled_from(["..", ".", "", "a", "b.wav", "...wav", "..wav", " ", "a\nb", "c:", "\\", "~"])


@given(st.lists(parts, min_size=1, max_size=6), st.booleans(), st.booleans())
def test_no_listed_name_leads_upwards(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[str], absolute: bool, in_manifest: bool
) -> None:
    path = "/" * absolute + "/".join(pieces)
    file = tmp_path_factory.getbasetemp() / "list"
    file.write_text(json.dumps({"path": path}) + "\n" if in_manifest else path + "\0")
    out = PurePath("/out/folder")
    for item in find_inputs([], str(file)):
        if isinstance(item, Input):
            for keep in (False, True):
                written = os.path.normpath(f"{out}/{item.output_name(keep)}.json")
                folder = os.path.normpath(out / item.output_name(keep))
                assert PurePath(written).is_relative_to(out)
                assert PurePath(folder).is_relative_to(out)
                check_output_names([item], keep)


def test_a_list_may_come_through_standard_input(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"x/a.wav\0b.wav\0")))
    assert [i.path for i in find_inputs(["c.wav"], "-") if isinstance(i, Input)] == [
        "c.wav",
        "x/a.wav",
        "b.wav",
    ]


def test_the_recordings_of_a_list_are_worked_on(
    swish: Swish, tiny_model: Path, samples: Path, tmp_path: Path
) -> None:
    names = ["phone.wav", "missing.wav", "speech-en.flac"]
    lines = "".join(f"{samples.name}/{name}\n" for name in names).encode()
    options = ["--from-file", "-", "-m", tiny_model, "-o", tmp_path]
    done = swish("segment", *options, input=lines, cwd=samples.parent)
    assert done.returncode == 1
    assert "swish: samples/missing.wav: no such file" in done.stderr
    written = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.glob("samples/*.json"))
    assert written == ["samples/phone.json", "samples/speech-en.json"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "name recordings, or a list"),
        (["-", "--from-file", "-"], "standard input is a recording already"),
    ],
)
def test_nonsense_is_refused(swish: Swish, arguments: list[str], complaint: str) -> None:
    done = swish("classify", *arguments)
    assert done.returncode == 2
    assert complaint in " ".join(done.stderr.replace("│", " ").split())
