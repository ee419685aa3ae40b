"""``swish train``: a model from labelled recordings."""

from __future__ import annotations

import shlex
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from swishcli.cli import EXIT_OK
from swishcli.cli.console import print_error
from swishcli.engines import default_threads, find_device, require_torch
from swishcli.errors import OutputError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from swishcli.training.data import Recording
    from swishcli.training.loop import EpochResult
    from swishcli.training.recipe import Recipe


@dataclass(frozen=True)
class Options:
    """The options of the command."""

    data: Path
    output: Path
    size: str
    causal: bool
    config: Path | None
    epochs: int | None
    seed: int | None
    rir: Path | None
    init_from: str | None
    teachers: list[str]
    resume: bool
    device: str
    workers: int | None
    cache: Path | None


def run(options: Options) -> int:
    """Train, show how it goes, return the exit code."""
    require_torch("training")
    if options.output.is_dir():
        raise OutputError(options.output, "is a folder")
    options.output.parent.mkdir(parents=True, exist_ok=True)
    import torch

    from swishcli.training import recipe as recipes

    # Making crops costs about as much as learning from them: a worker per core, and one thread to learn.
    workers = default_threads() if options.workers is None else options.workers
    torch.set_num_threads(1 if workers else default_threads())
    with _display() as display:
        training = recipes.Run(
            options.data,
            options.output,
            _recipe(options),
            device=torch.device(find_device(options.device)),
            workers=workers,
            cache=options.cache or recipes.default_cache(),
            observer=display,
            rooms=options.rir,
            init_from=options.init_from,
            teachers=options.teachers,
            resume=options.resume,
            command=shlex.join(["swish", *sys.argv[1:]]),
        )
        try:
            training()
        except KeyboardInterrupt:
            print_error(f"stopped; {options.output} holds the best weights so far, --resume goes on")
            raise
    print(f"{options.output}: {display.summary()}")
    return EXIT_OK


def _recipe(options: Options) -> Recipe:
    from swishcli.training.recipe import Recipe, network_of_size, read_config

    recipe = Recipe(network=network_of_size(options.size))
    if options.config is not None:
        recipe = recipe.overridden(read_config(options.config), str(options.config))
    if options.causal:
        recipe = replace(recipe, network=replace(recipe.network, causal=True))
    given = {"epochs": options.epochs, "seed": options.seed}
    return recipe.overridden({"training": {k: v for k, v in given.items() if v is not None}}, "options")


@contextmanager
def _display() -> Iterator[_Display]:
    """A live display on a terminal, a line per epoch elsewhere; both on standard error."""
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield _Display(console)
        return
    from rich.live import Live

    display = _Display(console)
    with Live(console=console, get_renderable=display.render, refresh_per_second=4, redirect_stdout=False):
        yield display


class _Display:
    """Shows a training run."""

    def __init__(self, console: Console) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
        from rich.table import Table

        self._console = console
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=console)
        self._task = self._progress.add_task("decoding", total=None)
        self._table = Table(box=None, pad_edge=False)
        self._classes: tuple[str, ...] = ()
        self._epochs = 0
        self._first_epoch = 0
        self._best: EpochResult | None = None

    def render(self) -> RenderableType:
        from rich.console import Group

        return Group(self._table, self._progress)

    def on_decoded(self) -> None:
        self._progress.advance(self._task)

    def on_start(self, recipe: Recipe, train: Sequence[Recording], val: Sequence[Recording]) -> None:
        from swishcli.training.recipe import class_order

        rate = recipe.front_end.sample_rate
        self._classes = class_order(r.item.label for r in train)
        self._epochs = recipe.training.epochs
        for name, recordings in (("train", train), ("val", val)):
            seconds: Counter[str] = Counter()
            for r in recordings:
                seconds[r.item.label] += round(r.n_samples / rate)
            listed = ", ".join(f"{label} {seconds[label] / 60:.1f} min" for label in self._classes)
            self._console.print(f"{name}: {len(recordings)} recordings, {listed}")
        self._console.print(f"network: {recipe.network.n_parameters} parameters")
        self._table.add_column("epoch", justify="right")
        self._table.add_column("loss", justify="right")
        self._table.add_column("val recall", justify="right")
        for label in self._classes:
            self._table.add_column(label, justify="right")
        self._table.add_column("seconds", justify="right")
        self._progress.remove_task(self._task)
        self._task = self._progress.add_task("training", total=None)

    def on_batch(self, epoch: int, batch: int, batches: int, loss: float) -> None:
        done = (epoch - 1) * batches + batch
        if self._first_epoch == 0:  # a resumed run is not credited with the time of its earlier epochs
            self._first_epoch = epoch
            self._progress.reset(self._task, total=self._epochs * batches, completed=done)
        self._progress.update(self._task, completed=done, description=f"epoch {epoch}  loss {loss:.4f}")

    def on_epoch(self, result: EpochResult, best: bool) -> None:
        recalls = [f"{recall:.3f}" for recall in result.recalls]
        mark = " *" if best else ""
        if best:
            self._best = result
        cells = [
            str(result.epoch),
            f"{result.loss:.4f}",
            f"{result.macro_recall:.4f}{mark}",
            *recalls,
            f"{result.seconds:.0f}",
        ]
        self._table.add_row(*cells)
        if not self._console.is_terminal:
            named = "  ".join(f"{c} {r}" for c, r in zip(self._classes, recalls, strict=True))
            self._console.print(
                f"epoch {cells[0]}/{self._epochs}  loss {cells[1]}  val recall {cells[2]}  {named}  {cells[-1]} s",
                soft_wrap=True,
            )

    def summary(self) -> str:
        """The end of a run in a line."""
        if self._best is None:
            return "nothing left to train"
        return f"macro-averaged recall {self._best.macro_recall:.4f} on validation, from epoch {self._best.epoch}"
