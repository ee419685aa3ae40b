"""Who does the work: threads of this process, or processes of their own.

An executor takes inputs and tells what happens to them, in the order in which it happens:

    submit(index, input) ─→ work ─→ wait() ─→ Progressed …, Ended

Threads start at once and share everything. Processes cost a third of a second each to start and then share
nothing: Python's lock is not in their way, and a decoder that crashes, hangs or takes all memory costs the one
recording it was given. The figures that decide between them are in ``benchmarks/SPEED.md``.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import queue
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from swishcli.audio import STDIN
from swishcli.engines import available_cores, cgroup_memory
from swishcli.errors import AudioError, SwishError
from swishcli.jobs.inputs import Input

Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)
Progress = Callable[[float, float | None], None]
"""Told the seconds of a recording that are done and those expected, None if unknown."""

STALLED_S = 600.0
"""A process that has told nothing of its recording for so long is given up."""
_WORTH_PROCESSES_S = 1.5
"""Seconds of work on one core for which threads are done as soon as processes, which start first."""
_FILE_S, _BYTE_S = 0.004, 1 / 15e6
"""What a recording costs, and each of its bytes (of compressed ones, which cost most)."""
_JOB_BYTES = 250e6
"""What a process may need at once, twice the usual."""
_GRACE_S = 3.0
"""Seconds that work under way has to stop when a batch is given up."""
_TOLD_EVERY_S = 0.25
_FINISHING = 8
"""Results of a process that wait for the disk side by side: it writes several in the time of one."""
_MOST_FAILED_STARTS = 3
"""Processes in a row that may die before they are ready for work."""


@dataclass(frozen=True, slots=True)
class Deferred(Generic[Result_co]):
    """A result that has been computed and waits for the disk alone; meanwhile others can be computed."""

    finish: Callable[[], Result_co]
    """Gives the result. Raises SwishError."""


class Work(Protocol[Result_co]):
    """What is done with each input; for processes it must survive pickling."""

    def __call__(self, item: Input, on_progress: Progress, /) -> Result_co | Deferred[Result_co]:
        """Raises SwishError where the input cannot be used."""


class Cancelled(Exception):
    """Raised inside work whose batch has been given up."""


@dataclass(frozen=True, slots=True)
class Progressed:
    """How far the work on an input is."""

    index: int
    done_s: float
    expected_s: float | None


@dataclass(frozen=True, slots=True)
class Ended(Generic[Result]):
    """What became of the work on an input."""

    index: int
    result: Result | SwishError
    may_differ: bool = False
    """Whether another try could end in another way: something from outside ended this one."""


@dataclass(frozen=True, slots=True)
class _Free:
    """A worker process can take its next input."""


class Executor(Protocol[Result]):
    """Does the work on several inputs at once."""

    @property
    def room(self) -> int:
        """How many more inputs it takes now."""

    def submit(self, index: int, item: Input) -> None:
        """Take an input, whose `index` all that is told of it carries."""

    def wait(self) -> list[Progressed | Ended[Result]]:
        """What has happened; waits until there is something, or for a short time."""

    def close(self) -> None:
        """Give up what is under way. Work that stops by itself leaves no part of a file behind."""


def attempt(item: Input, work: Callable[[], Result]) -> Result | SwishError:
    """Do the work on one input; whatever it raises, but `Cancelled`, is the outcome of that input alone."""
    try:
        return work()
    except SwishError as error:
        return error
    except Cancelled:
        raise
    except MemoryError:
        return AudioError(item.path, "needs more memory than there is")
    except Exception as error:
        # A fault of ours, or of a decoder: it must not cost the other recordings their results.
        return AudioError(item.path, f"failed unexpectedly ({type(error).__name__})")


def default_jobs() -> int:
    """How many recordings to work on at once: as many as there are cores, and memory for.

    ``OMP_NUM_THREADS`` is about the threads of one.
    """
    return max(1, int(min(available_cores(), cgroup_memory() // _JOB_BYTES)))


def make_executor(
    work: Work[Result],
    inputs: Sequence[Input],
    jobs: int,
    timeout_s: float | None = None,
    shared: bool = False,
) -> ThreadExecutor[Result] | ProcessExecutor[Result]:
    """The executor that is done soonest, and holds to a time limit where there is one.

    Parameters
    ----------
    work : Work
    inputs : sequence of Input
    jobs : int
        How many to work on at once.
    timeout_s : float, optional
        Seconds that an input may take.
    shared : bool
        Whether the work needs something that processes cannot each have, such as a GPU.
    """
    jobs = max(1, min(jobs, len(inputs)))
    # Standard input is this process's own.
    if shared or any(item.path == STDIN for item in inputs):
        return ThreadExecutor(work, jobs)
    if timeout_s is not None or (len(inputs) > 1 and _estimated_s(inputs) > _WORTH_PROCESSES_S):
        return ProcessExecutor(work, jobs, timeout_s)
    return ThreadExecutor(work, jobs)


def _estimated_s(inputs: Sequence[Input]) -> float:
    """Seconds that a core is busy with the inputs, roughly, as far as it matters here."""
    total_s = 0.0
    for item in inputs:
        total_s += _FILE_S
        with suppress(OSError, ValueError):
            total_s += Path(item.path).stat().st_size * _BYTE_S
        if total_s > _WORTH_PROCESSES_S:
            break
    return total_s


class ThreadExecutor(Generic[Result]):
    """Threads of this process."""

    def __init__(self, work: Work[Result], workers: int) -> None:
        self._work, self._workers = work, workers
        self._pool = ThreadPoolExecutor(workers)
        self._running: dict[int, Future[None]] = {}
        self._events: queue.SimpleQueue[Progressed | Ended[Result]] = queue.SimpleQueue()
        self._cancelled = threading.Event()

    @property
    def room(self) -> int:
        """One input a thread is handed out ahead, so that none waits for its next."""
        return 2 * self._workers - len(self._running)

    def submit(self, index: int, item: Input) -> None:
        """Take an input."""
        self._running[index] = self._pool.submit(self._attempt, index, item)

    def _attempt(self, index: int, item: Input) -> None:
        def told(done_s: float, expected_s: float | None) -> None:
            if self._cancelled.is_set():
                raise Cancelled
            self._events.put(Progressed(index, done_s, expected_s))

        def work() -> Result:
            result = self._work(item, told)
            return result.finish() if isinstance(result, Deferred) else result

        with suppress(Cancelled):
            self._events.put(Ended(index, attempt(item, work)))

    def wait(self) -> list[Progressed | Ended[Result]]:
        """What has happened."""
        events = []
        with suppress(queue.Empty):
            events.append(self._events.get(timeout=1.0))
            while True:
                events.append(self._events.get_nowait())
        for event in events:
            if isinstance(event, Ended):
                del self._running[event.index]
        return events

    def close(self) -> None:
        """Stop the threads at their next report; one that waits for input may never get there."""
        self._cancelled.set()
        self._pool.shutdown(wait=not self._running, cancel_futures=True)
        # Of a cancelled future nobody would say that it is done.
        wait([future for future in self._running.values() if not future.cancelled()], timeout=_GRACE_S)


@dataclass
class _Worker:
    """A process, and what it works on."""

    process: BaseProcess
    connection: Connection
    ready: bool = False
    """Whether it has said that it can work."""
    current: tuple[int, Input] | None = None
    finishing: dict[int, Input] = field(default_factory=dict)
    """Inputs whose results are computed and wait for the disk."""
    begun: float = field(default_factory=time.monotonic)
    heard: float = field(default_factory=time.monotonic)


class ProcessExecutor(Generic[Result]):
    """Processes of their own, each with the model loaded once; one that dies is replaced.

    Parameters
    ----------
    work : Work
        Picklable.
    workers : int
        Processes.
    timeout_s : float, optional
        Seconds that an input may take; by default as many as it needs. One of which nothing is heard for
        `STALLED_S` is given up in any case.

    Raises
    ------
    SwishError
        From `wait`, if processes cannot be started at all.
    """

    def __init__(self, work: Work[Result], workers: int, timeout_s: float | None = None) -> None:
        self._work, self._n_workers, self._timeout_s = work, workers, timeout_s
        self._context = multiprocessing.get_context("spawn")
        self._workers: list[_Worker] = []
        self._waiting: deque[tuple[int, Input]] = deque()
        """Taken, but given to no process yet."""
        self._failed_starts = 0

    @property
    def room(self) -> int:
        """One input a process is held ready here: sent on, it could wait behind a long one while others idle."""
        busy = sum(worker.current is not None for worker in self._workers)
        return 2 * self._n_workers - len(self._waiting) - busy

    def submit(self, index: int, item: Input) -> None:
        """Take an input."""
        self._waiting.append((index, item))
        self._hand_out()

    def wait(self) -> list[Progressed | Ended[Result]]:
        """What has happened."""
        self._hand_out()
        events: list[Progressed | Ended[Result]] = []
        by_connection = {worker.connection: worker for worker in self._workers}
        for connection in multiprocessing.connection.wait(list(by_connection), self._patience_s()):
            events += self._heard_from(by_connection[connection])  # type: ignore[index]
        for worker in list(self._workers):
            if reason := self._given_up(worker):
                events += self._lost(worker, reason)
        return events

    def close(self) -> None:
        """Ask the processes to end, and kill those that do not."""
        for worker in self._workers:
            if not worker.current and not worker.finishing:
                worker.connection.close()  # nothing more will come: it ends by itself
            else:
                worker.process.terminate()
        deadline = time.monotonic() + _GRACE_S
        for worker in self._workers:
            worker.process.join(max(0.0, deadline - time.monotonic()))
            _kill(worker.process)
            worker.connection.close()
        self._workers.clear()

    def _hand_out(self) -> None:
        while self._waiting:
            worker = next((w for w in self._workers if w.ready and w.current is None), None)
            if worker is None:
                # One more for each input that no process is starting for.
                starting = sum(not w.ready for w in self._workers)
                if len(self._workers) < self._n_workers and starting < len(self._waiting):
                    self._workers.append(self._started())
                    continue
                return
            worker.current = self._waiting.popleft()
            worker.begun = worker.heard = time.monotonic()
            with suppress(OSError):  # it has died: what waits for news of it will find out
                worker.connection.send(worker.current)

    def _started(self) -> _Worker:
        ours, its = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(self._work, its), daemon=True)
        process.start()
        its.close()
        return _Worker(process, ours)

    def _heard_from(self, worker: _Worker) -> list[Progressed | Ended[Result]]:
        """What a process has said, or that it says no more."""
        worker.heard = time.monotonic()
        try:
            said = worker.connection.recv()
        except (EOFError, OSError):
            worker.process.join(_GRACE_S)
            return self._lost(worker, None)
        if isinstance(said, _Free):
            worker.ready, self._failed_starts = True, 0
            if worker.current is not None:
                index, item = worker.current
                worker.finishing[index] = item
                worker.current = None
            self._hand_out()  # at once: what is done about outcomes may take a while
            return []
        if isinstance(said, Ended):
            del worker.finishing[said.index]
        return [said]

    def _lost(self, worker: _Worker, reason: str | None) -> list[Progressed | Ended[Result]]:
        """Part from a process that has died or, for a reason, has to."""
        _kill(worker.process)
        worker.connection.close()
        self._workers.remove(worker)
        code = worker.process.exitcode
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts >= _MOST_FAILED_STARTS:
                raise SwishError(f"worker processes end before they can work ({_way_of_ending(code)})")
            return []
        why = reason or f"ended its worker process: {_way_of_ending(code)}"
        if worker.current is None:  # what waited for the disk, if anything did
            return [
                Ended(index, AudioError(item.path, why), may_differ=True)
                for index, item in worker.finishing.items()
            ]
        # What waited for the disk is not at fault, however often the other is tried.
        self._waiting.extendleft(worker.finishing.items())
        index, item = worker.current
        killed = reason is None and code == -getattr(signal, "SIGKILL", 9)
        return [Ended(index, AudioError(item.path, why), may_differ=killed)]

    def _given_up(self, worker: _Worker) -> str | None:
        """Why a process is to be given up, if it is."""
        now = time.monotonic()
        if worker.ready and not worker.current and not worker.finishing:
            return None
        if worker.current and self._timeout_s is not None and now - worker.begun > self._timeout_s:
            return f"took longer than {self._timeout_s:g} s"
        if now - worker.heard > STALLED_S:
            return f"made no progress for {STALLED_S:g} s"
        return None

    def _patience_s(self) -> float:
        """Seconds until a process could have to be given up, at most one."""
        if self._timeout_s is None:
            return 1.0
        begun = [worker.begun for worker in self._workers if worker.current is not None]
        left_s = min(begun, default=time.monotonic()) + self._timeout_s - time.monotonic()
        return min(1.0, max(0.01, left_s))


def _way_of_ending(code: int | None) -> str:
    """A process's exit code in words.

    >>> _way_of_ending(-11), _way_of_ending(3)
    ('SIGSEGV', 'exit code 3')
    """
    if code == -getattr(signal, "SIGKILL", 9):
        return "killed, perhaps for want of memory"
    if code is not None and code < 0:
        with suppress(ValueError):
            return signal.Signals(-code).name
    return f"exit code {code}"


def _kill(process: BaseProcess) -> None:
    if process.is_alive():
        process.kill()
        process.join()


def _serve(work: Work[Result], connection: Connection) -> None:
    """Work on inputs as they come, until no more can come. The life of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who hands out the work
    # As an exception, so that files half written are removed on its way.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    _take_the_blame()
    talk = _Talk(connection)
    with (
        ThreadPoolExecutor(_FINISHING) as finishers,
        suppress(EOFError, OSError, Cancelled),
    ):  # nobody listens
        room = threading.Semaphore(2 * _FINISHING)
        talk.tell(_Free())
        while True:
            index, item = connection.recv()
            result = attempt(item, partial(work, item, talk.teller(index)))
            if isinstance(result, Deferred):
                room.acquire()
                talk.tell(_Free())
                finishers.submit(_finish, talk, room, index, item, result)
            else:  # before the next input, which may end this process
                talk.tell(_Free())
                talk.tell(Ended(index, result))


