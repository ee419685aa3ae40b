"""A recording of any length as a few thousand columns: what a picture or a page of it needs.

    blocks of samples ─ peaks, RMS and mel bands of each frame ─┐
    frame scores ─ posteriors of each position ─────────────────┴─ columns ─→ Overview

Columns are filled while the recording streams by. Where there would be too many, neighbours become one: memory is
bounded whatever the recording's length, and a column always stands for a power of two of frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from swishcli.audio import AudioStream, Decoding, Recording, Samples
from swishcli.checkpoint import Checkpoint
from swishcli.features import FrontEndConfig, MfccStream, dct_matrix, mel_edges
from swishcli.inference import FrameScores
from swishcli.segments import Segmentation

Array = npt.NDArray[np.float32]

COLUMNS = 1300
"""Columns that a picture needs: not more than its time axis has pixels, so that none is lost between them."""


@dataclass(frozen=True, slots=True)
class Overview:
    """One channel of a recording in columns.

    Column ``i`` of the sound stands for the seconds from ``offset_s + i * column_s``, column ``i`` of the
    posteriors for those from ``offset_s + i * position_s``.
    """

    offset_s: float
    column_s: float
    peaks: Array
    """``[C, 2]``: lowest and highest sample, full scale at ±1."""
    rms: Array
    """``[C]``: root of the mean square of the samples."""
    mel_db: Array
    """``[C, M]``: mean power in mel bands, in dB, the lowest band first."""
    mel_hz: tuple[float, ...]
    """``[M]``: centres of the mel bands in Hz."""
    position_s: float = 0.0
    posteriors: Array | None = None
    """``[P, K]``: mean probability of each class; None where the network was not asked."""
    classes: tuple[str, ...] = ()
    """``[K]``"""


class OverviewBuilder:
    """Overviews of the rows (channels) of a recording, while its blocks and its frame scores come in.

    Parameters
    ----------
    front_end : FrontEndConfig
        What the blocks' rate and the mel bands are.
    offset_s : float
        Time of the first sample.
    columns : int
        At most so many columns are kept, and at least half as many of a recording that has as many frames.
    classes : sequence of str
        Of the frame scores, where there will be any.
    position_s : float
        Seconds from one position of the frame scores to the next.
    """

    def __init__(
        self,
        front_end: FrontEndConfig,
        offset_s: float = 0.0,
        columns: int = COLUMNS,
        classes: Sequence[str] = (),
        position_s: float = 0.0,
    ) -> None:
        # All coefficients, from which the transposed DCT gives the mel bands back.
        self._front_end = replace(front_end, n_mfcc=front_end.n_mels)
        self._to_mel = dct_matrix(front_end.n_mels, front_end.n_mels).T.astype(np.float32)
        self._offset_s, self._classes, self._position_s = offset_s, tuple(classes), position_s
        self._mfcc: MfccStream | None = None
        self._rest = np.zeros((0, 0), np.float32)
        self._lowest, self._highest = _Columns(columns, np.minimum), _Columns(columns, np.maximum)
        self._energy, self._mel, self._posteriors = (_Columns(columns, np.add) for _ in range(3))

    @classmethod
    def of(cls, checkpoint: Checkpoint, offset_s: float = 0.0, columns: int = COLUMNS) -> OverviewBuilder:
        """For what a model hears and says."""
        position_s = checkpoint.position_samples / checkpoint.front_end.sample_rate
        return cls(checkpoint.front_end, offset_s, columns, checkpoint.classes, position_s)

    def push(self, block: Samples) -> None:
        """Take the next samples ``[rows, n]`` at the front end's rate."""
        if self._mfcc is None:
            self._mfcc = MfccStream(self._front_end, len(block))
            self._rest = np.zeros((len(block), 0), np.float32)
        self._push_mel(self._mfcc.push(block)[0])
        samples = np.concatenate([self._rest, block], axis=1)
        whole = samples.shape[1] // self._front_end.hop_length * self._front_end.hop_length
        self._rest = samples[:, whole:]
        self._push_samples(samples[:, :whole].reshape(len(samples), -1, self._front_end.hop_length))

    def push_scores(self, scores: FrameScores) -> None:
        """Take the frame scores of the next positions."""
        self._posteriors.push(scores.posteriors)

    def finish(self) -> list[Overview]:
        """The overviews of all rows. Raises ValueError if there was nothing."""
        if self._mfcc is None:
            raise ValueError("there is nothing to look at")
        self._push_mel(self._mfcc.finish()[0])
        if self._rest.shape[1]:
            self._push_samples(self._rest[:, None])
        hop_s = self._front_end.hop_s
        peaks = np.stack([self._lowest.values, self._highest.values], axis=-1)
        rms, mel = np.sqrt(self._energy.means), 10 * np.log10(self._mel.means)
        posteriors = list(self._posteriors.means) if self._posteriors.n else [None] * len(peaks)
        return [
            Overview(
                self._offset_s,
                self._lowest.size * hop_s,
                peaks[row],
                rms[row],
                mel[row],
                tuple(mel_edges(self._front_end)[1:-1].tolist()),
                self._posteriors.size * self._position_s,
                posteriors[row],
                self._classes,
            )
            for row in range(len(peaks))
        ]

    def _push_mel(self, mfcc: Array) -> None:
        self._mel.push(np.power(np.float32(10), mfcc @ self._to_mel / 10))

    def _push_samples(self, frames: Array) -> None:
        """Take samples ``[rows, T, n]``."""
        self._lowest.push(frames.min(axis=2))
        self._highest.push(frames.max(axis=2))
        self._energy.push(np.square(frames).mean(axis=2))


