"""Results on standard output: JSON Lines, CSV, text with tabs, or a table; each when it is there.

A command says how its answers look (`View`); the printers are the same for all of them.
"""

from __future__ import annotations

import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from swishcli.cli.console import console, print_text
from swishcli.errors import display_path

if TYPE_CHECKING:
    from rich.text import Text

Answer = TypeVar("Answer")
Answer_contra = TypeVar("Answer_contra", contravariant=True)


@dataclass(frozen=True)
class Column(Generic[Answer]):
    """A column of a table: its heading, its cell of an answer, and how it stands."""

    heading: str
    cell: Callable[[Answer], str | Text]
    width: int
    right: bool = False


@dataclass(frozen=True)
class View(ABC, Generic[Answer]):
    """How answers look."""

    @abstractmethod
    def to_dict(self, answer: Answer) -> dict[str, object]:
        """The object of ``--json``."""

    @abstractmethod
    def header(self, answer: Answer) -> list[str]:
        """Names of the columns of CSV and text."""

    @abstractmethod
    def rows(self, answer: Answer) -> list[list[str]]:
        """Rows of CSV and text, the recording's path first."""

    @abstractmethod
    def show(self, answer: Answer, first: bool) -> None:
        """Print the answer for people, as a part of a table or one of its own."""


class Printer(Protocol[Answer_contra]):
    """Prints answers one after the other."""

    def __call__(self, answer: Answer_contra) -> None:
        """Print the next answer."""


def printer_of(kind: str, view: View[Answer]) -> Printer[Answer]:
    """The printer of a format: json, csv, text or table."""
    return {"json": _json, "csv": _csv, "text": _text, "table": _table}[kind](view)


def _json(view: View[Answer]) -> Printer[Answer]:
    return lambda answer: print(json.dumps(view.to_dict(answer)), flush=True)


def _csv(view: View[Answer]) -> Printer[Answer]:
    from swishcli.formats import csv_line  # help must not wait for all formats

    return _with_header(view, lambda rows: print_text("".join(map(csv_line, rows))))


def _text(view: View[Answer]) -> Printer[Answer]:
    def write(rows: Sequence[Sequence[str]]) -> None:
        for row in rows:
            print(*map(display_path, row), sep="\t")

    return _with_header(view, write)


def _with_header(view: View[Answer], write: Callable[[Sequence[Sequence[str]]], None]) -> Printer[Answer]:
    first = True

    def print_answer(answer: Answer) -> None:
        nonlocal first
        write([*([view.header(answer)] if first else []), *view.rows(answer)])
        sys.stdout.flush()
        first = False

    return print_answer


def _table(view: View[Answer]) -> Printer[Answer]:
    first = True

    def print_answer(answer: Answer) -> None:
        nonlocal first
        view.show(answer, first)
        sys.stdout.flush()
        first = False

    return print_answer


def print_row(columns: Sequence[Column[Answer]], answer: Answer, first: bool, gap: int = 2) -> None:
    """Print a row of a table whose columns have fixed widths, under its headings if it is the first.

    What does not fit its column is folded within it; `gap` cells lie between columns.
    """
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, padding=(0, gap, 0, 0), pad_edge=False, show_header=first)
    for column in columns:
        table.add_column(
            escape(column.heading),
            width=column.width,
            justify="right" if column.right else "left",
            overflow="fold",
        )
    cells = (column.cell(answer) for column in columns)
    table.add_row(*(escape(cell) if isinstance(cell, str) else cell for cell in cells))
    console().print(table)
