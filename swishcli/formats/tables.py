"""Tables with a header: CSV for spreadsheets and data frames, TSV for reference labels.

A header may name its columns in any order, with or without the unit (``start`` or ``start_s``), and with any
others beside them. Tables of other programs are read as well: their columns are found by the names in
`_COLUMNS`, or in a table without a header by their order (recording, start, end, label, the recording optional,
as in AVA-Speech); the delimiter may be a tab, comma or semicolon. What such a table leaves unlabelled is silence.
"""

from __future__ import annotations

import csv
import io
import itertools
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Literal

from swishcli.formats.base import (
    Format,
    Row,
    assemble,
    assemble_sparse,
    confidence_text,
    malformed,
    of_one,
    row_of,
    seconds_text,
)
from swishcli.segments import Segmentation

_COLUMNS = {
    "start": "start onset begin start_time begin_time time_start from tmin xmin",
    "end": "end offset stop finish end_time stop_time time_end to tmax xmax",
    "duration": "duration length dur",
    "label": "label labels class event_label event category annotation tag text",
    "confidence": "confidence probability",
    "path": "path file filename file_name filepath audio audio_filename audio_filepath audio_path recording",
    "channel": "channel",
}
"""What columns are called, without their unit."""
_MEANINGS = {name: column for column, names in _COLUMNS.items() for name in names.split()}
PATH_COLUMNS = tuple(_COLUMNS["path"].split())
"""What a column of recordings may be called, the likeliest first."""

_Quoting = Literal[0, 3]


class Csv(Format):
    """RFC 4180, except that lines end in ``\\n``; paths and labels are quoted where they need it.

    A table of some segments alone (`Segmentation.only`) is refused when it is read: it does not say what lies
    between them.
    """

    name = "csv"
    extension = ".csv"
    keeps_confidences = True
    keeps_channel = True

    def render(self, segmentation: Segmentation) -> str:
        return "".join(map(csv_line, [table_header(segmentation), *table_rows(segmentation)]))

    def parse(self, text: str) -> Segmentation:
        return _parse(text, csv.QUOTE_MINIMAL)

    def parse_all(self, text: str) -> list[Segmentation]:
        return _parse_all(text, csv.QUOTE_MINIMAL)


class Tsv(Format):
    """Start, end and label between tabs, nothing quoted. Tabs and line ends in a label become spaces."""

    name = "tsv"
    extension = ".tsv"

    def render(self, segmentation: Segmentation) -> str:
        rows = ((seconds_text(s.start), seconds_text(s.end), without_tabs(s.label)) for s in segmentation)
        return "".join("\t".join(row) + "\n" for row in [("start_s", "end_s", "label"), *rows])

    def parse(self, text: str) -> Segmentation:
        return _parse(text, csv.QUOTE_NONE, "\t")

    def parse_all(self, text: str) -> list[Segmentation]:
        return _parse_all(text, csv.QUOTE_NONE, "\t")


def table_header(segmentation: Segmentation) -> list[str]:
    """Names of the columns of a segmentation as a table; ``channel`` only where it is of one.

    >>> table_header(Segmentation(0.0, (), "a.wav", channel=1))
    ['path', 'channel', 'start', 'end', 'label', 'confidence']
    """
    channel = [] if segmentation.channel is None else ["channel"]
    return ["path", *channel, "start", "end", "label", "confidence"]


def table_rows(segmentation: Segmentation) -> list[list[str]]:
    """The segments as rows under `table_header`."""
    of = [segmentation.path or "", *([] if segmentation.channel is None else [str(segmentation.channel)])]
    return [
        [*of, seconds_text(s.start), seconds_text(s.end), s.label, confidence_text(s)] for s in segmentation
    ]


def has_times(header: str) -> bool:
    """Whether the header of a table, whatever stands between its columns, has one of starts.

    >>> has_times("path,Onset,class"), has_times("path\tlabel")
    (True, False)
    """
    return any(
        _MEANINGS.get(_without_unit(cell.strip().lower())) == "start" for cell in re.split("[,;\t]", header)
    )


def without_tabs(label: str) -> str:
    """A label that fits between tabs."""
    return re.sub(r"[\t\r\n]", " ", label)


