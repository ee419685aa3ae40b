"""Data sets: what is found in folders and manifests, and how it is split."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from training_data import manifest_of

from swishcli.errors import DataError
from swishcli.training.datasets import TRAIN, VAL, Item, find_items, is_manifest, split_items


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def test_a_folder_has_a_class_in_each_of_its_folders_however_deep(tmp_path: Path) -> None:
    touch(tmp_path, "dog/b.wav", "dog/small/a.FLAC", "cat/1/2/3.mp3", "README.txt", ".git/x.wav", "stray.wav")
    found = [(str(item.path.relative_to(tmp_path)), item.label) for item in find_items(tmp_path)]
    assert found == [("cat/1/2/3.mp3", "cat"), ("dog/b.wav", "dog"), ("dog/small/a.FLAC", "dog")]


def test_a_folder_laid_out_as_musan_is_a_data_set(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "README",
        *(f"music/fma/{name}" for name in ("ANNOTATIONS", "LICENSE", "music-fma-0000.wav")),
        *(f"noise/free-sound/{name}" for name in ("ANNOTATIONS", "LICENSE", "noise-free-sound-0000.wav")),
        *(
            f"speech/librivox/{name}"
            for name in ("LICENSE", "._speech-librivox-0000.wav", "speech-librivox-0000.wav")
        ),
    )
    assert [item.label for item in find_items(tmp_path)] == ["music", "noise", "speech"]
    assert len({item.source for item in find_items(tmp_path)}) == 3


def test_a_table_of_musan_is_a_data_set(tmp_path: Path) -> None:
    table = tmp_path / "ANNOTATIONS"
    table.write_text("speech-librivox-0000 f japanese\nnoise-free-sound-0001 \n")
    assert is_manifest(table)
    assert find_items(table) == [
        Item(tmp_path / "noise-free-sound-0001.wav", "noise", "noise-free-sound-0001"),
        Item(tmp_path / "speech-librivox-0000.wav", "speech", "speech-librivox-0000", kind="f japanese"),
    ]
    table.write_text("speech-librivox-0000 f\nlibrivox f\n")
    with pytest.raises(DataError, match="line 2: 'librivox' is no name like music-fma-0000"):
        find_items(table)


@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["", "BOM"])
@pytest.mark.parametrize("delimiter", ["\t", ","], ids=["TSV", "CSV"])
def test_a_manifest_is_a_data_set(tmp_path: Path, delimiter: str, mark: str) -> None:
    rows = [
        ["path", "label", "split", "source", "licence", "remark"],
        ["b/ä.wav", "dog", "val", "kennel", "CC0", "loud"],
        ["a.wav", "cat", "train", "", "", ""],
    ]
    text = mark + "".join(delimiter.join(row) + "\r\n" for row in rows)
    assert find_items(manifest_of(tmp_path, text)) == [
        Item(tmp_path / "a.wav", "cat", "a.wav", "train"),
        Item(tmp_path / "b/ä.wav", "dog", "kennel", "val", "CC0"),
    ]


def test_a_manifest_needs_no_more_than_paths_and_labels(tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path, "label,path\ndog,/far/away.wav\n")
    assert find_items(manifest) == [Item(Path("/far/away.wav"), "dog", "/far/away.wav")]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("path\na.wav\n", "line 2: needs a path and a label", id="no labels"),
        pytest.param("file\tlabel\na.wav\tx\n", "line 2: needs a path and a label", id="no paths"),
        pytest.param("path\tlabel\na.wav\tx\nb.wav\n", "line 3: needs a path and a label", id="short line"),
        pytest.param("path\tlabel\n", "lists no recordings", id="header alone"),
        pytest.param("", "lists no recordings", id="nothing"),
        pytest.param(
            "path\tlabel\tsplit\na.wav\tx\ttrain\nb.wav\tx\t\n",
            "every line names its split",
            id="half a split",
        ),
        pytest.param("path\tlabel\tsplit\na.wav\tx\ttrain\n", "must hold 'train' and 'val'", id="one side"),
        pytest.param(
            "path\tlabel\tsplit\na.wav\tx\ttrain\nb.wav\tx\tval\nc.wav\tx\tvalid\n",
            "'valid'",
            id="unknown split",
        ),
        pytest.param("path\tlabel\na.wav\tsilence\n", "'silence' cannot be a class", id="silence"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_refused_with_its_name(
    tmp_path: Path, text: str, complaint: str
) -> None:
    with pytest.raises(DataError, match=complaint) as caught:
        find_items(manifest_of(tmp_path, text))
    assert str(caught.value).startswith(str(tmp_path / "data.tsv"))


def test_a_manifest_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_bytes(b"path,label\n\xff.wav,x\n")
    with pytest.raises(DataError, match="cannot be read as a manifest"):
        find_items(tmp_path / "data.csv")


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (["dog/a.wav", "cat/readme.txt"], "the class 'cat' has no recordings"),
        (["a.wav"], "one folder per class is needed"),
        (["dog/a.wav", "silence/a.wav"], "'silence' cannot be a class"),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused(tmp_path: Path, names: list[str], complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        find_items(touch(tmp_path, *names))


def test_data_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder or manifest"):
        find_items(tmp_path / "nothing")


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 9)), min_size=1, max_size=60), st.integers(0, 99)
)
def test_a_split_keeps_sources_whole_and_classes_on_both_sides(
    drawn: list[tuple[str, int]], seed: int
) -> None:
    items = [Item(Path(f"{i}.wav"), label, f"{label}{source}") for i, (label, source) in enumerate(drawn)]
    sources = {label: {item.source for item in items if item.label == label} for label in "ab"}
    if min(map(len, sources.values())) < 2:
        with pytest.raises(DataError):
            split_items(items, seed)
        return
    split = split_items(items, seed)
    assert [replace(item, split=None) for item in split] == items
    assert split == split_items(items, seed)
    sides = {side: {item.source for item in split if item.split == side} for side in (TRAIN, VAL)}
    assert not sides[TRAIN] & sides[VAL]
    for of_class in sources.values():
        assert sides[TRAIN] & of_class
        assert 0 < len(sides[VAL] & of_class) <= len(of_class) / 2


def test_another_seed_draws_another_split() -> None:
    items = [Item(Path(f"{i}.wav"), "ab"[i % 2], str(i)) for i in range(100)]
    held_out = {seed: [i.source for i in split_items(items, seed) if i.split == VAL] for seed in (0, 1)}
    assert held_out[0] != held_out[1]
    assert [len(v) for v in held_out.values()] == [16, 16]  # 15 % of 50, rounded up, of both classes


def test_a_split_that_the_data_brings_is_kept() -> None:
    items = [Item(Path(f"{i}.wav"), "ab"[i % 2], "one", (TRAIN, VAL)[i // 2]) for i in range(4)]
    assert split_items(items, 0) == items
    with pytest.raises(DataError, match="the class 'b' has no recordings in the split 'val'"):
        split_items(items[:3], 0)


def test_one_class_is_not_enough() -> None:
    with pytest.raises(DataError, match="at least two classes are needed, the data has only 'dog'"):
        split_items([Item(Path(f"{i}.wav"), "dog", str(i)) for i in range(9)], 0)
