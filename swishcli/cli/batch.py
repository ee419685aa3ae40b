"""What classify and segment share: go through the recordings, say what failed, and account for all."""

from __future__ import annotations

import signal
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from swishcli.cli.console import print_error, print_warnings
from swishcli.cli.exit_codes import ExitCode
from swishcli.cli.progress import ProgressKind, batch_progress, print_event
from swishcli.cli.summary import print_summary
from swishcli.errors import FileError, OutputError, SwishError

if TYPE_CHECKING:
    from swishcli.analysis import Analysis
    from swishcli.jobs import batch as jobs
    from swishcli.jobs.batch import BatchConfig
    from swishcli.jobs.inputs import Input
    from swishcli.jobs.report import Report
    from swishcli.jobs.run import Outcome
    from swishcli.jobs.task import AnalysisTask, Done


@dataclass(frozen=True)
class BatchOptions:
    """How many recordings are worked through, and how that is seen."""

    jobs: int | None = None
    timeout_s: float | None = None
    shard: str | None = None
    """Of the form I/N."""
    resume: bool = False
    folder: Path | None = None
    """For journal and report."""
    progress: ProgressKind = ProgressKind.auto
    quiet: bool = False

    def check(self, has_output: bool) -> None:
        """Raises BadParameter for what cannot be meant."""
        self.config()
        if self.resume and not has_output and self.folder is None:
            raise typer.BadParameter(
                "needs the folder of a journal: --output DIR or --job DIR", param_hint="--resume"
            )

    def config(self) -> BatchConfig:
        """The same as jobs know it. Raises BadParameter."""
        from swishcli.jobs.batch import BatchConfig
        from swishcli.jobs.shards import Shard

        try:
            shard = Shard.parse(self.shard) if self.shard is not None else Shard()
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--shard") from None
        return BatchConfig(self.jobs, self.timeout_s, shard, self.resume, self.folder)


@dataclass
class Batch:
    """Recordings on their way through a task, and what became of them."""

    paths: Sequence[str]
    task: AnalysisTask
    listed_in: str | None = None
    """A list that names more recordings."""
    options: BatchOptions = BatchOptions()
    other_failures: int = 0
    """What failed that is no recording."""
    report: Report | None = field(default=None, init=False)
    """What became of everything, once the batch has begun."""

    @property
    def failed(self) -> int:
        """What could not be done."""
        return self.other_failures + (len(self.report.failures) if self.report else 0)

    @property
    def exit_code(self) -> ExitCode:
        """Of the command."""
        if self.report is not None and self.report.stopped:
            return ExitCode.STOPPED
        return ExitCode.SOME_FAILED if self.failed else ExitCode.OK

    def __iter__(self) -> Iterator[tuple[Input, list[Analysis]]]:
        """Every recording that can be used with its answers, in the order of the inputs; errors are printed.

        Raises SwishError, before anything is done, where the model or the names of the outputs cannot be used.
        """
        for outcome in self._outcomes(ordered=True):
            if not isinstance(outcome.result, SwishError):
                yield outcome.input, list(outcome.result.answers)

    def finish(self) -> None:
        """Work through all recordings for the files alone, in whatever order is done soonest."""
        deque(self._outcomes(ordered=False), maxlen=0)

    def print_summary(self) -> None:
        """Say what was done."""
        if self.report is None or self.options.quiet:
            return
        if self.options.progress == ProgressKind.json:
            print_event("summary", **self.report.to_dict())
        else:
            print_summary(self.report)

    def fail(self, error: SwishError) -> None:
        """Count and tell what could not be done beside the recordings."""
        self.other_failures += 1
        self._tell(error)

    def _outcomes(self, ordered: bool) -> Iterator[Outcome[Done]]:
        from swishcli.jobs import batch as jobs
        from swishcli.jobs.inputs import find_inputs
        from swishcli.jobs.task import FileState

        found = find_inputs(self.paths, self.listed_in)
        with ExitStack() as stack:
            work = stack.enter_context(jobs.Batch(found, self.task, self.options.config(), ordered))
            self.report = work.report
            stack.callback(self._save_report, work)
            for error in work.unusable:
                self._tell(error)
            states = {item.path: FileState.of(item.path) for item in work.todo}
            sizes = {path: float(state.size if state else 0) for path, state in states.items()}
            kind = ProgressKind.none if self.options.quiet else self.options.progress
            with _termination_as_interruption(), batch_progress(sizes, kind) as progress:
                for outcome in work.outcomes(progress.within):
                    if isinstance(outcome.result, SwishError):
                        progress.finish(outcome.input)
                        self._tell(outcome.result)
                    else:
                        first = outcome.result.answers[0].classification
                        if outcome.input.path in sizes:
                            progress.finish(outcome.input, first.duration)
                        self._warn(outcome.input, first.warnings)
                    yield outcome
            if work.report.stopped:
                self._tell_stop(work.report.stopped)

    def _save_report(self, work: jobs.Batch) -> None:
        try:
            work.save_report()
        except OutputError as error:
            if not work.report.stopped:  # else there is no room for it either, which has been said
                self.fail(error)

    def _tell(self, error: SwishError) -> None:
        if self.options.progress == ProgressKind.json:
            path = {"path": error.path} if isinstance(error, FileError) else {}
            print_event("error", **path, reason=error.reason if isinstance(error, FileError) else str(error))
        else:
            print_error(error)
        sys.stderr.flush()

    def _warn(self, item: Input, warnings: tuple[str, ...]) -> None:
        if self.options.quiet or not warnings:
            return
        if self.options.progress == ProgressKind.json:
            print_event("warning", path=item.path, warnings=list(warnings))
        else:
            print_warnings(item.path, warnings)
        sys.stderr.flush()

    def _tell_stop(self, reason: str) -> None:
        if self.options.progress == ProgressKind.json:
            print_event("stopped", reason=reason)
        else:
            print_error(f"stopped: {reason}")


@contextmanager
def _termination_as_interruption() -> Iterator[None]:
    """Let SIGTERM, by which schedulers end jobs, end the block as Ctrl-C does: what is done is accounted for."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        with suppress(TypeError):  # set by something other than Python
            signal.signal(signal.SIGTERM, before)
