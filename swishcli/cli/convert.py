"""``swish convert``: labels from one format to another."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Annotated

import typer

from swishcli.cli.console import print_error, print_text
from swishcli.cli.exit_codes import ExitCode
from swishcli.cli.options import TierOption

if TYPE_CHECKING:
    from swishcli.segments import Segmentation


def convert(
    paths: Annotated[
        list[Path], typer.Argument(metavar="LABELS...", help="Files of labels, or folders of them.")
    ],
    to: Annotated[
        str,
        typer.Option(
            "--to", "-t", metavar="NAME", help="json, csv, tsv, rttm, textgrid, audacity, srt, vtt or elan."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="DIR", help="Folder to write to; without it one result is printed."
        ),
    ] = None,
    tier: TierOption = None,
) -> None:
    """Write labels in another format, and say what that has no room for.

    Reads all formats that swish writes, tables of other programs, and files of many recordings (RTTM, tables, JSON Lines).

    Example:  swish convert labels.rttm --to textgrid -o praat/
    """
    from swishcli.errors import SwishError
    from swishcli.files import make_folder, path_within, write_text_atomically
    from swishcli.formats import FORMATS, losses

    if to not in FORMATS:
        raise typer.BadParameter(f"{to!r} is none of {', '.join(FORMATS)}", param_hint="--to")
    format_, failed, lost = FORMATS[to], False, Counter[str]()
    results: dict[Path, Segmentation] = {}
    for path, below in _files(paths):
        try:
            for name, segmentation in _named(path, below, tier):
                if name in results:
                    raise _taken(path, name, format_.extension)
                results[name] = segmentation
                lost.update(losses(segmentation, format_))
        except SwishError as error:
            print_error(error)
            failed = True
    if output is None and len(results) > 1:
        raise typer.BadParameter("standard output takes one result; name a folder", param_hint="--output")
    for name, segmentation in results.items():
        # What does not say whose labels it holds is of the recording of its name, as RTTM wants to know.
        text = format_.render(replace(segmentation, path=segmentation.path or str(name)))
        if output is None:
            print_text(text)
        else:
            path = path_within(output, Path(f"{name}{format_.extension}"))
            make_folder(path.parent)
            write_text_atomically(path, text)
    for what, n in lost.items():
        print_error(f"warning: {to} has no room for {what} ({n} of {len(results)})")
    raise typer.Exit(ExitCode.SOME_FAILED if failed else ExitCode.OK)


def _files(paths: list[Path]) -> list[tuple[Path, Path]]:
    """Each file of labels, and its path below the folder that was named. Raises DataError."""
    from swishcli.evaluation.pairing import label_files

    found = []
    for path in paths:
        if path.is_dir():
            found += [(file, file.relative_to(path)) for file in label_files(path)]
        else:
            found.append((path, Path(path.name)))
    return found


def _named(path: Path, below: Path, tier: str | None) -> list[tuple[Path, Segmentation]]:
    """The segmentations of a file, and what their outputs are called before the suffix. Raises DataError."""
    from swishcli.evaluation.pairing import recording_name
    from swishcli.formats import LINES_SUFFIX, read_all_segments, without_label_suffixes

    found = read_all_segments(path, tier)
    if len(found) > 1 or path.suffix.lower() == LINES_SUFFIX:
        names = [PurePath(PurePath(s.path or "recording").name) for s in found]
        short = [recording_name(name) for name in names]
        channels = ["" if s.channel is None else f".channel{s.channel}" for s in found]
        # a.wav and a.mp3 keep what tells them apart.
        several = {name for name, n in Counter(zip(short, channels, strict=True)).items() if n > 1}
        return [
            (below.parent / f"{name if (brief, channel) in several else brief}{channel}", segmentation)
            for name, brief, channel, segmentation in zip(names, short, channels, found, strict=True)
        ]
    return [(Path(without_label_suffixes(below)), found[0])] if found else []


def _taken(path: Path, name: Path, extension: str) -> Exception:
    from swishcli.errors import DataError, display_path

    return DataError(
        f"{display_path(path)}: {display_path(name)}{extension} is written for another file already"
    )
