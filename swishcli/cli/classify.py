"""``swish classify``: what each recording is."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence

from swishcli.cli import EXIT_OK, EXIT_SOME_FAILED
from swishcli.cli.console import console, name_of
from swishcli.cli.work import Work, analyse_all
from swishcli.segments import Classification


def run(paths: Sequence[str], work: Work, output: str) -> int:
    """Classify the recordings, print the answers in the format `output`, return the exit code."""
    failed = False
    answers: list[Classification] = []
    for item, analyses in analyse_all(paths, work):
        if item is None or analyses is None:
            failed = True
            continue
        for analysis in analyses:
            if output == "table":  # its columns' widths depend on all rows
                answers.append(analysis.classification)
            else:
                _print(analysis.classification, output, first=not answers)
                answers = [analysis.classification]
    if output == "table" and answers:
        _print_table(answers)
    return EXIT_SOME_FAILED if failed else EXIT_OK


def to_dict(answer: Classification) -> dict[str, object]:
    """The object that ``--json`` prints."""
    channel = {} if answer.channel is None else {"channel": answer.channel}
    return {
        "path": answer.path,
        **channel,
        "duration": answer.duration,
        "label": answer.label,
        "confidence": round(answer.confidence, 4),
        "shares": {label: round(share, 4) for label, share in answer.shares.items()},
    }


def _print(answer: Classification, output: str, first: bool) -> None:
    if output == "json":
        print(json.dumps(to_dict(answer)))
        return
    fields = [name_of(answer), f"{answer.duration:.3f}", answer.label, f"{answer.confidence:.3f}"]
    if output == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        if first:
            writer.writerow(["path", "duration", "label", "confidence", *answer.shares])
        writer.writerow([*fields, *(f"{share:.4f}" for share in answer.shares.values())])
    else:
        print(*fields, *(f"{label}={share:.3f}" for label, share in answer.shares.items()), sep="\t")


def _print_table(answers: Sequence[Classification]) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("recording", overflow="fold")
    table.add_column("seconds", justify="right")
    table.add_column("label", style="bold")
    table.add_column("confidence", justify="right")
    for label in answers[0].shares:
        table.add_column(escape(label), justify="right")
    for answer in answers:
        shares = (f"{share:.0%}" if share else "" for share in answer.shares.values())
        table.add_row(
            escape(name_of(answer)),
            f"{answer.duration:.1f}",
            escape(answer.label),
            f"{answer.confidence:.0%}",
            *shares,
        )
    console().print(table)
