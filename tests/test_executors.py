"""Threads and processes do the same work, and no input costs another its result, whatever it does to its process."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from work import CannotStart, behave, stop_when_told

from swishcli.errors import SwishError
from swishcli.jobs import executors
from swishcli.jobs.executors import Executor, ProcessExecutor, ThreadExecutor, default_jobs, make_executor
from swishcli.jobs.inputs import Input
from swishcli.jobs.run import in_order, run

Make = Callable[[int], Executor[str]]

posix = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
both = pytest.mark.parametrize(
    "make",
    [lambda n: ThreadExecutor(behave, n), lambda n: ProcessExecutor(behave, n)],
    ids=["threads", "processes"],
)


def named(*names: str) -> list[Input]:
    return [Input(f"{number}/{name}", Path(name)) for number, name in enumerate(names)]


def results(inputs: list[Input], executor: Executor[str]) -> list[str]:
    """Results and the sentences of errors, in the order of the inputs."""
    return [str(outcome.result) for outcome in in_order(run(inputs, executor))]


@both
def test_all_inputs_have_their_outcome(make: Make) -> None:
    names = [str(number) for number in range(50)]
    assert results(named(*names), make(2)) == names


@both
def test_a_failure_is_the_outcome_of_its_input_alone(make: Make) -> None:
    assert results(named("a", "bad", "bug", "big", "cannot be written", "b"), make(2)) == [
        "a",
        "1/bad: is bad",
        "2/bug: failed unexpectedly (ZeroDivisionError)",
        "3/big: needs more memory than there is",
        "4/cannot be written: is bad",
        "b",
    ]


@both
def test_progress_is_told(make: Make) -> None:
    heard: list[tuple[str, float | None]] = []
    outcomes = run(named("a", "long"), make(2), lambda item, _, expected: heard.append((item.path, expected)))
    next(outcomes)
    deadline = time.monotonic() + 30
    # A generator goes on when it is asked: the long input ends by being given up.
    executor = make(1)
    executor.submit(0, named("long")[0])
    events = []
    while not events and time.monotonic() < deadline:
        events = executor.wait()
    executor.close()
    outcomes.close()
    assert getattr(events[0], "expected_s", None) == 100_000.0


def test_results_wait_for_the_disk_side_by_side() -> None:
    start = time.monotonic()
    assert results(named(*["slow to write"] * 8), ProcessExecutor(behave, 1)) == ["slow to write"] * 8
    assert time.monotonic() - start < 8 * 0.5


@posix
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("crashes", "ended its worker process: SIGSEGV"),
        ("exits", "ended its worker process: exit code 7"),
        ("killed", "ended its worker process: killed, perhaps for want of memory"),
    ],
)
def test_an_input_that_ends_its_process_costs_only_itself(name: str, reason: str) -> None:
    found = results(named("a", name, "b", "c"), ProcessExecutor(behave, 1))
    assert found == ["a", f"1/{name}: {reason}", "b", "c"]


@posix
def test_what_was_killed_is_tried_once_more(tmp_path: Path) -> None:
    item = Input(str(tmp_path / "mark"), Path("killed once"))
    assert results([item], ProcessExecutor(behave, 1)) == ["killed once"]


def test_an_input_that_hangs_costs_its_time_and_only_itself() -> None:
    found = results(named("a", "hangs", "b"), ProcessExecutor(behave, 1, timeout_s=0.5))
    assert found == ["a", "1/hangs: took longer than 0.5 s", "b"]


def test_an_input_of_which_nothing_is_heard_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "STALLED_S", 2.0)
    found = results(named("a", "hangs", "b"), ProcessExecutor(behave, 1))
    assert found == ["a", "1/hangs: made no progress for 2 s", "b"]


def test_processes_that_cannot_start_are_an_error_and_no_endless_try() -> None:
    with pytest.raises(SwishError, match=r"worker processes end before they can work \(exit code 3\)"):
        list(run(named("a", "b"), ProcessExecutor(CannotStart(), 1)))


@posix
def test_a_batch_that_is_given_up_lets_its_processes_tidy_up(tmp_path: Path) -> None:
    item = Input(str(tmp_path / "a"), Path("a"))
    executor = ProcessExecutor(stop_when_told, 1)
    executor.submit(0, item)
    deadline = time.monotonic() + 30
    while not (tmp_path / "a.started").exists() and time.monotonic() < deadline:
        executor.wait()
    executor.close()
    assert (tmp_path / "a.stopped").exists()


def test_processes_are_for_many_recordings_and_for_time_limits(tmp_path: Path) -> None:
    few, many = named("a", "b"), named(*map(str, range(1000)))
    large = tmp_path / "large.wav"
    with large.open("wb") as file:
        file.truncate(10**9)
    kinds = {
        "few": make_executor(behave, few, 2),
        "many": make_executor(behave, many, 2),
        "large": make_executor(behave, [Input(str(large), Path("large.wav")), *few], 2),
        "one with a limit": make_executor(behave, few[:1], 2, timeout_s=1),
        "standard input": make_executor(behave, [Input("-", Path("stdin")), *many], 2),
        "a GPU": make_executor(behave, many, 2, shared=True),
    }
    processes = {name for name, executor in kinds.items() if isinstance(executor, ProcessExecutor)}
    assert processes == {"many", "large", "one with a limit"}


@pytest.mark.parametrize(("memory", "jobs"), [(float("inf"), 8), (1e9, 4), (1e8, 1)])
def test_as_many_at_once_as_there_are_cores_and_memory_for(
    memory: float, jobs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executors, "cgroup_memory", lambda: memory)
    monkeypatch.setattr(executors, "available_cores", lambda: 8)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert default_jobs() == jobs


@posix
def test_results_that_wait_for_the_disk_survive_whoever_kills_their_process() -> None:
    found = results(named("slow to write", "killed", "b"), ProcessExecutor(behave, 1))
    assert found == [
        "slow to write",
        "1/killed: ended its worker process: killed, perhaps for want of memory",
        "b",
    ]
