"""MFCC front end: samples in, mel-frequency cepstral coefficients out, one frame every hop.

Frame ``t`` stands for the samples ``[t·hop, (t+1)·hop)``; its window is centred on them, so ``n`` samples
make ``ceil(n / hop)`` frames and a frame's number times the hop is its time. Samples before the first and
after the last count as zero.

    samples ─ Hann window ─ |rfft|² ─ mel filters (Slaney) ─ 10·log10(max(amin, ·)) ─ DCT-II ─→ [n_mfcc, T]

Decibels are not clipped against the loudest frame (``top_db``): that would make a frame depend on the
whole recording, and a recording could no longer be read block by block.

Two implementations share `FrontEndConfig`: `MfccStream` here (NumPy, block by block, for inference) and
`TorchMfcc` in torch_features.py (batched, for training and exported graphs). ``librosa.feature.mfcc`` is the
reference for both (tests/test_features.py).

Davis & Mermelstein 1980, *Comparison of parametric representations for monosyllabic word recognition*;
mel scale and filter areas as in Slaney's Auditory Toolbox (librosa's defaults).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from swishcli.audio import Samples

Features = npt.NDArray[np.float32]

_BLOCK_FRAMES = 128  # windowed frames, spectra and powers of a block fit together in a core's cache
_TASK_FRAMES = 4 * _BLOCK_FRAMES  # a thread's share: long enough that handing it over costs nothing


@dataclass(frozen=True, slots=True)
class FrontEndConfig:
    """Everything that determines the features; travels in the checkpoint."""

    sample_rate: int = 16000
    """Hz."""
    win_length: int = 400
    """Samples under the Hann window (25 ms)."""
    hop_length: int = 160
    """Samples from frame to frame (10 ms)."""
    n_fft: int = 512
    """Samples the window is zero-padded to."""
    n_mels: int = 64
    f_min: float = 20.0
    """Lower edge of the lowest mel band in Hz."""
    f_max: float = 8000.0
    """Upper edge of the highest mel band in Hz."""
    n_mfcc: int = 64
    amin: float = 1e-10
    """Floor of a mel band's power before the logarithm."""

    def __post_init__(self) -> None:
        if not 0 < self.hop_length <= self.win_length <= self.n_fft:
            raise ValueError("the front end needs 0 < hop_length <= win_length <= n_fft")
        if self.win_length % 2 or self.n_fft % 2 or self.hop_length % 2:
            raise ValueError("the front end needs win_length, n_fft and hop_length to be even")
        if not 0 < self.n_mfcc <= self.n_mels:
            raise ValueError("the front end needs 0 < n_mfcc <= n_mels")
        if not 0 <= self.f_min < self.f_max <= self.sample_rate / 2:
            raise ValueError("the front end needs 0 <= f_min < f_max <= sample_rate / 2")
        if not self.amin > 0:
            raise ValueError("the front end needs amin > 0")

    @property
    def hop_s(self) -> float:
        """Seconds from frame to frame."""
        return self.hop_length / self.sample_rate

    @property
    def padding(self) -> int:
        """Zeros before the first sample, and as many samples of a window lie before its frame."""
        return (self.win_length - self.hop_length) // 2

    def n_frames(self, n_samples: int) -> int:
        """Frames that `n_samples` samples make."""
        return -(-n_samples // self.hop_length)


def mel_filters(config: FrontEndConfig) -> npt.NDArray[np.float64]:
    """Triangular filters ``[n_fft // 2 + 1, n_mels]`` of unit area on Slaney's mel scale."""
    fft_hz = np.linspace(0, config.sample_rate / 2, config.n_fft // 2 + 1)
    edges = mel_edges(config)
    rising = (fft_hz[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - fft_hz[:, None]) / (edges[2:] - edges[1:-1])
    area = 2.0 / (edges[2:] - edges[:-2])
    return np.maximum(0, np.minimum(rising, falling)) * area


def mel_edges(config: FrontEndConfig) -> npt.NDArray[np.float64]:
    """Hz ``[n_mels + 2]``: band ``b`` rises from edge ``b``, is highest at ``b + 1`` and ends at ``b + 2``."""
    return _mel_to_hz(np.linspace(_hz_to_mel(config.f_min), _hz_to_mel(config.f_max), config.n_mels + 2))


# Slaney's scale: linear below 1 kHz (15 mel), then logarithmic with 27 steps to a factor of 6.4.
_LINEAR_HZ_PER_MEL = 200 / 3
_LOG_START_HZ = 1000.0
_LOG_START_MEL = _LOG_START_HZ / _LINEAR_HZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27


def _hz_to_mel(hz: float) -> float:
    if hz < _LOG_START_HZ:
        return hz / _LINEAR_HZ_PER_MEL
    return float(_LOG_START_MEL + np.log(hz / _LOG_START_HZ) / _LOG_STEP)


def _mel_to_hz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    log = _LOG_START_HZ * np.exp(_LOG_STEP * (mel - _LOG_START_MEL))
    return np.where(mel < _LOG_START_MEL, mel * _LINEAR_HZ_PER_MEL, log)


def dct_matrix(n_mfcc: int, n_mels: int) -> npt.NDArray[np.float64]:
    """Orthonormal DCT-II ``[n_mels, n_mfcc]``: ``mel @ dct_matrix`` are the first cepstral coefficients."""
    band = np.arange(n_mels)[:, None]
    coefficient = np.arange(n_mfcc)
    matrix = np.cos(np.pi / n_mels * (band + 0.5) * coefficient) * np.sqrt(2 / n_mels)
    matrix[:, 0] /= np.sqrt(2)
    return matrix


def hann_window(config: FrontEndConfig) -> npt.NDArray[np.float64]:
    """Periodic Hann window ``[win_length]``."""
    n = np.arange(config.win_length)
    return 0.5 - 0.5 * np.cos(2 * np.pi * n / config.win_length)


@lru_cache(maxsize=4)
def _constants(config: FrontEndConfig) -> tuple[Features, Features, Features]:
    """Window, mel filters and DCT in float32; 10/ln 10 of the decibels is multiplied into the DCT."""
    to_db = 10 / np.log(10) * dct_matrix(config.n_mfcc, config.n_mels)
    constants = hann_window(config), mel_filters(config), to_db
    as_float32 = [np.ascontiguousarray(a, dtype=np.float32) for a in constants]
    return as_float32[0], as_float32[1], as_float32[2]


def _mfcc_into(mfcc: Features, samples: Samples, config: FrontEndConfig) -> None:
    """Fill `mfcc` ``[T, n_mfcc]`` from windows that start at 0, hop, 2·hop, … of contiguous `samples`."""
    window, filters, to_cepstrum = _constants(config)
    frames = np.lib.stride_tricks.sliding_window_view(samples, config.win_length)[:: config.hop_length]
    for start in range(0, len(mfcc), _BLOCK_FRAMES):
        block = frames[start : min(start + _BLOCK_FRAMES, len(mfcc))]
        # The window starts the zero-padded frame instead of sitting at its centre: only phases differ.
        spectrum = np.fft.rfft(block * window, config.n_fft)
        power = spectrum.real**2
        power += spectrum.imag**2
        mel = power @ filters
        np.maximum(mel, np.float32(config.amin), out=mel)
        np.log(mel, out=mel)
        np.matmul(mel, to_cepstrum, out=mfcc[start : start + len(block)])


class MfccStream:
    """MFCC of a recording that arrives in blocks; the blocks' sizes do not change the result.

    `push` and `finish` return features ``[rows, T, n_mfcc]`` and moments ``[rows, T, 2]``: mean and variance of
    the samples that each frame stands for. With a `pool` of threads, stretches of frames are computed side by
    side.
    """

    def __init__(self, config: FrontEndConfig, rows: int = 1, pool: Executor | None = None) -> None:
        self.config = config
        self._map = map if pool is None else pool.map
        self._rows = rows
        self._held = np.zeros((rows, config.padding), np.float32)
        self._n_samples = 0
        self._n_frames = 0

    def push(self, samples: Samples) -> tuple[Features, Features]:
        """Take samples ``[rows, n]``, return the frames that are complete with them."""
        self._n_samples += samples.shape[1]
        self._held = np.concatenate([self._held, samples], axis=1)
        config = self.config
        return self._take(max(0, (self._held.shape[1] - config.win_length) // config.hop_length + 1))

    def finish(self) -> tuple[Features, Features]:
        """Return the frames whose windows reach past the last sample."""
        config = self.config
        remaining = config.n_frames(self._n_samples) - self._n_frames
        needed = max(0, (remaining - 1) * config.hop_length + config.win_length)
        missing = max(0, needed - self._held.shape[1])
        # The last frame may stand for less than a hop of samples.
        last = self._held[:, config.padding + (remaining - 1) * config.hop_length :]
        self._held = np.pad(self._held, ((0, 0), (0, missing)))
        features, moments = self._take(remaining)
        if remaining:
            moments[:, -1] = np.stack([last.mean(axis=1), last.var(axis=1)], axis=-1)
        return features, moments

    def _take(self, n_frames: int) -> tuple[Features, Features]:
        config = self.config
        features = np.empty((self._rows, n_frames, config.n_mfcc), np.float32)
        if n_frames == 0:
            return features, np.empty((self._rows, 0, 2), np.float32)
        tasks = [(row, t) for row in range(self._rows) for t in range(0, n_frames, _TASK_FRAMES)]

        def compute(task: tuple[int, int]) -> None:
            row, t = task
            samples = self._held[row, t * config.hop_length :]
            _mfcc_into(features[row, t : t + _TASK_FRAMES], samples, config)

        for _ in self._map(compute, tasks):
            pass
        used = n_frames * config.hop_length
        own = self._held[:, config.padding : config.padding + used]
        own = own.reshape(self._rows, n_frames, config.hop_length)
        means = np.einsum("rth->rt", own) / np.float32(config.hop_length)
        about = own - means[..., None]
        variances = np.einsum("rth,rth->rt", about, about) / np.float32(config.hop_length)
        moments = np.stack([means, variances], axis=-1)
        self._held = self._held[:, used:]
        self._n_frames += n_frames
        return features, moments


def mfcc(samples: Samples, config: FrontEndConfig) -> Features:
    """MFCC ``[T, n_mfcc]`` of mono samples ``[n]``, computed in NumPy.

    >>> mfcc(np.zeros(16000, np.float32), FrontEndConfig()).shape
    (100, 64)
    """
    stream = MfccStream(config)
    parts = [stream.push(samples[None])[0], stream.finish()[0]]
    return np.concatenate(parts, axis=1)[0]


def feature_blocks(
    blocks: Iterable[Samples], rows: int, config: FrontEndConfig, pool: Executor | None = None
) -> Iterator[tuple[Features, Features]]:
    """Turn blocks of samples ``[rows, n]`` into blocks of features ``[rows, T, n_mfcc]`` and moments."""
    stream = MfccStream(config, rows, pool)
    for block in blocks:
        yield stream.push(block)
    yield stream.finish()
