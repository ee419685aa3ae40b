"""What to work on: the recordings that files, folders and patterns stand for, and names for their outputs."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from swishcli.audio import STDIN
from swishcli.errors import AudioError, DataError, SwishError, display_path
from swishcli.files import recordings_in


@dataclass(frozen=True, slots=True)
class Input:
    """A recording to work on."""

    path: str
    name: Path
    """Its path below the folder it was found in, or its file name: what its outputs are named after."""

    def output_name(self, keep_suffix: bool = False) -> Path:
        """What its outputs are called before their own suffixes: ``sub/a`` for ``sub/a.wav``, or all of it."""
        return self.name if keep_suffix else self.name.with_suffix("")


def find_inputs(arguments: Iterable[str]) -> list[Input | SwishError]:
    """The recordings that files, folders (recursively), shell patterns and ``"-"`` stand for.

    What stands for nothing is an error in its place. A recording named twice comes once.
    """
    found: dict[object, Input | SwishError] = {}
    for argument in arguments:
        for item in _inputs_of(argument):
            found.setdefault(item.path if isinstance(item, Input) else item, item)
    return list(found.values())


def _inputs_of(argument: str) -> Iterator[Input | SwishError]:
    path = Path(argument)
    if not argument:
        yield AudioError("''", "is not a file name")
    elif argument == STDIN:
        yield Input(STDIN, Path("stdin"))
    elif _is_dir(path):
        yield from _inputs_of_folder(path)
    elif glob.has_magic(argument) and not os.path.exists(argument):  # noqa: PTH110  (no name is an error to it)
        matches = sorted(glob.glob(argument, recursive=True))  # noqa: PTH207  (absolute patterns too)
        for match in matches:
            if Path(match).is_dir():
                yield from _inputs_of_folder(Path(match))
            else:
                yield Input(match, Path(Path(match).name))
        if not matches:
            yield AudioError(argument, "no file matches the pattern")
    else:
        yield Input(argument, Path(path.name))


def _is_dir(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that no file can have: who opens it says so
        return False


def _inputs_of_folder(folder: Path) -> Iterator[Input | SwishError]:
    try:
        recordings = recordings_in(folder)
    except OSError as error:
        yield AudioError(folder, f"cannot be read: {error.strerror}")
        return
    if not recordings:
        yield AudioError(folder, "is a folder without recordings")
    for path in recordings:
        yield Input(str(path), path.relative_to(folder))


def check_output_names(inputs: Sequence[Input], keep_suffix: bool = False) -> None:
    """Raise DataError where two recordings would write the same files.

    Names that differ in capitals alone are one on some file systems.

    >>> check_output_names([Input("a.wav", Path("a.wav")), Input("a.mp3", Path("a.mp3"))])
    Traceback (most recent call last):
    ...
    swishcli.errors.DataError: a.wav and a.mp3 would write the same files: --keep-suffix tells them apart
    """
    by_name: dict[str, Input] = {}
    for item in inputs:
        other = by_name.setdefault(str(item.output_name(keep_suffix)).casefold(), item)
        if other is not item:
            differ = other.name.suffix.casefold() != item.name.suffix.casefold()
            hint = "--keep-suffix tells them apart" if differ else "name the folder that holds both"
            both = f"{display_path(other.path)} and {display_path(item.path)}"
            raise DataError(f"{both} would write the same files: {hint}")
