"""Files: which ones are recordings, and outputs that exist only when they are complete.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     write_text_atomically(Path(folder, "a.csv"), "start,end\\n")
...     [p.name for p in Path(folder).iterdir()]
['a.csv']
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath

from swishcli.errors import DiskFullError, OutputError

_AUDIO_SUFFIXES = frozenset(
    ".wav .wave .flac .ogg .oga .ogx .ogv .opus .spx .mp3 .mp2 .mpga .aif .aiff .aifc .au .snd .caf .w64 .rf64 "  # noqa: SIM905
    ".bwf .m4a .m4b .m4v .mp4 .aac .mkv .mka .webm .weba .wma .wmv .asf .mov .avi .amr .3gp .3g2 .ac3 .eac3 .dts "
    ".mpg .mpeg .vob .ts .mts .m2ts .flv .f4v .gsm .wv .tta .ape .sph .nist .voc".split()
)

_TEMPORARY = ".swish-"
_MARK_BYTES = 6
_MARK_LENGTH = len(_TEMPORARY) + 2 * _MARK_BYTES + 1
_NO_ROOM = frozenset({errno.ENOSPC, errno.EROFS, getattr(errno, "EDQUOT", errno.ENOSPC)})


def is_audio(path: Path) -> bool:
    """Whether a file found in a folder is taken for a recording: by its suffix, hidden files not.

    >>> is_audio(Path("a/b.FLAC")), is_audio(Path("a/._b.flac")), is_audio(Path("notes.txt"))
    (True, False, False)
    """
    return path.suffix.lower() in _AUDIO_SUFFIXES and not path.name.startswith(".")


def recordings_in(folder: Path) -> list[Path]:
    """The recordings below a folder, however deep, sorted: regular files, pipes and devices are none.

    Links to folders are followed, each folder once, so that circles of them end.
    """
    os.listdir(folder)  # noqa: PTH208  (walking skips what cannot be read; the folder itself must be readable)
    found, seen = [], set()
    for where, folders, names in os.walk(folder, followlinks=True):
        identity = os.stat(where)  # noqa: PTH116
        if (identity.st_dev, identity.st_ino) in seen:
            folders.clear()
            continue
        seen.add((identity.st_dev, identity.st_ino))
        found += [Path(where, name) for name in names if is_audio(Path(name)) and Path(where, name).is_file()]
    return sorted(found)


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """A path to write to, in the folder of `path`, that becomes `path` when the block ends well.

    When the block raises anything, KeyboardInterrupt included, what it wrote is removed and the file that
    stood at `path` before stays as it was. A power cut leaves the one or the other, whole; once the block has
    ended, the new one. The path keeps the suffix of `path`, from which libraries tell
    the format. A symbolic link is written through, as ``open`` does; a device or a pipe cannot be replaced
    and is given as it is.

    Raises
    ------
    OutputError
        With the operating system's reason, for every OSError in the block or around it: keep only the
        writing in the block. A DiskFullError where there is no room.
    """
    try:
        mode = _mode(path)
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if mode and not stat.S_ISREG(mode):
            yield Path(path)  # renaming over /dev/null would put a file in its place
            return
        target = Path(path).resolve()
        # Not made here (tempfile would): the block's own open gives it the permissions of any new file.
        temporary = target.with_name(f"{_mark(target)}{secrets.token_hex(4)}{target.suffix}")
        try:
            yield temporary
            # In this order, or a power cut could leave the new name on an empty file.
            _flush(temporary)
            temporary.replace(target)
            _flush_folder(target.parent)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
    except OSError as error:
        raise output_error(path, error) from error


def output_error(path: str | Path, error: OSError) -> OutputError:
    """The error that tells of a path which cannot be written."""
    kind = DiskFullError if error.errno in _NO_ROOM else OutputError
    return kind(path, error.strerror or str(error))


def make_folder(folder: Path) -> None:
    """Make a folder and those it lies in, where they are missing. Raises OutputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(folder, error) from None


def remove_leftovers(paths: Iterable[Path]) -> None:
    """Remove what processes that were killed while they wrote to `paths` have left beside them.

    Nobody else may be writing to them.
    """
    marks: dict[Path, set[str]] = {}
    for path in paths:
        target = path.resolve()
        marks.setdefault(target.parent, set()).add(_mark(target))
    for folder, ours in marks.items():
        with suppress(OSError):  # it is not there yet, or not ours: nothing to tidy
            for entry in os.listdir(folder):  # noqa: PTH208
                if entry[:_MARK_LENGTH] in ours:
                    (folder / entry).unlink(missing_ok=True)


def path_within(folder: Path, name: PurePath) -> Path:
    """Where an output of that name lies in a folder.

    Raises OutputError if it would lie outside: ``..`` or a link on the way leads out of the folder.
    """
    path = folder / name
    try:
        inside = path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError) as error:  # links in a circle
        raise OutputError(path, getattr(error, "strerror", None) or "links lead in a circle") from None
    if not inside:
        raise OutputError(path, "a link or .. leads out of the output folder")
    return path


def name_component(text: str) -> str:
    """Any text as a name that a file or folder can have on every system: one component of a path.

    >>> name_component("speech"), name_component("../a\\nb"), name_component("CON: x."), name_component("..")
    ('speech', '.._a_b', 'CON_ x_', '__')
    """
    plain = "".join("_" if c in '/\\:*?"<>|' or not c.isprintable() else c for c in text)
    dots = len(plain) - len(plain.rstrip(". "))  # which Windows does not keep at the end
    return plain[: len(plain) - dots] + "_" * dots or "_"


def write_text_atomically(path: str | Path, text: str) -> None:
    """Write `text` as UTF-8, with its line ends as they are, so that `path` is complete or untouched.

    Undecodable bytes of file names (lone surrogates) come out as ``\\udcff``: the file is always valid UTF-8.

    Raises
    ------
    OutputError
        If `path` cannot be written; nothing is left behind.
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(text.encode("utf-8", "backslashreplace"))


def _mark(target: Path) -> str:
    """How the names of temporary files begin that are to become `target`."""
    digest = hashlib.blake2b(os.fsencode(target.name), digest_size=_MARK_BYTES).hexdigest()
    return f"{_TEMPORARY}{digest}-"


def _flush(path: Path) -> None:
    """Wait until the file's content is on the disk."""
    with path.open("rb+") as file:  # for writing: Windows flushes no others
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where the system can tell."""
    with suppress(OSError):  # Windows opens no folders, and some file systems flush none
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _mode(path: str | Path) -> int:
    """What `path` leads to, as ``st_mode``; 0 where there is nothing yet."""
    try:
        return Path(path).stat().st_mode
    except FileNotFoundError:
        return 0
