"""What happens to sounds on their way to a recording: rooms, equalisers, telephones, codecs, clipping.

Every function takes mono float32 samples ``[n]`` and a NumPy generator, and returns as many samples
(`change_speed` excepted). Decibels of levels and gains are 20·log10 of amplitudes.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from swishcli.audio import Samples

Generator = np.random.Generator


def rms(samples: Samples) -> float:
    """Root mean square; tiny but never 0."""
    return float(np.sqrt(np.mean(np.square(samples), dtype=np.float64) + 1e-20)) if samples.size else 1e-10


def change_speed(samples: Samples, factor: float, sample_rate: int) -> Samples:
    """Play `factor` times as fast, pitch included: ``[n]`` → about ``[n / factor]``."""
    return soxr.resample(samples, sample_rate * factor, sample_rate, quality="LQ").astype(np.float32)


def equaliser_response(
    generator: Generator, frequencies: npt.NDArray[np.floating], spread_db: float
) -> Samples:
    """Random smooth gains at `frequencies` (Hz): straight lines in dB between octaves from 60 Hz up."""
    octaves = 60 * 2.0 ** np.arange(8)
    nodes_db = generator.normal(0, spread_db, len(octaves))
    return (10 ** (np.interp(np.log(frequencies + 1), np.log(octaves), nodes_db) / 20)).astype(np.float32)


def band_limit_response(generator: Generator, frequencies: npt.NDArray[np.floating]) -> Samples:
    """Magnitudes of a random band limit: a telephone's, or a low- or high-pass of 6 to 48 dB an octave."""
    kind = generator.integers(3)
    low = generator.uniform(200, 400) if kind == 0 else generator.uniform(60, 500) if kind == 1 else 0.0
    high = (
        generator.uniform(3000, 3800) if kind == 0 else generator.uniform(2500, 7500) if kind == 2 else np.inf
    )
    order = generator.integers(1, 9)
    safe = np.maximum(frequencies, 1.0)
    response = 1 / np.sqrt((1 + (low / safe) ** (2 * order)) * (1 + (safe / high) ** (2 * order)))
    return response.astype(np.float32)


def synthetic_room(generator: Generator, sample_rate: int) -> Samples:
    """A random room's impulse response: the direct sound, early reflections, decaying coloured noise.

    Polack's model (1988): late reverberation is Gaussian noise under an exponential decay.
    """
    decay_s = float(np.exp(generator.uniform(np.log(0.1), np.log(1.5))))  # T60
    n = int(decay_s * sample_rate)
    tail = generator.standard_normal(n, dtype=np.float32)
    tail *= np.exp(-6.9 * np.arange(n, dtype=np.float32) / n)
    # High frequencies die earlier in air and on walls: a one-tap low-pass of random strength.
    tail[1:] += np.float32(generator.uniform(0, 1)) * tail[:-1]
    tail[: int(generator.uniform(0.001, 0.02) * sample_rate)] = 0
    response = tail / (rms(tail) * np.sqrt(n))
    for _ in range(generator.integers(0, 6)):
        response[int(generator.uniform(0.001, 0.05) * sample_rate)] += np.float32(generator.normal(0, 0.3))
    response[0] = 10 ** (generator.uniform(-9, 12) / 20)
    return response


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


@dataclass(frozen=True, slots=True)
class Codec:
    """A codec that libsndfile has, at a rate it is used at."""

    format: str
    subtype: str
    sample_rate: int | None = None
    """Hz; None for the rate of the samples."""
    levels: tuple[float, float] | None = None
    """Range of libsndfile's compression level, where the codec has one."""


CODECS = (
    Codec("MP3", "MPEG_LAYER_III", None, (0.3, 0.98)),
    Codec("OGG", "VORBIS", None, (0.3, 1.0)),
    Codec("OGG", "OPUS", None, (0.6, 0.99)),
    Codec("WAV", "GSM610", 8000),
    Codec("WAV", "ULAW", 8000),
    Codec("WAV", "IMA_ADPCM", 8000),
    Codec("WAV", "PCM_U8"),
)


def through_codec(generator: Generator, samples: Samples, sample_rate: int) -> Samples:
    """Encode and decode with a random codec at a random quality."""
    codec = CODECS[generator.integers(len(CODECS))]
    rate = codec.sample_rate or sample_rate
    coded = samples if rate == sample_rate else soxr.resample(samples, sample_rate, rate, quality="MQ")
    level = None if codec.levels is None else float(generator.uniform(*codec.levels))
    buffer = io.BytesIO()
    with soundfile.SoundFile(
        buffer, "w", rate, 1, codec.subtype, format=codec.format, compression_level=level
    ) as sound:
        sound.write(np.clip(coded, -1, 1))
    buffer.seek(0)
    decoded = soundfile.read(buffer, dtype="float32")[0]
    if rate != sample_rate:
        decoded = soxr.resample(decoded, rate, sample_rate, quality="MQ")
    return np.pad(decoded[: len(samples)], (0, max(0, len(samples) - len(decoded)))).astype(np.float32)
