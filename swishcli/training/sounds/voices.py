"""Voices of speech recordings that sing, rap to a band, or talk all at once.

Recordings of songs are dear, those of speech are not. Times are in samples of `sample_rate`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from swishcli.audio import Samples
from swishcli.training.signals import Generator, harmonics, rms
from swishcli.training.sounds.music import Band

Talker = Callable[[float], Samples]
"""Draws a stretch of a speech recording, at most so many seconds long."""

_SONG_VOICE_S = 12.0
"""Seconds of speech, at most, that a song takes its words from."""


def song(generator: Generator, n: int, sample_rate: int, talker: Talker) -> Samples:
    """A `vocal` of a voice that is drawn."""
    return vocal(generator, talker(_SONG_VOICE_S), n, sample_rate)


def babble(generator: Generator, n: int, sample_rate: int, talker: Talker) -> Samples:
    """So many talkers that no word can be made out: ``[n]``."""
    samples = np.zeros(n, np.float32)
    for _ in range(generator.integers(8, 17)):
        voice = talker(n / sample_rate)
        gain = 10 ** (generator.normal(0, 2) / 20) / rms(voice)
        samples += np.float32(gain) * np.roll(np.resize(voice, n), generator.integers(n))
    return samples


def vocal(generator: Generator, voice: Samples, n: int, sample_rate: int) -> Samples:
    """A voice from a speech recording sings, alone or to a band, or raps to one: ``[n]``.

    Parameters
    ----------
    voice : array
        Speech, the longer the more words; returned in another order where it is too short to sing.
    """
    band = Band(generator, n, sample_rate)
    raps = generator.uniform() < 0.3
    if raps or generator.uniform() < 0.5:
        if raps or generator.uniform() < 0.6:
            band.drums()
        if generator.uniform() < 0.8:
            band.chords()
    backing = band.sound
    band.sound = np.zeros(n, np.float32)
    if raps:
        _rap(band, voice)
    else:
        for _ in range(generator.choice([1, 1, 1, 2, 4])):  # alone, in two voices, a choir
            _sing(band, voice)
    ratio_db = generator.uniform(-8, 4) if raps else generator.uniform(-12, 6)
    gain = 10 ** (ratio_db / 20) * rms(band.sound) / rms(backing) if backing.any() else 0.0
    return band.sound + np.float32(gain) * backing


def _rap(band: Band, voice: Samples) -> None:
    """Words on the beat: the recording goes on from eighth to eighth, each syllable starting in time."""
    generator, rate = band.generator, band.sample_rate
    eighth = band.beat // 2
    grain = min(len(voice), int(max(eighth, 0.15 * rate) * 1.1))
    fade = np.minimum(1, np.minimum(np.arange(grain), np.arange(grain)[::-1]) / (0.01 * rate))
    at = int(generator.integers(max(1, len(voice) - grain)))
    loud = 0.3 * float(np.percentile(np.abs(voice), 99))
    for start in range(0, len(band.sound), eighth * (1 if eighth > 0.15 * rate else 2)):
        # Syllables start where the voice rises: look for sound within the next quarter of a second.
        ahead = np.abs(voice[at : at + rate // 4]) > loud
        at += max(0, int(ahead.argmax()) - rate // 50)
        if generator.uniform() < 0.9:
            syllable = voice[at : at + grain]
            band.add(start, syllable * fade[: len(syllable)].astype(np.float32), 1.0)
        at = at + eighth if at + 2 * grain < len(voice) else int(generator.integers(max(1, len(voice) // 4)))


_VOICE_HOP_S = 0.01
_VOICE_WINDOW = 1024


def _sing(band: Band, voice: Samples) -> None:
    """The recording's vowels, held on the notes of a melody.

    A channel vocoder: the spectral envelopes of the voice (cepstrum below the shortest period of a voice)
    shape a train of harmonics that follows the melody, with portamento and vibrato.
    """
    generator, rate, n = band.generator, band.sample_rate, len(band.sound)
    hop = int(_VOICE_HOP_S * rate)
    envelopes = _voiced_envelopes(voice, rate, hop)
    if len(envelopes) < 20:
        band.add(0, np.roll(np.resize(voice, n), generator.integers(n)), 1.0)
        return
    frames = n // hop + 1
    pitch, loudness, heard = np.full(frames, np.nan), np.zeros(frames), np.zeros(frames, np.int64)
    lowest = int(generator.integers(band.octave // 2, 2 * band.octave))
    at = 0
    for start, length, degree in band.notes(lowest, lowest + band.octave, longest_beats=4.0):
        first = start // hop
        k = np.arange(min(length // hop + 1, frames - first))
        pitch[first : first + len(k)] = band.pitch(degree)
        loudness[first : first + len(k)] = np.clip((k + 1) / 4, 0, 1) * np.clip((len(k) - k) / 5, 0.1, 1)
        # A syllable at its own pace, then its vowel, which hardly moves.
        syllable, drift = generator.uniform(8, 16), generator.uniform(0, 0.15)
        moved = np.minimum(k, syllable) + drift * np.maximum(0, k - syllable)
        heard[first : first + len(k)] = (at + moved.astype(int)) % len(envelopes)
        at += int(syllable + generator.uniform(5, 20))
    sung = np.flatnonzero(~np.isnan(pitch))
    if not len(sung):
        return
    pitch = np.interp(np.arange(frames), sung, pitch[sung])
    glide = np.convolve(np.pad(pitch, 4, "edge"), np.ones(9) / 9, "valid")
    source = _glottal_source(generator, np.interp(np.arange(n) / hop, np.arange(frames), glide), rate)
    shaped = _shaped(source, envelopes[heard], loudness, hop)
    band.add(0, shaped / np.float32(rms(shaped)), 1.0)


def _voiced_envelopes(voice: Samples, sample_rate: int, hop: int) -> npt.NDArray[np.float64]:
    """Smooth log-magnitude spectra ``[frames, bins]``, mean 0, of the louder frames of a voice."""
    if len(voice) < _VOICE_WINDOW:
        return np.zeros((0, _VOICE_WINDOW // 2 + 1))
    windows = np.lib.stride_tricks.sliding_window_view(voice, _VOICE_WINDOW)[::hop]
    energy = np.einsum("tn,tn->t", windows, windows)
    windows = windows[energy > 0.15 * np.percentile(energy, 95)] * np.hanning(_VOICE_WINDOW)
    cepstra = np.fft.irfft(np.log(np.abs(np.fft.rfft(windows)) + 1e-6))
    shortest_period = int(sample_rate / 450)
    cepstra[:, shortest_period : 1 - shortest_period] = 0
    cepstra[:, 0] = 0
    return np.fft.rfft(cepstra).real


def _glottal_source(generator: Generator, pitch: npt.NDArray[np.float64], sample_rate: int) -> Samples:
    """Harmonics of a pitch curve ``[n]`` with vibrato, and some breath."""
    time = np.arange(len(pitch)) / sample_rate
    semitones = generator.uniform(0.1, 0.8) * np.sin(2 * np.pi * generator.uniform(4.8, 6.5) * time)
    nodes = generator.normal(0, 0.15, int(time[-1] * 8) + 2)  # no voice holds a pitch exactly
    semitones += np.interp(time * 8, np.arange(len(nodes)), nodes)
    pitch = pitch * 2 ** (semitones / 12)
    phase = 2 * np.pi * np.cumsum(pitch) / sample_rate
    voiced = harmonics(phase, np.ones(int(np.clip(sample_rate / 2.1 / pitch.max(), 1, 60))))
    breath = generator.standard_normal(len(pitch), dtype=np.float32)
    return voiced + np.float32(generator.uniform(0.02, 0.25)) * breath


def _shaped(
    source: Samples, envelopes: npt.NDArray[np.float64], loudness: npt.NDArray[np.float64], hop: int
) -> Samples:
    """Filter a source frame by frame: windows are weighted in the frequency domain and added up again."""
    every = 2  # frames: windows overlap by more than two thirds all the same
    starts = np.arange(0, len(loudness), every) * hop
    padded = np.pad(source, (0, starts[-1] + _VOICE_WINDOW - len(source)))
    window = np.hanning(_VOICE_WINDOW)
    gains = np.exp(envelopes[::every]) * loudness[::every, None]
    pieces = np.lib.stride_tricks.sliding_window_view(padded, _VOICE_WINDOW)[starts] * window
    pieces = np.fft.irfft(np.fft.rfft(pieces) * gains) * window
    shaped = np.zeros(len(padded), np.float32)
    for start, piece in zip(starts, pieces, strict=True):
        shaped[start : start + _VOICE_WINDOW] += piece.astype(np.float32)
    return shaped[: len(source)]
