"""Recordings of the segments of sound that is still being made.

What may still be part of a segment lies in a file that has no name, not in memory: a segment may last for days.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Collection
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import soundfile

from swishcli.audio import Samples, int16_samples
from swishcli.errors import OutputError
from swishcli.files import atomic_path
from swishcli.segments import Segment

_COPIED = 1 << 20
"""Samples copied at a time."""


class Recorder:
    """Writes each segment as a FLAC file of 16 bits, named after the time at which it began, and its label.

    Parameters
    ----------
    folder : Path
        Made if need be.
    sample_rate : int
        Of the sound, in Hz.
    started : datetime
        When the sound began.
    labels : collection of str, optional
        Those whose segments are written; by default all.

    Raises
    ------
    OutputError
        Here and later, where the folder cannot be written to.
    """

    def __init__(
        self,
        folder: Path,
        sample_rate: int,
        started: datetime,
        labels: Collection[str] | None = None,
    ) -> None:
        self._folder, self._sample_rate, self._started, self._labels = folder, sample_rate, started, labels
        self._first = 0  # sample of the sound that the spool begins with
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._spool = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  (closed by `close`)
        except OSError as error:
            raise OutputError(folder, error.strerror or str(error)) from None

    def push(self, block: Samples) -> None:
        """Take the next samples ``[n]``, full scale at ±1."""
        try:
            self._spool.seek(0, 2)
            self._spool.write(int16_samples(block).tobytes())
        except OSError as error:
            raise OutputError(self._folder, error.strerror or str(error)) from None

    def write(self, segment: Segment) -> Path | None:
        """Write a segment whose sound has been pushed; None if it is none of those to be written.

        Segments come in their order; what lies before the end of this one is forgotten.
        """
        first, stop = (round(time * self._sample_rate) for time in (segment.start, segment.end))
        path = None
        if (self._labels is None or segment.label in self._labels) and stop > first:
            path = self._folder / self._name(segment)
            try:
                with atomic_path(path) as temporary:
                    self._copy(temporary, first, stop)
            except soundfile.SoundFileError as error:
                raise OutputError(path, str(error)) from None
        self._forget(stop)
        return path

    def close(self) -> None:
        """Forget what is left."""
        self._spool.close()

    def _name(self, segment: Segment) -> str:
        began = self._started + timedelta(seconds=segment.start)
        label = re.sub(r"[^\w.+-]+", "_", segment.label).strip(".") or "_"
        return f"{began:%Y%m%d-%H%M%S}.{began.microsecond // 1000:03}-{label[:100]}.flac"

    def _copy(self, path: Path, first: int, stop: int) -> None:
        with soundfile.SoundFile(path, "w", self._sample_rate, 1, "PCM_16", format="FLAC") as file:
            self._spool.seek(2 * (first - self._first))
            while first < stop:
                samples = np.frombuffer(self._spool.read(2 * min(_COPIED, stop - first)), "<i2")
                if not len(samples):
                    return  # the end of the sound, where a segment may be longer by rounding
                file.write(samples)
                first += len(samples)

    def _forget(self, stop: int) -> None:
        self._spool.seek(2 * (stop - self._first))
        rest = self._spool.read()
        self._spool.seek(0)
        self._spool.write(rest)
        self._spool.truncate()
        self._first = stop
