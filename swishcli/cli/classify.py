"""``swish classify``: what each recording is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from swishcli.cli.options import (
    ChannelOption,
    ChannelsOption,
    CsvOption,
    DeviceName,
    DeviceOption,
    DurationOption,
    Inputs,
    JsonOption,
    ModelOption,
    RateOption,
    SampleFormatOption,
    StartOption,
    StrictOption,
    ThreadsOption,
    TrackOption,
    decoding_of,
    printed_format,
)
from swishcli.cli.output import Column, View, print_row, printer_of
from swishcli.errors import display_path

if TYPE_CHECKING:
    from swishcli.segments import Classification


def classify(
    paths: Inputs,
    model: ModelOption = "slim",
    device: DeviceOption = DeviceName.auto,
    threads: ThreadsOption = None,
    json: JsonOption = False,
    csv: CsvOption = False,
    strict: StrictOption = False,
    channel: ChannelOption = None,
    track: TrackOption = None,
    start: StartOption = 0.0,
    duration: DurationOption = None,
    rate: RateOption = None,
    sample_format: SampleFormatOption = "s16le",
    channels: ChannelsOption = 1,
) -> None:
    """Say what each recording is: its label, the share of every class, and how sure the network is.

    The label is the class that most of the sounding time carries; its probability is the mean over that time.

    Examples:  swish classify interview.mp3   ·   swish classify archive/ --csv > labels.csv
    """
    printed = printed_format(json, csv)
    from swishcli.cli.batch import Batch
    from swishcli.engines import default_threads
    from swishcli.jobs.task import AnalysisTask

    decoding = decoding_of(
        channel=channel,
        track=track,
        start=start,
        duration=duration,
        rate=rate,
        sample_format=sample_format,
        channels=channels,
    )
    task = AnalysisTask(model, device.device, threads or default_threads(), decoding, strict=strict)
    batch = Batch(paths, task)
    show = printer_of(printed, ClassificationView(tuple(paths), channel is not None))
    for answers in batch:
        for answer in answers:
            show(answer.classification)
    raise typer.Exit(batch.exit_code)


@dataclass(frozen=True)
class ClassificationView(View["Classification"]):
    """A row for each recording."""

    paths: Sequence[str]
    """As they were given; their lengths decide the width of the table."""
    with_channel: bool = False

    def to_dict(self, answer: Classification) -> dict[str, object]:
        """The object of ``--json``."""
        channel = {} if answer.channel is None else {"channel": answer.channel}
        warnings = {"warnings": list(answer.warnings)} if answer.warnings else {}
        return {
            "path": answer.path,
            **channel,
            "duration": answer.duration,
            "label": answer.label,
            "confidence": round(answer.confidence, 3),
            "shares": {label: round(share, 4) for label, share in answer.shares.items()},
            **warnings,
        }

    def header(self, answer: Classification) -> list[str]:
        """Names of the columns of CSV and text."""
        channel = ["channel"] if self.with_channel else []
        return ["path", *channel, "duration", "label", "confidence", *answer.shares]

    def rows(self, answer: Classification) -> list[list[str]]:
        """The row of CSV and text."""
        channel = [str(answer.channel)] if self.with_channel else []
        shares = (f"{share:.4f}" for share in answer.shares.values())
        confidence = f"{answer.confidence:.3f}"
        return [[str(answer.path), *channel, f"{answer.duration:.3f}", answer.label, confidence, *shares]]

    def show(self, answer: Classification, first: bool) -> None:
        """The row of the table."""
        from swishcli.cli.console import console

        def share_of(label: str) -> Column[Classification]:
            width = max(len(label), 4)
            return Column(display_path(label), lambda a: _percent(a.shares[label]), width, right=True)

        channel: list[Column[Classification]] = [Column("channel", lambda a: str(a.channel), 7, right=True)]
        widest = max(map(len, ("label", *answer.shares)))
        others: list[Column[Classification]] = [
            *(channel if self.with_channel else []),
            Column("seconds", lambda a: f"{a.duration:.1f}", 7, right=True),
            Column("label", lambda a: display_path(a.label), widest),
            Column("sure", lambda a: _percent(a.confidence), 4, right=True),
            *map(share_of, answer.shares),
        ]
        taken = sum(column.width + 1 for column in others)
        room = max(10, console().width - taken)
        longest = max((len(display_path(p)) for p in (*self.paths, str(answer.path))), default=12)
        name: Column[Classification] = Column(
            "recording", lambda a: display_path(str(a.path)), min(room, max(24, longest))
        )
        print_row([name, *others], answer, first)


def _percent(share: float) -> str:
    return f"{share:.0%}" if share else ""
