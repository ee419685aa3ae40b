"""Lists of recordings: text, names between NULs, tables with a header, JSON Lines.

Which of them a list is, its content says: a NUL anywhere, an object in the first line, a header with a column of
paths beside others; else each line is a path, all of it. Nothing in a list is expanded or run.

Paths in a table or in JSON Lines, which go along with their recordings as data sets and manifests do, begin
where the list lies; others, as ``find`` prints them, where the program runs.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from swishcli.audio import STDIN
from swishcli.errors import DataError, display_path
from swishcli.formats import PATH_COLUMNS


@dataclass(frozen=True, slots=True)
class Entry:
    """A path that a list names."""

    path: str
    base: Path
    """Where the path begins, if it is relative."""


def read_list(name: str) -> Iterator[Entry | DataError]:
    """The entries of a list, ``"-"`` for standard input, in their order; lines that name nothing as errors.

    Raises
    ------
    DataError
        If the list cannot be read, or its text cannot be understood.
    """
    shown = "standard input" if name == STDIN else display_path(name)
    text = _decoded(_bytes_of(name, shown), shown)
    if "\0" in text:
        yield from (Entry(path, Path()) for path in text.split("\0") if path)
        return
    first = text.lstrip("\r\n").partition("\n")[0].strip()
    is_table = name.lower().endswith((".csv", ".tsv"))
    delimiter, column = _column_of_paths(first, alone=is_table)
    if is_table and column is None:
        raise DataError(f"{shown}, line 1: no column is called path, or {', '.join(PATH_COLUMNS[1:])}")
    beside = Path() if name == STDIN else Path(name).parent
    if first.startswith("{"):
        yield from _objects(text, beside, shown)
    elif column is not None:
        yield from _table(text, delimiter, column, beside, shown)
    else:
        lines = (line.removesuffix("\r") for line in text.split("\n"))
        yield from (Entry(line, Path()) for line in lines if line.strip())


def _bytes_of(name: str, shown: str) -> bytes:
    try:
        if name != STDIN:
            return Path(name).read_bytes()
        if sys.stdin is None:
            raise DataError(f"{shown}: is closed")
        return sys.stdin.buffer.read()
    except OSError as error:
        raise DataError(f"{shown}: cannot be read as a list: {error.strerror}") from None
    except ValueError as error:
        raise DataError(f"{shown}: is not a file name: {error}") from None


def _decoded(data: bytes, shown: str) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):  # as PowerShell writes what it redirects
        try:
            return data.decode("utf-16")
        except UnicodeDecodeError:
            raise DataError(f"{shown}: is not UTF-16 text, as its first bytes say") from None
    return os.fsdecode(data.removeprefix(codecs.BOM_UTF8))  # names of files may be any bytes


def _column_of_paths(header: str, alone: bool) -> tuple[str, int | None]:
    """What stands between the columns of a header, and which holds paths; None where it is no header.

    A single column may have one only if the list is `alone` said to be a table by its name: else it is a path.
    """
    delimiter = max("\t,;", key=header.count)
    names = [name.strip().strip('"').lower() for name in header.split(delimiter)]
    known = [name for name in PATH_COLUMNS if name in names]
    return delimiter, names.index(known[0]) if known and (len(names) > 1 or alone) else None


def _table(text: str, delimiter: str, column: int, base: Path, shown: str) -> Iterator[Entry | DataError]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        next(filter(any, reader))  # the header
        for row in filter(any, reader):
            path = row[column] if column < len(row) else ""
            yield (
                Entry(path, base)
                if path
                else DataError(f"{shown}, line {reader.line_num}: names no recording")
            )
    except csv.Error as error:
        yield DataError(f"{shown}, line {reader.line_num}: {error}")


def _objects(text: str, base: Path, shown: str) -> Iterator[Entry | DataError]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
            path = next(found[name] for name in PATH_COLUMNS if name in found)
        except (ValueError, TypeError, RecursionError, StopIteration):
            path = None
        if isinstance(path, str) and path:
            yield Entry(path, base)
        else:
            yield DataError(f"{shown}, line {number}: not a JSON object with a path or audio_filepath")
