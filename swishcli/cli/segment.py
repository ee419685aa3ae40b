"""``swish segment``: each recording cut into labelled segments."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from swishcli.analysis import Analysis
from swishcli.audio import STDIN, AudioStream, Channel, Decoding
from swishcli.batch import Input, find_inputs, output_names
from swishcli.cli import EXIT_OK, EXIT_SOME_FAILED
from swishcli.cli.console import console, name_of, print_error
from swishcli.cli.work import Work, analyse_all
from swishcli.errors import AudioError, OutputError, SwishError
from swishcli.files import write_text_atomically
from swishcli.formats import FORMATS, segment_to_dict, segmentation_to_dict
from swishcli.model import Model
from swishcli.segments import Segment, Segmentation

LIVE_BLOCK_S = 0.1
"""Seconds of standard input that ``--live`` takes at a time."""


@dataclass(frozen=True)
class Destination:
    """Where files are written, and in which formats."""

    folder: Path
    formats: tuple[str, ...]

    def __post_init__(self) -> None:
        unknown = [name for name in self.formats if name not in FORMATS]
        if unknown:
            raise SwishError(f"unknown format {unknown[0]!r}: choose from {', '.join(FORMATS)}")


def run(paths: Sequence[str], work: Work, destination: Destination | None, output: str) -> int:
    """Segment the recordings, print or write the segments, return the exit code."""
    write = _writer(paths, destination, work.channel == "split") if destination else lambda *_: None
    failed = False
    first = True
    shown: list[Segmentation] = []
    for item, analyses in analyse_all(paths, work, write):
        if item is None or analyses is None:
            failed = True
            continue
        for analysis in analyses:
            if destination is not None:
                continue
            if output == "table":  # tables wait until the progress bar has gone
                shown.append(analysis.segmentation)
            else:
                _print(analysis.segmentation, output, first)
            first = False
    for segmentation in shown:
        _print_table(segmentation)
    return EXIT_SOME_FAILED if failed else EXIT_OK


def run_live(work: Work, output: str) -> int:
    """Segment standard input while it runs: a line as soon as a segment is decided."""
    model, _ = work.load_model(1)
    if work.channel == "split":
        raise SwishError("--live follows one channel, not all: choose one with --channel")
    try:
        _follow_stdin(model, work, output)
    except AudioError as error:
        print_error(error)
        return EXIT_SOME_FAILED
    return EXIT_OK


def _follow_stdin(model: Model, work: Work, output: str) -> None:
    rate, channel = model.checkpoint.front_end.sample_rate, cast(Channel, work.channel)
    source = AudioStream(STDIN, rate, Decoding(channel), block_s=LIVE_BLOCK_S, low_latency=True)
    stream = model.stream()
    for block in source:
        _print_live(stream.push(block[0]), output)
    _print_live(stream.finish(source.duration), output)


def _print_live(segments: Sequence[Segment], output: str) -> None:
    for s in segments:
        if output == "json":
            print(json.dumps(segment_to_dict(s)), flush=True)
        else:
            print(f"{s.start:.3f}", f"{s.end:.3f}", s.label, f"{s.confidence:.3f}", sep="\t", flush=True)


def _writer(
    paths: Sequence[str], destination: Destination, split: bool
) -> Callable[[Input, list[Analysis]], None]:
    """What writes a recording's files, under names that no two recordings share."""
    try:
        destination.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(destination.folder, error.strerror or str(error)) from None
    names = output_names(item for item in find_inputs(paths) if isinstance(item, Input))

    def write(item: Input, analyses: list[Analysis]) -> None:
        for analysis in analyses:
            # After the name of a mono recording too, or it could be that of another one's channel.
            suffix = f".channel{analysis.segmentation.channel}" if split else ""
            for name in destination.formats:
                file_format = FORMATS[name]
                path = destination.folder / f"{names[item.path]}{suffix}{file_format.extension}"
                try:
                    path.parent.mkdir(parents=True, exist_ok=True)
                except OSError as error:
                    raise OutputError(path.parent, error.strerror or str(error)) from None
                write_text_atomically(path, file_format.render(analysis.segmentation))

    return write


def _print(segmentation: Segmentation, output: str, first: bool) -> None:
    if output == "json":
        print(json.dumps(segmentation_to_dict(segmentation)))
        return
    rows = [
        [name_of(segmentation), f"{s.start:.3f}", f"{s.end:.3f}", s.label, f"{s.confidence:.3f}"]
        for s in segmentation.segments
    ]
    if output == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        if first:
            writer.writerow(["path", "start", "end", "label", "confidence"])
        writer.writerows(rows)
    else:
        for row in rows:
            print(*row, sep="\t")


def _print_table(segmentation: Segmentation) -> None:
    from rich.markup import escape
    from rich.table import Table

    title = f"{escape(name_of(segmentation))}  {segmentation.duration:.1f} s"
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for column in ("start", "end"):
        table.add_column(column, justify="right")
    table.add_column("label")
    table.add_column("confidence", justify="right")
    for s in segmentation.segments:
        table.add_row(f"{s.start:.2f}", f"{s.end:.2f}", escape(s.label), f"{s.confidence:.0%}")
    console().print(table)