def csv_line(fields: Iterable[str]) -> str:
    """Fields as a line of CSV, quoted where they need it.

    >>> print(csv_line(["a", "b,c", 'a "d" e']), end="")
    a,"b,c","a ""d"" e"
    """
    buffer = io.StringIO(newline="")
    # Written with its own line end, \r\n: given \n, it would leave a label with a \r in it unquoted.
    csv.writer(buffer).writerow(fields)
    return buffer.getvalue().removesuffix("\r\n") + "\n"


def _parse(text: str, quoting: _Quoting, delimiter: str | None = None) -> Segmentation:
    recordings, ours = _recordings(text, quoting, delimiter)
    key, rows = of_one(recordings, ("", None))
    return _assembled(key, rows, ours)


def _parse_all(text: str, quoting: _Quoting, delimiter: str | None = None) -> list[Segmentation]:
    recordings, ours = _recordings(text, quoting, delimiter)
    return [_assembled(key, rows, ours) for key, rows in recordings.items()]


def _assembled(key: tuple[str, int | None], rows: Sequence[Row], ours: bool) -> Segmentation:
    path, channel = key
    return replace(assemble(rows) if ours else assemble_sparse(rows), path=path or None, channel=channel)


def _recordings(
    text: str, quoting: _Quoting, delimiter: str | None
) -> tuple[dict[tuple[str, int | None], list[Row]], bool]:
    """The rows of each recording and channel, and whether the columns have our own names."""
    delimiter = delimiter or max(",\t;", key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting, strict=True)
    found: dict[tuple[str, int | None], list[Row]] = {}
    try:
        first = next(reader, [])
        columns, names = _columns(first)
        rows = reader if names else itertools.chain([first], reader)
        for fields in filter(None, rows):
            line = reader.line_num
            if len(fields) != len(columns):
                raise malformed(line, f"{len(fields)} fields under {len(columns)} columns")
            cell = dict(zip(columns, fields, strict=True))
            end = cell["end"] if "end" in cell else _sum(line, cell["start"], cell["duration"])
            row = row_of(line, cell["start"], end, cell["label"], cell.get("confidence", ""))
            key = cell.get("path", ""), _channel(line, cell.get("channel", ""))
            found.setdefault(key, []).append(row)
    except csv.Error as error:
        raise malformed(reader.line_num, str(error)) from None
    return found, {"start", "end", "label"} <= set(names)


def _columns(first: Sequence[str]) -> tuple[list[str], list[str]]:
    """What the columns are, and their names: none where the first row is no header."""
    names = [_without_unit(cell.strip().lower()).replace(" ", "_") for cell in first]
    columns = [_MEANINGS.get(name, name) for name in names]
    if {"start", "label"} <= set(columns) and {"end", "duration"} & set(columns):
        # Of several columns for one thing ours counts, else the first.
        for column in {"start", "end", "duration", "label", "confidence", "path", "channel"} & set(columns):
            kept = names.index(column) if column in names else columns.index(column)
            columns = [c if c != column or i == kept else "" for i, c in enumerate(columns)]
        return columns, names
    bare = ["path", "start", "end", "label"][-len(first) :]
    if len(first) in (3, 4) and all(map(_is_number, (first[-3], first[-2]))):
        return bare, []
    raise malformed(1, "not a header with start, end (or duration) and label")


def _without_unit(name: str) -> str:
    """A column's name without seconds.

    >>> _without_unit("start_s"), _without_unit("begin time (s)"), _without_unit("class")
    ('start', 'begin time', 'class')
    """
    return re.sub(r"[ _(]+(s|secs?|seconds)\)?$", "", name)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _sum(line: int, start: str, duration: str) -> str:
    try:
        return str(Decimal(start) + Decimal(duration))  # exactly where the next row starts
    except ArithmeticError:
        raise malformed(line, "start or duration is not a number") from None


def _channel(line: int, text: str) -> int | None:
    if not re.fullmatch("[0-9]{0,9}", text):
        raise malformed(line, f"{text!r} is not the number of a channel")
    return int(text) if text else None
