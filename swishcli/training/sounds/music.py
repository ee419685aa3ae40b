"""Music made on the fly: chords, melodies and drums.

What sets music apart from tones and from speech is order: pitches of a scale, a steady beat. Recordings that
show it are dear; here it is endless. Frequencies are in Hz, lengths and times in samples of `sample_rate`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from swishcli.audio import Samples
from swishcli.training.signals import Generator, harmonics

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
        orders = np.arange(1, 17)
        amplitudes = orders ** -generator.uniform(0.5, 2.5) * generator.uniform(0.2, 1, 16)
        if generator.uniform() < 0.4:
            amplitudes[1::2] *= 0.05  # hollow: clarinets, square waves
        attack_s, decay_s = generator.uniform(0.003, 0.08), np.exp(generator.uniform(np.log(0.1), np.log(3)))
        vibrato = generator.choice([0.0, 0.0, 0.006])

        def play(frequency: float, length: int) -> Samples:
            time = np.arange(length, dtype=np.float32) / rate
            wobble = vibrato / 5.5 * np.sin(2 * np.pi * 5.5 * time)
            tone = harmonics(
                2 * np.pi * frequency * (time + wobble), amplitudes[: int(rate / 2.2 / frequency)]
            )
            release = np.clip((length / rate - time) / 0.03, 0, 1)
            return tone * np.clip(time / attack_s, 0, 1) * np.exp(-time / decay_s) * release

        return play


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
