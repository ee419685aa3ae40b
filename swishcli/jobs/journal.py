"""What a batch has done, line by line, so that another run can go on where it ended.

A journal is a file of JSON Lines. A line is one recording: where it lies, its size and time when the work began,
a digest of the model and the options, and what came of it: seconds of each class, warnings, the files that were
written with their sizes, the answers themselves where nothing else keeps them; or the reason of a failure. Lines are
added and never changed, and a line that a crash has cut off counts for nothing.

A line follows the files it names: they are on the disk before it is written. Lines are forced to the disk at most
once a second, so that a power cut costs what was done in the last one, which is then done again.
"""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from swishcli.analysis import Analysis
from swishcli.errors import OutputError, SwishError
from swishcli.files import make_folder, output_error
from swishcli.jobs.inputs import Input
from swishcli.jobs.report import Heard, reason_of
from swishcli.jobs.task import Done, FileState
from swishcli.segments import Classification, Segment, Segmentation

_SYNC_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Entry:
    """A recording that is done."""

    task: str
    """Digest of the model and the options."""
    source: FileState
    heard: Heard
    outputs: tuple[tuple[str, int], ...]
    """The files that were written: paths below the folder of the outputs, and bytes."""
    answers: tuple[int, int] | None
    """Where in the journal the line lies that holds the answers, and its bytes."""


class Journal:
    """An open journal; one process at a time has it.

    Parameters
    ----------
    path : Path
    resume : bool
        Whether to go on with what is there; else it begins anew.
    keep_answers : bool
        Whether the answers are kept, because nothing else does.

    Raises
    ------
    OutputError
        If the journal cannot be written, or another process works with it.
    """

    def __init__(self, path: Path, resume: bool, keep_answers: bool = False) -> None:
        self._path, self._keep_answers = path, keep_answers
        self._entries: dict[str, Entry] = {}
        make_folder(path.parent)
        try:
            self._file = path.open("ab+", buffering=0)
        except OSError as error:
            raise output_error(path, error) from None
        try:
            _lock(self._file.fileno(), path)
            if resume:
                self._read()
            else:
                self._file.truncate(0)
        except OSError as error:
            self._file.close()
            raise output_error(path, error) from None
        except OutputError:
            self._file.close()
            raise
        self._synced = 0.0

    def find(self, item: Input, task: str) -> Entry | None:
        """What there is of a recording, if it was done by the same task and is as it was."""
        entry = self._entries.get(_key(item))
        if entry is None or entry.task != task or entry.source != FileState.of(item.path):
            return None
        return None if self._keep_answers and entry.answers is None else entry

    def answers(self, entry: Entry) -> tuple[Analysis, ...]:
        """The answers of an entry that keeps them."""
        assert entry.answers is not None
        at, length = entry.answers
        self._file.seek(at)
        return _answers(json.loads(self._file.read(length)))

    def note(self, item: Input, task: str, result: Done | SwishError) -> None:
        """Add what came of a recording. Raises OutputError."""
        line: dict[str, Any] = {"path": _key(item), "task": task}
        if isinstance(result, SwishError):
            line["error"] = reason_of(item.path, result)
        elif result.source is None:  # standard input, which is never there again
            return
        else:
            heard = Heard.of(result.answers)
            line |= {"size": result.source.size, "mtime_ns": result.source.mtime_ns, **asdict(heard)}
            line["outputs"] = result.outputs
            if self._keep_answers:
                line["answers"] = [asdict(answer) for answer in result.answers]
        # ASCII only, so that paths with undecodable bytes come back the same.
        self._write(json.dumps(line, default=float).encode("ascii") + b"\n")

    def close(self) -> None:
        """Force everything to the disk. Raises OutputError."""
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise output_error(self._path, error) from None
        finally:
            self._file.close()

    def _write(self, line: bytes) -> None:
        try:
            if self._file.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            now = time.monotonic()
            if now - self._synced >= _SYNC_EVERY_S:
                os.fsync(self._file.fileno())
                self._synced = now
        except OSError as error:
            raise output_error(self._path, error) from None

    def _read(self) -> None:
        self._file.seek(0)
        at, line = 0, b""
        with open(os.dup(self._file.fileno()), "rb") as file:  # noqa: PTH123  (buffered)
            for line in file:
                if line.endswith(b"\n"):
                    self._take(line, at)
                at += len(line)
        if line and not line.endswith(b"\n"):
            self._file.write(b"\n")  # what was cut off stays a line of its own

    def _take(self, line: bytes, at: int) -> None:
        """Remember a line that can be trusted; what it says of a recording is the last word."""
        try:
            said = json.loads(line)
            key = said["path"]
            if "error" in said:
                self._entries.pop(key, None)
            else:
                self._entries[key] = _entry(said, (at, len(line)))
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return


def _key(item: Input) -> str:
    """A recording's path, however it is spelled."""
    return os.path.abspath(item.path)  # noqa: PTH100  (links stay)


def _entry(said: Mapping[str, Any], where: tuple[int, int]) -> Entry:
    """From a line. Raises what a line of another form makes."""
    answers = where if _answers(said) else None
    seconds = {str(label): float(seconds) for label, seconds in said["seconds"].items()}
    heard = Heard(float(said["audio_s"]), seconds, tuple(map(str, said["warnings"])))
    outputs = tuple((str(name), int(size)) for name, size in said["outputs"])
    return Entry(str(said["task"]), FileState(said["size"], said["mtime_ns"]), heard, outputs, answers)


def _answers(said: Mapping[str, Any]) -> tuple[Analysis, ...]:
    """The answers in a line, none where it keeps none."""
    return tuple(
        Analysis(_classification(a["classification"]), _segmentation(a["segmentation"]))
        for a in said.get("answers", ())
    )


def _classification(said: Mapping[str, Any]) -> Classification:
    return Classification(**{**said, "warnings": tuple(said["warnings"])})


def _segmentation(said: Mapping[str, Any]) -> Segmentation:
    segments = tuple(Segment(**s) for s in said["segments"])
    return Segmentation(**{**said, "segments": segments, "warnings": tuple(said["warnings"])})


def _lock(descriptor: int, path: Path) -> None:
    """Keep other processes from the journal, where the system can. Raises OutputError if another has it."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OutputError(path, "another process works on the same batch") from None
    except OSError:  # a file system without locks
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)
