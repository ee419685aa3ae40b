"""Hard cases that are made: words in silence, words over rain, mains hum, telephone tones, clicks.

    python benchmarks/made_cases.py CORPUS FOLDER      # as wav files, for other programs

What is spoken and what rains is taken from the corpus's ``val``. Each case is one short recording with one
stretch that a listener has a word for; nothing in them was drawn as training draws its sounds.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from corpus import SAMPLE_RATE, Corpus

from swishcli.audio import Samples

N_EACH = 24
"""Recordings of each kind."""
_SEED = 20_240_229
_DTMF_LOW, _DTMF_HIGH = (697, 770, 852, 941), (1209, 1336, 1477, 1633)


@dataclass(frozen=True)
class Case:
    """A made recording, and what is to be heard in a stretch of it."""

    kind: str
    samples: Samples
    labels: tuple[str, ...]
    """Right answers, the class first."""
    start: float
    end: float
    """Seconds between which they are."""


def made_cases(corpus: Corpus) -> list[Case]:
    """The cases of every kind, always the same for the same corpus."""
    makers: tuple[Callable[[np.random.Generator, Corpus], Iterator[Case]], ...] = (
        _words_in_silence,
        _words_over_rain,
        _hums,
        _telephone_tones,
        _clicks,
    )
    cases = []
    for number, make in enumerate(makers):
        cases += list(make(np.random.default_rng([_SEED, number]), corpus))
    return cases


def case_name(number: int) -> str:
    """What a case is called as a file, by its place among `made_cases`."""
    return f"made-{number:03}.wav"


def _words_in_silence(generator: np.random.Generator, corpus: Corpus) -> Iterator[Case]:
    for length in (0.2, 0.3, 0.4):
        for voice in _drawn(generator, corpus, "words and commands"):
            samples = _room_tone(generator, 3.0)
            start = generator.uniform(0.8, 1.8)
            _add(samples, _faded(_loudest(voice, length), -26), start)
            yield Case(f"made: a word of {length} s in silence", samples, ("speech",), start, start + length)


def _words_over_rain(generator: np.random.Generator, corpus: Corpus) -> Iterator[Case]:
    voices = _drawn(generator, corpus, "read and studio speech")
    for voice, rain in zip(voices, _drawn(generator, corpus, "rain, wind and water"), strict=False):
        samples = np.resize(rain, 8 * SAMPLE_RATE) * np.float32(10 ** (-36 / 20) / _rms(rain))
        start = generator.uniform(2.0, 5.0)
        _add(samples, _faded(_loudest(voice, 0.5), -26), start)
        yield Case("made: half a second of speech over rain", samples, ("speech",), start, start + 0.5)


def _hums(generator: np.random.Generator, _: Corpus) -> Iterator[Case]:
    t = np.arange(6 * SAMPLE_RATE) / SAMPLE_RATE
    for mains in (50, 60, 100, 120):
        for _index in range(N_EACH // 2):
            base = mains * generator.uniform(0.999, 1.001)
            falls_db = generator.uniform(2, 12)
            hum = sum(
                10 ** (-(order - 1) * falls_db / 20 + generator.normal(0, 0.2))
                * np.sin(2 * np.pi * (base * order * t + generator.random()))
                for order in range(1, 13)
            )
            level = 10 ** (generator.uniform(-50, -20) / 20)
            samples = (hum * level / _rms(np.asarray(hum))).astype(np.float32)
            yield Case(f"made: hum of {mains} Hz", samples + _room_tone(generator, 6.0), ("noise",), 0, 6)


def _telephone_tones(generator: np.random.Generator, _: Corpus) -> Iterator[Case]:
    for _index in range(N_EACH):
        samples = _room_tone(generator, 5.0)
        tone_s, pause_s = generator.uniform(0.07, 0.25), generator.uniform(0.05, 0.2)
        t = np.arange(round(tone_s * SAMPLE_RATE)) / SAMPLE_RATE
        position = 0.2
        while position + tone_s < 4.8:
            pair = generator.choice(_DTMF_LOW), generator.choice(_DTMF_HIGH)
            tones = sum(np.sin(2 * np.pi * frequency * t) for frequency in pair)
            _add(samples, _faded(np.asarray(tones, np.float32), -20), position)
            position += tone_s + pause_s
        yield Case("made: telephone tones", samples, ("noise",), 0.2, position)


def _clicks(generator: np.random.Generator, _: Corpus) -> Iterator[Case]:
    for _index in range(N_EACH):
        samples = _room_tone(generator, 4.0)
        times = np.sort(generator.uniform(0.5, 3.5, generator.integers(1, 8)))
        for time in times:
            n = generator.integers(1, SAMPLE_RATE // 50)
            click = generator.standard_normal(n) * np.exp(-5 * np.arange(n) / n)
            _add(samples, (0.5 * click / np.abs(click).max()).astype(np.float32), time)
        # Nobody minds clicks that are not mentioned.
        right = ("noise", "silence")
        yield Case("made: clicks in silence", samples, right, times[0] - 0.05, times[-1] + 0.05)


def _drawn(generator: np.random.Generator, corpus: Corpus, kind: str) -> list[Samples]:
    """`N_EACH` recordings of a kind, of as many sources as there are."""
    items = [item for item in corpus.val if kind in item.kinds]
    if not items:
        return []
    by_source: dict[str, list[Path]] = {}
    for item in items:
        by_source.setdefault(item.source, []).append(item.path)
    sources = list(by_source.values())
    picked = (sources[i % len(sources)] for i in range(N_EACH))
    return [corpus.samples(paths[generator.integers(len(paths))]) for paths in picked]


def _loudest(samples: Samples, length_s: float) -> Samples:
    """The stretch of `length_s` seconds with the most energy."""
    n = min(len(samples), round(length_s * SAMPLE_RATE))
    energy = np.concatenate([[0], np.cumsum(np.square(samples, dtype=np.float64))])
    start = int(np.argmax(energy[n:] - energy[:-n]))
    return samples[start : start + n]


def _faded(samples: Samples, level_db: float) -> Samples:
    """At a level (dBFS, RMS), with 10 ms of fade on both sides."""
    n = min(len(samples) // 2, SAMPLE_RATE // 100)
    ramp = np.linspace(0, 1, n, dtype=np.float32)
    faded = samples * np.float32(10 ** (level_db / 20) / _rms(samples))
    faded[:n] *= ramp
    faded[len(faded) - n :] *= ramp[::-1]
    return faded


def _room_tone(generator: np.random.Generator, seconds: float) -> Samples:
    """Noise at -80 dBFS: no recording is digitally silent."""
    return (1e-4 * generator.standard_normal(round(seconds * SAMPLE_RATE))).astype(np.float32)


def _add(samples: Samples, sound: Samples, start_s: float) -> None:
    first = round(start_s * SAMPLE_RATE)
    samples[first : first + len(sound)] += sound[: len(samples) - first]


def _rms(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)) + 1e-12))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for number, case in enumerate(made_cases(Corpus(arguments.corpus))):
        path = arguments.folder / case_name(number)
        soundfile.write(path, case.samples, SAMPLE_RATE)
        print(path, "/".join(case.labels), f"{case.start:.3f}", f"{case.end:.3f}", case.kind, sep="\t")


if __name__ == "__main__":
    main()
