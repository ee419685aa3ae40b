"""Recordings sorted into one folder for each class, as links or as copies."""

from __future__ import annotations

import os
import secrets
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from swishcli.audio import STDIN
from swishcli.errors import AudioError, OutputError
from swishcli.files import atomic_path, make_folder, name_component, output_error, path_within
from swishcli.jobs.inputs import Input


@dataclass(frozen=True, slots=True)
class Sorting:
    """Where recordings are put: ``folder/label/`` and their own folders below."""

    folder: Path
    copies: bool = False
    """Whether the recordings are copied; else symbolic links lead to them."""

    def place(self, item: Input, label: str) -> Path:
        """Put a recording into the folder of its label; return where it is now.

        A link that is there leads to the recording from now on. Any other file stays, and is an error unless it is
        the copy already, by size and time.

        Raises
        ------
        AudioError
            For standard input, of which nothing is left.
        OutputError
            If the link or copy cannot be made.
        """
        if item.path == STDIN:
            raise AudioError("standard input", "can be neither linked nor copied")
        name = Path(name_component(label), item.name)
        # The folders alone: the file itself may be a link, to the recording.
        path = path_within(self.folder, name.parent) / name.name
        make_folder(path.parent)
        try:
            (_copy if self.copies else _link)(Path(os.path.abspath(item.path)), path)  # noqa: PTH100  (links stay)
        except OSError as error:
            raise output_error(path, error) from None
        return path


def _link(recording: Path, path: Path) -> None:
    if path.is_symlink():
        if path.readlink() == recording:
            return
    elif path.exists():
        raise OutputError(path, "another file is there")
    temporary = path.with_name(f".swish-{secrets.token_hex(8)}")
    try:
        temporary.symlink_to(recording)
        temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _copy(recording: Path, path: Path) -> None:
    if path.is_symlink():
        raise OutputError(path, "a link is there")
    if path.exists():
        ours, there = recording.stat(), path.stat()
        if (ours.st_size, ours.st_mtime_ns) == (there.st_size, there.st_mtime_ns):
            return
        raise OutputError(path, "another file is there")
    with atomic_path(path) as temporary:
        shutil.copy2(recording, temporary)
