"""Labels over time as training data: files of labels, and the recordings that they are of.

Files of labels lie beside their recordings (``a.tsv`` beside ``a.wav``), in any of the formats of
`swishcli.formats`; or they lie apart and say whose they are, by the path in them (JSON, CSV, JSON Lines) or by their
names. So do the corrections that a review page downloads.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from swishcli.errors import DataError, display_path
from swishcli.evaluation.pairing import recording_name
from swishcli.files import is_audio, recordings_in
from swishcli.formats import LABEL_SUFFIXES, LINES_SUFFIX, read_all_segments
from swishcli.segments import Segmentation

_NOTES = (".txt", ".lab")
"""Suffixes of files beside recordings that are labels for some, and anything for others."""
_TABLES = (".tsv", ".csv", ".txt")
"""Suffixes of files that may be manifests."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Labelled:
    """A recording with labels over time."""

    recording: Path
    segmentation: Segmentation
    file: Path
    """That the labels are in."""


def find_labelled(data: Path, recordings: Path | None = None) -> list[Labelled]:
    """The recordings that files of labels in `data`, or the file `data` itself, are of, sorted by path.

    Recordings are looked for beside the labels; where there are none, by the path that the labels give, and by name
    in the folder `recordings`. Of a recording with several files of labels the newest counts. Nothing is returned
    where there are no such files: a folder of classes, or a manifest.

    Raises DataError if labels cannot be read, or the recordings of none of them can be found.
    """
    files = sorted(_label_files(data)) if data.is_dir() else [data] if _may_be_labels(data) else []
    if not files:
        return []
    search = _Search(data, recordings)
    found: dict[Path, Labelled] = {}
    lost: list[Path] = []
    for file in files:
        beside = search.beside(file)
        if beside is None and search.is_of_recordings:
            continue  # notes, a manifest: labels of recordings elsewhere are no part of a folder of recordings
        try:
            segmentations = read_all_segments(file)
        except DataError as error:
            if file.suffix.lower() in (_NOTES if beside else _TABLES):
                continue
            if beside is None and file != data:
                _log.warning("%s; left out", error)
                continue
            raise
        for segmentation in segmentations:
            recording = beside if len(segmentations) == 1 and beside else search.named(file, segmentation)
            if recording is None:
                lost.append(file)
            elif segmentation.duration > 0:
                _add(found, Labelled(recording, segmentation, file))
    _tell(lost, bool(found))
    return [found[recording] for recording in sorted(found)]


def _label_files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if _may_be_labels(path) and not path.name.startswith(".") and path.is_file():
            yield path


def _may_be_labels(path: Path) -> bool:
    return path.suffix.lower() in (*LABEL_SUFFIXES, LINES_SUFFIX)


def _add(found: dict[Path, Labelled], labelled: Labelled) -> None:
    """Take labels, unless newer ones of the recording are there."""
    other = found.get(labelled.recording)
    if other is not None:
        newer, older = sorted((labelled, other), key=lambda x: x.file.stat().st_mtime, reverse=True)
        _log.warning(
            "%s: left out, %s is newer and of the same recording",
            display_path(older.file),
            display_path(newer.file),
        )
        labelled = newer
    found[labelled.recording] = labelled


def _tell(lost: list[Path], any_found: bool) -> None:
    if lost and not any_found:
        raise DataError(
            f"{display_path(lost[0])}: its recording is not found; --recordings names the folder that it is in"
        )
    for file in lost:
        _log.warning("%s: its recording is not found; left out", display_path(file))


class _Search:
    """Finds recordings beside labels, where labels say, and by name."""

    def __init__(self, data: Path, elsewhere: Path | None) -> None:
        self._folder = data if data.is_dir() else data.parent
        beside = recordings_in(data) if data.is_dir() else [p for p in self._folder.iterdir() if is_audio(p)]
        self._beside = {recording_name(path.relative_to(self._folder)): path for path in beside}
        self._others: dict[str, Path | None] = {}
        for path in [] if elsewhere is None else recordings_in(elsewhere):
            name = recording_name(PurePath(path.name))
            # What two recordings are called is the name of neither; where they lie tells them apart.
            self._others[name] = None if name in self._others else path
            self._others[recording_name(path.relative_to(elsewhere or self._folder))] = path
        self.is_of_recordings = data.is_dir() and bool(beside) and elsewhere is None
        """Whether labels are only looked at where they lie beside recordings."""

    def beside(self, file: Path) -> Path | None:
        """The recording beside a file of labels."""
        return self._beside.get(recording_name(file.relative_to(self._folder)))

    def named(self, file: Path, segmentation: Segmentation) -> Path | None:
        """The recording that labels are of by their path or by the name of their file."""
        if segmentation.path is not None:
            path = Path(segmentation.path)
            for candidate in (path, self._folder / path):
                if is_audio(candidate) and candidate.is_file():
                    return candidate
        names = [recording_name(file.relative_to(self._folder)), recording_name(PurePath(file.name))]
        if segmentation.path is not None:
            names[:0] = [recording_name(PurePath(PurePath(segmentation.path).name))]
        return next((self._others[name] for name in names if self._others.get(name)), None)
