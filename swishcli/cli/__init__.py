"""The command line: a Typer app, one module per command.

Exit codes: 0 all well; 1 some inputs failed, the others are done and written; 2 wrong usage, a model or
data set that cannot be used included; 130 interrupted.

Nothing here imports the network's libraries before a command needs them: `swish --help` answers at once.
"""

from __future__ import annotations

import os
import sys

EXIT_OK, EXIT_SOME_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130


def main() -> None:
    """Run ``swish`` and exit with a documented code; no error leaves as a traceback."""
    # The front end's matrix products are small: threads inside them only get in each other's way.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from typer.main import get_command

    from swishcli.cli.app import app
    from swishcli.cli.console import print_error
    from swishcli.errors import SwishError

    if sys.stdout is None:  # closed by who started us
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):
        # Names of files may hold what the terminal's encoding cannot say.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        # Not through the app's own main: that would make a reader that leaves early an error.
        command = get_command(app)
        with command.make_context("swish", sys.argv[1:]) as context:
            command.invoke(context)
        sys.stdout.flush()
        code = EXIT_OK
    except SwishError as error:
        print_error(error)
        code = EXIT_USAGE
    except KeyboardInterrupt:
        print_error("interrupted")
        # A thread that waits for standard input would keep the interpreter from ending.
        os._exit(EXIT_INTERRUPTED)
    except BrokenPipeError:  # who reads the output has seen enough, as `swish … | head` does
        _give_up_stdout()
        code = EXIT_OK
    except OSError as error:  # recordings and files have errors of their own: this is the output
        _give_up_stdout()
        print_error(f"standard output: cannot be written: {error.strerror}")
        code = EXIT_SOME_FAILED
    except Exception as error:
        code = _exit_code_of(error)
    sys.exit(code)


def _give_up_stdout() -> None:
    """Python flushes standard output when it ends: what is left there must not fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _exit_code_of(error: Exception) -> int:
    """Of an exception of the command-line library, shown as it wants to be; others are bugs."""
    show, code = getattr(error, "show", None), getattr(error, "exit_code", None)
    if type(error).__name__ == "Abort":
        return EXIT_INTERRUPTED
    if code is None:
        raise error
    if show is not None:
        show()
    return int(code)
