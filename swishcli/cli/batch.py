"""What classify and segment share: go through the recordings, say what failed, and count."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from swishcli.cli.console import batch_progress, print_error, print_warnings
from swishcli.cli.exit_codes import ExitCode
from swishcli.errors import SwishError
from swishcli.pictures.time_axis import clock

if TYPE_CHECKING:
    from swishcli.analysis import Analysis
    from swishcli.jobs.inputs import Input
    from swishcli.jobs.task import AnalysisTask


@dataclass(frozen=True)
class BatchOptions:
    """How many recordings are worked through."""

    jobs: int | None = None
    """Recordings at once; by default as many as there are threads and memory for."""
    timeout_s: float | None = None
    """Seconds that a recording may take."""


@dataclass
class Batch:
    """Recordings on their way through a task, and what became of them."""

    paths: Sequence[str]
    task: AnalysisTask
    listed_in: str | None = None
    """A list that names more recordings."""
    options: BatchOptions = BatchOptions()
    failed: int = 0
    skipped: int = 0
    done: int = 0
    audio_s: float = 0.0
    started: float = field(default_factory=time.monotonic)

    @property
    def exit_code(self) -> ExitCode:
        """Of the command."""
        return ExitCode.SOME_FAILED if self.failed else ExitCode.OK

    def __iter__(self) -> Iterator[tuple[Input, list[Analysis]]]:
        """Every recording that can be used with its answers, in the order of the inputs; errors are printed.

        Raises SwishError, before anything is done, where the model or the names of the outputs cannot be used.
        """
        from swishcli.engines import find_device
        from swishcli.jobs.executors import default_jobs, make_executor
        from swishcli.jobs.inputs import Input, check_output_names, find_inputs
        from swishcli.jobs.run import in_order, run

        found = find_inputs(self.paths, self.listed_in)
        inputs = [item for item in found if isinstance(item, Input)]
        if self.task.destination is not None:
            check_output_names(inputs, self.task.destination.keep_suffix)
        if self.task.sorting is not None:
            check_output_names(inputs, keep_suffix=True)
        for item in found:
            if isinstance(item, SwishError):
                self.fail(item)
        waiting = [item for item in inputs if not self.task.is_done(item)]
        self.skipped = len(inputs) - len(waiting)
        if not waiting:
            return
        # One recording gets all threads; several get a thread each.
        jobs = min(self.options.jobs or default_jobs(self.task.threads), len(waiting))
        task = replace(self.task, threads=max(1, self.task.threads // jobs))
        task.open_model()
        one_device = find_device(task.device) != "cpu"
        executor = make_executor(task, waiting, jobs, self.options.timeout_s, shared=one_device)
        with batch_progress(len(waiting)) as progress:
            for outcome in in_order(run(waiting, executor, progress.within)):
                progress.finish(outcome.input)
                if isinstance(outcome.result, SwishError):
                    self.fail(outcome.result)
                else:
                    self._count(outcome.input, outcome.result.answers)
                    yield outcome.input, list(outcome.result.answers)

    def summary(self) -> str:
        """What was done, in a line."""
        seconds = time.monotonic() - self.started
        parts = [f"{self.done} recordings written"]
        parts += [f"{self.skipped} were there already"] if self.skipped else []
        parts += [f"{self.failed} failed"] if self.failed else []
        speed = f", {self.audio_s / seconds:.0f} × real time" if self.done else ""
        return f"{', '.join(parts)}: {clock(self.audio_s)} of audio in {seconds:.1f} s{speed}"

    def fail(self, error: SwishError) -> None:
        """Count and tell what could not be done."""
        self.failed += 1
        print_error(error)

    def _count(self, item: Input, answers: Sequence[Analysis]) -> None:
        segmentation = answers[0].segmentation
        self.done += 1
        self.audio_s += segmentation.duration - segmentation.offset
        print_warnings(item.path, segmentation.warnings)
        sys.stderr.flush()
