"""Recordings lie in the folder of their class, once, and nothing else is touched."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
from conftest import Swish
from hypothesis import given
from hypothesis import strategies as st

from swishcli.errors import AudioError, OutputError
from swishcli.files import name_component, path_within
from swishcli.jobs.inputs import Input
from swishcli.jobs.sorting import Sorting

posix = pytest.mark.skipif(os.name != "posix", reason="links of POSIX")


@pytest.fixture
def recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Input:
    """One below the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "archive" / "sub").mkdir(parents=True)
    (tmp_path / "archive" / "sub" / "a.wav").write_bytes(b"sound")
    return Input("archive/sub/a.wav", Path("sub/a.wav"))


@posix
@pytest.mark.parametrize("option", ["--link-to", "--copy-to"])
def test_recordings_are_sorted_into_folders_of_their_classes(
    swish: Swish, samples: Path, tmp_path: Path, option: str
) -> None:
    for _ in range(2):  # again, all is there already
        done = swish("classify", samples, option, tmp_path / "sorted", "--table", tmp_path / "all.csv")
        assert done.returncode == 0
    placed = [path for path in (tmp_path / "sorted").rglob("*") if not path.is_dir()]
    assert Counter(path.parent.name for path in placed) == {"speech": 5, "noise": 3, "music": 1}
    assert {path.name for path in placed} == {
        path.name for path in samples.iterdir() if path.suffix != ".tsv"
    } - {
        "README.md",
        "make_samples.py",
    }
    for path in placed:
        assert path.is_symlink() == (option == "--link-to")
        assert path.read_bytes() == (samples / path.name).read_bytes()


@posix
def test_a_link_leads_to_the_recording_from_anywhere(recording: Input, tmp_path: Path) -> None:
    for label in ("speech", "speech"):
        path = Sorting(Path("out")).place(recording, label)
    assert path == Path("out/speech/sub/a.wav")
    assert path.readlink() == tmp_path / "archive" / "sub" / "a.wav"
    assert [p.name for p in path.parent.iterdir()] == ["a.wav"]


@posix
def test_a_link_of_before_is_replaced(recording: Input) -> None:
    Path("out/speech/sub").mkdir(parents=True)
    Path("out/speech/sub/a.wav").symlink_to("/of/yesterday.wav")
    assert Sorting(Path("out")).place(recording, "speech").read_bytes() == b"sound"


@pytest.mark.parametrize("copies", [False, True])
def test_another_file_is_never_replaced(recording: Input, copies: bool) -> None:
    mine = Path("out/speech/sub/a.wav")
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    with pytest.raises(OutputError, match=r"out/speech/sub/a\.wav: cannot be written: another file is there"):
        Sorting(Path("out"), copies).place(recording, "speech")
    assert mine.read_bytes() == b"mine"
    assert [p.name for p in mine.parent.iterdir()] == ["a.wav"]


@pytest.mark.parametrize("copies", [False, True])
def test_a_recording_that_lies_where_it_would_be_put_stays(tmp_path: Path, copies: bool) -> None:
    (tmp_path / "speech").mkdir()
    (tmp_path / "speech" / "a.wav").write_bytes(b"sound")
    item = Input(str(tmp_path / "speech" / "a.wav"), Path("a.wav"))
    if copies:
        Sorting(tmp_path, copies).place(item, "speech")
    else:
        with pytest.raises(OutputError, match="another file is there"):
            Sorting(tmp_path, copies).place(item, "speech")
    assert (tmp_path / "speech" / "a.wav").read_bytes() == b"sound"
    assert not (tmp_path / "speech" / "a.wav").is_symlink()


@posix
@pytest.mark.parametrize("copies", [False, True])
def test_a_link_among_the_folders_leads_nowhere_else(recording: Input, tmp_path: Path, copies: bool) -> None:
    (tmp_path / "elsewhere").mkdir()
    Path("out").mkdir()
    Path("out/speech").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match=r"a link or \.\. leads out of the output folder"):
        Sorting(Path("out"), copies).place(recording, "speech")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_standard_input_cannot_be_placed(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="standard input: can be neither linked nor copied"):
        Sorting(tmp_path).place(Input("-", Path("stdin")), "speech")


@given(st.text() | st.sampled_from(["..", ".", "", "a/b", "/etc", "C:\\x", "a\0b", "\x1b[2J", " ", "..."]))
def test_any_label_is_one_folder(label: str) -> None:
    name = name_component(label)
    assert name.isprintable()
    assert len(Path(name).parts) == 1
    assert name.strip(". ")


@posix
def test_outputs_stay_within_their_folder(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "up").symlink_to(tmp_path)
    (tmp_path / "out" / "file.json").symlink_to(tmp_path / "mine.json")
    (tmp_path / "out" / "circle").symlink_to("circle")
    (tmp_path / "out" / "in").symlink_to(tmp_path / "out" / "sub")
    out = tmp_path / "out"
    assert path_within(out, Path("sub/a.json")) == out / "sub" / "a.json"
    assert path_within(out, Path("in/a.json")) == out / "in" / "a.json"
    for name in ("up/a.json", "file.json", "../a.json", "circle/a.json"):
        with pytest.raises(OutputError):
            path_within(out, Path(name))


@posix
def test_a_link_in_the_output_folder_fails_its_recording_alone(
    swish: Swish, tiny_model: Path, samples: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "phone.json").symlink_to(tmp_path / "mine.json")
    options = ["-m", tiny_model, "-o", tmp_path / "out"]
    done = swish("segment", *options, samples / "phone.wav", samples / "noise-rain.flac")
    assert done.returncode == 1
    assert "phone.json: cannot be written: a link or .. leads out of the output folder" in done.stderr
    assert not (tmp_path / "mine.json").exists()
    assert (tmp_path / "out" / "noise-rain.json").exists()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--link-to", "a", "--copy-to", "b"], "choose one of them"),
        (["--link-to", "a", "--channel", "split"], "channels lie in one file"),
    ],
)
def test_nonsense_is_refused(swish: Swish, tmp_path: Path, options: list[str], complaint: str) -> None:
    done = swish("classify", "x.wav", *options, cwd=tmp_path)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert list(tmp_path.iterdir()) == []
