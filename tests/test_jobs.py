"""Inputs are found once each, outputs never share a name, and no recording costs another its result."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swishcli.errors import DataError
from swishcli.jobs.executors import Cancelled, ThreadExecutor
from swishcli.jobs.inputs import Input, check_output_names, find_inputs
from swishcli.jobs.run import in_order, run

PATIENCE_S = 30
"""How long a thread waits for another before the test fails."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with recordings, and with what is none."""
    for name in ("b.wav", "a.FLAC", "notes.txt", ".hidden.wav", "sub/c.mp3", "sub/deep/d.ogg", "empty/x.txt"):
        (tmp_path / "music" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "music" / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(*arguments: str) -> list[str]:
    """Paths of the inputs, and the sentences about what is none."""
    return [item.path if isinstance(item, Input) else str(item) for item in find_inputs(arguments)]


def test_a_folder_stands_for_its_recordings_at_every_depth(folder: Path) -> None:
    recordings = ["music/a.FLAC", "music/b.wav", "music/sub/c.mp3", "music/sub/deep/d.ogg"]
    assert found("music") == recordings
    assert found(str(folder / "music")) == [str(folder / path) for path in recordings]


def test_recordings_of_a_folder_are_named_by_their_path_in_it(folder: Path) -> None:
    names = [item.name for item in find_inputs(["music"]) if isinstance(item, Input)]
    assert names == [Path("a.FLAC"), Path("b.wav"), Path("sub/c.mp3"), Path("sub/deep/d.ogg")]


def test_a_folder_that_is_called_like_a_recording_is_a_folder(folder: Path) -> None:
    (folder / "music" / "sub").rename(folder / "music" / "sub.wav")
    assert found("music") == [
        "music/a.FLAC",
        "music/b.wav",
        "music/sub.wav/c.mp3",
        "music/sub.wav/deep/d.ogg",
    ]


def test_a_file_that_is_named_is_taken_whatever_it_is_called(folder: Path) -> None:
    assert found("music/notes.txt", "music/.hidden.wav") == ["music/notes.txt", "music/.hidden.wav"]


def test_a_file_that_is_not_there_is_found_out_by_who_opens_it(folder: Path) -> None:
    assert found("missing.wav") == ["missing.wav"]


@pytest.mark.parametrize(
    ("pattern", "recordings"),
    [
        ("music/*.wav", ["music/b.wav"]),
        ("music/?.*", ["music/a.FLAC", "music/b.wav"]),
        ("music/[ab].wav", ["music/b.wav"]),
        ("music/**/*.mp3", ["music/sub/c.mp3"]),
        ("music/s*", ["music/sub/c.mp3", "music/sub/deep/d.ogg"]),
    ],
)
def test_a_pattern_stands_for_what_it_matches(folder: Path, pattern: str, recordings: list[str]) -> None:
    assert found(pattern) == recordings


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(folder: Path) -> None:
    (folder / "take [1].wav").touch()
    (folder / "take 1.wav").touch()
    assert found("take [1].wav") == ["take [1].wav"]


def test_minus_is_standard_input(folder: Path) -> None:
    assert list(find_inputs(["-"])) == [Input("-", Path("stdin"))]


def test_a_recording_named_twice_comes_once_where_it_came_first(folder: Path) -> None:
    assert found("-", "music/sub", "music", "music/b.wav", "music/*.wav", "-") == [
        "-",
        "music/sub/c.mp3",
        "music/sub/deep/d.ogg",
        "music/a.FLAC",
        "music/b.wav",
    ]


def test_what_stands_for_nothing_is_an_error_in_its_place(folder: Path) -> None:
    assert found("music/*.aiff", "music/b.wav", "music/empty") == [
        "music/*.aiff: no file matches the pattern",
        "music/b.wav",
        "music/empty: is a folder without recordings",
    ]


def test_a_name_that_no_file_can_have_is_found_out_by_who_opens_it() -> None:
    assert found("x" * 300) == ["x" * 300]
    assert found("?" * 300) == [f"{'?' * 300}: no file matches the pattern"]


def named(*names: str) -> list[Input]:
    """Inputs of these names, each in a folder of its own."""
    return [Input(f"{number}/{name}", Path(name)) for number, name in enumerate(names)]


def names_of(*names: str, keep_suffix: bool = False) -> list[str]:
    inputs = named(*names)
    check_output_names(inputs, keep_suffix)
    return [str(item.output_name(keep_suffix)) for item in inputs]


def test_outputs_are_named_after_their_recordings_without_or_with_the_suffix() -> None:
    names = ["a.wav", "sub/b.tar.mp3", "no-suffix"]
    assert names_of(*names) == ["a", "sub/b.tar", "no-suffix"]
    assert names_of(*names, keep_suffix=True) == names


def test_recordings_that_would_write_the_same_files_are_an_error_that_names_both() -> None:
    with pytest.raises(
        DataError, match=r"0/a\.wav and 2/a\.mp3 would write .*: --keep-suffix tells them apart"
    ):
        names_of("a.wav", "b.wav", "a.mp3")
    assert names_of("a.wav", "a.mp3", keep_suffix=True) == ["a.wav", "a.mp3"]
    with pytest.raises(DataError, match="name the folder that holds both"):
        names_of("a.wav", "a.wav", keep_suffix=True)


def test_names_that_differ_in_capitals_alone_are_one_on_some_file_systems() -> None:
    with pytest.raises(DataError, match=r"0/A\.wav and 1/a\.wav"):
        names_of("A.wav", "a.wav")


stems = st.text("aAb.-2 ", min_size=1, max_size=4).filter(lambda stem: stem.strip("."))
file_names = st.builds(
    "{}{}{}".format, st.sampled_from(["", "sub/"]), stems, st.sampled_from(["", ".wav", ".a"])
)


@given(st.lists(file_names, max_size=8), st.booleans())
def test_no_two_recordings_share_an_output_name(names: list[str], keep_suffix: bool) -> None:
    try:
        given_names = names_of(*names, keep_suffix=keep_suffix)
    except DataError:
        return
    assert len({name.lower() for name in given_names}) == len(names)


@pytest.mark.parametrize("workers", [1, 3])
def test_outcomes_can_be_put_in_the_order_of_the_inputs(workers: int) -> None:
    inputs = named(*map(str, range(40)))
    outcomes = list(in_order(run(inputs, ThreadExecutor(lambda item, told: item.name, workers))))
    assert [outcome.input for outcome in outcomes] == inputs
    assert [outcome.result for outcome in outcomes] == [item.name for item in inputs]


def test_outcomes_come_as_they_complete_and_a_long_recording_keeps_nobody_waiting() -> None:
    others_done = threading.Event()

    def work(item: Input, told: object) -> str:
        if item.name == Path("long"):
            assert others_done.wait(PATIENCE_S)
        return str(item.name)

    outcomes = run(named("long", *map(str, range(30))), ThreadExecutor(work, 2))
    first = [outcome.result for outcome in islice(outcomes, 30)]
    others_done.set()
    assert sorted(map(str, first)) == sorted(map(str, range(30)))
    assert [outcome.result for outcome in outcomes] == ["long"]


def test_progress_within_a_recording_is_told() -> None:
    def work(item: Input, told: Callable[[float, float | None], None]) -> None:
        told(5.0, 10.0)

    heard: list[tuple[str, float, float | None]] = []
    list(
        run(
            named("a"),
            ThreadExecutor(work, 1),
            lambda item, done, expected: heard.append((item.path, done, expected)),
        )
    )
    assert heard == [("0/a", 5.0, 10.0)]


def test_as_many_inputs_are_worked_on_at_once_as_there_are_workers() -> None:
    together = threading.Barrier(3)
    outcomes = run(named("a", "b", "c"), ThreadExecutor(lambda item, told: together.wait(PATIENCE_S), 3))
    assert sorted(outcome.result for outcome in outcomes if isinstance(outcome.result, int)) == [0, 1, 2]


def test_inputs_are_taken_as_they_are_needed() -> None:
    taken = 0

    def endless() -> Iterator[Input]:
        nonlocal taken
        while True:
            taken += 1
            yield Input(str(taken), Path(str(taken)))

    outcomes = run(endless(), ThreadExecutor(lambda item, told: item.path, 2))
    assert len(list(islice(outcomes, 3))) == 3
    outcomes.close()
    assert taken < 20


def test_a_batch_that_is_given_up_stops_its_workers_and_starts_no_more() -> None:
    started: list[str] = []
    second_runs = threading.Event()
    stopped = threading.Event()

    def work(item: Input, told: Callable[[float, float | None], None]) -> None:
        started.append(item.path)
        if len(started) == 1:
            return
        second_runs.set()
        try:
            for _ in range(10_000_000):
                told(0.0, None)
        except Cancelled:
            stopped.set()
            raise

    outcomes = run(named(*"abcd"), ThreadExecutor(work, 1))
    next(outcomes)
    assert second_runs.wait(PATIENCE_S)
    outcomes.close()
    assert stopped.is_set()
    assert started == ["0/a", "1/b"]
