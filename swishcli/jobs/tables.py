"""Tables of a whole batch, for databases and data frames: CSV, JSON Lines or Parquet, by the file's suffix.

The columns are the same whatever the recordings, in lower case, with their units, and no words of SQL. Rows are
written as they come and held by nobody; the table has its name only when it is complete.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from swishcli.errors import MissingDependencyError
from swishcli.files import atomic_path, remove_leftovers
from swishcli.formats import csv_line
from swishcli.segments import SILENCE, Classification, Segmentation

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIXES = (".csv", ".jsonl", ".parquet")

Value = str | float | int | None
Row = Sequence[Value]
"""A value for each column."""
AddRows = Callable[[Iterable[Row]], None]

_ROW_GROUP = 1 << 16
"""Rows of a Parquet file that are held until they are written together."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    name: str
    kind: Literal["text", "integer", "real"]
    decimals: int = 3
    """Of a real number."""


SEGMENT_COLUMNS = (
    Column("path", "text"),
    Column("channel", "integer"),
    Column("start_s", "real"),
    Column("end_s", "real"),
    Column("label", "text"),
    Column("confidence", "real"),
)
"""A row is a segment."""


def segment_rows(segmentation: Segmentation) -> list[Row]:
    """The rows of a segmentation under `SEGMENT_COLUMNS`."""
    path, channel = segmentation.path, segmentation.channel
    return [(path, channel, s.start, s.end, s.label, s.confidence) for s in segmentation]


def classification_columns(classes: Sequence[str]) -> tuple[Column, ...]:
    """The columns of a table of recordings: a row is a recording, or one of its channels.

    >>> [column.name for column in classification_columns(["speech", "Rock & Roll"])][-3:]
    ['share_rock_roll', 'share_silence', 'warnings']
    """
    names: list[str] = []
    for label in (*classes, SILENCE):
        name = "share_" + re.sub(r"\W+", "_", label.lower()).strip("_")
        names.append(name if name not in names else f"{name}_{len(names)}")
    return (
        Column("path", "text"),
        Column("channel", "integer"),
        Column("duration_s", "real"),
        Column("label", "text"),
        Column("confidence", "real"),
        *(Column(name, "real", decimals=4) for name in names),
        Column("warnings", "text"),
    )


def classification_rows(answer: Classification) -> list[Row]:
    """The row of a classification under `classification_columns`."""
    warnings = "; ".join(answer.warnings) or None
    return [
        (
            answer.path,
            answer.channel,
            answer.duration,
            answer.label,
            answer.confidence,
            *answer.shares.values(),
            warnings,
        )
    ]


def check_table(path: Path) -> None:
    """Raise ValueError for a suffix that no table has, MissingDependencyError for one that nothing here writes."""
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"a table ends in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}")
    if path.suffix.lower() == ".parquet" and find_spec("pyarrow") is None:
        raise MissingDependencyError("Parquet needs pyarrow: pip install 'swishcli[parquet]'")


@contextmanager
def open_table(path: Path, columns: Sequence[Column], resume: bool = False) -> Iterator[AddRows]:
    """Give a function that adds rows; the table is at `path` when the block has ended well, else what was before is.

    With `resume` what runs that were killed have left of it is removed then.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    write = {".csv": _csv, ".jsonl": _json_lines, ".parquet": _parquet}[path.suffix.lower()]
    with atomic_path(path) as temporary, write(temporary, columns) as add:
        yield lambda rows: add([_plain(row, columns) for row in rows])
    if resume:
        remove_leftovers([path])


def _plain(row: Row, columns: Sequence[Column]) -> list[Value]:
    """Numbers as Python's own, rounded; they may have been NumPy's."""
    return [
        None
        if value is None
        else round(float(value), column.decimals)
        if column.kind == "real"
        else int(value)
        if column.kind == "integer"
        else str(value)
        for value, column in zip(row, columns, strict=True)
    ]


@contextmanager
def _csv(path: Path, columns: Sequence[Column]) -> Iterator[AddRows]:
    def text(value: Value, column: Column) -> str:
        if value is None:
            return ""
        return f"{value:.{column.decimals}f}" if column.kind == "real" else str(value)

    def add(rows: Iterable[Row]) -> None:
        for row in rows:
            file.write(csv_line([text(*cell) for cell in zip(row, columns, strict=True)]))

    # As in all files of labels: valid UTF-8, whatever bytes are in the names of files.
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        file.write(csv_line([column.name for column in columns]))
        yield add


@contextmanager
def _json_lines(path: Path, columns: Sequence[Column]) -> Iterator[AddRows]:
    names = [column.name for column in columns]

    def add(rows: Iterable[Row]) -> None:
        for row in rows:
            file.write(json.dumps(dict(zip(names, row, strict=True))) + "\n")

    with path.open("w", encoding="ascii", newline="") as file:
        yield add


@contextmanager
def _parquet(path: Path, columns: Sequence[Column]) -> Iterator[AddRows]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {"text": pa.string(), "integer": pa.int32(), "real": pa.float64()}
    schema = pa.schema([(column.name, types[column.kind]) for column in columns])
    held: list[Row] = []

    def table() -> pa.Table:
        values = zip(*held, strict=True) if held else [()] * len(columns)
        return pa.table([list(map(_valid, column)) for column in values], schema=schema)

    def add(rows: Iterable[Row]) -> None:
        held.extend(rows)
        if len(held) >= _ROW_GROUP:
            writer.write_table(table())
            held.clear()

    # Opened here, because names need not be valid UTF-8, which Arrow wants.
    with path.open("wb") as file, pq.ParquetWriter(file, schema) as writer:
        yield add
        writer.write_table(table())


def _valid(value: Value) -> Value:
    """Text as UTF-8 can say it."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
