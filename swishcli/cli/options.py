"""The options that commands share, and what they mean together."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from swishcli.cli.progress import ProgressKind
from swishcli.errors import display_path

if TYPE_CHECKING:
    from swishcli.audio import Channel, Decoding
    from swishcli.engines import Device


class DeviceName(StrEnum):
    """`swishcli.engines.DEVICES`, without its imports: help must not wait for NumPy."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"
    mps = "mps"

    @property
    def device(self) -> Device:
        """The same as engines know it."""
        return self.value


Inputs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="PATH",
        help="Recordings, folders (searched through), quoted shell patterns, or - for standard input.",
        show_default=False,
    ),
]
ListOption = Annotated[
    str | None,
    typer.Option(
        "--from-file",
        metavar="LIST",
        help="Also the recordings in a list: a path a line (or NUL), a table with a column path, JSON Lines; - for "
        "standard input.",
        show_default=False,
    ),
]
ModelOption = Annotated[str, typer.Option("--model", "-m", help="A model that comes with swish, or a file.")]
DeviceOption = Annotated[DeviceName, typer.Option(help="auto takes a GPU where there is one, else the CPU.")]
ThreadsOption = Annotated[
    int | None, typer.Option(min=1, help="CPU threads; by default OMP_NUM_THREADS, or all cores.")
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="JSON Lines on standard output, an object a recording.")
]
CsvOption = Annotated[bool, typer.Option("--csv", help="CSV on standard output.")]
TableOption = Annotated[
    Path | None,
    typer.Option(
        "--table",
        metavar="FILE",
        help="Write one table of all recordings: *.csv, *.jsonl or *.parquet. It is there when it is complete.",
        show_default=False,
    ),
]
StrictOption = Annotated[
    bool, typer.Option("--strict", help="A recording that is damaged or cut off counts as failed.")
]
TierOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="Tier of TextGrids and ELAN files; by default the first.", show_default=False
    ),
]

_BATCH = "How many recordings are worked through"
JobsOption = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        "-j",
        min=1,
        help="Recordings at once; by default as many as --threads, or as there are cores and memory for.",
        rich_help_panel=_BATCH,
        show_default=False,
    ),
]
TimeoutOption = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        min=0.1,
        help="Give up recordings that take longer.",
        rich_help_panel=_BATCH,
        show_default=False,
    ),
]
ResumeOption = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Go on where the last run ended: what it did with the same model and options is not done again.",
        rich_help_panel=_BATCH,
    ),
]
ShardOption = Annotated[
    str | None,
    typer.Option(
        metavar="I/N",
        help="Only part I of N, from 1: machines that share the work have one each.",
        rich_help_panel=_BATCH,
        show_default=False,
    ),
]
JobFolderOption = Annotated[
    Path | None,
    typer.Option(
        "--job",
        metavar="DIR",
        help="Folder for the journal that --resume reads, and for report.json; by default .swish in that of --output.",
        rich_help_panel=_BATCH,
        show_default=False,
    ),
]
ProgressOption = Annotated[
    ProgressKind,
    typer.Option(
        help="auto is a bar on a terminal; json writes progress, errors and the summary as JSON Lines on standard error.",
        rich_help_panel=_BATCH,
    ),
]
QuietOption = Annotated[
    bool,
    typer.Option(
        "--quiet", "-q", help="Print errors only: no progress, warnings, summary.", rich_help_panel=_BATCH
    ),
]

_READING = "How recordings are read"
ChannelOption = Annotated[
    str | None,
    typer.Option(
        help="A channel, from 0, or split for each on its own; by default all in one.",
        rich_help_panel=_READING,
    ),
]
TrackOption = Annotated[
    int | None,
    typer.Option(min=0, help="Audio track, from 0; by default the default one.", rich_help_panel=_READING),
]
StartOption = Annotated[
    float, typer.Option(min=0, help="Seconds to leave out at the beginning.", rich_help_panel=_READING)
]
DurationOption = Annotated[
    float | None,
    typer.Option(help="Seconds to read; by default all.", rich_help_panel=_READING, show_default=False),
]
RateOption = Annotated[
    int | None,
    typer.Option(min=1, help="Headerless recordings: their sample rate in Hz.", rich_help_panel=_READING),
]
SampleFormatOption = Annotated[
    str, typer.Option(help="With --rate: s16le, f32le, u8, mulaw, …", rich_help_panel=_READING)
]
ChannelsOption = Annotated[
    int, typer.Option(min=1, help="With --rate: the number of channels.", rich_help_panel=_READING)
]


def inputs_of(paths: list[str] | None, listed_in: str | None) -> list[str]:
    """The recordings that are named. Raises BadParameter where there are none, or two things on standard input."""
    if not paths and listed_in is None:
        raise typer.BadParameter("name recordings, or a list of them with --from-file", param_hint="PATH")
    if listed_in == "-" and paths and "-" in paths:
        raise typer.BadParameter("standard input is a recording already", param_hint="--from-file")
    return paths or []


def decoding_of(
    *,
    channel: str | None,
    track: int | None = None,
    start: float = 0.0,
    duration: float | None = None,
    rate: int | None = None,
    sample_format: str = "s16le",
    channels: int = 1,
) -> Decoding:
    """What the options say about reading a recording. Raises BadParameter."""
    from swishcli.audio import Decoding, RawFormat

    try:
        raw = None if rate is None else RawFormat(rate, sample_format, channels)
        return Decoding(_channel(channel), track, start, duration, raw)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def check_picture(path: Path) -> None:
    """Raises BadParameter for a file that is no picture by its suffix, MissingDependencyError without matplotlib."""
    from swishcli.pictures.drawing import picture_format, require_matplotlib

    try:
        picture_format(path)
    except ValueError as error:
        raise typer.BadParameter(f"{display_path(path)} {error}", param_hint="--plot") from None
    require_matplotlib()


def _channel(value: str | None) -> Channel:
    if value is None:
        return None
    if value == "split":
        return "split"
    if not value.isdecimal():
        raise typer.BadParameter(
            f"{value!r} is neither a channel number, from 0, nor 'split'", param_hint="--channel"
        )
    return int(value)


def printed_format(json: bool, csv: bool) -> str:
    """What standard output gets: json, csv, a table on a terminal, else text. Raises BadParameter."""
    import sys

    if json and csv:
        raise typer.BadParameter("choose one of them", param_hint="--json/--csv")
    return "json" if json else "csv" if csv else "table" if sys.stdout.isatty() else "text"
