"""``swish classify``: what each recording is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from swishcli.cli.options import (
    ChannelOption,
    ChannelsOption,
    CsvOption,
    DeviceName,
    DeviceOption,
    DurationOption,
    Inputs,
    JobFolderOption,
    JobsOption,
    JsonOption,
    ListOption,
    ModelOption,
    ProgressOption,
    QuietOption,
    RateOption,
    ResumeOption,
    SampleFormatOption,
    ShardOption,
    StartOption,
    StrictOption,
    TableOption,
    ThreadsOption,
    TimeoutOption,
    TrackOption,
    decoding_of,
    inputs_of,
    printed_format,
)
from swishcli.cli.output import Column, View, print_row, printer_of
from swishcli.cli.progress import ProgressKind
from swishcli.cli.whole import check_table, tabulated
from swishcli.errors import display_path

if TYPE_CHECKING:
    from rich.text import Text

    from swishcli.jobs.sorting import Sorting
    from swishcli.segments import Classification

_NAME_CELLS, _FEW_NAME_CELLS, _LEAST_NAME_CELLS = 32, 24, 10
_BAR_CELLS = 10
"""Of a share's bar, at most."""
_PERCENT_CELLS = 4


def classify(
    paths: Inputs = None,
    from_file: ListOption = None,
    model: ModelOption = "wide",
    device: DeviceOption = DeviceName.auto,
    threads: ThreadsOption = None,
    jobs: JobsOption = None,
    timeout: TimeoutOption = None,
    resume: ResumeOption = False,
    shard: ShardOption = None,
    job: JobFolderOption = None,
    progress: ProgressOption = ProgressKind.auto,
    quiet: QuietOption = False,
    json: JsonOption = False,
    csv: CsvOption = False,
    table: TableOption = None,
    link_to: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Put a link to each recording into a folder of its label in DIR."),
    ] = None,
    copy_to: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Put a copy of each recording there instead.")
    ] = None,
    layers: Annotated[
        bool,
        typer.Option(
            "--layers", help="Give the share of time that each class can be heard, also beneath others."
        ),
    ] = False,
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

    Examples:  swish classify interview.mp3   ·   swish classify archive/ --table all.parquet
    """
    printed, given = printed_format(json, csv), inputs_of(paths, from_file)
    check_table(table)
    from swishcli.checkpoint import find_model, load_checkpoint
    from swishcli.cli.batch import Batch, BatchOptions
    from swishcli.engines import default_threads
    from swishcli.jobs.tables import classification_columns, classification_rows
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
    task = AnalysisTask(
        model,
        device.device,
        threads or default_threads(),
        decoding,
        strict=strict,
        with_layers=layers,
        sorting=_sorting(link_to, copy_to, channel),
    )
    options = BatchOptions(jobs or threads, timeout, shard, resume, job, progress, quiet)
    options.check(has_output=False)
    batch = Batch(given, task, from_file, options)
    show = printer_of(printed, ClassificationView(tuple(given), channel is not None))
    columns = () if table is None else classification_columns(load_checkpoint(find_model(model)).classes)
    answers = tabulated(
        batch, iter(batch), table, columns, lambda answer: classification_rows(answer.classification)
    )
    for _, of_recording in answers:
        for answer in of_recording:
            if table is None or json or csv:
                show(answer.classification)
    if table is not None:
        batch.print_summary()
    raise typer.Exit(batch.exit_code)


def _sorting(link_to: Path | None, copy_to: Path | None, channel: str | None) -> Sorting | None:
    """Raises BadParameter, OutputError for a folder that cannot be made."""
    from swishcli.files import make_folder
    from swishcli.jobs.sorting import Sorting

    if link_to is not None and copy_to is not None:
        raise typer.BadParameter("choose one of them", param_hint="--link-to/--copy-to")
    folder = link_to or copy_to
    if folder is None:
        return None
    if channel == "split":
        raise typer.BadParameter("channels lie in one file", param_hint="--link-to/--copy-to")
    make_folder(folder)
    return Sorting(folder, copies=link_to is None)


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
            "shares": _rounded(answer.shares),
            **({"audible": _rounded(answer.audible)} if answer.audible else {}),
            **warnings,
        }

    def header(self, answer: Classification) -> list[str]:
        """Names of the columns of CSV and text."""
        channel = ["channel"] if self.with_channel else []
        audible = (f"{label}_audible" for label in answer.audible)
        return ["path", *channel, "duration", "label", "confidence", *answer.shares, *audible]

    def rows(self, answer: Classification) -> list[list[str]]:
        """The row of CSV and text."""
        channel = [str(answer.channel)] if self.with_channel else []
        shares = (f"{share:.4f}" for share in (*answer.shares.values(), *answer.audible.values()))
        confidence = f"{answer.confidence:.3f}"
        return [[str(answer.path), *channel, f"{answer.duration:.3f}", answer.label, confidence, *shares]]

    def show(self, answer: Classification, first: bool) -> None:
        """The row of the table: shares as numbers and, in what room is left, as bars."""
        from rich.text import Text

        from swishcli.cli.console import console
        from swishcli.cli.timeline import bar
        from swishcli.pictures.palette import looks_of

        shown = _shown(answer)
        out, looks = console(), looks_of(shown)
        channel: list[Column[Classification]] = [Column("channel", lambda a: str(a.channel), 7, right=True)]
        widest = max(map(len, ("label", *answer.shares)))
        others: list[Column[Classification]] = [
            *(channel if self.with_channel else []),
            Column("seconds", lambda a: f"{a.duration:.1f}", 7, right=True),
            Column("label", lambda a: display_path(a.label), widest),
            Column("sure", lambda a: _percent(a.confidence), 4, right=True),
        ]
        # The same for every row, so not by this answer's name: of folders the names are not known before.
        longest = max((len(display_path(p)) for p in self.paths), default=0)
        fixed, headings = [column.width for column in others], [*map(display_path, shown)]
        gap, name_cells, bar_cells = _layout(out.width, max(_NAME_CELLS, longest), fixed, headings)

        def share_of(label: str) -> Column[Classification]:
            def cell(answer: Classification) -> Text:
                share = _shown(answer)[label]
                percent = _percent(share).rjust(_PERCENT_CELLS) + " " * (bar_cells > 1)
                return Text(percent) + bar(share, bar_cells, looks[label], out)

            heading = display_path(label)
            return Column(heading, cell, _share_cells(heading, bar_cells))

        name: Column[Classification] = Column("recording", lambda a: display_path(str(a.path)), name_cells)
        print_row([name, *others, *map(share_of, shown)], answer, first, gap)


def _layout(
    width: int, name_cells: int, fixed: Sequence[int], headings: Sequence[str]
) -> tuple[int, int, int]:
    """Cells between columns, of the name and of a bar: the longest bars with which it all fits a terminal."""
    for gap in (2, 1):
        for bar_cells in range(_BAR_CELLS, 0, -1):
            columns = [*fixed, *(_share_cells(heading, bar_cells) for heading in headings)]
            room = width - sum(columns) - gap * len(columns)
            if room >= (name_cells if bar_cells > 1 else min(name_cells, _FEW_NAME_CELLS)):
                return gap, min(room, name_cells), bar_cells
    return 1, max(_LEAST_NAME_CELLS, room), 1


def _share_cells(heading: str, bar_cells: int) -> int:
    """Cells of a share: a percentage, and a bar that stands apart from it if it is longer than a cell."""
    return max(len(heading), _PERCENT_CELLS + bar_cells + (bar_cells > 1))


def _shown(answer: Classification) -> Mapping[str, float]:
    """The shares that people look at: of what can be heard, where that was asked for."""
    return answer.audible or answer.shares


def _rounded(shares: Mapping[str, float]) -> dict[str, float]:
    return {label: round(share, 4) for label, share in shares.items()}


def _percent(share: float) -> str:
    return f"{share:.0%}" if share else ""
