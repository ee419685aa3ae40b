"""``swish report``: what became of a batch, or of all its shards together."""

from __future__ import annotations

import json as json_library
from pathlib import Path
from typing import Annotated

import typer

from swishcli.cli.console import print_error
from swishcli.cli.exit_codes import ExitCode
from swishcli.cli.summary import report_lines


def report(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...", help="Folders of outputs or of jobs, or files of reports.", show_default=False
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the report as JSON.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Say what became of a batch: counts, hours of each class, speed, every failure with its reason.

    Reports of shards are added up. The exit code is 1 where something failed, was left undone, or where the report of
    a shard is missing.

    Example:  swish report labels/ -o report.json
    """
    from swishcli.jobs.report import Report, find_reports, read_report

    whole = Report.merged(read_report(path) for path in find_reports(paths))
    if output is not None:
        whole.save(output)
    if json:
        print(json_library.dumps(whole.to_dict(), indent=2))
    else:
        for line in report_lines(whole):
            print(line)
    if whole.missing:
        print_error(f"no report of the shards {', '.join(map(str, whole.missing))}: they have not ended")
    failed = whole.failures or whole.left or whole.missing
    raise typer.Exit(ExitCode.SOME_FAILED if failed else ExitCode.OK)