def _finish(
    talk: _Talk,
    room: threading.Semaphore,
    index: int,
    item: Input,
    deferred: Deferred[Result],
) -> None:
    """Wait for what the disk has to do for a result, and tell it."""
    result = attempt(item, deferred.finish)
    with suppress(OSError):
        talk.tell(Ended(index, result))
    room.release()


class _Talk:
    """What a worker process tells, from whichever thread."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._lock = connection, threading.Lock()

    def tell(self, said: _Free | Progressed | Ended[Any]) -> None:
        """Raises OSError where nobody listens any more."""
        with self._lock:
            self._connection.send(said)

    def teller(self, index: int) -> Progress:
        """Tells progress, but not too often; raises Cancelled where nobody listens."""
        parent = multiprocessing.parent_process()
        told = time.monotonic()

        def tell(done_s: float, expected_s: float | None) -> None:
            nonlocal told
            now = time.monotonic()
            if now - told < _TOLD_EVERY_S:
                return
            told = now
            if parent is not None and not parent.is_alive():
                raise Cancelled
            try:
                self.tell(Progressed(index, done_s, expected_s))
            except OSError:
                raise Cancelled from None

        return tell


def _take_the_blame() -> None:
    """Where memory runs out Linux shall end this process rather than who hands out the work."""
    with suppress(OSError):
        Path(f"/proc/{os.getpid()}/oom_score_adj").write_text("500", encoding="ascii")
