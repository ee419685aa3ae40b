"""Music made on the fly: chords, melodies and drums, and voices of speech recordings that sing or rap to them.

What sets music apart from tones and from speech is order: pitches of a scale, a steady beat. Recordings that
show it are dear, above all sung ones; here it is endless. Frequencies are in Hz, lengths and times in samples
of `sample_rate`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from swishcli.audio import Samples
from swishcli.training.augmentation import Generator, rms

Instrument = Callable[[float, int], Samples]
"""Sound of a note of a frequency and a length."""

_SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 3, 5, 7, 9, 10), (0, 2, 4, 7, 9))
"""Semitones above the root: major, minor, Dorian, pentatonic."""


class Band:
    """A piece of music in the making: its tempo, its key, and the sound so far."""

    def __init__(self, generator: Generator, n: int, sample_rate: int) -> None:
        self.generator, self.sample_rate = generator, sample_rate
        self.sound = np.zeros(n, np.float32)
        self.beat = int(60 / generator.uniform(60, 180) * sample_rate)
        self.scale = _SCALES[generator.integers(len(_SCALES))]
        self.root = generator.uniform(55, 110)

    @property
    def octave(self) -> int:
        """Steps of the scale in an octave."""
        return len(self.scale)

    def pitch(self, degree: int) -> float:
        """Frequency of a step of the scale, counted from the root."""
        octave, step = divmod(degree, len(self.scale))
        return float(self.root * 2 ** (octave + self.scale[step] / 12))

    def notes(self, low: int, high: int, longest_beats: float = 2.0) -> Iterator[tuple[int, int, int]]:
        """A random walk over the steps `low` to `high` with rests: (start, length, step) of each note."""
        generator, position = self.generator, 0
        degree = int(generator.integers(low, high + 1))
        while position < len(self.sound):
            length = int(self.beat * generator.choice([0.5, 0.5, 1.0, 1.0, longest_beats]))
            if generator.uniform() < 0.87:
                yield position, min(length, len(self.sound) - position), degree
            degree = int(np.clip(degree + generator.integers(-3, 4), low, high))
            position += length

    def add(self, at: int, sound: Samples, gain: float) -> None:
        """Add a sound from `at` on, cut off at the end."""
        part = self.sound[at : at + len(sound)]
        part += np.float32(gain) * sound[: len(part)]

    def chords(self) -> None:
        """Four chords over and over, struck or broken, and mostly a bass."""
        generator, bar, eighth = self.generator, 4 * self.beat, self.beat // 2
        roots = generator.integers(0, self.octave, 4)
        play, broken, gain = self._instrument(), generator.uniform() < 0.5, generator.uniform(0.2, 0.6)
        bass = self._instrument() if generator.uniform() < 0.7 else None
        for index, start in enumerate(range(0, len(self.sound), bar)):
            root = int(roots[index % 4])
            # (when, which note of the chord, how long)
            pattern = (
                [(k * eighth, (0, 2, 4, 2)[k % 4], eighth) for k in range(8)]
                if broken
                else [(0, third, bar) for third in (0, 2, 4)]
            )
            for at, step, length in pattern:
                self.add(start + at, play(self.pitch(root + step + self.octave), length), gain)
            if bass is not None:
                for beat in range(4):
                    self.add(start + beat * self.beat, bass(self.pitch(root), self.beat), 0.7)

    def melody(self) -> None:
        """A tune of one instrument."""
        play = self._instrument()
        for start, length, degree in self.notes(self.octave, 4 * self.octave):
            self.add(start, play(self.pitch(degree), length), 0.7)

    def drums(self) -> None:
        """Bass drum, snare and hi-hat: a pattern of eighths that repeats every bar."""
        generator, rate = self.generator, self.sample_rate
        time = np.arange(int(0.2 * rate), dtype=np.float32) / rate
        noise = generator.standard_normal((2, len(time)), dtype=np.float32)
        drums = (
            np.sin(2 * np.pi * (50 * time + 4 * (1 - np.exp(-time * 30)))) * np.exp(-time * 18),
            noise[0] * np.exp(-time * 25),
            np.diff(noise[1], prepend=0) * np.exp(-time * 70),
        )
        on_beat = np.arange(8) % 4 == np.array([[0], [2], [0]])
        patterns = on_beat | (generator.uniform(size=(3, 8)) < np.array([[0.3], [0.2], [0.7]]))
        for index, start in enumerate(range(0, len(self.sound), self.beat // 2)):
            for drum, pattern, gain in zip(drums, patterns, (1.2, 0.5, 0.2), strict=True):
                if pattern[index % 8]:
                    self.add(start, drum.astype(np.float32), gain)

    def _instrument(self) -> Instrument:
        """A random timbre and envelope: plucked, struck, blown, or of an old game."""
        generator, rate = self.generator, self.sample_rate
        harmonics = np.arange(1, 17)
        amplitudes = harmonics ** -generator.uniform(0.5, 2.5) * generator.uniform(0.2, 1, 16)
        if generator.uniform() < 0.4:
            amplitudes[1::2] *= 0.05  # hollow: clarinets, square waves
        attack_s, decay_s = generator.uniform(0.003, 0.08), np.exp(generator.uniform(np.log(0.1), np.log(3)))
        vibrato = generator.choice([0.0, 0.0, 0.006])

        def play(frequency: float, length: int) -> Samples:
            time = np.arange(length, dtype=np.float32) / rate
            wobble = vibrato / 5.5 * np.sin(2 * np.pi * 5.5 * time)
            tone = _harmonics(
                2 * np.pi * frequency * (time + wobble), amplitudes[: int(rate / 2.2 / frequency)]
            )
            release = np.clip((length / rate - time) / 0.03, 0, 1)
            return tone * np.clip(time / attack_s, 0, 1) * np.exp(-time / decay_s) * release

        return play


def _harmonics(phase: npt.NDArray[np.floating], amplitudes: npt.NDArray[np.float64]) -> Samples:
    """Sum of ``amplitudes[k] · sin((k + 1) · phase)``, each sine from the two before it."""
    twice_cosine = 2 * np.cos(phase)
    before, sine = np.zeros_like(phase), np.sin(phase)
    tone = np.zeros(len(phase), np.float32)
    for amplitude in amplitudes:
        tone += np.float32(amplitude) * sine
        before, sine = sine, twice_cosine * sine - before
    return tone


def instrumental(generator: Generator, n: int, sample_rate: int) -> Samples:
    """Chords, a melody and drums, some or all of them: ``[n]``."""
    band = Band(generator, n, sample_rate)
    chords, melody, drums = generator.uniform(size=3) < (0.8, 0.7, 0.5)
    if chords:
        band.chords()
    if melody or not chords:
        band.melody()
    if drums:
        band.drums()
    return band.sound


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
    harmonics = _harmonics(phase, np.ones(int(np.clip(sample_rate / 2.1 / pitch.max(), 1, 60))))
    breath = generator.standard_normal(len(pitch), dtype=np.float32)
    return harmonics + np.float32(generator.uniform(0.02, 0.25)) * breath


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
