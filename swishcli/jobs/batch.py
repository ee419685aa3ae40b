"""A batch from its inputs to its report: leave out what is done, hand out the rest, note what comes of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from swishcli.engines import find_device
from swishcli.errors import DiskFullError, FileError, OutputError, SwishError
from swishcli.files import make_folder, remove_leftovers
from swishcli.jobs.executors import default_jobs, make_executor
from swishcli.jobs.inputs import Input, check_output_names
from swishcli.jobs.journal import Entry, Journal
from swishcli.jobs.report import JOB_FOLDER, JOURNAL, REPORT, Heard, Report
from swishcli.jobs.run import Outcome, in_order, run
from swishcli.jobs.shards import WHOLE, Shard
from swishcli.jobs.task import AnalysisTask, Done

OnProgress = Callable[[Input, float, float | None], None]
"""Told, of a recording under way, the seconds done and those expected, None if unknown."""


@dataclass(frozen=True)
class BatchConfig:
    """How many recordings are worked through."""

    jobs: int | None = None
    """Recordings at once; by default as many as there are cores and memory for."""
    timeout_s: float | None = None
    """Seconds that a recording may take."""
    shard: Shard = WHOLE
    """The part of the recordings that is worked on."""
    resume: bool = False
    """Whether to go on where the last run ended."""
    folder: Path | None = None
    """For journal and report; by default `JOB_FOLDER` in the folder of the outputs, if there is one."""


class Batch:
    """Recordings on their way through a task; to be used in a ``with`` statement.

    Parameters
    ----------
    found : sequence of Input or SwishError
        The recordings, and what stands for none.
    task : AnalysisTask
    config : BatchConfig
    ordered : bool
        Whether outcomes are wanted in the order of the recordings, those of an earlier run among them. Otherwise
        they come as they complete, the largest recordings first, which is done sooner.

    Attributes
    ----------
    unusable : list of SwishError
        What stands for no recording.
    todo : list of Input
        What no earlier run has done.
    report : Report
        What has become of everything so far.

    Raises
    ------
    SwishError
        Before anything is done, where the model, the journal or the names of the outputs cannot be used.
    """

    def __init__(
        self,
        found: Sequence[Input | SwishError],
        task: AnalysisTask,
        config: BatchConfig = BatchConfig(),
        ordered: bool = True,
    ) -> None:
        inputs = [item for item in found if isinstance(item, Input)]
        if task.destination is not None:
            check_output_names(inputs, task.destination.keep_suffix)
        if task.sorting is not None:
            check_output_names(inputs, keep_suffix=True)
        self._task, self._config, self._ordered = task, config, ordered
        self._inputs = [item for item in inputs if config.shard.holds(item.name)]
        self.unusable = [e for e in found if isinstance(e, SwishError) and config.shard.holds(str(e))]
        self.report = Report([config.shard], found=len(self._inputs) + len(self.unusable))
        for error in self.unusable:
            self.report.fail(error.path if isinstance(error, FileError) else str(error), error)
        self._started = time.monotonic()
        self._digest, self._journal = "", self._open_journal()
        try:
            self._digest = task.digest() if self._journal else ""
            self._before = self._done_before()
            self.todo = [item for index, item in enumerate(self._inputs) if index not in self._before]
            if config.resume and task.destination is not None:
                remove_leftovers(path for item in self.todo for path in _expected(task, item))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Batch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the journal. Raises OutputError if it cannot be forced to the disk."""
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    @property
    def report_path(self) -> Path | None:
        """Where the report is saved, if it is."""
        return self._path(REPORT, ".json")

    def save_report(self) -> None:
        """Write the report, if it has a place. Raises OutputError."""
        if self.report_path is not None:
            make_folder(self.report_path.parent)
            self.report.save(self.report_path)

    def outcomes(self, on_progress: OnProgress = lambda *_: None) -> Iterator[Outcome[Done]]:
        """What becomes of the recordings.

        Ends early, and says so in the report, where there is no more room on the disk. Raises SwishError, before
        anything is done, where the model cannot be used.
        """
        self.report.stopped = "interrupted"
        try:
            fresh = self._fresh(on_progress)
            yield from self._with_those_before(fresh) if self._ordered else self._counting_those_before(fresh)
            self.report.stopped = None
        except DiskFullError as error:
            self.report.stopped = str(error)
        finally:
            self.report.wall_s = time.monotonic() - self._started

    def _fresh(self, on_progress: OnProgress) -> Iterator[Outcome[Done]]:
        """What becomes of those that are still to be done; raises DiskFullError where no more can be written."""
        todo = self.todo if self._ordered else sorted(self.todo, key=_size, reverse=True)
        if not todo:
            return
        # One recording gets all threads; several get a thread each.
        jobs = min(self._config.jobs or default_jobs(), len(todo))
        task = replace(self._task, threads=max(1, self._task.threads // jobs))
        task.open_model()
        one_device = find_device(task.device) != "cpu"
        executor = make_executor(task, todo, jobs, self._config.timeout_s, shared=one_device)
        outcomes = self._noted(run(todo, executor, on_progress))
        yield from in_order(outcomes) if self._ordered else outcomes

    def _noted(self, outcomes: Iterator[Outcome[Done]]) -> Iterator[Outcome[Done]]:
        """The same outcomes, each in the journal and in the report."""
        for outcome in outcomes:
            if isinstance(outcome.result, DiskFullError):
                raise outcome.result
            if self._journal is not None:
                self._journal.note(outcome.input, self._digest, outcome.result)
            if isinstance(outcome.result, SwishError):
                self.report.fail(outcome.input.path, outcome.result)
            else:
                self.report.add(outcome.input.path, Heard.of(outcome.result.answers))
            yield outcome

    def _with_those_before(self, fresh: Iterator[Outcome[Done]]) -> Iterator[Outcome[Done]]:
        for index, item in enumerate(self._inputs):
            if index not in self._before:
                yield next(fresh)
                continue
            entry = self._before[index]
            self._count_before(item, entry)
            if entry is not None and self._journal is not None:
                yield Outcome(index, item, Done(self._journal.answers(entry), entry.source, entry.outputs))

    def _counting_those_before(self, fresh: Iterator[Outcome[Done]]) -> Iterator[Outcome[Done]]:
        for index, entry in self._before.items():
            self._count_before(self._inputs[index], entry)
        yield from fresh

    def _count_before(self, item: Input, entry: Entry | None) -> None:
        if entry is None:
            self.report.there += 1
        else:
            self.report.add(item.path, entry.heard, fresh=False)

    def _done_before(self) -> dict[int, Entry | None]:
        """What earlier runs have done, by the place among the recordings; None where only the files tell."""
        before: dict[int, Entry | None] = {}
        for index, item in enumerate(self._inputs):
            entry = self._journal.find(item, self._digest) if self._journal else None
            if entry is not None and self._stands(entry):
                before[index] = entry
            elif self._is_there(item):
                before[index] = None
        return before

    def _stands(self, entry: Entry) -> bool:
        """Whether the files of an entry are as they were written."""
        destination = self._task.destination
        if destination is None:
            return True
        try:
            return all((destination.folder / name).stat().st_size == size for name, size in entry.outputs)
        except OSError:
            return False

    def _is_there(self, item: Input) -> bool:
        try:
            return self._task.is_done(item)
        except OutputError:  # a name that leads out of the folder: who writes says so
            return False

    def _path(self, name: str, suffix: str) -> Path | None:
        folder, destination = self._config.folder, self._task.destination
        if folder is None and destination is not None:
            folder = destination.folder / JOB_FOLDER
        return None if folder is None else folder / f"{name}{self._config.shard.suffix}{suffix}"

    def _open_journal(self) -> Journal | None:
        path = self._path(JOURNAL, ".jsonl")
        return None if path is None else Journal(path, self._config.resume, keep_answers=self._ordered)


def _expected(task: AnalysisTask, item: Input) -> list[Path]:
    try:
        return task.expected_outputs(item)
    except OutputError:
        return []


def _size(item: Input) -> int:
    try:
        return Path(item.path).stat().st_size
    except (OSError, ValueError):
        return 0
