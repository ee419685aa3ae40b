"""Noises made on the fly: endless and cheap, tonal and periodic ones above all.

A network that has heard few drones, alarms and engines takes them for music. Each function draws one noise
of `n` samples with a NumPy generator; `synthetic_noise` draws the kind as well.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from swishcli.audio import Samples
from swishcli.training.signals import Generator, coloured_noise, rms


def _slow_curve(generator: Generator, n: int, rate_hz: float, sample_rate: int) -> Samples:
    """A random curve of mean 0 and deviation 1 that takes a new direction about `rate_hz` times a second."""
    nodes = max(2, int(n / sample_rate * rate_hz) + 2)
    return np.interp(np.linspace(0, nodes - 1, n), np.arange(nodes), generator.standard_normal(nodes)).astype(
        np.float32
    )


def _oscillator(frequency_hz: Samples, sample_rate: int) -> Samples:
    """Sine that follows a curve of frequencies ``[n]``."""
    return np.sin(2 * np.pi * np.cumsum(frequency_hz, dtype=np.float64) / sample_rate).astype(np.float32)


def _on_off(generator: Generator, n: int, sample_rate: int, shortest_s: float, longest_s: float) -> Samples:
    """A regular pattern of 1 and 0 with a period of `shortest_s` to `longest_s`, its edges rounded."""
    period = generator.uniform(shortest_s, longest_s)
    phase = (np.arange(n, dtype=np.float32) / sample_rate / period + generator.uniform()) % 1
    edge = 0.01 / period
    duty = generator.uniform(0.2, 0.8)
    return np.clip(np.minimum(phase, duty - phase) / edge, 0, 1).astype(np.float32)


def modulated_noise(generator: Generator, n: int, sample_rate: int) -> Samples:
    """Wind, surf, rain, traffic: coloured noise that swells and fades."""
    noise = coloured_noise(generator, n, generator.uniform(-9, 2))
    return noise * np.exp(
        generator.uniform(0, 0.8) * _slow_curve(generator, n, generator.uniform(0.2, 5), sample_rate)
    )


def hum(generator: Generator, n: int, sample_rate: int) -> Samples:
    """Mains, fans, transformers, drones: steady harmonics over some noise."""
    fundamental = generator.choice([50, 60, np.exp(generator.uniform(np.log(30), np.log(500)))])
    drift = 1 + generator.choice([0, 0.002, 0.02]) * _slow_curve(generator, n, 0.5, sample_rate)
    sound = np.zeros(n, np.float32)
    decay = generator.uniform(0.5, 2)
    for harmonic in range(1, 13):
        if fundamental * harmonic < sample_rate / 2.2:
            amplitude = np.float32(generator.uniform(0, 1) / harmonic**decay)
            sound += amplitude * _oscillator(fundamental * harmonic * drift, sample_rate)
    return sound + coloured_noise(generator, n, -4) * np.float32(generator.uniform(0.01, 0.5))


def beeps(generator: Generator, n: int, sample_rate: int) -> Samples:
    """Alarms, ring tones, reversing lorries: one or two pitches, on and off."""
    pitch = np.exp(generator.uniform(np.log(300), np.log(4000)))
    other = pitch * generator.choice([1.0, 1.0, generator.uniform(0.7, 1.5)])
    which = _on_off(generator, n, sample_rate, 0.1, 1.5)
    tone = _oscillator(np.where(which > 0.5, pitch, other).astype(np.float32), sample_rate)
    tone = np.tanh(tone * np.float32(generator.uniform(0.5, 8)))
    return tone * _on_off(generator, n, sample_rate, 0.1, 3.0)


def siren(generator: Generator, n: int, sample_rate: int) -> Samples:
    """Sirens and sweeps: a pitch that runs up and down."""
    rate = np.exp(generator.uniform(np.log(0.1), np.log(8)))
    phase = np.arange(n) / sample_rate * rate + generator.uniform()
    shape = (
        np.abs(2 * (phase % 1) - 1) if generator.uniform() < 0.5 else 0.5 + 0.5 * np.sin(2 * np.pi * phase)
    )
    low = np.exp(generator.uniform(np.log(200), np.log(1500)))
    frequency = low * (1 + generator.uniform(0.2, 2) * shape)
    return np.tanh(
        _oscillator(frequency.astype(np.float32), sample_rate) * np.float32(generator.uniform(0.5, 5))
    )


def pulses(generator: Generator, n: int, sample_rate: int) -> Samples:
    """Engines, machines, clocks, footsteps: more or less regular short bursts through a resonance."""
    rate = np.exp(generator.uniform(np.log(0.7), np.log(80)))
    jitter = generator.choice([0.0, 0.03, 0.5])
    steps = np.maximum(0.1, 1 + jitter * generator.standard_normal(int(n / sample_rate * rate) + 2)) / rate
    at = (np.cumsum(steps) * sample_rate).astype(int)
    at = at[at < n]
    train = np.zeros(n, np.float32)
    train[at] = generator.uniform(0.5, 1, len(at))
    length = int(sample_rate * min(0.3, 1 / rate))
    burst = coloured_noise(generator, length, generator.uniform(-9, 0))
    burst *= np.exp(-np.arange(length) / (length * generator.uniform(0.05, 0.4))).astype(np.float32)
    size = 1 << (n + length).bit_length()
    return np.fft.irfft(np.fft.rfft(train, size) * np.fft.rfft(burst, size), size)[:n].astype(np.float32)


def chirps(generator: Generator, n: int, sample_rate: int) -> Samples:
    """Birds, insects, squeaks: short gliding whistles in irregular groups."""
    sound = np.zeros(n, np.float32)
    base = np.exp(generator.uniform(np.log(800), np.log(5000)))
    position = 0
    while position < n:
        length = int(generator.uniform(0.02, 0.25) * sample_rate)
        glide = np.linspace(1, generator.uniform(0.6, 1.6), length)
        warble = 1 + 0.1 * np.sin(2 * np.pi * generator.uniform(0, 60) * np.arange(length) / sample_rate)
        whistle = _oscillator(
            (base * generator.uniform(0.8, 1.25) * glide * warble).astype(np.float32), sample_rate
        )
        whistle *= np.hanning(length).astype(np.float32) * np.float32(generator.uniform(0.2, 1))
        room = min(length, n - position)
        sound[position : position + room] = whistle[:room]
        position += length + int(generator.exponential(0.25) * sample_rate)
    return sound + coloured_noise(generator, n, -3) * np.float32(generator.uniform(0.001, 0.1))


def mains(generator: Generator, n: int, sample_rate: int) -> Samples:
    """Mains hum and buzz, transformers: exact harmonics, odd ones, even ones or all, over little or no noise."""
    fundamental = float(generator.choice([50.0, 60.0, 100.0, 120.0, 400.0, generator.uniform(40, 250)]))
    fundamental *= 1 + generator.normal(0, 2e-4)
    step = generator.choice([1, 1, 2])
    n_harmonics = int(min(40, sample_rate / 2.2 / fundamental))
    orders = np.arange(n_harmonics)
    an_octave, an_order = generator.uniform(2, 15), generator.uniform(1, 14)
    falls_db = an_octave * np.log2(orders + 1) if generator.uniform() < 0.5 else an_order * orders
    amplitudes = 10 ** (-(falls_db + generator.normal(0, 3, n_harmonics)) / 20)
    time = np.arange(n) / sample_rate
    sound = np.zeros(n, np.float32)
    for order in range(0, n_harmonics, step):
        phase = fundamental * (order + 1) * time + generator.uniform()
        sound += (amplitudes[order] * np.sin(2 * np.pi * phase)).astype(np.float32)
    return sound / np.float32(rms(sound)) + coloured_noise(generator, n, -3) * np.float32(
        10 ** generator.uniform(-4, -0.7)
    )


def stethoscope(generator: Generator, n: int, sample_rate: int) -> Samples:
    """Hearts and lungs through a stethoscope: two dull thuds a beat, murmurs, breath that comes and goes."""
    time = np.arange(n) / sample_rate
    breath = 0.5 - 0.5 * np.cos(2 * np.pi * (generator.uniform(0.15, 0.8) * time + generator.uniform()))
    sound = coloured_noise(generator, n, generator.uniform(-9, -3)) * breath.astype(np.float32) ** 2
    sound *= np.float32(10 ** generator.uniform(-1.5, 0.3))
    if generator.uniform() < 0.2:  # a wheeze or a moan
        pitch = np.exp(generator.uniform(np.log(100), np.log(700)))
        tone = _oscillator((pitch * (1 + 0.1 * breath)).astype(np.float32), sample_rate)
        sound += tone * breath.astype(np.float32) * np.float32(generator.uniform(0.05, 0.5))
    if generator.uniform() < 0.7:
        sound += _heartbeats(generator, n, sample_rate)
    return sound


def _heartbeats(generator: Generator, n: int, sample_rate: int) -> Samples:
    """The two sounds of every beat at a pace of 40 to 200 a minute, as damped low tones."""
    beat_s, jitter = (
        60 / np.exp(generator.uniform(np.log(40), np.log(200))),
        generator.choice([0.01, 0.05, 0.2]),
    )
    starts = np.cumsum(
        beat_s
        * np.maximum(0.3, 1 + jitter * generator.standard_normal(int(n / sample_rate / beat_s * 2) + 2))
    )
    sound = np.zeros(n, np.float32)
    for at_s, level in ((0.0, 1.0), (generator.uniform(0.3, 0.45) * beat_s, generator.uniform(0.2, 1))):
        length = int(generator.uniform(0.05, 0.16) * sample_rate)
        within = np.arange(length) / sample_rate
        thud = np.sin(2 * np.pi * generator.uniform(25, 120) * within + generator.uniform(0, 6))
        thud = thud + generator.uniform(0, 0.7) * coloured_noise(generator, length, -6)
        thud = (level * thud * np.hanning(length)).astype(np.float32)
        for start in ((starts + at_s) * sample_rate).astype(int):
            part = sound[start : start + length]
            part += thud[: len(part)]
    return sound


_DTMF_HZ = ((697, 770, 852, 941), (1209, 1336, 1477, 1633))


def telephone_tones(generator: Generator, n: int, sample_rate: int) -> Samples:
    """Dialled digits, or a dial, ringing or busy tone."""
    time = np.arange(n) / sample_rate
    if generator.uniform() < 0.4:
        pair = np.array([(350, 440), (425, 425), (440, 480), (480, 620), (400, 450)][generator.integers(5)])
        tone = np.sin(2 * np.pi * pair[:, None] * time).sum(axis=0).astype(np.float32)
        return tone if generator.uniform() < 0.3 else tone * _on_off(generator, n, sample_rate, 0.3, 5.0)
    length = int(generator.uniform(0.05, 0.3) * sample_rate)
    every = length + int(generator.uniform(0.04, 0.4) * sample_rate)
    sound = np.zeros(n, np.float32)
    for start in range(0, n, every):
        part = time[start : start + length]
        for row in _DTMF_HZ:
            sound[start : start + length] += np.sin(2 * np.pi * row[generator.integers(4)] * part)
    return sound


def radio_signals(generator: Generator, n: int, sample_rate: int) -> Samples:
    """Morse, data bursts and whistles of heterodynes in the hiss of a receiver."""
    kind, pitch = generator.integers(3), generator.uniform(300, 2500)
    if kind == 0:  # keyed in units of a dot
        dot = int(generator.uniform(0.03, 0.15) * sample_rate)
        keyed = np.repeat(generator.choice([0, 1, 1], n // dot + 1), dot)[:n]
        tone = keyed * _oscillator(np.full(n, pitch, np.float32), sample_rate)
    elif kind == 1:  # frequency-shift keying
        symbol = max(1, int(sample_rate / generator.uniform(10, 1200)))
        shifts = np.repeat(generator.integers(0, generator.choice([2, 8]), n // symbol + 1), symbol)[:n]
        tone = _oscillator((pitch + generator.uniform(6, 170) * shifts).astype(np.float32), sample_rate)
    else:
        drift = 1 + generator.uniform(0, 0.3) * _slow_curve(generator, n, 0.3, sample_rate)
        tone = _oscillator((pitch * np.abs(drift)).astype(np.float32), sample_rate)
    hiss = coloured_noise(generator, n, generator.uniform(-4, 1))
    return (tone + hiss * np.float32(generator.uniform(0.02, 1))).astype(np.float32)


def impulses(generator: Generator, n: int, sample_rate: int) -> Samples:
    """Clicks and knocks, one by one, in silence."""
    sound = np.zeros(n, np.float32)
    position = int(generator.exponential(0.3) * sample_rate)
    while position < n:
        length = int(generator.uniform(0.0005, 0.08) * sample_rate) + 2
        burst = coloured_noise(generator, length, generator.uniform(-6, 0))
        burst *= np.exp(-np.arange(length) / (length * generator.uniform(0.05, 0.4))).astype(np.float32)
        part = sound[position : position + length]
        part += burst[: len(part)] * np.float32(generator.uniform(0.2, 1))
        position += length + int(generator.exponential(0.8) * sample_rate)
    return sound


def engine(generator: Generator, n: int, sample_rate: int) -> Samples:
    """Engines, propellers, helicopters: harmonics of a speed that rises and falls, half orders, beaten noise."""
    lowest = np.exp(generator.uniform(np.log(8), np.log(120)))
    speed = np.exp(
        generator.uniform(0, 0.5) * _slow_curve(generator, n, generator.uniform(0.1, 1), sample_rate)
    )
    phase = np.cumsum(lowest * speed * (1 + 0.01 * _slow_curve(generator, n, 15, sample_rate)) / sample_rate)
    order = generator.choice([0.5, 1.0])
    sound, decay = np.zeros(n, np.float32), generator.uniform(0.3, 1.5)
    for harmonic in range(1, 31):
        if lowest * harmonic * order * speed.max() < sample_rate / 2.2:
            amplitude = generator.uniform(0, 1) / harmonic**decay
            sound += (
                amplitude * np.sin(2 * np.pi * (order * harmonic * phase + generator.uniform()))
            ).astype(np.float32)
    beat = 1 + generator.uniform(0, 1) * np.sin(2 * np.pi * phase)
    noise = coloured_noise(generator, n, generator.uniform(-8, -1)) * beat.astype(np.float32)
    return sound / np.float32(rms(sound)) + noise * np.float32(10 ** generator.uniform(-1.5, 0.5))


KINDS: tuple[Callable[[Generator, int, int], Samples], ...] = (
    modulated_noise,
    hum,
    beeps,
    siren,
    pulses,
    chirps,
    mains,
    mains,
    stethoscope,
    telephone_tones,
    radio_signals,
    impulses,
    engine,
    engine,
)


def synthetic_noise(generator: Generator, n: int, sample_rate: int) -> Samples:
    """A random noise, or two of them together: ``[n]``."""
    sound = KINDS[generator.integers(len(KINDS))](generator, n, sample_rate)
    while rms(sound) < 1e-3:  # all of a short one may lie in a pause between beeps or pulses
        sound = KINDS[generator.integers(len(KINDS))](generator, n, sample_rate)
    if generator.uniform() < 0.3:
        second = KINDS[generator.integers(len(KINDS))](generator, n, sample_rate)
        sound = sound + np.float32(generator.uniform(0.1, 1)) * second
    return sound.astype(np.float32)
