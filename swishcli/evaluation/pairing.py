"""Which reference and which hypothesis belong together, and what is said about the two.

Files of labels are matched by name, whatever their formats: ``ref/a.tsv``, ``hyp/a.rttm`` and ``hyp/a.wav.json``
are of one recording. JSON Lines, as `swish segment --json` prints, RTTM and tables may be of many recordings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePath

from swishcli.errors import DataError, SwishError, display_path
from swishcli.files import is_audio
from swishcli.formats import (
    LABEL_SUFFIXES,
    LINES_SUFFIX,
    read_all_segments,
    read_segments,
    without_label_suffixes,
)
from swishcli.segments import SILENCE, Segment, Segmentation

NOTICEABLE_S = 0.5
"""Seconds by which a reference and a hypothesis may differ in length without a word."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A recording's reference and hypothesis."""

    name: str
    source: str
    """What it is grouped by."""
    reference: Segmentation
    hypothesis: Segmentation


def recording_name(path: PurePath) -> str:
    """What a file of labels is matched by: its path without suffixes of labels and recordings.

    >>> recording_name(PurePath("sub/a.wav.json")), recording_name(PurePath("a.v2.audacity.txt"))
    ('sub/a', 'a.v2')
    """
    path = without_label_suffixes(path)
    while is_audio(Path(path)):
        path = without_label_suffixes(path.with_suffix(""))
    return path.as_posix()


def label_files(folder: Path) -> list[Path]:
    """The files of labels below a folder. Raises DataError if there is none."""
    found = [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in LABEL_SUFFIXES
        and path.is_file()
        and not _is_hidden(path.relative_to(folder))
    ]
    if not found:
        raise DataError(f"{display_path(folder)}: is a folder without files of labels")
    return found


def _is_hidden(path: PurePath) -> bool:
    """Whether a file, or a folder that it lies in, is hidden, as the journals of batches are."""
    return any(part.startswith(".") for part in path.parts)


def by_recording(folder: Path) -> dict[str, Path]:
    """The `label_files` by the recording's name; of several formats the first is taken."""
    found: dict[str, Path] = {}
    for path in label_files(folder):
        found.setdefault(recording_name(path.relative_to(folder)), path)
    return found


@dataclass(frozen=True)
class References:
    """Labels that are right: a file, of whatever recording is asked for, or a folder of files matched by name."""

    path: Path
    tier: str | None = None

    def of(self, name: PurePath) -> Segmentation | None:
        """Those of the recording of a name, if there are any. Raises DataError where they cannot be read."""
        file = self._files.get(recording_name(name)) if self.path.is_dir() else self.path
        return None if file is None else read_segments(file, self.tier)

    @cached_property
    def _files(self) -> dict[str, Path]:
        return by_recording(self.path)


def read_all(path: Path, tier: str | None = None) -> dict[str, Segmentation | SwishError]:
    """All segmentations that a file or a folder holds, by the recording's name; what cannot be read as errors.

    Raises DataError if there is nothing.
    """
    if not path.exists():
        raise DataError(f"{display_path(path)}: no such file or folder")
    if path.is_dir():
        return {name: _read(file, tier) for name, file in by_recording(path).items()}
    found = [s for s in read_all_segments(path, tier) if s.duration > 0]
    if not found:
        raise DataError(f"{display_path(path)}: holds no labels")
    if len(found) == 1 and path.suffix.lower() != LINES_SUFFIX:
        return {recording_name(PurePath(path.name)): _without_gaps(found[0])}
    return {_name_of(segmentation): _without_gaps(segmentation) for segmentation in found}


def _read(path: Path, tier: str | None) -> Segmentation | SwishError:
    try:
        segmentation = read_segments(path, tier)
    except DataError as error:
        return error
    if segmentation.duration == 0:
        return DataError(f"{display_path(path)}: holds no labels")
    return _without_gaps(segmentation)


def _name_of(segmentation: Segmentation) -> str:
    """What a segmentation among others is matched by: the name of its recording, and its channel."""
    channel = "" if segmentation.channel is None else f".channel{segmentation.channel}"
    return recording_name(PurePath(PurePath(segmentation.path or "").name)) + channel


def _without_gaps(segmentation: Segmentation) -> Segmentation:
    """With silence where a part of the segments was left out."""
    if not segmentation.partial:
        return segmentation
    segments: list[Segment] = []
    for s in (*segmentation.segments, Segment(segmentation.duration, segmentation.duration, SILENCE)):
        position = segments[-1].end if segments else 0.0
        if s.start > position:
            segments.append(Segment(position, s.start, SILENCE))
        if s.start < s.end:
            segments.append(s)
    return replace(segmentation, segments=tuple(segments), partial=False)


