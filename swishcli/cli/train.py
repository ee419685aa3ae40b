"""``swish train``: a model from labelled recordings."""

from __future__ import annotations

import math
import shlex
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from swishcli.cli.console import print_error
from swishcli.cli.options import DeviceName, DeviceOption
from swishcli.errors import OutputError, display_path

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from swishcli.training.cache import CachedRecording
    from swishcli.training.loop import EpochResult
    from swishcli.training.recipe import Recipe


_MODELS = "What the network is made from"


def train(
    data: Annotated[
        Path,
        typer.Argument(
            help="A folder with one folder per class, a TSV/CSV manifest with path and label columns, or labels over "
            "time: a folder of recordings with files of labels beside them, or of labels that say whose they are."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The model file to write, *.safetensors.")],
    config: Annotated[
        Path | None, typer.Option(help="TOML file with what else may be configured; see README.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Passes over as much audio as the data holds.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Repeats a run on the CPU bit for bit.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the interrupted run of --output.")
    ] = False,
    size: Annotated[
        str | None,
        typer.Option(
            help="classic, slim, wide, large or live; [network] of --config makes others. By default slim.",
            rich_help_panel=_MODELS,
            show_default=False,
        ),
    ] = None,
    causal: Annotated[
        bool,
        typer.Option("--causal", help="A network that never looks ahead.", rich_help_panel=_MODELS),
    ] = False,
    init_from: Annotated[
        str | None,
        typer.Option(
            help="Start from a model (name or file) instead of random weights.", rich_help_panel=_MODELS
        ),
    ] = None,
    teacher: Annotated[
        list[str] | None,
        typer.Option(
            help="Learn from a model's answers too (name or file), or from those of an ONNX audio tagger; "
            "may be given several times.",
            rich_help_panel=_MODELS,
        ),
    ] = None,
    recordings: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the recordings that labels over time are of, if they lie neither beside the labels nor "
            "where these say.",
            show_default=False,
        ),
    ] = None,
    rir: Annotated[
        Path | None, typer.Option(help="Folder of measured room impulse responses, beside synthetic rooms.")
    ] = None,
    device: DeviceOption = DeviceName.auto,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes that prepare audio; by default one per core.")
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Folder for decoded audio; by default in the user's cache folder.")
    ] = None,
) -> None:
    """Learn from labelled recordings and write a model.

    Ctrl-C leaves the best model so far; --resume goes on from the last complete epoch.

    Examples:  swish train sounds/ -o mine.safetensors   ·   swish train corrections/ --init-from slim -o mine.safetensors
    """
    if init_from is not None and (size is not None or causal):
        raise typer.BadParameter(
            "the network is that of --init-from: leave --size and --causal out", param_hint="--init-from"
        )
    from swishcli.engines import default_threads, find_device, require_torch

    require_torch("training")
    if output.is_dir():
        raise OutputError(output, "is a folder")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(output.parent, error.strerror or str(error)) from None
    import torch

    from swishcli.training.cache import default_cache
    from swishcli.training.run import TrainingRun

    # Making crops costs about as much as learning from them: a worker per core, and one thread to learn.
    workers = default_threads() if workers is None else workers
    torch.set_num_threads(1 if workers else default_threads())
    with _display() as display:
        training = TrainingRun(
            data,
            output,
            _recipe(
                size or "slim",
                causal=causal,
                config=config,
                epochs=epochs,
                seed=seed,
                fixed=init_from is not None,
            ),
            device=torch.device(find_device(device.device)),
            workers=workers,
            cache=cache or default_cache(),
            observer=display,
            labelled=recordings,
            rooms=rir,
            init_from=init_from,
            teachers=teacher or [],
            resume=resume,
            command=shlex.join(["swish", *sys.argv[1:]]),
        )
        try:
            training()
        except KeyboardInterrupt:
            if training.state_path.exists():
                print_error(f"stopped; {output} holds the best weights so far, --resume goes on")
            else:
                print_error(f"stopped; {output} holds the latest weights, no epoch has ended")
            raise
    print(f"{output}: {display.summary()}")


def _recipe(
    size: str, *, causal: bool, config: Path | None, epochs: int | None, seed: int | None, fixed: bool
) -> Recipe:
    """The recipe; `fixed` says that front end, network and smoothing are those of another model."""
    from swishcli.training.recipe import Recipe, network_of_size, read_config

    recipe = Recipe(network=network_of_size(size))
    if config is not None:
        tables = read_config(config)
        named = [f"[{t}] {o}" for t in ("front_end", "network", "smoothing") for o in tables.get(t, ())]
        if fixed and set(named) - {"[network] dropout"}:
            raise typer.BadParameter(
                f"{named[0]} in {display_path(config)} is that of --init-from: leave it out",
                param_hint="--init-from",
            )
        recipe = recipe.overridden(tables, str(config))
    if causal:
        recipe = replace(recipe, network=replace(recipe.network, causal=True))
    given = {"epochs": epochs, "seed": seed}
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

    def on_start(
        self,
        recipe: Recipe,
        classes: Sequence[str],
        train: Sequence[CachedRecording],
        val: Sequence[CachedRecording],
    ) -> None:
        rate, hop = recipe.front_end.sample_rate, recipe.front_end.hop_length
        self._classes = tuple(classes)
        self._epochs = recipe.training.epochs
        if any(r.item.segments for r in train):
            self._console.print("labels over time: every frame is taught its own")
        for name, recordings in (("train", train), ("val", val)):
            seconds: defaultdict[str, float] = defaultdict(float)
            for stretch in (s for r in recordings for s in r.stretches(hop, rate)):
                seconds[stretch.item.label] += stretch.n_samples / rate
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
        recalls = ["" if math.isnan(recall) else f"{recall:.3f}" for recall in result.recalls]
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
            named = "  ".join(f"{c} {r}" for c, r in zip(self._classes, recalls, strict=True) if r)
            self._console.print(
                f"epoch {cells[0]}/{self._epochs}  loss {cells[1]}  val recall {cells[2]}  {named}  {cells[-1]} s",
                soft_wrap=True,
            )

    def summary(self) -> str:
        """The end of a run in a line."""
        if self._best is None:
            return "nothing left to train"
        return f"macro-averaged recall {self._best.macro_recall:.4f} on validation, from epoch {self._best.epoch}"