class _Columns:
    """Values ``[rows, T, ...]`` joined into at most so many columns by a ufunc: minimum, maximum or sum."""

    def __init__(self, most: int, join: np.ufunc) -> None:
        if most < 2:
            raise ValueError(f"an overview needs two columns at least, not {most}")
        self._most, self._join = most, join
        self._columns: Array | None = None
        self.size = 1
        """Values that a column is made of."""
        self.n = 0
        """Values so far."""

    @property
    def values(self) -> Array:
        """The columns ``[rows, C, ...]``."""
        assert self._columns is not None
        return self._columns

    @property
    def means(self) -> Array:
        """The columns of sums divided by the numbers of values that they are of."""
        counts = np.full(self.values.shape[1], self.size, np.float32)
        counts[-1] = self.n - self.size * (len(counts) - 1)
        return self.values / counts.reshape(-1, *[1] * (self.values.ndim - 2))

    def push(self, values: Array) -> None:
        """Take the next values."""
        if not values.shape[1]:
            return
        missing = -self.n % self.size  # of the last column
        if missing and self._columns is not None:
            last = np.concatenate([self._columns[:, -1:], values[:, :missing]], axis=1)
            self._columns[:, -1:] = self._joined(last, last.shape[1])
        self.n += values.shape[1]
        new = self._joined(values[:, missing:], self.size)
        self._columns = new if self._columns is None else np.concatenate([self._columns, new], axis=1)
        while self._columns.shape[1] > self._most:
            self._columns = self._joined(self._columns, 2)
            self.size *= 2

    def _joined(self, values: Array, size: int) -> Array:
        """Every `size` neighbours as one, the last of fewer if need be."""
        if not values.shape[1]:
            return values
        starts = np.arange(0, values.shape[1], size)
        return np.asarray(self._join.reduceat(values, starts, axis=1), np.float32)


def look_at(recording: Recording, columns: int = COLUMNS, decoding: Decoding = Decoding()) -> Overview:
    """The overview of a recording, one channel of it, without posteriors.

    Raises AudioError if it cannot be read.
    """
    front_end = FrontEndConfig()
    stream = AudioStream(recording, front_end.sample_rate, decoding)
    builder = OverviewBuilder(front_end, stream.offset_s, columns)
    for block in stream:
        builder.push(block)
    return builder.finish()[0]


def shares(segmentation: Segmentation, labels: Sequence[str], edges: npt.NDArray[np.float64]) -> Array:
    """Share of the time of each column under each label: ``[C, K]``, of C columns between C + 1 `edges` in seconds.

    What lies outside the segments, or has none of the labels, counts for nobody.

    >>> from swishcli.segments import Segment
    >>> s = Segmentation(3.0, (Segment(0.0, 1.0, "music"), Segment(1.0, 3.0, "speech")))
    >>> shares(s, ["speech", "music"], np.array([0.0, 2.0, 4.0])).tolist()
    [[0.5, 0.5], [0.5, 0.0]]
    """
    lengths = np.diff(edges)
    columns = np.zeros((len(lengths), len(labels)), np.float32)
    for k, label in enumerate(labels):
        times = np.array([(s.start, s.end) for s in segmentation if s.label == label]).reshape(-1, 2)
        if not len(times):
            continue
        # Seconds under the label up to a time: a line that rises within its segments.
        gained = np.stack([np.zeros(len(times)), times[:, 1] - times[:, 0]], axis=1)
        until = np.interp(edges, times.ravel(), gained.ravel().cumsum())
        columns[:, k] = np.diff(until) / lengths
    return columns
