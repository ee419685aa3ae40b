"""Make the audio files of this folder, and their reference labels, again.

    python samples/make_samples.py [FOLDER]

Speech comes from espeak-ng; music and noises are computed here. Every sound draws from its own random
generator, seeded by the sound's name, so the same libraries give the same samples each time.
Needs numpy, soundfile, soxr, and espeak-ng on PATH.

All signals are float64 NumPy arrays: [samples] for mono, [samples, 2] for stereo. Levels are dB re full
scale (dBFS), measured as root mean square.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile as sf
import soxr

Audio = npt.NDArray[np.float64]

RATE = 16_000  # Hz, of the files and of everything but music before it is resampled
MUSIC_RATE = 44_100
PHONE_RATE = 8_000
GRID_PER_S = 100  # boundaries fall on multiples of 10 ms, a whole number of samples at all three rates
PROGRAMME_S = 60
PAUSE_S = 1.5
MARGIN = RATE // GRID_PER_S  # samples that a piece of the programme has to spare at either end
LOUDEST = 0.97  # peak that a finished file may reach


# --- Arithmetic shared by all sounds ---------------------------------------------------------------------


def generator(name: str) -> np.random.Generator:
    """The random generator of the sound called `name`."""
    return np.random.default_rng(list(name.encode()))


def filtered(signal: Audio, rate: int, gain: Callable[[Audio], Audio]) -> Audio:
    """Mono `signal` with the amplitude of each frequency f in Hz multiplied by ``gain(f)``, phase kept."""
    spectrum = np.fft.rfft(signal)
    return np.fft.irfft(spectrum * gain(np.fft.rfftfreq(len(signal), 1 / rate)), len(signal))


def band(low_hz: float, high_hz: float, order: int = 4) -> Callable[[Audio], Audio]:
    """Butterworth-shaped amplitude response that passes `low_hz` (0: no lower limit) to `high_hz`."""

    def gain(f: Audio) -> Audio:
        upper = 1 / np.sqrt(1 + (f / high_hz) ** (2 * order))
        if low_hz == 0:
            return upper
        ratio = (f / low_hz) ** order
        return upper * ratio / np.sqrt(1 + ratio**2)

    return gain


def noise(n: int, rate: int, gain: Callable[[Audio], Audio], rng: np.random.Generator) -> Audio:
    """`n` samples of Gaussian noise with amplitude response `gain` and unit variance."""
    shaped = filtered(rng.standard_normal(n), rate, gain)
    return shaped / shaped.std()


def slow_curve(n: int, rate: int, fastest_hz: float, rng: np.random.Generator) -> Audio:
    """A random curve through [0, 1] that holds no frequency above about `fastest_hz`."""
    curve = noise(n, rate, band(0, fastest_hz), rng)
    return (curve - curve.min()) / np.ptp(curve)


def reverberant(dry: Audio, rate: int, decay_s: float, wet: float, rng: np.random.Generator) -> Audio:
    """Mono `dry` in a room whose impulse response is noise that falls by 60 dB in `decay_s`.

    `wet` is the amplitude of the reverberation relative to the direct sound. The length stays the same.
    """
    t = np.arange(round(decay_s * rate)) / rate
    response = rng.standard_normal(len(t)) * 10 ** (-3 * t / decay_s)
    response *= wet / np.linalg.norm(response)
    response[0] = 1.0
    n = len(dry) + len(response)
    return np.fft.irfft(np.fft.rfft(dry, n) * np.fft.rfft(response, n), n)[: len(dry)]


def at_level(signal: Audio, level_db: float) -> Audio:
    """`signal` scaled to `level_db` dBFS (RMS)."""
    return signal * 10 ** (level_db / 20) / np.sqrt(np.mean(signal**2))


def faded_out(signal: Audio, rate: int, fade_s: float) -> Audio:
    """Mono `signal` with a linear fade over its last `fade_s` seconds."""
    n = round(fade_s * rate)
    return signal * np.concatenate([np.ones(len(signal) - n), np.linspace(1, 0, n)])


# --- Speech ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Voice:
    """An espeak-ng voice: its name and its speed in words per minute."""

    name: str
    words_per_minute: int


ENGLISH = Voice("en-gb", 165)
GERMAN = Voice("de+f2", 160)

LIBRARY = (
    "The library opens at nine, and the reading room is quiet until noon. "
    "After lunch the children come in. They look for books about ships, and about the stars."
)
STATION = (
    "Der Zug nach Hamburg fährt heute von Gleis sieben. "
    "Wir haben noch eine halbe Stunde Zeit. Möchtest du vorher einen Kaffee trinken?"
)
WELCOME = (
    "Good evening, and welcome to the programme. "
    "Tonight we travel along the coast, from the harbour to the hills."
)
FORECAST = (
    "Am Abend zieht von Westen Regen auf. "
    "In der Nacht wird es stürmisch, und an der Küste sinken die Temperaturen auf acht Grad."
)
GUEST = (
    "My guest this week has repaired clocks for forty years. "
    "She says that every one of them has a character of its own, and a reason to be late."
)
GOODBYE = (
    "That was the last train of the day. "
    "Tomorrow we shall be back at the same time, with more stories from the road."
)
EXHIBITION = (
    "Die Ausstellung ist bis Sonntag geöffnet. Der Eintritt ist frei, und es gibt jeden Tag eine Führung."
)
WORKSHOP = (
    "Hello, this is the workshop. Your bicycle is ready. You can pick it up on Friday, any time after ten."
)


def synthesised(text: str, voice: Voice, rate: int) -> Audio:
    """`text` read by `voice`, mono at `rate` Hz, as espeak-ng gives it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        options = ["-v", voice.name, "-s", str(voice.words_per_minute), "-w", str(path)]
        subprocess.run(["espeak-ng", *options, text], check=True)
        samples, espeak_rate = sf.read(path)
    return soxr.resample(samples, espeak_rate, rate)


