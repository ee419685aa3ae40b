"""What sounds and effects are made with: levels, filters, coloured noise, harmonics.

Sounds are mono float32 samples ``[n]``. Decibels of levels and gains are 20·log10 of amplitudes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import soxr

from swishcli.audio import Samples

Generator = np.random.Generator


def rms(samples: Samples) -> float:
    """Root mean square; tiny but never 0."""
    return float(np.sqrt(np.mean(np.square(samples), dtype=np.float64) + 1e-20)) if samples.size else 1e-10


def change_speed(samples: Samples, factor: float, sample_rate: int) -> Samples:
    """Play `factor` times as fast, pitch included: ``[n]`` → about ``[n / factor]``."""
    return soxr.resample(samples, sample_rate * factor, sample_rate, quality="LQ").astype(np.float32)


def filtered(samples: Samples, response: Samples | None, room: Samples | None, sample_rate: int) -> Samples:
    """Apply magnitudes (given at `filter_frequencies`) and an impulse response in one transform."""
    n = len(samples)
    length = _fast_length(n + (0 if room is None else len(room)))
    spectrum = np.fft.rfft(samples, length)
    if response is not None:
        bins = np.linspace(0, len(response) - 1, len(spectrum))
        spectrum *= np.interp(bins, np.arange(len(response)), response).astype(np.float32)
    if room is not None:
        spectrum *= np.fft.rfft(room, length)
    return np.fft.irfft(spectrum, length)[:n].astype(np.float32)


def filter_frequencies(sample_rate: int) -> npt.NDArray[np.float64]:
    """Where the magnitudes of `filtered` are given, in Hz."""
    return np.linspace(0, sample_rate / 2, 257)


def _fast_length(n: int) -> int:
    """Next number that is 2, 3 or 5 times a power of two."""
    power = 1 << max(0, n - 1).bit_length()
    return min(size for size in (power, power * 3 // 4, power * 5 // 8) if size >= n)


def coloured_noise(generator: Generator, n: int, slope_db: float) -> Samples:
    """Gaussian noise of RMS 1 whose power changes by `slope_db` an octave (0 white, -3 pink, -6 brown)."""
    length = _fast_length(n)
    spectrum = np.fft.rfft(generator.standard_normal(length, dtype=np.float32))
    bins = np.maximum(np.arange(len(spectrum)), length / 800)  # flat below 1/800 of the rate
    spectrum *= (bins ** (slope_db / (20 * np.log10(2)))).astype(np.float32)
    noise = np.fft.irfft(spectrum, length)[:n].astype(np.float32)
    return noise / np.float32(rms(noise))


def harmonics(phase: npt.NDArray[np.floating], amplitudes: npt.NDArray[np.float64]) -> Samples:
    """Sum of ``amplitudes[k] · sin((k + 1) · phase)``, each sine from the two before it."""
    twice_cosine = 2 * np.cos(phase)
    before, sine = np.zeros_like(phase), np.sin(phase)
    tone = np.zeros(len(phase), np.float32)
    for amplitude in amplitudes:
        tone += np.float32(amplitude) * sine
        before, sine = sine, twice_cosine * sine - before
    return tone
