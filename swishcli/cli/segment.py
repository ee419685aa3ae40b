"""``swish segment``: each recording cut into labelled segments."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from swishcli.cli.console import print_text
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
    check_picture,
    decoding_of,
    inputs_of,
    printed_format,
)
from swishcli.cli.output import View, printer_of
from swishcli.cli.progress import ProgressKind
from swishcli.cli.whole import check_table, collected, tabulated
from swishcli.errors import display_path

if TYPE_CHECKING:
    from swishcli.analysis import Analysis
    from swishcli.cli.whole import Answers
    from swishcli.jobs.task import AnalysisTask, Destination

_SMOOTHING = "How labels are smoothed"
_WRITING = "How files are written"
_DRAWING = "Pictures"
_CLIPS = "Segments as audio files"


def segment(
    paths: Inputs = None,
    from_file: ListOption = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Folder to write to: a file per recording and format, in the folders they lie in.",
            rich_help_panel=_WRITING,
        ),
    ] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            "-f",
            metavar="NAME",
            help="json, csv, tsv, rttm, textgrid, audacity, srt, vtt or elan; with commas or several times. Without "
            "--output the one format of the one recording is printed. With it also the pictures png, svg and pdf.",
            rich_help_panel=_WRITING,
        ),
    ] = None,
    keep_suffix: Annotated[
        bool,
        typer.Option("--keep-suffix", help="Write a.wav.json rather than a.json.", rich_help_panel=_WRITING),
    ] = False,
    skip_existing: Annotated[
        bool,
        typer.Option(
            "--skip-existing", help="Leave recordings alone whose files are there.", rich_help_panel=_WRITING
        ),
    ] = False,
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
    only: Annotated[
        str | None, typer.Option(metavar="LABEL", help="Print and write the segments of one class alone.")
    ] = None,
    pad: Annotated[
        float,
        typer.Option(min=0, help="With --only or --extract: seconds to add on both sides of each segment."),
    ] = 0.0,
    clean: Annotated[
        bool,
        typer.Option(
            "--clean", help="With --only or --extract: leave out where another class can be heard beneath."
        ),
    ] = False,
    layers: Annotated[
        bool,
        typer.Option(
            "--layers", help="Say where each class can be heard, also beneath others: segments may overlap."
        ),
    ] = False,
    extract: Annotated[
        str | None,
        typer.Option(
            metavar="LABEL",
            help="Also write the segments of one class as wav files, and manifest.jsonl, which says where they are "
            "from.",
            rich_help_panel=_CLIPS,
        ),
    ] = None,
    min_length: Annotated[
        float, typer.Option(min=0, help="Seconds that a segment must last.", rich_help_panel=_CLIPS)
    ] = 0.0,
    kaldi: Annotated[
        bool, typer.Option("--kaldi", help="Write a data folder for Kaldi, too.", rich_help_panel=_CLIPS)
    ] = False,
    frames: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Also write each class's probability every 40 ms, of one recording: *.npz or *.csv.",
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Also draw the one recording, its spectrogram and its segments: *.png, *.svg or *.pdf.",
            rich_help_panel=_DRAWING,
        ),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Draw these labels too: a file, or a folder of files matched by name.",
            rich_help_panel=_DRAWING,
        ),
    ] = None,
    strict: StrictOption = False,
    transition_cost: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Nats that a change of class must be worth; more is smoother.",
            rich_help_panel=_SMOOTHING,
        ),
    ] = None,
    min_duration: Annotated[
        float | None,
        typer.Option(min=0, help="Shorter segments join a neighbour; seconds.", rich_help_panel=_SMOOTHING),
    ] = None,
    min_silence: Annotated[
        float | None,
        typer.Option(min=0, help="Shorter silences are not reported; seconds.", rich_help_panel=_SMOOTHING),
    ] = None,
    silence_db: Annotated[
        float | None,
        typer.Option(max=0, help="Level below which a frame is silent; dBFS.", rich_help_panel=_SMOOTHING),
    ] = None,
    channel: ChannelOption = None,
    track: TrackOption = None,
    start: StartOption = 0.0,
    duration: DurationOption = None,
    rate: RateOption = None,
    sample_format: SampleFormatOption = "s16le",
    channels: ChannelsOption = 1,
) -> None:
    """Cut each recording into labelled segments that tile it.

    Prints a timeline and a table, or text with tabs in a pipe; with -o DIR writes files instead.

    Examples:  swish segment interview.mp3   ·   swish segment archive/ -o labels/ -f csv,textgrid

    swish segment talk.wav --plot talk.png   ·   swish segment archive/ --extract speech --pad 0.2 -o clips/
    """
    given = inputs_of(paths, from_file)
    names = [name for named in formats or [] for name in named.split(",")]
    if output is not None and (json or csv):
        raise typer.BadParameter("with --output the formats are named by --format", param_hint="--json/--csv")
    if output is None and (keep_suffix or skip_existing):
        raise typer.BadParameter(
            "says how files are written: it needs --output", param_hint="--keep-suffix/--skip-existing"
        )
    if output is None and (len(names) > 1 or (names and (json or csv))):
        raise typer.BadParameter(
            "standard output takes one format; --output DIR takes more", param_hint="--format"
        )
    if skip_existing and (table is not None or extract is not None):
        hint = "--table" if extract is None else "--extract"
        raise typer.BadParameter("takes all recordings, done before or not", param_hint=hint)
    _check_clips(extract, output, only, min_length, kaldi)
    if (pad or clean) and only is None and extract is None:
        raise typer.BadParameter("needs --only LABEL or --extract LABEL", param_hint="--pad/--clean")
    if clean and layers:
        raise typer.BadParameter("choose one of them", param_hint="--clean/--layers")
    is_single = from_file is None and channel != "split" and _is_single(given)
    if frames is not None:
        _check_frames(frames, is_single)
    if plot is not None:
        _check_plot(plot, is_single)
    if reference is not None:
        _check_reference(reference, plot, names, is_single)
    check_table(table)
    printed = printed_format(json, csv)
    from swishcli.cli.batch import Batch, BatchOptions
    from swishcli.engines import default_threads
    from swishcli.evaluation.pairing import References
    from swishcli.jobs.clips import ClipConfig
    from swishcli.jobs.manifests import open_manifests
    from swishcli.jobs.tables import SEGMENT_COLUMNS, segment_rows
    from swishcli.jobs.task import AnalysisTask, Selection

    task = AnalysisTask(
        model,
        device.device,
        threads or default_threads(),
        decoding_of(
            channel=channel,
            track=track,
            start=start,
            duration=duration,
            rate=rate,
            sample_format=sample_format,
            channels=channels,
        ),
        _smoothing(
            transition_cost=transition_cost,
            min_duration_s=min_duration,
            min_silence_s=min_silence,
            silence_dbfs=silence_db,
        ),
        strict=strict,
        selection=Selection(only, pad, (only or extract) if clean else None, layers),
        with_layers=layers or clean,
        frames=frames,
        plot=plot,
        references=None if reference is None else References(reference),
    )
    _check_label(only, task, "--only")
    _check_label(extract, task, "--extract")
    if output is not None:
        destination = _destination(output, names or ["json"], keep_suffix, skip_existing)
        clips = None if extract is None else ClipConfig(extract, pad, min_length)
        task = replace(task, destination=replace(destination, clips=clips))
    options = BatchOptions(jobs or threads, timeout, shard, resume, job, progress, quiet)
    options.check(has_output=output is not None)
    batch = Batch(given, task, from_file, options)
    answers = tabulated(
        batch, iter(batch), table, SEGMENT_COLUMNS, lambda answer: segment_rows(answer.segmentation)
    )
    if output is not None and extract is not None:
        answers = collected(
            batch,
            answers,
            open_manifests(output, kaldi, options.config().shard.suffix, resume),
            lambda found: task.clips_of(*found),
        )
    if output is None and (table is None or names or json or csv):
        _print(answers, names[0] if names else None, printed)
    elif table is None and extract is None:
        batch.finish()
        batch.print_summary()
    else:
        deque(answers, maxlen=0)
        batch.print_summary()
    raise typer.Exit(batch.exit_code)


def _check_clips(
    extract: str | None, output: Path | None, only: str | None, min_s: float, kaldi: bool
) -> None:
    """Raises BadParameter."""
    if extract is None and (min_s or kaldi):
        raise typer.BadParameter("needs --extract LABEL", param_hint="--min-length/--kaldi")
    if extract is not None and output is None:
        raise typer.BadParameter("needs --output DIR", param_hint="--extract")
    if extract is not None and only is not None:
        raise typer.BadParameter("choose one of them", param_hint="--only/--extract")


def _check_label(label: str | None, task: AnalysisTask, option: str) -> None:
    """Raises BadParameter for a label that the model does not give."""
    if label is not None and label not in (*task.open_model().classes, "silence"):
        labels = ", ".join((*task.open_model().classes, "silence"))
        raise typer.BadParameter(f"{label!r} is none of {labels}", param_hint=option)


def _is_single(paths: Sequence[str]) -> bool:
    """Whether only one recording can be meant."""
    from glob import has_magic
    from os.path import exists, isdir

    (path, *others) = paths
    # Not a Path's own questions: a name that no file can have is an error to them.
    return not others and not isdir(path) and (exists(path) or not has_magic(path))  # noqa: PTH110, PTH112


def _check_plot(plot: Path, is_single: bool) -> None:
    """Raises BadParameter, MissingDependencyError."""
    if not is_single:
        raise typer.BadParameter(
            "draws one recording and channel; --output DIR --format png draws all", param_hint="--plot"
        )
    check_picture(plot)


def _check_reference(reference: Path, plot: Path | None, names: Sequence[str], is_single: bool) -> None:
    """Raises BadParameter."""
    from swishcli.pictures.drawing import PICTURES

    if plot is None and not any(name in PICTURES for name in names):
        raise typer.BadParameter("is drawn: it needs --plot or --format png", param_hint="--reference")
    if not reference.exists():
        raise typer.BadParameter(f"{display_path(reference)} does not exist", param_hint="--reference")
    if not is_single and not reference.is_dir():
        raise typer.BadParameter("several recordings need a folder of references", param_hint="--reference")


def _check_frames(frames: Path, is_single: bool) -> None:
    """Raises BadParameter."""
    from swishcli.jobs.frames import SUFFIXES

    if frames.suffix not in SUFFIXES:
        raise typer.BadParameter(f"{display_path(frames)} must end in .npz or .csv", param_hint="--frames")
    if not is_single:
        raise typer.BadParameter("takes one recording and channel", param_hint="--frames")


def _smoothing(**given: float | None) -> tuple[tuple[str, float], ...]:
    return tuple((name, value) for name, value in given.items() if value is not None)


def _destination(folder: Path, names: Sequence[str], keep_suffix: bool, skip_existing: bool) -> Destination:
    """Raises BadParameter for formats that are none, OutputError for a folder that cannot be made."""
    from swishcli.files import make_folder
    from swishcli.formats import FORMATS
    from swishcli.jobs.task import Destination
    from swishcli.pictures.drawing import PICTURES, require_matplotlib

    _check_formats([name for name in names if name not in PICTURES], PICTURES)
    if any(name in PICTURES for name in names):
        require_matplotlib()
    extensions = {f.extension.lower() for f in FORMATS.values()} | {f".{name}" for name in PICTURES}
    if folder.suffix.lower() in extensions and not folder.is_dir():
        raise typer.BadParameter(
            f"{display_path(folder)} looks like a file: --output takes a folder, --format the format, and a "
            "single recording can be written with > FILE",
            param_hint="--output",
        )
    make_folder(folder)
    return Destination(folder, tuple(dict.fromkeys(names)), keep_suffix, skip_existing)


def _check_formats(names: Sequence[str], others: Sequence[str] = ()) -> None:
    """Raises BadParameter for a name that is no format, nor one of the `others` that are there too."""
    from swishcli.formats import FORMATS
    from swishcli.pictures.drawing import PICTURES

    unknown = [name for name in names if name not in FORMATS]
    if not unknown:
        return
    if unknown[0] in PICTURES:
        reason = f"{unknown[0]} is a picture: --plot FILE draws one recording, --output DIR all"
    else:
        reason = f"{unknown[0]!r} is no format: choose from {', '.join((*FORMATS, *others))}"
    raise typer.BadParameter(reason, param_hint="--format")


def _print(batch: Iterable[Answers], format_name: str | None, printed: str) -> None:
    if format_name is None:
        show = printer_of(printed, SegmentationView())
        for _, answers in batch:
            for answer in answers:
                show(answer)
        return
    from swishcli.formats import FORMATS

    _check_formats([format_name])
    shown = 0
    for _, answers in batch:
        for answer in answers:
            shown += 1
            if shown > 1:
                raise typer.BadParameter(
                    "standard output takes one recording and channel; --output DIR takes more",
                    param_hint="--format",
                )
            print_text(FORMATS[format_name].render(answer.segmentation))


@dataclass(frozen=True)
class SegmentationView(View["Analysis"]):
    """A row for each segment, a table for each recording."""

    def to_dict(self, answer: Analysis) -> dict[str, object]:
        """The object of ``--json``, which is also that of the format."""
        from swishcli.formats import segmentation_to_dict

        return segmentation_to_dict(answer.segmentation)

    def header(self, answer: Analysis) -> list[str]:
        """Names of the columns of CSV and text."""
        from swishcli.formats import table_header

        return table_header(answer.segmentation)

    def rows(self, answer: Analysis) -> list[list[str]]:
        """Rows of CSV and text."""
        from swishcli.formats import table_rows

        return table_rows(answer.segmentation)

    def show(self, answer: Analysis, first: bool) -> None:
        """The recording's name and length, a timeline as wide as the terminal, and a table of the segments."""
        from rich.markup import escape
        from rich.table import Table
        from rich.text import Text

        from swishcli.cli.console import console
        from swishcli.cli.timeline import timeline

        out, segmentation = console(), answer.segmentation
        channel = "" if segmentation.channel is None else f", channel {segmentation.channel}"
        name = f"{display_path(segmentation.path or '')}{channel}  {segmentation.duration:.1f} s"
        out.print(*([] if first else [""]), Text(name, "bold"), sep="\n")
        start_s = segmentation.duration - answer.classification.duration
        for line in timeline(segmentation, answer.classification.shares, out, start_s):
            out.print(line)
        table = Table(box=None, pad_edge=False)
        for column in ("start", "end"):
            table.add_column(column, justify="right")
        table.add_column("label")
        table.add_column("sure", justify="right")
        for s in segmentation.segments:
            confidence = "" if s.confidence is None else f"{s.confidence:.0%}"
            table.add_row(f"{s.start:.2f}", f"{s.end:.2f}", escape(display_path(s.label)), confidence)
        out.print(table)
