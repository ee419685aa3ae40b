"""What can go wrong, as one family: each error is a sentence for the person at the terminal."""

from __future__ import annotations

from pathlib import Path
from unicodedata import category

_UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp", "Cn"})
"""Controls, lone surrogates, line and paragraph ends, and what is no character."""

_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""What changes the direction of writing: after it the end of a name can look like its middle."""


def display_path(path: str | Path) -> str:
    """A path as one line that does nothing to a terminal: control characters and undecodable bytes are escaped.

    So are those that write backwards what follows. Spaces of other widths and joiners are parts of names like any
    letter.

    >>> display_path("a song.wav"), display_path("1\u202fh.wav") == "1\u202fh.wav"
    ('a song.wav', True)
    >>> display_path("two\\nlines.wav")
    'two\\\\nlines.wav'
    """
    return "".join(
        c.encode("unicode_escape").decode("ascii") if category(c) in _UNPRINTABLE or c in _TURNING else c
        for c in str(path)
    )


class SwishError(Exception):
    """Base of every error that swish raises on purpose; ``str(error)`` is one sentence."""


class FileError(SwishError):
    """Something about a file, with its name and the reason; survives pickling, as processes need."""

    def __init__(self, path: str | Path, reason: str) -> None:
        super().__init__(str(path), reason)
        self.path = str(path)
        self.reason = reason

    def __str__(self) -> str:
        return f"{display_path(self.path)}: {self.reason}"


class AudioError(FileError):
    """A recording that cannot be used."""


class CheckpointError(FileError):
    """A model file that cannot be used."""


class DataError(SwishError):
    """Training or reference data that cannot be used."""


class OutputError(FileError):
    """A result that cannot be written."""

    def __str__(self) -> str:
        return f"{display_path(self.path)}: cannot be written: {self.reason}"


class DiskFullError(OutputError):
    """A result for which there is no room: there will be none for any other either."""


class MissingDependencyError(SwishError):
    """A feature whose optional packages are not installed."""


class DeviceError(SwishError):
    """A device that was asked for and is not there."""
