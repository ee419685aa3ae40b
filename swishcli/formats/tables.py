"""Tables with a header: CSV for spreadsheets and data frames, TSV for reference labels.

A header may name its columns in any order, with or without the unit (``start`` or ``start_s``), and with any
others beside them.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

from swishcli.formats.base import Format, Row, assemble, confidence_text, malformed, row_of, seconds_text
from swishcli.segments import Segmentation


class Csv(Format):
    """RFC 4180, except that lines end in ``\\n``; paths and labels are quoted where they need it.

    A table of some segments alone (`Segmentation.only`) is refused when it is read: it does not say what lies
    between them.
    """

    name = "csv"
    extension = ".csv"

    def render(self, segmentation: Segmentation) -> str:
        return "".join(map(_csv_line, [table_header(segmentation), *table_rows(segmentation)]))

    def parse(self, text: str) -> Segmentation:
        return _parse(text, ",", csv.QUOTE_MINIMAL)


class Tsv(Format):
    """Start, end and label between tabs, nothing quoted. Tabs and line ends in a label become spaces."""

    name = "tsv"
    extension = ".tsv"

    def render(self, segmentation: Segmentation) -> str:
        rows = ((seconds_text(s.start), seconds_text(s.end), without_tabs(s.label)) for s in segmentation)
        return "".join("\t".join(row) + "\n" for row in [("start_s", "end_s", "label"), *rows])

    def parse(self, text: str) -> Segmentation:
        return _parse(text, "\t", csv.QUOTE_NONE)


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


def without_tabs(label: str) -> str:
    """A label that fits between tabs."""
    return re.sub(r"[\t\r\n]", " ", label)


def _csv_line(fields: Iterable[str]) -> str:
    buffer = io.StringIO(newline="")
    # Written with its own line end, \r\n: given \n, it would leave a label with a \r in it unquoted.
    csv.writer(buffer).writerow(fields)
    return buffer.getvalue().removesuffix("\r\n") + "\n"


def _parse(text: str, delimiter: str, quoting: Literal[0, 3]) -> Segmentation:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting, strict=True)
    rows: list[Row] = []
    recordings: set[tuple[str, int | None]] = set()
    try:
        header = [column.strip().lower().removesuffix("_s") for column in next(reader, [])]
        if not {"start", "end", "label"} <= set(header):
            raise malformed(1, "not a header with start, end and label")
        for fields in filter(None, reader):
            line = reader.line_num
            if len(fields) != len(header):
                raise malformed(line, f"{len(fields)} fields under {len(header)} columns")
            cell = dict(zip(header, fields, strict=True))
            rows.append(row_of(line, cell["start"], cell["end"], cell["label"], cell.get("confidence", "")))
            recordings.add((cell.get("path", ""), _channel(line, cell.get("channel", ""))))
            if len(recordings) > 1:
                raise malformed(line, "a second recording or channel, and a segmentation is of one")
    except csv.Error as error:
        raise malformed(reader.line_num, str(error)) from None
    path, channel = next(iter(recordings), ("", None))
    return replace(assemble(rows), path=path or None, channel=channel)


def _channel(line: int, text: str) -> int | None:
    if not re.fullmatch("[0-9]{0,9}", text):
        raise malformed(line, f"{text!r} is not the number of a channel")
    return int(text) if text else None
