"""What is written of a whole batch, on the way: tables, manifests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

Part = TypeVar("Part")

if TYPE_CHECKING:
    from swishcli.analysis import Analysis
    from swishcli.cli.batch import Batch
    from swishcli.jobs.inputs import Input
    from swishcli.jobs.tables import Column, Row

    Answers = tuple[Input, list[Analysis]]


def check_table(path: Path | None) -> None:
    """Raises BadParameter for what is no name of a table, MissingDependencyError where nothing can write it."""
    from swishcli.jobs.tables import check_table as check

    try:
        if path is not None:
            check(path)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--table") from None


def tabulated(
    batch: Batch,
    answers: Iterator[Answers],
    path: Path | None,
    columns: Sequence[Column],
    rows_of: Callable[[Analysis], Sequence[Row]],
) -> Iterator[Answers]:
    """The same answers; a table of them is at `path` when all have come, if there is one. As `collected`.

    Shards have a table each.
    """
    from swishcli.jobs.tables import open_table

    if path is None:
        return answers
    own = path.with_name(f"{path.stem}{batch.options.config().shard.suffix}{path.suffix}")
    table = open_table(own, columns, resume=batch.options.resume)
    return collected(
        batch, answers, table, lambda found: [row for answer in found[1] for row in rows_of(answer)]
    )


def collected(
    batch: Batch,
    answers: Iterator[Answers],
    file: AbstractContextManager[Callable[[Part], None]],
    part_of: Callable[[Answers], Part],
) -> Iterator[Answers]:
    """The same answers; a part of each is given to what `file` opens, which is there when all have come.

    What can no longer be written is a failure like any other. Raises OutputError, before anything is done, where it
    cannot be begun.
    """
    from swishcli.errors import OutputError

    begun = False
    try:
        with file as add:
            begun = True
            for found in answers:
                add(part_of(found))
                yield found
    except OutputError as error:
        if not begun:
            raise
        batch.fail(error)
        yield from answers
