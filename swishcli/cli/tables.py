"""``--table``: one table of all recordings, written on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from swishcli.analysis import Analysis
    from swishcli.cli.batch import Batch
    from swishcli.jobs.tables import Column, Row


def check_table(path: Path | None) -> None:
    """Raises BadParameter for what is no name of a table, MissingDependencyError where nothing can write it."""
    from swishcli.jobs.tables import check_table as check

    try:
        if path is not None:
            check(path)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--table") from None


def tabulated(
    batch: Batch, path: Path | None, columns: Sequence[Column], rows_of: Callable[[Analysis], Sequence[Row]]
) -> Iterator[list[Analysis]]:
    """The answers of a batch as they come; there is a table of them at `path` when all have.

    A table that can no longer be written is a failure like any other. Raises OutputError, before anything is done,
    where it cannot be begun.
    """
    from swishcli.errors import OutputError
    from swishcli.jobs.tables import open_table

    answers_left, begun = iter(batch), False
    if path is None:
        yield from answers_left
        return
    try:
        with open_table(path, columns) as add:
            begun = True
            for answers in answers_left:
                add([row for answer in answers for row in rows_of(answer)])
                yield answers
    except OutputError as error:
        if not begun:
            raise
        batch.fail(error)
        yield from answers_left
