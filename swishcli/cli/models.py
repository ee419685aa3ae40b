"""``swish models``: the models that can be named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from swishcli.cli.console import print_error
from swishcli.cli.exit_codes import ExitCode
from swishcli.cli.options import CsvOption, printed_format
from swishcli.cli.output import Column, View, print_row, printer_of
from swishcli.errors import SwishError

if TYPE_CHECKING:
    from swishcli.card import ModelCard


def models(
    json: Annotated[
        bool, typer.Option("--json", help="JSON Lines on standard output, an object a model.")
    ] = False,
    csv: CsvOption = False,
) -> None:
    """List the models that can be named: those that come with swish, and those in the user's folder.

    That folder is SWISH_MODELS, by default ~/.swish/models: what lies there is known by its name. Recalls are of
    windows of 1 s of recordings that the model was not trained on.

    Example:  swish models
    """
    from swishcli.card import card_of
    from swishcli.checkpoint import load_checkpoint, named_models

    failed = False
    show = printer_of(printed_format(json, csv), ModelsView())
    for path in named_models().values():
        try:
            show(card_of(load_checkpoint(path)))
        except SwishError as error:
            failed = True
            print_error(error)
    raise typer.Exit(ExitCode.SOME_FAILED if failed else ExitCode.OK)


@dataclass(frozen=True)
class ModelsView(View["ModelCard"]):
    """A row for each model."""

    def to_dict(self, answer: ModelCard) -> dict[str, object]:
        """The object of ``--json``."""
        return asdict(answer)

    def header(self, answer: ModelCard) -> list[str]:
        """Names of the columns of CSV and text."""
        return ["model", "bytes", "parameters", "macs_per_second", "latency_s", "macro_recall", "recalls"]

    def rows(self, answer: ModelCard) -> list[list[str]]:
        """Rows of CSV and text."""
        result = answer.validation
        return [
            [
                answer.name,
                str(answer.size_bytes),
                str(answer.parameters),
                f"{answer.macs_per_second:.0f}",
                f"{answer.latency_s:.2f}",
                "" if result is None else f"{result.macro_recall:.4f}",
                _recalls(answer, 4),
            ]
        ]

    def show(self, answer: ModelCard, first: bool) -> None:
        """A row of the one table."""
        print_row(_COLUMNS, answer, first)


def _recalls(card: ModelCard, decimals: int) -> str:
    recalls = {} if card.validation is None else card.validation.recall
    return " ".join(f"{label} {recall:.{decimals}f}" for label, recall in recalls.items())


_COLUMNS: Sequence[Column[ModelCard]] = (
    Column("model", lambda card: card.name, 8),
    Column("size", lambda card: f"{card.size_bytes / 1e6:.1f} MB", 7, right=True),
    Column("parameters", lambda card: f"{card.parameters:,}", 10, right=True),
    Column("MAC/s", lambda card: f"{card.macs_per_second / 1e6:.1f} M", 7, right=True),
    Column("latency", lambda card: f"{card.latency_s:.2f} s", 7, right=True),
    Column("recall by class", lambda card: _recalls(card, 3), 36),
)
