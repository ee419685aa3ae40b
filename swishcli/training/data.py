"""Find labelled recordings, split them, and decode each one once.

A data set is a folder with one folder per class, nested as deep as it likes, or a manifest: a TSV or CSV
file with the columns ``path`` and ``label`` and optionally ``split`` (train / val; test is left alone), ``source``,
``licence``, ``kind`` and ``style``. Paths in a manifest are relative to it.
"""

from __future__ import annotations

import csv
import hashlib
import logging
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from swishcli.audio import Samples, read_audio
from swishcli.errors import AudioError, DataError, display_path
from swishcli.files import atomic_path, recordings_in
from swishcli.segments import SILENCE

TRAIN, VAL, TEST = "train", "val", "test"
VAL_SHARE = 0.15
"""Share of each class held out for validation where the data set does not say."""

_log = logging.getLogger(__name__)


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


@dataclass(frozen=True)
class Recording:
    """A decoded recording of a data set."""

    item: Item
    cached: Path
    """File of little-endian 16-bit mono samples at the front end's rate."""
    n_samples: int
    active: npt.NDArray[np.bool_]
    """``[frames]`` of a hop: whether a frame is loud enough to be taught as the recording's class."""
    digest: str
    """SHA-256 of the file."""

    def read(self, start: int = 0, n_samples: int = -1) -> Samples:
        """Samples ``[n]`` from `start`, full scale at ±1; fewer than asked for at the end."""
        # Opened anew each time: ten thousand mapped files would be as many open file descriptors.
        raw = np.fromfile(self.cached, "<i2", n_samples, offset=2 * start)
        return raw.astype(np.float32) / np.float32(32768)


ACTIVE_DB = 30.0
"""A frame further below the recording's loud frames (95th percentile) is a pause."""
CLOSE_S = 0.3
"""Pauses up to this long, in seconds, belong to what is around them."""


def active_frames(
    samples: npt.NDArray[np.int16] | Samples, hop_length: int, hop_s: float
) -> npt.NDArray[np.bool_]:
    """Which frames carry the recording's sound, and are not its pauses: bool ``[ceil(n / hop)]``.

    >>> tone = np.full(16000, 8000, np.int16)
    >>> active_frames(np.concatenate([tone, 0 * tone, tone]), 160, 0.01)[[50, 150, 250]]
    array([ True, False,  True])
    """
    n_frames = -(-len(samples) // hop_length)
    padded = np.zeros(n_frames * hop_length, np.float32)
    padded[: len(samples)] = samples
    frames = padded.reshape(n_frames, hop_length)
    level = 10 * np.log10(np.einsum("th,th->t", frames, frames) / hop_length + 1e-3)
    loud = level > np.percentile(level, 95) - ACTIVE_DB
    loud &= level > 0  # an RMS of one step of 16 bits: digital silence, at most dithered
    return _close_gaps(loud, round(CLOSE_S / hop_s))


def audible_frames(samples: Samples, noise: Samples, hop_length: int, hop_s: float) -> npt.NDArray[np.bool_]:
    """Which frames of a sound can be heard in a noise: those not softer than it, ``[n / hop]``.

    Samples and noise ``[n]``, n a multiple of the hop; what is softer may not be taught.
    """
    powers = [np.square(x.reshape(-1, hop_length)).sum(axis=1) for x in (samples, noise)]
    return _close_gaps(powers[0] > powers[1], round(CLOSE_S / hop_s))


def _close_gaps(mask: npt.NDArray[np.bool_], longest: int) -> npt.NDArray[np.bool_]:
    """Fill the gaps of up to `longest` frames between true frames."""
    closed = mask.copy()
    true = np.flatnonzero(mask)
    for before, after in pairwise(true):
        if 1 < after - before <= longest + 1:
            closed[before:after] = True
    return closed


def load_recordings(
    items: Iterable[Item],
    sample_rate: int,
    hop_length: int,
    cache: Path,
    on_progress: Callable[[], None] = lambda: None,
) -> list[Recording]:
    """Decode every item, or find it in `cache`; recordings that cannot be read are logged and left out."""
    cache.mkdir(parents=True, exist_ok=True)
    recordings = []
    for item in items:
        try:
            cached, digest = _decode_once(item.path, sample_rate, cache)
        except AudioError as error:
            _log.warning("%s; left out", error)
        else:
            samples = np.fromfile(cached, "<i2")
            active = active_frames(samples, hop_length, hop_length / sample_rate)
            if active.any():
                recordings.append(Recording(item, cached, len(samples), active, digest))
            else:
                _log.warning("%s: is silent; left out", display_path(item.path))
        on_progress()
    return recordings


def _decode_once(path: Path, sample_rate: int, cache: Path) -> tuple[Path, str]:
    """The cached file of a recording's mono 16-bit samples, and the SHA-256 of the recording's file."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise AudioError(path, f"cannot be read: {error.strerror}") from None
    cached = cache / f"{digest[:32]}-{sample_rate}.s16"
    if not cached.exists():
        samples = np.clip(np.rint(read_audio(path, sample_rate) * 32768), -32768, 32767)
        with atomic_path(cached) as temporary:
            samples.astype("<i2").tofile(temporary)
    return cached, digest


def seconds_per_source(
    recordings: Iterable[Recording], sample_rate: int
) -> dict[tuple[str, str, str], float]:
    """Seconds of audio by (label, source, licence), for the provenance of a model."""
    seconds: dict[tuple[str, str, str], float] = defaultdict(float)
    for recording in recordings:
        item = recording.item
        seconds[item.label, item.source, item.licence] += recording.n_samples / sample_rate
    return dict(seconds)


def data_digest(recordings: Iterable[Recording]) -> str:
    """SHA-256 over the labels, splits and contents of the recordings, whatever their paths."""
    lines = sorted(f"{r.digest} {r.item.label} {r.item.split}" for r in recordings)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
