"""Data sets: find labelled recordings, and split them.

A data set is a folder with one folder per class, nested as deep as it likes, or a manifest: a TSV or CSV
file with the columns ``path`` and ``label`` and optionally ``split`` (train / val; test is left alone), ``source``,
``licence``, ``kind`` and ``style``. Paths in a manifest are relative to it. MUSAN's tables of annotations, each called
``ANNOTATIONS``, are manifests of the recordings beside them. Or it is of recordings with labels over time
(`swishcli.training.references`).
"""

from __future__ import annotations

import csv
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from swishcli.errors import DataError, display_path
from swishcli.files import recordings_in
from swishcli.formats import has_times
from swishcli.segments import SILENCE, Segment
from swishcli.training.references import find_labelled

SPEECH, MUSIC, NOISE = "speech", "music", "noise"
"""Classes with a meaning of their own, where a data set has them: speech is heard over all else, music and
noise can be made on the fly."""
TRAIN, VAL, TEST = "train", "val", "test"
VAL_SHARE = 0.15
"""Share of each class held out for validation where the data set does not say."""
_WHOLE_RECORDINGS = 4
"""So many recordings with labels over time at least, and whole ones are held out; else parts of each."""
_PART_S, _PARTS = 10.0, 7
"""Seconds of such a part, and which share of the recording they are: one in so many."""

_MUSAN_TABLE = "ANNOTATIONS"


@dataclass(frozen=True, slots=True)
class Item:
    """A labelled recording of a data set."""

    path: Path
    label: str
    """Of all of it; empty where `segments` say which is where."""
    source: str
    """Where it comes from; recordings of one source never stand on both sides of a split made here."""
    split: str | None = None
    licence: str = ""
    kind: str = ""
    """What it is a recording of, in free words: what `MixingConfig.kind_weights` look at."""
    segments: tuple[Segment, ...] = ()
    """Labels over time; what they leave out is not known."""

    @property
    def labels(self) -> frozenset[str]:
        """The classes that it teaches."""
        return frozenset(s.label for s in self.segments if s.label != SILENCE) or frozenset({self.label})


def find_items(data: Path, recordings: Path | None = None) -> list[Item]:
    """The labelled recordings of a folder, a manifest or files of labels, sorted by path.

    `recordings` is a folder that those of the labels are in, if they lie neither beside them nor where they say.

    Raises DataError if there is nothing, or a manifest lacks a column or names an unknown split.
    """
    if not data.exists():
        raise DataError(f"{display_path(data)}: no such folder or manifest")
    if recordings is not None and not recordings.is_dir():
        raise DataError(f"{display_path(recordings)}: is no folder of recordings")
    if items := [
        Item(found.recording, "", found.recording.name, segments=found.segmentation.segments)
        for found in find_labelled(data, recordings)
        if set(found.segmentation.labels) - {SILENCE}
    ]:
        return items
    items = _items_of_folder(data) if data.is_dir() else _items_of_manifest(data)
    labels = {item.label for item in items}
    if SILENCE in labels:
        raise DataError(
            f"{display_path(data)}: {SILENCE!r} cannot be a class, the energy gate gives that label"
        )
    return sorted(items, key=lambda item: str(item.path))


def is_manifest(data: Path) -> bool:
    """Whether a file says what whole recordings are: MUSAN's, or a table with paths and labels and without times."""
    if data.name == _MUSAN_TABLE:
        return data.is_file()
    try:
        with data.open(encoding="utf-8-sig") as file:
            header = file.readline(1 << 16).rstrip("\n")
    except (OSError, UnicodeError):
        return False
    return {"path", "label"} <= set(header.split("\t" if "\t" in header else ",")) and not has_times(header)


def _items_of_folder(folder: Path) -> list[Item]:
    items = []
    for class_folder in sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")):
        files = recordings_in(class_folder)
        if not files:
            raise DataError(f"{display_path(folder)}: the class {class_folder.name!r} has no recordings")
        # Nothing says which recordings belong together: each is a source of its own.
        items += [Item(p, class_folder.name, str(p.relative_to(folder))) for p in files]
    if not items:
        raise DataError(
            f"{display_path(folder)}: holds no folder of recordings (one folder per class is needed)"
        )
    return items


def _items_of_manifest(manifest: Path) -> list[Item]:
    name = display_path(manifest)
    try:
        text = manifest.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeError) as error:
        raise DataError(f"{name}: cannot be read as a manifest: {error}") from None
    if manifest.name == _MUSAN_TABLE:
        return _items_of_musan(manifest, text)
    delimiter = "\t" if "\t" in text.partition("\n")[0] else ","
    items = []
    for number, row in enumerate(csv.DictReader(text.splitlines(), delimiter=delimiter), start=2):
        path, label, split = row.get("path"), row.get("label"), row.get("split") or None
        if not path or not label:
            raise DataError(f"{name}, line {number}: needs a path and a label")
        source = row.get("source") or path
        kind = "; ".join(filter(None, (row.get("kind"), row.get("style"))))
        items.append(Item(manifest.parent / path, label, source, split, row.get("licence") or "", kind))
    if not items:
        raise DataError(f"{name}: lists no recordings")
    splits = Counter(item.split for item in items)
    if None in splits and len(splits) > 1:
        raise DataError(f"{name}: either every line names its split or none does")
    if None not in splits and not {TRAIN, VAL} <= splits.keys() <= {TRAIN, VAL, TEST}:
        raise DataError(
            f"{name}: the column split must hold {TRAIN!r} and {VAL!r}, besides at most {TEST!r}; "
            f"it holds {sorted(map(str, splits))}"
        )
    return [item for item in items if item.split != TEST]


