"""``swish review``: pages to look at, listen to and correct what was found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from swishcli.cli.console import print_error
from swishcli.cli.exit_codes import ExitCode
from swishcli.cli.options import (
    DeviceName,
    DeviceOption,
    Inputs,
    ListOption,
    ModelOption,
    ThreadsOption,
    inputs_of,
)
from swishcli.errors import DataError, SwishError, display_path

if TYPE_CHECKING:
    from swishcli.jobs.inputs import Input
    from swishcli.jobs.task import AnalysisTask
    from swishcli.segments import Segmentation

    Found = Iterator[tuple[Input, Segmentation | SwishError | None]]
    """Recordings and what is known of them; None where that has been said."""

Side = TypeVar("Side")


def review(
    paths: Inputs = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Folder to write the pages to.")
    ] = Path("review"),
    from_file: ListOption = None,
    model: ModelOption = "wide",
    labels: Annotated[
        Path | None,
        typer.Option(
            help="Show these labels instead of a model's: a file, or a folder matched by name.",
            show_default=False,
        ),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(
            help="Labels that are right, where known: a file, or a folder matched by name. The pages show "
            "what differs from them.",
            show_default=False,
        ),
    ] = None,
    embed: Annotated[
        float,
        typer.Option(
            min=0,
            help="Minutes up to which sound lies inside its page; that of longer recordings, beside it.",
        ),
    ] = 30.0,
    device: DeviceOption = DeviceName.auto,
    threads: ThreadsOption = None,
) -> None:
    """Make pages for any browser: hear and see each segment, correct its label, drag its edges.

    Writes a page for each recording and, of several, an index that filters them; prints which to open. They need no
    server and no network. What is corrected there is downloaded as labels: train learns from them, evaluate takes them
    as references.

    Example:  swish review interviews/ -o review/
    """
    given = inputs_of(paths, from_file)
    if "-" in given:
        raise typer.BadParameter("standard input cannot be read twice, as a page needs", param_hint="PATH")
    from swishcli.engines import default_threads
    from swishcli.jobs.inputs import find_inputs
    from swishcli.jobs.task import AnalysisTask
    from swishcli.review import LABELS, PAGES, Page, page_path, require_templates, write_index, write_page

    require_templates()
    found = find_inputs(given, from_file)
    # The sound of long recordings that was written here before is no recording.
    written = (output / PAGES).resolve()
    items = [
        item
        for item in found
        if not isinstance(item, SwishError) and written not in Path(item.path).resolve().parents
    ]
    errors = [item for item in found if isinstance(item, SwishError)]
    known = {} if reference is None else _labels_of(items, reference)
    if labels is None:
        task = AnalysisTask(model, device.device, threads or default_threads())
        classes, said, segmented = (
            task.open_model().classes,
            Path(model).name,
            _of_model(items, task, threads),
        )
    else:
        classes, said, segmented = LABELS, "", _of_files(items, labels)
    entries = []
    for error in errors:
        print_error(error)
    failed = bool(errors)
    try:
        for item, answer in segmented:
            try:
                if answer is None:
                    failed = True
                    continue
                page = Page(item.path, _usable(answer), _usable(known.get(item.path)), classes, said)
                entries.append(write_page(page, output, item.name, 60 * embed, in_batch=len(items) > 1))
            except SwishError as error:
                print_error(error)
                failed = True
    finally:  # of a batch that is interrupted too
        if entries:
            first = write_index(entries, output) if len(items) > 1 else page_path(output, items[0].name)
            print(first)
    raise typer.Exit(ExitCode.SOME_FAILED if failed else ExitCode.OK)


def _usable(side: Side | SwishError) -> Side:
    if isinstance(side, SwishError):
        raise side
    return side


def _of_model(items: list[Input], task: AnalysisTask, jobs: int | None) -> Found:
    """What a model says about each recording; what fails is printed."""
    from swishcli.cli.batch import Batch, BatchOptions

    waiting = {item.path: item for item in items}
    for item, answers in Batch([item.path for item in items], task, options=BatchOptions(jobs)):
        yield waiting.pop(item.path), answers[0].segmentation
    for item in waiting.values():
        yield item, None


def _of_files(items: list[Input], labels: Path) -> Found:
    known = _labels_of(items, labels)
    for item in items:
        missing = DataError(f"{display_path(item.path)}: has no labels in {display_path(labels)}")
        yield item, known.get(item.path, missing)


def _labels_of(items: list[Input], source: Path) -> Mapping[str, Segmentation | SwishError]:
    """The labels of each recording that has some, by its path. Raises DataError if `source` has none at all.

    Labels are a recording's by the path in them, or by name.
    """
    from swishcli.evaluation.pairing import read_all, recording_name

    found = read_all(source)
    if len(items) == len(found) == 1 and source.is_file():
        return {items[0].path: _at(items[0].path, next(iter(found.values())))}
    said = {_said_path(side): side for side in found.values()}
    by_path = {}
    for item in items:
        named = [recording_name(name) for name in (item.name, PurePath(item.name.name))]
        sides = [said.get(Path(item.path)), *(found.get(name) for name in named)]
        if known := next((side for side in sides if side is not None), None):
            by_path[item.path] = _at(item.path, known)
    return by_path


def _said_path(side: Segmentation | SwishError) -> Path | None:
    path = None if isinstance(side, SwishError) else side.path
    return None if path is None else Path(path)


def _at(path: str, side: Segmentation | SwishError) -> Segmentation | SwishError:
    return side if isinstance(side, SwishError) else replace(side, path=path)
