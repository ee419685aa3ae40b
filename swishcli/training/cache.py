"""Recordings decoded once: mono 16-bit samples in files that outlive a run."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from swishcli.audio import AudioStream, Samples, int16_samples
from swishcli.errors import AudioError, DataError, OutputError, display_path
from swishcli.files import atomic_path
from swishcli.network import IGNORE
from swishcli.segments import SILENCE, Segment
from swishcli.training.activity import active_levels, frame_levels_db
from swishcli.training.datasets import Item

DECODER_VERSION = 2
"""To be raised when recordings are decoded, mixed or resampled otherwise: other samples are not used then."""
LIMIT_BYTES = 30 * 10**9
"""What a cache folder may hold before old files are removed from it."""
UNUSED_S = 7 * 24 * 3600.0
"""Files used since, in seconds, stay in any case: another run may be reading them."""

_BLOCK_S = 60.0
"""Seconds of a recording that are held in memory."""
_OWN_FILES = re.compile(r"[0-9a-f]{32}-\d+(-v\d+)?\.s16|crops-[0-9a-f]{16}/\d+-\d+\.npz")
"""Names, relative to the cache folder, of what swish keeps there: recordings, and batches of crops."""

_log = logging.getLogger(__name__)


def default_cache() -> Path:
    """Where decoded audio is kept: ``swish`` in the user's cache folder."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA")
    elif sys.platform == "darwin":
        base = str(Path.home() / "Library/Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME")
    return Path(base or Path.home() / ".cache") / "swish"


@dataclass(frozen=True)
class CachedRecording:
    """A decoded recording of a data set."""

    item: Item
    cached: Path
    """File of little-endian 16-bit mono samples at the front end's rate."""
    n_samples: int
    active: npt.NDArray[np.bool_]
    """``[frames]`` of a hop: whether a frame is loud enough to be taught as the recording's class."""
    digest: str
    """SHA-256 of the file."""
    first: int = 0
    """Where in the cached file the samples begin."""

    def read(self, start: int = 0, n_samples: int = -1) -> Samples:
        """Samples ``[n]`` from `start`, full scale at ±1; fewer than asked for at the end."""
        left = max(0, self.n_samples - start)
        wanted = left if n_samples < 0 else min(n_samples, left)
        # Opened anew each time: ten thousand mapped files would be as many open file descriptors.
        raw = np.fromfile(self.cached, "<i2", wanted, offset=2 * (self.first + start))
        return raw.astype(np.float32) / np.float32(32768)

    def blocks(self, n_samples: int) -> Iterator[Samples]:
        """All samples, so many at a time."""
        for start in range(0, self.n_samples, n_samples):
            yield self.read(start, n_samples)

    def labels(self, classes: Sequence[str], hop_s: float) -> npt.NDArray[np.int64]:
        """The class of each frame ``[frames]``, `IGNORE` where it pauses or none is known."""
        if not self.item.segments:
            return np.where(self.active, classes.index(self.item.label), IGNORE)
        labels = np.full(len(self.active), IGNORE)
        for s in self.item.segments:
            if s.label != SILENCE:
                labels[round(s.start / hop_s) : round(s.end / hop_s)] = classes.index(s.label)
        labels[~self.active] = IGNORE
        return labels

    def stretches(self, hop_length: int, sample_rate: int) -> Iterator[CachedRecording]:
        """Itself if it has one label, else each of its segments that sounds as a recording of its own."""
        if not self.item.segments:
            yield self
            return
        for s in self.item.segments:
            first, end = (round(time * sample_rate / hop_length) for time in (s.start, s.end))
            active = self.active[first:end]
            if s.label != SILENCE and active.any():
                start = first * hop_length
                yield replace(
                    self,
                    item=replace(self.item, label=s.label, segments=()),
                    n_samples=min(len(active) * hop_length, self.n_samples - start),
                    active=active,
                    first=self.first + start,
                )