def speech(text: str, voice: Voice, rate: int) -> Audio:
    """`text` read by `voice` in a small room, mono at `rate` Hz.

    It begins with the first sound and ends when the last one has died away, after a multiple of 10 ms.
    """
    silence = np.zeros(rate // 2)
    dry = np.concatenate([synthesised(text, voice, rate), silence])
    wet = reverberant(dry, rate, decay_s=0.35, wet=0.35, rng=generator(text))
    audible = np.flatnonzero(np.abs(wet) > 0.01 * np.abs(wet).max())
    step = rate // GRID_PER_S
    n_steps = -(-(audible[-1] + 1 - audible[0]) // step)
    return wet[audible[0] : audible[0] + n_steps * step]


# --- Music -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Song:
    """A piece in 4/4, one chord per bar, that is repeated for as long as it is needed.

    Pitches are MIDI note numbers (69 is 440 Hz); beats count from 0 at the start of the first bar.
    """

    chords: Sequence[tuple[int, int, int]]
    melody: Sequence[tuple[float, float, int]]
    """Notes as (first beat, length in beats, pitch)."""
    beats_per_minute: float = 100.0
    transpose: int = 0
    """Semitones added to every pitch."""
    drums: bool = True


C, AM, F, G, EM = (60, 64, 67), (57, 60, 64), (53, 57, 60), (55, 59, 62), (52, 55, 59)
BRIGHT = Song(
    chords=[C, AM, F, G],  # I–vi–IV–V
    melody=[
        *[(0, 1, 76), (1, 1, 79), (2, 0.5, 81), (2.5, 0.5, 79), (3, 1, 76)],
        *[(4, 1, 72), (5, 1, 76), (6, 2, 81)],
        *[(8, 1, 77), (9, 0.5, 81), (9.5, 0.5, 79), (10, 1, 77), (11, 1, 72)],
        *[(12, 1, 74), (13, 1, 79), (14, 1.5, 71), (15.5, 0.5, 74)],
    ],
)
GENTLE = Song(
    chords=[F, G, EM, AM],  # IV–V–iii–vi
    melody=[
        *[(0, 2, 72), (2, 1, 69), (3, 1, 72)],
        *[(4, 2, 74), (6, 1, 71), (7, 1, 74)],
        *[(8, 1.5, 76), (9.5, 0.5, 74), (10, 2, 71)],
        *[(12, 1, 72), (13, 1, 71), (14, 2, 69)],
    ],
    beats_per_minute=92.0,
    drums=False,
)


def hertz(pitch: float) -> float:
    """Frequency of a MIDI note number."""
    return 440.0 * 2 ** ((pitch - 69) / 12)


def times(duration_s: float) -> Audio:
    """Sample times of a note, in seconds."""
    return np.arange(round(duration_s * MUSIC_RATE)) / MUSIC_RATE


def envelope(t: Audio, attack_s: float, release_s: float) -> Audio:
    """Amplitude of a held note over the times `t`: linear attack, full level, linear release."""
    return np.clip(np.minimum(t / attack_s, (t[-1] - t) / release_s), 0, 1)


def harmonics(t: Audio, pitch: float, amplitudes: Sequence[float], vibrato: float) -> Audio:
    """Sum of the partials of `pitch`, with 5.5 Hz vibrato of relative depth `vibrato` that sets in slowly."""
    frequency = hertz(pitch) * (1 + vibrato * np.clip(t / 0.4, 0, 1) * np.sin(2 * np.pi * 5.5 * t))
    phase = 2 * np.pi * np.cumsum(frequency) / MUSIC_RATE
    return sum((a * np.sin(k * phase) for k, a in enumerate(amplitudes, 1)), np.zeros_like(t))


def pluck(pitch: float, duration_s: float, rng: np.random.Generator) -> Audio:
    """A plucked string (Karplus and Strong, 1983): noise in a loop with an averaging filter."""
    t = times(duration_s)
    period = round(MUSIC_RATE / hertz(pitch))
    loop_period = period + 0.5  # the average of two neighbours delays by half a sample
    speed = loop_period * hertz(pitch) / MUSIC_RATE  # reading the loop at this rate tunes it exactly
    turn = rng.uniform(-1, 1, period)
    turns = []
    for _ in range(int(len(t) * speed / period) + 2):
        turns.append(turn)
        turn = 0.997 * 0.5 * (turn + np.roll(turn, 1))
    string = np.concatenate(turns)
    tuned = np.interp(np.arange(len(t)) * speed, np.arange(len(string)), string)
    return tuned * envelope(t, 0.001, 0.05)


def pad(chord: Sequence[int], duration_s: float) -> Audio:
    """A soft string chord: two slightly detuned voices a note, with a slow attack."""
    t = times(duration_s)
    partials = [1.0, 0.5, 0.33, 0.2, 0.12, 0.08]
    voices = [harmonics(t, p + cents / 100, partials, 0.002) for p in chord for cents in (-5, 5)]
    return sum(voices, np.zeros_like(t)) * envelope(t, 0.25, 0.3)


def bass(pitch: int, duration_s: float) -> Audio:
    """A picked bass note that decays."""
    t = times(duration_s)
    return harmonics(t, pitch, [1.0, 0.6, 0.3, 0.15], 0.0) * np.exp(-2.5 * t) * envelope(t, 0.005, 0.05)


def lead(pitch: int, duration_s: float, rng: np.random.Generator) -> Audio:
    """A flute-like note of the melody, with breath and vibrato."""
    t = times(duration_s)
    tone = harmonics(t, pitch, [1.0, 0.45, 0.3, 0.12, 0.06], 0.006)
    breath = 0.03 * noise(len(t), MUSIC_RATE, band(1500, 6000, 2), rng)
    return (tone + breath) * envelope(t, 0.04, 0.08)


def kick() -> Audio:
    """A bass drum: a sine that falls from 140 Hz to 45 Hz."""
    t = times(0.3)
    phase = 2 * np.pi * np.cumsum(45 + 95 * np.exp(-30 * t)) / MUSIC_RATE
    return np.sin(phase) * np.exp(-12 * t) * envelope(t, 0.002, 0.02)


def snare(rng: np.random.Generator) -> Audio:
    """A snare drum: a short 190 Hz tone under a burst of noise."""
    t = times(0.22)
    rattle = 0.5 * noise(len(t), MUSIC_RATE, band(1200, 9000, 2), rng) * np.exp(-22 * t)
    return 0.6 * np.sin(2 * np.pi * 190 * t) * np.exp(-30 * t) + rattle


def hi_hat(rng: np.random.Generator) -> Audio:
    """A closed hi-hat: a very short burst of high noise."""
    t = times(0.08)
    return 0.4 * noise(len(t), MUSIC_RATE, band(7000, 18_000), rng) * np.exp(-60 * t)


class Mixer:
    """A stereo track of `duration_s` seconds at MUSIC_RATE that notes are added to."""

    def __init__(self, duration_s: float) -> None:
        self.track = np.zeros((round(duration_s * MUSIC_RATE), 2))

    def add(self, sound: Audio, start_s: float, gain: float, pan: float = 0.0) -> None:
        """Add mono `sound` at `start_s`; `pan` runs from -1 (left) to 1 (right). What runs over is cut."""
        start = round(start_s * MUSIC_RATE)
        angle = (pan + 1) * np.pi / 4
        sides = gain * np.array([np.cos(angle), np.sin(angle)])
        target = self.track[start : start + len(sound)]
        target += sound[: len(target), None] * sides


def play_bar(mixer: Mixer, song: Song, bar: int, rng: np.random.Generator) -> None:
    """Add the chord, the bass, the strings and the drums of one bar."""
    beat_s = 60 / song.beats_per_minute
    start_s = 4 * bar * beat_s
    chord = [p + song.transpose for p in song.chords[bar % len(song.chords)]]
    mixer.add(pad(chord, 4 * beat_s + 0.2), start_s, 0.05, pan=0.3)
    for beat, pitch in [(0, chord[0]), (1.5, chord[0]), (2, chord[2] - 12), (3, chord[0])]:
        mixer.add(bass(pitch - 12, beat_s), start_s + beat * beat_s, 0.3)
    for eighth, string in enumerate([0, 2, 1, 2, 3, 2, 1, 2]):
        pitch = [*chord, chord[0] + 12][string]
        late_s = rng.uniform(0, 0.012)  # nobody plucks exactly on the beat
        mixer.add(pluck(pitch, 1.2, rng), start_s + eighth / 2 * beat_s + late_s, 0.3, pan=-0.4)
    if song.drums:
        for beat in range(4):
            drum = snare(rng) if beat % 2 else kick()
            mixer.add(drum, start_s + beat * beat_s, 0.45)
        for eighth in range(8):
            loudness = 0.12 if eighth % 2 else 0.2
            mixer.add(hi_hat(rng), start_s + eighth / 2 * beat_s, loudness, pan=0.5)


def play_melody(mixer: Mixer, song: Song, start_s: float, rng: np.random.Generator) -> None:
    """Add the melody once, from `start_s`."""
    beat_s = 60 / song.beats_per_minute
    for beat, beats, pitch in song.melody:
        note = lead(pitch + song.transpose, beats * beat_s + 0.05, rng)
        mixer.add(note, start_s + beat * beat_s, 0.2, pan=0.1)


def perform(song: Song, duration_s: float, name: str) -> Audio:
    """`duration_s` seconds of `song` from its first bar, stereo at MUSIC_RATE; `name` seeds the players."""
    rng = generator(name)
    mixer = Mixer(duration_s)
    beat_s = 60 / song.beats_per_minute
    for bar in range(int(duration_s / (4 * beat_s)) + 1):
        play_bar(mixer, song, bar, rng)
    cycle_s = 4 * len(song.chords) * beat_s
    for cycle in range(int(duration_s / cycle_s) + 1):
        play_melody(mixer, song, cycle * cycle_s, rng)
    sides = [reverberant(side, MUSIC_RATE, decay_s=0.9, wet=0.4, rng=rng) for side in mixer.track.T]
    return np.stack(sides, axis=1)


def music(song: Song, n: int, name: str) -> Audio:
    """`n` samples of `song`, mono at RATE."""
    mono = perform(song, n / RATE, name).mean(axis=1)
    return soxr.resample(mono, MUSIC_RATE, RATE)[:n]


# --- Noises ----------------------------------------------------------------------------------------------


def rain(n: int, name: str) -> Audio:
    """`n` samples of rain at RATE: a rushing that swells and ebbs, and single drops in front of it."""
    rng = generator(name)
    rush = noise(n, RATE, band(500, 6000, 1), rng) * (0.7 + 0.6 * slow_curve(n, RATE, 1.5, rng))
    t = np.arange(round(0.03 * RATE)) / RATE
    drops = np.zeros(n)
    for _ in range(round(60 * n / RATE)):
        frequency, decay_s = rng.uniform(900, 4500), rng.uniform(0.001, 0.005)
        drop = rng.exponential(1.5) * np.exp(-t / decay_s) * np.sin(2 * np.pi * frequency * t)
        start = rng.integers(n - len(t))
        drops[start : start + len(t)] += drop
    return rush + drops


def wind(n: int, name: str) -> Audio:
    """`n` samples of wind at RATE: low noise that grows louder and brighter in gusts."""
    rng = generator(name)
    gust = slow_curve(n, RATE, 0.6, rng)
    breeze = noise(n, RATE, band(60, 300, 2), rng)
    howl = noise(n, RATE, band(250, 900, 2), rng)
    return breeze * (0.3 + 0.7 * gust) + 0.8 * howl * gust**2


def engine(n: int, name: str) -> Audio:
    """`n` samples of a motor at RATE: irregular low strokes of noise over a rattle, no clean tone."""
    rng = generator(name)
    strokes = np.zeros(n)
    position = 0.0
    while position < n:
        strokes[int(position)] = rng.uniform(0.5, 1.0)
        position += RATE / 60 * rng.uniform(0.85, 1.15)  # four cylinders at about 1800 turns a minute
    t = np.arange(round(0.12 * RATE)) / RATE
    thump = noise(len(t), RATE, band(40, 300, 2), rng) * np.exp(-t / 0.03)
    knock = np.convolve(strokes, thump)[:n]
    loudness = np.convolve(strokes, np.exp(-t / 0.006))[:n]
    rattle = noise(n, RATE, band(300, 3000, 1), rng) * (0.25 + loudness)
    rumble = noise(n, RATE, band(30, 150, 2), rng)
    return knock + 0.6 * rattle + 0.6 * rumble


# --- Files -----------------------------------------------------------------------------------------------


def write_audio(
    path: Path, signal: Audio, rate: int, subtype: str, compression_level: float | None = None
) -> None:
    """Write `signal`, coded as libsndfile's `subtype`; ValueError where its peak is above LOUDEST."""
    peak = np.abs(signal).max()
    if not peak <= LOUDEST:
        raise ValueError(f"{path.name} would peak at {peak:.2f}")
    sf.write(path, signal, rate, subtype, compression_level=compression_level)


def write_reference(path: Path, pieces: Sequence[tuple[str, int]], rate: int) -> None:
    """Write the reference of a file that consists of `pieces`, each a (label, length in samples)."""
    lines = ["start_s\tend_s\tlabel"]
    start = 0
    for label, n in pieces:
        lines.append(f"{start / rate:.2f}\t{(start + n) / rate:.2f}\t{label}")
        start += n
    path.write_text("\n".join(lines) + "\n")


def make_single_class_files(folder: Path) -> None:
    """Write the files that hold one class each, and their manifest."""
    sounds = {
        "speech-en": ("speech", at_level(speech(LIBRARY, ENGLISH, RATE), -25)),
        "speech-de": ("speech", at_level(speech(STATION, GERMAN, RATE), -25)),
        "music": ("music", faded_out(at_level(music(BRIGHT, 10 * RATE, "music"), -23), RATE, 0.4)),
        "noise-rain": ("noise", at_level(rain(6 * RATE, "rain"), -30)),
        "noise-wind": ("noise", at_level(wind(6 * RATE, "wind"), -26)),
        "noise-engine": ("noise", at_level(engine(6 * RATE, "engine"), -26)),
    }
    for stem, (_, signal) in sounds.items():
        write_audio(folder / f"{stem}.flac", signal, RATE, "PCM_16")
    rows = [f"{stem}.flac\t{label}" for stem, (label, _) in sounds.items()]
    (folder / "labels.tsv").write_text("\n".join(["path\tlabel", *rows]) + "\n")


@dataclass(frozen=True)
class Piece:
    """A segment of the programme."""

    label: str
    signal: Audio
    """The segment's samples, with MARGIN samples more at either end for cross-fades."""
    cross_fade: bool = True
    """Whether it enters with a cross-fade of 2 * MARGIN samples (20 ms), not with a hard cut."""

    @property
    def n(self) -> int:
        """Length of the segment in samples."""
        return len(self.signal) - 2 * MARGIN


def spoken(text: str, voice: Voice, level_db: float) -> Audio:
    """Speech for a piece of the programme."""
    return np.pad(at_level(speech(text, voice, RATE), level_db), MARGIN)


def joined(pieces: Sequence[Piece]) -> Audio:
    """The programme made of `pieces`: cross-fades are centred on the boundaries."""
    rise = (np.arange(2 * MARGIN) + 0.5) / (2 * MARGIN)
    cut = np.repeat([0.0, 1.0], MARGIN)
    track = np.zeros(sum(p.n for p in pieces) + 2 * MARGIN)
    start = 0
    enters = [False, *(p.cross_fade for p in pieces[1:]), False]
    for piece, (fade_in, fade_out) in zip(pieces, pairwise(enters), strict=True):
        gate = np.ones(len(piece.signal))
        gate[: 2 * MARGIN] = rise if fade_in else cut
        gate[-2 * MARGIN :] = 1 - (rise if fade_out else cut)
        track[start : start + len(gate)] += gate * piece.signal
        start += piece.n
    return track[MARGIN:-MARGIN]


def programme() -> list[Piece]:
    """The pieces of the programme; the last one fills what the speech has left of PROGRAMME_S."""

    def length(duration_s: float) -> int:
        return round(duration_s * RATE) + 2 * MARGIN

    talk = spoken(GUEST, ENGLISH, -23)
    bed = at_level(music(replace(GENTLE, transpose=2), len(talk), "bed"), -39)
    pieces = [
        Piece("speech", spoken(WELCOME, ENGLISH, -24)),
        Piece("music", at_level(music(replace(BRIGHT, transpose=5), length(8), "opening"), -22)),
        Piece("noise", at_level(rain(length(5), "shower"), -31)),
        Piece("speech", spoken(FORECAST, GERMAN, -28), cross_fade=False),
        Piece("silence", np.zeros(length(PAUSE_S)), cross_fade=False),
        Piece("noise", at_level(wind(length(5.5), "storm"), -25), cross_fade=False),
        Piece("speech", talk + bed),
        Piece("noise", at_level(engine(length(5), "train"), -23), cross_fade=False),
        Piece("speech", spoken(GOODBYE, ENGLISH, -26)),
    ]
    rest_s = PROGRAMME_S - sum(p.n for p in pieces) / RATE
    closing = at_level(music(replace(GENTLE, drums=True, transpose=-2), length(rest_s), "closing"), -26)
    return [*pieces, Piece("music", closing)]


def make_programme(folder: Path) -> None:
    """Write a minute of radio and its reference."""
    pieces = programme()
    write_audio(folder / "programme.flac", joined(pieces), RATE, "PCM_16")
    write_reference(folder / "programme.tsv", [(p.label, p.n) for p in pieces], RATE)


def make_stereo(folder: Path) -> None:
    """Write an MP3 at 44.1 kHz in stereo: music, then speech from the left of the middle."""
    song = at_level(perform(replace(BRIGHT, beats_per_minute=108, transpose=-3), 6.0, "stereo"), -20)
    voice = at_level(speech(EXHIBITION, GERMAN, MUSIC_RATE), -20)
    both = np.concatenate([song, voice[:, None] * [0.9, 0.6]])
    write_audio(folder / "stereo-44k.mp3", both, MUSIC_RATE, "MPEG_LAYER_III", compression_level=0.75)
    write_reference(folder / "stereo-44k.tsv", [("music", len(song)), ("speech", len(voice))], MUSIC_RATE)


def make_phone(folder: Path) -> None:
    """Write a telephone line in mu-law at 8 kHz: one ringing tone of 440 and 480 Hz, then speech."""
    t = np.arange(round(2.6 * PHONE_RATE)) / PHONE_RATE
    ringing = (np.sin(2 * np.pi * 440 * t) + np.sin(2 * np.pi * 480 * t)) * (t < 2.4)
    voice = speech(WORKSHOP, ENGLISH, PHONE_RATE)
    call = np.concatenate([at_level(ringing, -22), at_level(voice, -20)])
    hiss = at_level(generator("phone").standard_normal(len(call)), -50)
    line = filtered(call + hiss, PHONE_RATE, band(300, 3400, order=10))
    write_audio(folder / "phone.wav", line, PHONE_RATE, "ULAW")
    write_reference(folder / "phone.tsv", [("noise", len(t)), ("speech", len(voice))], PHONE_RATE)


def main(folder: Path) -> None:
    """Make every file in `folder`."""
    if shutil.which("espeak-ng") is None:
        sys.exit(
            "make_samples.py needs espeak-ng on PATH: install it, e.g. with `apt-get install espeak-ng`."
        )
    folder.mkdir(parents=True, exist_ok=True)
    make_single_class_files(folder)
    make_programme(folder)
    make_stereo(folder)
    make_phone(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent)
