"""Data sets: find labelled recordings, and split them.

A data set is a folder with one folder per class, nested as deep as it likes, or a manifest: a TSV or CSV
file with the columns ``path`` and ``label`` and optionally ``split`` (train / val; test is left alone), ``source``,
``licence``, ``kind`` and ``style``. Paths in a manifest are relative to it.
"""

from __future__ import annotations

import csv
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from swishcli.errors import DataError, display_path
from swishcli.files import recordings_in
from swishcli.segments import SILENCE

SPEECH, MUSIC, NOISE = "speech", "music", "noise"
"""Classes with a meaning of their own, where a data set has them: speech is heard over all else, music and
noise can be made on the fly."""
TRAIN, VAL, TEST = "train", "val", "test"
VAL_SHARE = 0.15
"""Share of each class held out for validation where the data set does not say."""


@dataclass(frozen=True, slots=True)
class Item:
    """A labelled recording of a data set."""

    path: Path
    label: str
    source: str
    """Where it comes from; recordings of one source never stand on both sides of a split made here."""
    split: str | None = None
    licence: str = ""
    kind: str = ""
    """What it is a recording of, in free words: what `MixingConfig.kind_weights` look at."""


def find_items(data: Path) -> list[Item]:
    """The labelled recordings of a folder or manifest, sorted by path.

    Raises DataError if there is nothing, or a manifest lacks a column or names an unknown split.
    """
    if data.is_dir():
        items = _items_of_folder(data)
    elif data.is_file():
        items = _items_of_manifest(data)
    else:
        raise DataError(f"{display_path(data)}: no such folder or manifest")
    labels = {item.label for item in items}
    if SILENCE in labels:
        raise DataError(
            f"{display_path(data)}: {SILENCE!r} cannot be a class, the energy gate gives that label"
        )
    return sorted(items, key=lambda item: str(item.path))


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


def split_items(items: Sequence[Item], seed: int) -> list[Item]:
    """Give every item a split: its own, or else whole sources of each class drawn for validation.

    Raises DataError if a class has no recordings, or too few sources, on one of the sides.
    """
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


def class_order(labels: Iterable[str]) -> tuple[str, ...]:
    """Speech, music, noise first, where they are classes; then by name.

    >>> class_order({"noise", "dog", "speech"})
    ('speech', 'noise', 'dog')
    """
    labels, first = set(labels), (SPEECH, MUSIC, NOISE)
    return (*(c for c in first if c in labels), *sorted(labels.difference(first)))