def load_recordings(
    items: Sequence[Item],
    sample_rate: int,
    hop_length: int,
    cache: Path,
    on_progress: Callable[[], None] = lambda: None,
    max_unreadable: float = 1.0,
) -> list[CachedRecording]:
    """Decode every item, or find it in `cache`; recordings that cannot be read are logged and left out.

    Raises
    ------
    DataError
        If more than a share `max_unreadable` of them cannot be read.
    OutputError
        If the cache cannot be written.
    """
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(cache, error.strerror or str(error)) from None
    recordings, unreadable = [], 0
    for item in items:
        try:
            cached, digest = _decode_once(item.path, sample_rate, cache)
        except AudioError as error:
            _log.warning("%s; left out", error)
            unreadable += 1
        else:
            active = _active(cached, hop_length, sample_rate, item.segments)
            if active.any():
                n_samples = cached.stat().st_size // 2
                recordings.append(CachedRecording(item, cached, n_samples, active, digest))
            else:
                _log.warning("%s: is silent; left out", display_path(item.path))
        on_progress()
    if unreadable > max_unreadable * len(items):
        raise DataError(
            f"{unreadable} of {len(items)} recordings cannot be read; "
            f"more than {100 * max_unreadable:g} % are taken for a mistake (max_unreadable of [training])"
        )
    prune(cache, keep={recording.cached for recording in recordings})
    return recordings


def _decode_once(path: Path, sample_rate: int, cache: Path) -> tuple[Path, str]:
    """The cached file of a recording's mono 16-bit samples, and the SHA-256 of the recording's file."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise AudioError(path, f"cannot be read: {error.strerror}") from None
    cached = cache / f"{digest[:32]}-{sample_rate}-v{DECODER_VERSION}.s16"
    if cached.exists():
        with suppress(OSError):  # somebody else's cache
            os.utime(cached)
        return cached, digest
    stream = AudioStream(path, sample_rate, block_s=_BLOCK_S)
    with atomic_path(cached) as temporary, temporary.open("wb") as file:
        for (samples,) in stream:
            file.write(int16_samples(samples).tobytes())
    for warning in stream.warnings:
        _log.warning("%s: %s", display_path(path), warning)
    return cached, digest


def _active(
    cached: Path, hop_length: int, sample_rate: int, segments: Sequence[Segment] = ()
) -> npt.NDArray[np.bool_]:
    """`activity.active_frames` of a decoded recording, which need not fit into memory, or of each of its segments."""
    n = round(_BLOCK_S * sample_rate / hop_length) * hop_length

    def levels() -> Iterator[npt.NDArray[np.float32]]:
        for start in range(0, cached.stat().st_size // 2, n):
            yield frame_levels_db(np.fromfile(cached, "<i2", n, offset=2 * start), hop_length)

    level_db, hop_s = np.concatenate([np.zeros(0, np.float32), *levels()]), hop_length / sample_rate
    if not segments:
        return active_levels(level_db, hop_s)
    # Soft speech after loud music is no pause.
    active = np.zeros(len(level_db), bool)
    for s in segments:
        frames = slice(round(s.start / hop_s), round(s.end / hop_s))
        active[frames] = active_levels(level_db[frames], hop_s) & (s.label != SILENCE)
    return active


def prune(cache: Path, keep: Collection[Path], limit: int = LIMIT_BYTES) -> None:
    """Remove what has been unused for longest until a cache holds at most `limit` bytes.

    Files to `keep`, those used within `UNUSED_S`, and any that swish did not put there stay.
    """
    files, total = [], 0
    for path in (*cache.glob("*.s16"), *cache.glob("crops-*/*.npz")):
        if _OWN_FILES.fullmatch(path.relative_to(cache).as_posix()):
            with suppress(FileNotFoundError):  # another run prunes as well
                stat = path.stat()
                files.append((max(stat.st_atime, stat.st_mtime), stat.st_size, path))
                total += stat.st_size
    for used, size, path in sorted(files):
        if total <= limit or used > time.time() - UNUSED_S:
            return
        if path not in keep:
            with suppress(OSError):
                path.unlink()
                total -= size
                if path.parent != cache:
                    path.parent.rmdir()  # once it is empty


def data_digest(recordings: Iterable[CachedRecording]) -> str:
    """SHA-256 over the labels, splits and contents of the recordings, whatever their paths."""
    lines = sorted(f"{r.digest} {_taught(r.item)} {r.item.split}" for r in recordings)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _taught(item: Item) -> str:
    return item.label or " ".join(f"{s.start:.3f}-{s.end:.3f} {s.label}" for s in item.segments)
