"""``swish``: the commands together, and how they end."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.main import get_command

from swishcli import __version__
from swishcli.cli.classify import classify
from swishcli.cli.console import close_output, print_error, show_warnings
from swishcli.cli.convert import convert
from swishcli.cli.evaluate import evaluate
from swishcli.cli.exit_codes import EPILOG, ExitCode
from swishcli.cli.export import export
from swishcli.cli.info import info
from swishcli.cli.listen import listen
from swishcli.cli.models import models
from swishcli.cli.report import report
from swishcli.cli.review import review
from swishcli.cli.segment import segment
from swishcli.cli.train import train
from swishcli.errors import SwishError, display_path

app = typer.Typer(
    name="swish",
    help="Tell speech, music and noise apart.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


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
    show_warnings()


for command in (classify, segment, report, listen, review, evaluate, convert, info, models, train, export):
    app.command()(command)


def program() -> None:
    """Run ``swish`` as a process."""
    # The front end's matrix products are small: threads inside them only get in each other's way.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if sys.stdout is None:  # closed by who started us
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):
        # Names of files may hold what the terminal's encoding cannot say.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    if "_SWISH_COMPLETE" in os.environ:  # a shell asks what may follow
        app(prog_name="swish")
    code = main(sys.argv[1:])
    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        # One that waits for standard input would keep the interpreter from ending.
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``swish`` with the arguments after its name; return its exit code. No error leaves as a traceback."""
    try:
        code = _invoke(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
    except SwishError as error:
        print_error(error)
        return ExitCode.USAGE
    except KeyboardInterrupt:
        print_error("interrupted")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:  # who reads the output has seen enough, as `swish … | head` does
        close_output()
        return ExitCode.OK
    except OSError as error:
        if error.filename is not None:
            print_error(f"{display_path(os.fsdecode(error.filename))}: {error.strerror}")
            return ExitCode.USAGE
        # Recordings and files have errors of their own, with their names: this is the output.
        close_output()
        print_error(f"standard output: cannot be written: {error.strerror}")
        return ExitCode.SOME_FAILED
    return code


def _invoke(arguments: list[str]) -> int:
    """The exit code of the command; errors of the command-line library are shown as it wants to."""
    # Not through the app's own main: that would make a reader that leaves early an error.
    command = get_command(app)
    try:
        with command.make_context("swish", arguments) as context:
            command.invoke(context)
    except Exception as error:
        show, code = getattr(error, "show", None), getattr(error, "exit_code", None)
        if type(error).__name__ == "Abort":
            return ExitCode.INTERRUPTED
        if code is None:
            raise
        if show is not None:
            show()
        return int(code)
    return ExitCode.OK
