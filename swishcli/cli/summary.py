"""What became of a batch, in words."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from swishcli.cli.console import print_error
from swishcli.errors import display_path
from swishcli.pictures.time_axis import clock

if TYPE_CHECKING:
    from swishcli.jobs.report import Report

_MOST_FAILURES = 10
"""Failures that are named on a terminal at the end of a batch; each was named when it happened."""


def print_summary(report: Report) -> None:
    """Say on standard error what was done: a table on a terminal, a line elsewhere."""
    if sys.stderr.isatty():
        for line in report_lines(report, _MOST_FAILURES):
            sys.stderr.write(f"{line}\n")
    else:
        print_error(summary_line(report))


def summary_line(report: Report) -> str:
    """What was done, in a line."""
    parts = [f"{report.done} recordings written"]
    parts += [f"{report.there} were there already"] if report.there else []
    parts += [f"{len(report.failures)} failed"] if report.failures else []
    parts += [f"{report.left} left"] if report.left else []
    speed = (
        f", {report.fresh_audio_s / report.wall_s:.0f} × real time" if report.done and report.wall_s else ""
    )
    return f"{', '.join(parts)}: {clock(report.fresh_audio_s)} of audio in {report.wall_s:.1f} s{speed}"


def report_lines(report: Report, most_failures: int | None = None) -> Iterator[str]:
    """The whole report, as text that does nothing to a terminal."""
    yield summary_line(report)
    if report.stopped:
        yield f"stopped: {report.stopped}"
    total_s = sum(report.seconds.values())
    width = max((len(display_path(label)) for label in report.seconds), default=0)
    for label, seconds in report.seconds.items():
        share = f"{seconds / total_s:.0%}" if total_s else ""
        yield f"  {display_path(label):<{width}}  {seconds / 3600:10.2f} h  {share:>4}"
    named = list(report.failures.items())[:most_failures]
    for path, reason in named:
        yield f"failed: {display_path(path)}: {display_path(reason)}"
    if len(named) < len(report.failures):
        yield f"… and {len(report.failures) - len(named)} more"
