"""What to work on: the recordings that files, folders and patterns stand for, and names for their outputs."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from swishcli.audio import STDIN
from swishcli.errors import AudioError, DataError, SwishError, display_path
from swishcli.files import recordings_in
from swishcli.jobs.lists import read_list


@dataclass(frozen=True, slots=True)
class Input:
    """A recording to work on."""

    path: str
    name: Path
    """What its outputs are named after: its path below the folder it was found in, its place in a list, or its
    file name. It never leads upwards."""

    def output_name(self, keep_suffix: bool = False) -> Path:
        """What its outputs are called before their own suffixes: ``sub/a`` for ``sub/a.wav``, or all of it."""
        short = self.name.with_suffix("")
        # Of "...wav" nothing but dots would be left, which mean folders.
        return self.name if keep_suffix or not short.name.strip(".") else short


def find_inputs(arguments: Iterable[str], listed_in: str | None = None) -> list[Input | SwishError]:
    """The recordings that files, folders (recursively), shell patterns and ``"-"`` stand for.

    After them come those of a list (`swishcli.jobs.lists`). What stands for nothing is an error in its place. A
    recording named twice comes once, where it came first.

    Raises DataError if the list cannot be read.
    """
    found: dict[object, Input | SwishError] = {}
    for argument in arguments:
        for item in _inputs_of(argument):
            found.setdefault(_identity(item), item)
    for item in () if listed_in is None else _inputs_of_list(listed_in):
        found.setdefault(_identity(item), item)
    return list(found.values())


def _identity(item: Input | SwishError) -> object:
    """What is the same of a recording however its path is spelled; links are recordings of their own."""
    if isinstance(item, Input) and item.path != STDIN:
        return os.path.abspath(item.path)  # noqa: PTH100  (which leaves links as they are)
    return item


def _inputs_of(argument: str) -> Iterator[Input | SwishError]:
    path = Path(argument)
    if not argument:
        yield AudioError("''", "is not a file name")
    elif argument == STDIN:
        yield Input(STDIN, Path("stdin"))
    elif glob.has_magic(argument) and not os.path.exists(argument):  # noqa: PTH110  (no name is an error to it)
        matches = sorted(glob.glob(argument, recursive=True))  # noqa: PTH207  (absolute patterns too)
        fixed = Path(*takewhile(lambda part: not glob.has_magic(part), path.parts))
        for match in matches:
            yield from _inputs_at(match, _name_below(fixed, match))
        if not matches:
            yield AudioError(argument, "no file matches the pattern")
    else:
        yield from _inputs_at(argument, Path() if _is_dir(path) else Path(path.name))


def _inputs_of_list(name: str) -> Iterator[Input | SwishError]:
    empty = True
    for entry in read_list(name):
        empty = False
        if isinstance(entry, SwishError):
            yield entry
        else:
            path = str(Path(entry.base, entry.path))
            # A file of that name in a list is not standard input.
            yield from _inputs_at(f"./{path}" if path == STDIN else path, _name_below(entry.base, path))
    if empty:
        yield DataError(f"{'standard input' if name == STDIN else display_path(name)}: lists no recordings")


def _inputs_at(path: str, name: Path) -> Iterator[Input | SwishError]:
    """The recording at a path, or those below the folder that is there, named from `name` on."""
    if not _is_dir(Path(path)):
        yield Input(path, name if name.name else Path("nothing"))  # "missing/..": who opens it says so
        return
    try:
        recordings = recordings_in(Path(path))
    except OSError as error:
        yield AudioError(path, f"cannot be read: {error.strerror}")
        return
    if not recordings:
        yield AudioError(path, "is a folder without recordings")
    for recording in recordings:
        yield Input(str(recording), name / recording.relative_to(path))


def _name_below(folder: Path, path: str) -> Path:
    """Where a recording lies below a folder; what lies elsewhere is named by all of its path.

    So every part of a list gives the same names as the whole, and no name leads upwards.

    >>> str(_name_below(Path("/data"), "/data/x/../a.mp3")), str(_name_below(Path("/data"), "/data/../radio/a.mp3"))
    ('a.mp3', 'radio/a.mp3')
    """
    top, whole = (Path(os.path.abspath(p)) for p in (folder, path))  # noqa: PTH100  (links stay)
    return whole.relative_to(top if whole.is_relative_to(top) else whole.anchor)


def _is_dir(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that no file can have: who opens it says so
        return False


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
