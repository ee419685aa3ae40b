"""A recording as a page needs it: Opus that every browser plays, peaks and a spectrogram of bounded size.

One pass over the recording makes all of them, on the timeline that segments are on.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import av
import numpy as np
import numpy.typing as npt

from swishcli.audio import AudioStream, Decoding, Samples
from swishcli.features import FrontEndConfig
from swishcli.files import atomic_path
from swishcli.pictures.overview import OverviewBuilder

EMBEDDED_S = 1800.0
"""Seconds up to which a recording's sound lies inside its page; that of longer ones lies beside it."""
MEDIA_SUFFIX = ".webm"
MEDIA_TYPE = "audio/webm; codecs=opus"

_RATE = 48_000
_BIT_RATE = 32_000
_FRONT_END = FrontEndConfig(
    sample_rate=_RATE, win_length=1440, hop_length=480, n_fft=2048, n_mels=64, n_mfcc=64, f_max=16_000.0
)
_PEAKS = 2**17
"""Columns of the waveform: 10 ms each in recordings of up to twenty minutes, 0.3 s each in ten hours."""
_SPECTRA = 2**14
_RANGE_DB = 75.0
"""What the spectrogram shows below its loudest columns."""


@dataclass(frozen=True, slots=True)
class Media:
    """What can be seen of a recording."""

    duration_s: float
    """Of the part that was listened to."""
    column_s: float
    peaks: npt.NDArray[np.int8]
    """``[C, 2]``: lowest and highest sample, full scale at ±127."""
    spectrum_s: float
    """Seconds of a spectrum."""
    spectra: npt.NDArray[np.uint8]
    """``[S, M]``: level in mel bands, 255 the loudest."""
    mel_hz: tuple[float, ...]
    """``[M]``: centres of the bands."""


def encode(
    recording: str | Path,
    file: IO[bytes],
    decoding: Decoding = Decoding(),
    on_progress: Callable[[float, float | None], None] = lambda *_: None,
) -> Media:
    """Write a recording to `file` as mono Opus in WebM, and return what can be seen of it.

    Raises AudioError if the recording cannot be read.
    """
    stream = AudioStream(recording, _RATE, decoding)
    builder = OverviewBuilder(_FRONT_END, columns=_PEAKS)
    with av.open(file, "w", format="webm") as container:
        track = container.add_stream("libopus", rate=_RATE, layout="mono")
        track.bit_rate = _BIT_RATE
        track.options = {"compression_level": "5"}
        position = 0
        for block in stream:
            builder.push(block)
            container.mux(track.encode(_frame(block[0], position)))
            position += block.shape[1]
            on_progress(stream.duration, stream.expected_duration)
        container.mux(track.encode(None))
    overview = builder.finish()[0]
    joined = -(-len(overview.mel_db) // _SPECTRA)
    return Media(
        stream.duration - stream.offset_s,
        overview.column_s,
        np.rint(overview.peaks.clip(-1, 1) * 127).astype(np.int8),
        overview.column_s * joined,
        _levels(_means(overview.mel_db, joined)),
        overview.mel_hz,
    )


def keep(file: IO[bytes], path: Path) -> None:
    """Copy encoded sound to `path`. Raises OutputError."""
    file.seek(0)
    with atomic_path(path) as temporary, temporary.open("wb") as target:
        shutil.copyfileobj(file, target)


def scratch() -> IO[bytes]:
    """A file for `encode` that is gone when it is closed."""
    return tempfile.TemporaryFile()


def _frame(samples: Samples, position: int) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
    frame.sample_rate, frame.pts = _RATE, position
    return frame


def _means(values: npt.NDArray[np.float32], n: int) -> npt.NDArray[np.float32]:
    """Means over every `n` neighbours of ``[C, M]``, the last over those that are left."""
    starts = np.arange(0, len(values), n)
    counts = np.minimum(n, len(values) - starts).astype(np.float32)
    return np.asarray(np.add.reduceat(values, starts, axis=0) / counts[:, None], np.float32)


def _levels(mel_db: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Decibels as bytes: the loudest hundredth of a percent is white, `_RANGE_DB` below it is black."""
    top = float(np.percentile(mel_db, 99.99))
    return np.rint(((mel_db - top) / _RANGE_DB + 1).clip(0, 1) * 255).astype(np.uint8)