def _items_of_musan(table: Path, text: str) -> list[Item]:
    """From lines of a name, which begins with the class, and words about it: ``music-fma-0000 rock Y Somebody``."""
    items = []
    for number, line in enumerate(text.splitlines(), 1):
        name, _, words = line.strip().partition(" ")
        label, minus, _ = name.partition("-")
        if name and not (label and minus):
            raise DataError(f"{display_path(table)}, line {number}: {name!r} is no name like music-fma-0000")
        if name:
            items.append(Item(table.parent / f"{name}.wav", label, name, kind=words.strip()))
    if not items:
        raise DataError(f"{display_path(table)}: lists no recordings")
    return items


def split_items(items: Sequence[Item], seed: int) -> list[Item]:
    """Give every item a split: its own, or else whole sources of each class drawn for validation.

    Raises DataError if a class has no recordings, or too few sources, on one of the sides.
    """
    if items[0].segments:
        return _split_over_time(items, seed)
    if items[0].split is None:
        items = _draw_split(items, seed)
    labels = sorted({item.label for item in items})
    if len(labels) < 2:
        raise DataError(f"at least two classes are needed, the data has only {labels[0]!r}")
    for label in labels:
        for split in (TRAIN, VAL):
            if not any(item.label == label and item.split == split for item in items):
                hint = "at least two recordings of different sources are needed"
                raise DataError(f"the class {label!r} has no recordings in the split {split!r}: {hint}")
    return list(items)


def _draw_split(items: Sequence[Item], seed: int) -> list[Item]:
    generator = random.Random(seed)
    val_sources: set[str] = set()
    for label in sorted({item.label for item in items}):
        counts = Counter(item.source for item in items if item.label == label)
        sources = sorted(counts)
        generator.shuffle(sources)
        # At most half of the sources, so that a class of a few large ones keeps something to learn from.
        wanted, taken = VAL_SHARE * counts.total(), 0
        for source in sources[: len(sources) // 2]:
            if taken >= wanted:
                break
            val_sources.add(source)
            taken += counts[source]
    return [replace(item, split=VAL if item.source in val_sources else TRAIN) for item in items]


def _split_over_time(items: Sequence[Item], seed: int) -> list[Item]:
    """As `split_items`, of recordings with labels over time: whole ones for validation, or parts of each if few."""
    if items[0].split is None:
        drawn = _draw_recordings(items, seed) if len(items) >= _WHOLE_RECORDINGS else []
        items = drawn or [part for item in items for part in _parts(item)]
    for split in (TRAIN, VAL):
        if not any(item.split == split for item in items):
            raise DataError(f"the labels over time are too short: nothing is left for the split {split!r}")
    return list(items)


def _draw_recordings(items: Sequence[Item], seed: int) -> list[Item]:
    """Recordings for validation, at most half; nothing if one of them alone teaches a class."""
    shuffled = sorted(items, key=lambda item: str(item.path))
    random.Random(seed).shuffle(shuffled)
    wanted = VAL_SHARE * sum(_labelled_s(item) for item in items)
    val: list[Item] = []
    for item in shuffled[: len(items) // 2]:
        if sum(map(_labelled_s, val)) >= wanted:
            break
        val.append(item)
    train = [item for item in items if item not in val]
    if frozenset().union(*(item.labels for item in val)) - frozenset().union(*(i.labels for i in train)):
        return []
    return [replace(item, split=VAL if item in val else TRAIN) for item in items]


def _labelled_s(item: Item) -> float:
    return sum(s.duration for s in item.segments if s.label != SILENCE)


def _parts(item: Item) -> Iterator[Item]:
    """A recording twice: what is learnt from it, and what it validates; one part in `_PARTS`, spread over it."""
    begin, end = item.segments[0].start, item.segments[-1].end
    length = min(_PART_S, (end - begin) / _PARTS)
    n = int((end - begin) / length + 1e-6)
    held_out = [(begin + k * length, begin + (k + 1) * length) for k in range(n) if k % _PARTS == _PARTS // 2]
    edges = [begin, *(edge for span in held_out for edge in span), end]
    learnt = list(zip(edges[::2], edges[1::2], strict=True))
    for split, spans in ((TRAIN, learnt), (VAL, held_out)):
        if segments := _within(item.segments, spans):
            yield replace(item, split=split, segments=segments)


def _within(segments: Sequence[Segment], spans: Sequence[tuple[float, float]]) -> tuple[Segment, ...]:
    return tuple(
        replace(s, start=max(s.start, start), end=min(s.end, end))
        for start, end in spans
        for s in segments
        if s.start < end and s.end > start
    )


def class_order(labels: Iterable[str]) -> tuple[str, ...]:
    """Speech, music, noise first, where they are classes; then by name.

    >>> class_order({"noise", "dog", "speech"})
    ('speech', 'noise', 'dog')
    """
    labels, first = set(labels), (SPEECH, MUSIC, NOISE)
    return (*(c for c in first if c in labels), *sorted(labels.difference(first)))
