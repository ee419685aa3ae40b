"""``swish info``: what a model is, or what a recording holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from swishcli.cli.console import print_error
from swishcli.cli.exit_codes import ExitCode
from swishcli.cli.options import printed_format
from swishcli.cli.output import View, printer_of
from swishcli.cli.progress import batch_progress
from swishcli.errors import SwishError, display_path

if TYPE_CHECKING:
    from swishcli.card import ModelCard
    from swishcli.decoding import Contents, Track
    from swishcli.jobs.inputs import Input


def info(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...",
            help="Models (names or files), recordings, folders of recordings, or - for standard input.",
            show_default=False,
        ),
    ],
    json: Annotated[
        bool, typer.Option("--json", help="JSON Lines on standard output, an object each.")
    ] = False,
) -> None:
    """Say what a model is and was made from, or what a recording holds and how it is read.

    A recording is decoded to its end: how long it is, and what is damaged, shows only then.

    Examples:  swish info slim   ·   swish info interview.m4a --json
    """
    from swishcli.jobs.inputs import Input, find_inputs

    failed = False
    show = printer_of(printed_format(json, csv=False), InfoView())
    for path in paths:
        for item in [path] if _is_model(path) else find_inputs([path]):
            try:
                if isinstance(item, SwishError):
                    raise item
                show(_recording(item) if isinstance(item, Input) else _model(item))
            except SwishError as error:
                failed = True
                print_error(error)
    raise typer.Exit(ExitCode.SOME_FAILED if failed else ExitCode.OK)


@dataclass(frozen=True, slots=True)
class RecordingInfo:
    """What a recording holds."""

    path: str
    size_bytes: int | None
    """None where it is no file."""
    contents: Contents
    said_duration: float | None
    """Seconds by its header, or FFmpeg's estimate where the format has none; None where nothing says it."""
    duration: float
    """Seconds as found."""
    warnings: tuple[str, ...]


def _is_model(path: str) -> bool:
    from swishcli.checkpoint import SUFFIX, named_models

    return path in named_models() or path.lower().endswith(SUFFIX)


def _model(name: str) -> ModelCard:
    from swishcli.card import card_of
    from swishcli.checkpoint import find_model, load_checkpoint

    return card_of(load_checkpoint(find_model(name)))


def _recording(item: Input) -> RecordingInfo:
    """Raises AudioError."""
    from swishcli.audio import AudioStream
    from swishcli.features import FrontEndConfig

    stream = AudioStream(item.path, FrontEndConfig().sample_rate)
    said = stream.expected_duration
    with batch_progress({item.path: 1.0}) as progress:
        for _ in stream:
            progress.within(item, stream.duration, said)
    assert stream.contents is not None
    file = Path(item.path)
    size = file.stat().st_size if file.is_file() else None
    return RecordingInfo(item.path, size, stream.contents, said, stream.duration, tuple(stream.warnings))


@dataclass(frozen=True)
class InfoView(View["ModelCard | RecordingInfo"]):
    """A row for each property."""

    def to_dict(self, answer: ModelCard | RecordingInfo) -> dict[str, object]:
        """The object of ``--json``; its `kind` is model or recording."""
        if not isinstance(answer, RecordingInfo):
            return {"kind": "model", **asdict(answer)}
        described = asdict(answer)
        return {"kind": "recording", "path": answer.path, **described.pop("contents"), **described}

    def header(self, answer: ModelCard | RecordingInfo) -> list[str]:
        """Names of the columns of text."""
        return ["path", "property", "value"]

    def rows(self, answer: ModelCard | RecordingInfo) -> list[list[str]]:
        """Rows of text."""
        return [[answer.path, name, value] for name, value in _properties(answer)]

    def show(self, answer: ModelCard | RecordingInfo, first: bool) -> None:
        """A table with the path above it."""
        from rich.markup import escape
        from rich.table import Table

        from swishcli.cli.console import console

        title = escape(display_path(answer.path))
        table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
        table.show_header = False
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in _properties(answer):
            table.add_row(escape(display_path(name)), escape(display_path(value)))
        console().print(table)


def _properties(answer: ModelCard | RecordingInfo) -> Sequence[tuple[str, str]]:
    of = _recording_properties(answer) if isinstance(answer, RecordingInfo) else _model_properties(answer)
    return [(name, value) for name, value in of if value]


def _model_properties(card: ModelCard) -> Iterator[tuple[str, str]]:
    yield "labels", ", ".join(card.labels)
    yield "size", _size(card.size_bytes)
    yield "parameters", f"{card.parameters:,}"
    yield "multiply–accumulates", f"{card.macs_per_second / 1e6:.2f} million per second of audio"
    yield "sample rate", f"{card.sample_rate} Hz"
    yield "an answer every", f"{card.position_s:g} s"
    yield (
        "receptive field",
        (f"{card.receptive_field_s:.2f} s: {card.look_back_s:.2f} s back, {card.look_ahead_s:.2f} s ahead"),
    )
    yield "latency", f"{card.latency_s:.2f} s{', causal' if card.causal else ''}"
    yield "trained with", card.command
    yield "epochs", str(card.epochs or "")
    yield "taught by", ", ".join(card.teachers)
    if card.validation is not None:
        by_class = ", ".join(f"{label} {recall:.4f}" for label, recall in card.validation.recall.items())
        yield "recall in validation", f"{card.validation.macro_recall:.4f} on average: {by_class}"
    for data in card.data:
        minutes = f"{data.train_minutes:.1f} min to learn from, {data.validation_minutes:.1f} min to validate"
        yield f"data: {data.label}", f"{minutes}, of {data.sources} sources"
    for data in card.data:
        yield f"licences: {data.label}", "; ".join(data.licences)


def _recording_properties(found: RecordingInfo) -> Iterator[tuple[str, str]]:
    contents = found.contents
    yield "size", "" if found.size_bytes is None else _size(found.size_bytes)
    yield "container", contents.container
    for number, track in enumerate(contents.tracks):
        read = ", the one that is read" if len(contents.tracks) > 1 and number == contents.track else ""
        yield f"track {number}", f"{_described(track)}{read}"
    said = found.said_duration
    yield "duration as said", "" if said is None else f"{said:.3f} s"
    yield "duration as found", f"{found.duration:.3f} s"
    yield from (("warning", warning) for warning in found.warnings)


def _described(track: Track) -> str:
    if not track.channels:
        return "of a format that cannot be decoded"
    channels = f"{track.channels} channel{'s' if track.channels > 1 else ''}"
    language = f", {track.language}" if track.language else ""
    return f"{track.codec}, {track.sample_rate} Hz, {channels}{language}"


def _size(n_bytes: int) -> str:
    """Bytes for people.

    >>> _size(999), _size(304689)
    ('999 bytes', '304.7 kB')
    """
    if n_bytes < 1000:
        return f"{n_bytes} bytes"
    return f"{n_bytes / 1e3:.1f} kB" if n_bytes < 1e6 else f"{n_bytes / 1e6:.1f} MB"
