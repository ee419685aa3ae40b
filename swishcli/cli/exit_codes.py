"""How ``swish`` ends."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of every command."""

    OK = 0
    """All well."""
    SOME_FAILED = 1
    """Some inputs failed, or a result could not be written; the others are done and written."""
    USAGE = 2
    """Wrong usage, a model or data set that cannot be used included; nothing was done."""
    STOPPED = 3
    """No room is left on the disk; what was finished before is written, ``--resume`` goes on."""
    INTERRUPTED = 130
    """Ctrl-C, or ended by a scheduler; what was finished before is written, ``--resume`` goes on."""


EPILOG = "Exit codes: 0 all well · 1 some inputs failed, the others are done · 2 wrong usage · 3 disk full · 130 interrupted"