def match(
    references: Mapping[str, Segmentation | SwishError],
    hypotheses: Mapping[str, Segmentation | SwishError],
    one_each: bool = False,
) -> tuple[list[Pair], list[SwishError]]:
    """Pairs of the same name, and an error for everything that is not in one.

    With `one_each` there is one of both, and names do not matter.
    """
    if one_each:
        hypotheses = dict(zip(references, hypotheses.values(), strict=True))
    pairs: list[Pair] = []
    errors: list[SwishError] = []
    for name in {**references, **hypotheses}:
        reference, hypothesis = references.get(name), hypotheses.get(name)
        errors += [side for side in (reference, hypothesis) if isinstance(side, SwishError)]
        if reference is None:
            errors.append(DataError(f"{display_path(name)}: has a hypothesis and no reference"))
        elif hypothesis is None:
            errors.append(DataError(f"{display_path(name)}: has a reference and no hypothesis"))
        elif isinstance(reference, Segmentation) and isinstance(hypothesis, Segmentation):
            pairs.append(Pair(name, PurePath(name).parent.as_posix(), reference, hypothesis))
    return pairs, errors


def match_recordings(
    recordings: Sequence[Path], folder: Path, hypotheses: Mapping[str, Segmentation | SwishError]
) -> tuple[list[Segmentation | None], list[SwishError]]:
    """The hypothesis about each recording, by its path below a folder or its name; errors for what has no partner."""
    names = [recording_name(PurePath(path.name)) for path in recordings]
    alone = {name for name, n in Counter(names).items() if n == 1}
    found: list[Segmentation | None] = []
    errors: list[SwishError] = []
    left = dict(hypotheses)
    for path, name in zip(recordings, names, strict=True):
        below = recording_name(path.relative_to(folder)) if path.is_relative_to(folder) else name
        hypothesis = left.pop(below, None) or (left.pop(name, None) if name in alone else None)
        if hypothesis is None:
            errors.append(DataError(f"{display_path(path)}: has a reference and no hypothesis"))
        elif isinstance(hypothesis, SwishError):
            errors.append(hypothesis)
        found.append(hypothesis if isinstance(hypothesis, Segmentation) else None)
    errors += [
        side
        if isinstance(side, SwishError)
        else DataError(f"{display_path(name)}: has a hypothesis and no reference")
        for name, side in left.items()
    ]
    return found, errors


def label_names(text: str) -> dict[str, str]:
    """Other names for labels from ``male=speech,female=speech``. Raises ValueError."""
    names = {}
    for part in filter(None, text.split(",")):
        old, equals, new = (piece.strip() for piece in part.partition("="))
        if not (old and equals and new):
            raise ValueError(f"{part!r} is not of the form label=label")
        names[old] = new
    return names


def labels_of(pairs: Iterable[Pair], known: Sequence[str] = ("speech", "music", "noise")) -> tuple[str, ...]:
    """All labels of both sides but silence: those of `known` that occur in their order, then the others."""
    found = {label for pair in pairs for side in (pair.reference, pair.hypothesis) for label in side.labels}
    found.discard(SILENCE)
    return (*(label for label in known if label in found), *sorted(found - set(known)))


def remarks(pairs: Sequence[Pair]) -> list[str]:
    """What a reader of the figures should know: labels of one side alone, lengths that differ."""
    wanted, given = (
        {label for pair in pairs for label in side(pair).labels} - {SILENCE}
        for side in (lambda pair: pair.reference, lambda pair: pair.hypothesis)
    )
    found = []
    for labels, text in (
        (given - wanted, "only hypotheses say {}: all of it is wrong; --map gives labels other names"),
        (wanted - given, "only references say {}: all of it is missed; --map gives labels other names"),
    ):
        if labels:
            found.append(text.format(", ".join(map(display_path, sorted(labels)))))
    for pair in pairs:
        reference, hypothesis = pair.reference.duration, pair.hypothesis.duration
        if abs(reference - hypothesis) > NOTICEABLE_S:
            missing = (
                "what is missing counts as silence" if hypothesis < reference else "the rest is left out"
            )
            found.append(
                f"{display_path(pair.name)}: the reference lasts {reference:.1f} s, the hypothesis "
                f"{hypothesis:.1f} s: {missing}"
            )
    return found
