"""What happens to sounds on their way to a recording: rooms, equalisers, telephones, codecs, clipping.

A chain of effects is data. Each effect of a chain has a generator of its own, which depends on its name and on
one draw for the whole chain: an effect more or less changes the draws of no other.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from swishcli.audio import Samples, read_audio
from swishcli.features import FrontEndConfig
from swishcli.training.activity import audible_frames
from swishcli.training.signals import Generator, coloured_noise, filter_frequencies, filtered, rms


@dataclass(frozen=True, kw_only=True)
class EffectShares:
    """How often effects are applied, as probabilities."""

    room: float = 0.3
    """Pieces with the reverberation of a room."""
    equaliser: float = 0.5
    """Pieces through a random equaliser."""
    band_limit: float = 0.2
    """Pieces through a telephone's or another band limit."""
    noise_floor: float = 0.35
    """Crops with coloured noise 0 to 50 dB below them; what drowns in it is not taught."""
    channel: float = 0.15
    """Crops through a telephone's or another band limit as a whole, their noise floor included: radio."""
    clipping: float = 0.06
    """Crops driven into clipping."""
    codec: float = 0.12
    """Crops coded and decoded."""


@dataclass(slots=True)
class Piece:
    """A stretch of sound and which of its frames are taught."""

    samples: Samples
    """``[frames · hop]``."""
    active: npt.NDArray[np.bool_]
    """``[frames]``."""
    noise_floor: Samples | None = None
    """Noise that was added, ``[frames · hop]``, at the level it has before any effect after that."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What effects need to know."""

    front_end: FrontEndConfig
    rooms: tuple[Samples, ...] = ()
    """Measured impulse responses ``[n]``; half of the reverberation comes from them, if there are any."""


@dataclass(frozen=True, slots=True)
class Effect:
    """A link of a chain."""

    name: str
    """Of the field of `EffectShares` that says how often, unless it is applied always."""
    apply: Callable[[Generator, Piece, Surroundings], Piece]
    always: bool = False

    def share(self, shares: EffectShares) -> float:
        """How often it is applied."""
        return 1.0 if self.always else float(getattr(shares, self.name))


def apply_effects(
    chain: Sequence[Effect],
    shares: EffectShares,
    generator: Generator,
    piece: Piece,
    surroundings: Surroundings,
) -> Piece:
    """A piece after those effects of a chain that are drawn."""
    seed = int(generator.integers(2**63))
    for effect in chain:
        own = np.random.default_rng([seed, zlib.crc32(effect.name.encode())])
        if own.uniform() < effect.share(shares):
            piece = effect.apply(own, piece, surroundings)
    return piece


def equalised(generator: Generator, piece: Piece, surroundings: Surroundings) -> Piece:
    """Through a random equaliser."""
    rate = surroundings.front_end.sample_rate
    response = equaliser_response(generator, filter_frequencies(rate), generator.uniform(1, 7))
    return replace(piece, samples=filtered(piece.samples, response, None, rate))


def band_limited(generator: Generator, piece: Piece, surroundings: Surroundings) -> Piece:
    """Through a random band limit."""
    rate = surroundings.front_end.sample_rate
    response = band_limit_response(generator, filter_frequencies(rate))
    return replace(piece, samples=filtered(piece.samples, response, None, rate))


def reverberated(generator: Generator, piece: Piece, surroundings: Surroundings) -> Piece:
    """In a measured or a made room."""
    rate, rooms = surroundings.front_end.sample_rate, surroundings.rooms
    if rooms and generator.uniform() < 0.5:
        room = rooms[generator.integers(len(rooms))]
    else:
        room = synthetic_room(generator, rate)
    return replace(piece, samples=filtered(piece.samples, None, room, rate))


def with_noise_floor(generator: Generator, piece: Piece, surroundings: Surroundings) -> Piece:
    """In steady noise; what cannot be heard in it is not taught."""
    front_end = surroundings.front_end
    noise = coloured_noise(generator, len(piece.samples), generator.uniform(-7, 1))
    noise *= np.float32(rms(piece.samples) * 10 ** (-generator.uniform(0, 50) / 20))
    audible = audible_frames(piece.samples, noise, front_end.hop_length, front_end.hop_s)
    return Piece(piece.samples + noise, piece.active & audible, noise)


def levelled(generator: Generator, piece: Piece, _: Surroundings) -> Piece:
    """At any level of a sound recording."""
    return _at_level(piece, generator.uniform(-45, -8))


def overdriven(generator: Generator, piece: Piece, _: Surroundings) -> Piece:
    """At a level that drives converters into clipping."""
    return _at_level(piece, generator.uniform(-8, 6))


def _at_level(piece: Piece, level_db: float) -> Piece:
    return replace(piece, samples=piece.samples * np.float32(10 ** (level_db / 20) / rms(piece.samples)))


def within_full_scale(_: Generator, piece: Piece, __: Surroundings) -> Piece:
    """As a converter of ±1 hands it on."""
    return replace(piece, samples=np.clip(piece.samples, -1, 1))


def coded(generator: Generator, piece: Piece, surroundings: Surroundings) -> Piece:
    """Through a random codec."""
    rate = surroundings.front_end.sample_rate
    return replace(piece, samples=through_codec(generator, piece.samples, rate))


PIECE_EFFECTS = (
    Effect("equaliser", equalised),
    Effect("band_limit", band_limited),
    Effect("room", reverberated),
)
"""What happens to each sound on its own, in this order."""
CROP_EFFECTS = (
    Effect("noise_floor", with_noise_floor),
    Effect("channel", band_limited),
    Effect("level", levelled, always=True),
    Effect("clipping", overdriven),
    Effect("full scale", within_full_scale, always=True),
    Effect("codec", coded),
)
"""What happens to a whole crop, in this order. A new effect is a function, its share and a line here."""


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


def load_rooms(paths: Sequence[Path], sample_rate: int) -> list[Samples]:
    """Measured impulse responses as mono samples of unit energy, their direct sound at the start."""
    rooms = []
    for path in paths:
        room = read_audio(path, sample_rate)
        # Sound before the strongest sample is travel time; half a millisecond of it is kept as onset.
        room = room[max(0, int(np.abs(room).argmax()) - sample_rate // 2000) :]
        rooms.append(room / np.sqrt(np.sum(room**2) + 1e-12))
    return rooms


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
