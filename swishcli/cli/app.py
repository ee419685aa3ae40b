"""The commands and their options; each command's work is in its own module."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from swishcli import __version__

app = typer.Typer(
    name="swish",
    help="Tell speech, music and noise apart.",
    epilog="Exit codes: 0 all well · 1 some inputs failed, the others are done · 2 wrong usage · 130 interrupted",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class DeviceName(StrEnum):
    """Where a network runs."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"
    mps = "mps"


Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH...",
        help="Recordings, folders (searched through), shell patterns, or - for standard input.",
    ),
]
ModelOption = Annotated[str, typer.Option("--model", "-m", help="A model that comes with swish, or a file.")]
DeviceOption = Annotated[DeviceName, typer.Option(help="auto takes a GPU where there is one, else the CPU.")]
ChannelOption = Annotated[
    str | None,
    typer.Option(help="A channel, from 0, or split for each on its own; by default the mean of all."),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="JSON Lines on standard output, an object a recording.")
]
CsvOption = Annotated[bool, typer.Option("--csv", help="CSV on standard output.")]
ThreadsOption = Annotated[
    int | None, typer.Option(min=1, help="CPU threads; by default OMP_NUM_THREADS, or all cores.")
]


def _channel(value: str | None) -> int | str | None:
    if value is None or value == "split":
        return value
    if not value.isdigit():
        raise typer.BadParameter(
            f"{value!r} is neither a channel number, from 0, nor 'split'", param_hint="--channel"
        )
    return int(value)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"swish {__version__}")
        raise typer.Exit


@app.callback()
def _swish(
    _: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    from swishcli.cli.console import show_warnings

    show_warnings()


@app.command()
def classify(
    paths: Inputs,
    model: ModelOption = "slim",
    device: DeviceOption = DeviceName.auto,
    channel: ChannelOption = None,
    threads: ThreadsOption = None,
    json: JsonOption = False,
    csv: CsvOption = False,
) -> None:
    """Say what each recording is: its label, the confidence, and the share of every class.

    The label is that of the recording taken as one thing; the shares say how much of its time is what.
    """
    from swishcli.cli.classify import run
    from swishcli.cli.work import Work

    raise typer.Exit(
        run(paths, Work(model, device.value, _channel(channel), threads), _stdout_format(json, csv))
    )


@app.command()
def segment(
    paths: Inputs,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="DIR", help="Folder to write one file per recording and format to."
        ),
    ] = None,
    formats: Annotated[
        str,
        typer.Option(
            "--format",
            "-f",
            help="Formats for --output: json, csv, tsv, rttm, textgrid, audacity; with commas.",
        ),
    ] = "json",
    model: ModelOption = "slim",
    device: DeviceOption = DeviceName.auto,
    channel: ChannelOption = None,
    threads: ThreadsOption = None,
    transition_cost: Annotated[
        float | None, typer.Option(min=0, help="Nats that a change of class must be worth; more is smoother.")
    ] = None,
    min_duration: Annotated[
        float | None, typer.Option(min=0, help="Shorter segments join a neighbour; seconds.")
    ] = None,
    min_silence: Annotated[
        float | None, typer.Option(min=0, help="Shorter silences are not reported; seconds.")
    ] = None,
    silence_db: Annotated[
        float | None, typer.Option(max=0, help="Level below which a frame is silent; dBFS.")
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Follow standard input: each segment as soon as it is decided.")
    ] = False,
    json: JsonOption = False,
    csv: CsvOption = False,
) -> None:
    """Cut each recording into labelled segments that tile it.

    Prints a table, or text with tabs in a pipe; with -o DIR writes files instead.
    """
    from swishcli.cli.segment import Destination, run, run_live
    from swishcli.cli.work import Work

    smoothing = {
        "transition_cost": transition_cost,
        "min_duration_s": min_duration,
        "min_silence_s": min_silence,
        "silence_dbfs": silence_db,
    }
    given = {name: value for name, value in smoothing.items() if value is not None}
    work = Work(model, device.value, _channel(channel), threads, given)
    if live:
        if paths != ["-"] or output is not None or csv:
            raise typer.BadParameter("works with - alone, as text or --json", param_hint="--live")
        raise typer.Exit(run_live(work, _stdout_format(json, csv)))
    if output is not None and (json or csv):
        raise typer.BadParameter("with --output the formats are named by --format", param_hint="--json/--csv")
    destination = None if output is None else Destination(output, tuple(formats.split(",")))
    raise typer.Exit(run(paths, work, destination, _stdout_format(json, csv)))


def _stdout_format(json: bool, csv: bool) -> str:
    if json and csv:
        raise typer.BadParameter("choose one of them", param_hint="--json/--csv")
    return "json" if json else "csv" if csv else "table" if sys.stdout.isatty() else "text"


@app.command()
def train(
    data: Annotated[
        Path,
        typer.Argument(
            help="A folder with one folder per class, or a TSV/CSV manifest with path and label columns."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The model file to write, *.safetensors.")],
    size: Annotated[
        str, typer.Option(help="classic, slim, wide, large or live; [network] of --config makes others.")
    ] = "slim",
    causal: Annotated[
        bool, typer.Option("--causal", help="A network that never looks ahead, for live sound.")
    ] = False,
    config: Annotated[
        Path | None, typer.Option(help="TOML file with what else may be configured; see README.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Passes over as much audio as the data holds.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Repeats a run on the CPU bit for bit.")] = None,
    rir: Annotated[
        Path | None, typer.Option(help="Folder of measured room impulse responses, beside synthetic rooms.")
    ] = None,
    init_from: Annotated[
        str | None, typer.Option(help="Start from a model (name or file) instead of random weights.")
    ] = None,
    teacher: Annotated[
        list[str] | None,
        typer.Option(
            help="Learn from a model's answers too (name or file), or from those of an ONNX audio tagger; "
            "may be given several times."
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the interrupted run of --output.")
    ] = False,
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
    """
    from swishcli.cli.train import Options, run

    options = Options(
        data,
        output,
        size,
        causal,
        config,
        epochs,
        seed,
        rir,
        init_from,
        teacher or [],
        resume,
        device.value,
        workers,
        cache,
    )
    raise typer.Exit(run(options))


@app.command()
def export(
    model: Annotated[str, typer.Argument(help="A model that comes with swish, or a file.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The ONNX file to write.")],
    front_end: Annotated[
        bool, typer.Option("--front-end", help="Put the MFCC into the graph: samples in, logits out.")
    ] = False,
) -> None:
    """Write a model as ONNX for other programs, checked against torch."""
    from swishcli.cli.export import run

    raise typer.Exit(run(model, output, front_end))
