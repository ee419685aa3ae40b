"""Training crops: pieces of recordings spliced, mixed and degraded, with a label for every frame.

What is taught: frames of a piece carry its class where the piece sounds, and nothing (`IGNORE`) where it
pauses. Speech over anything is speech. A sound with another far below it keeps its class. Beside the labels
stands which classes' sounds can be heard at all, as far as that is known: what was mixed.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from swishcli.audio import Samples
from swishcli.features import FrontEndConfig
from swishcli.network import IGNORE
from swishcli.training.activity import active_frames, audible_parts
from swishcli.training.cache import CachedRecording, data_digest
from swishcli.training.datasets import NOISE, SPEECH, Item
from swishcli.training.effects import (
    CROP_EFFECTS,
    PIECE_EFFECTS,
    Effect,
    EffectShares,
    Piece,
    Surroundings,
    apply_effects,
    through_codec,
)
from swishcli.training.signals import Generator, change_speed, rms
from swishcli.training.sounds import SOURCES, Source, SourceShares

_ISLAND_S = (0.15, 0.8)
"""Seconds of pieces that stand alone."""
_ABOVE_BED_DB = (0, 20)
"""How far speech stands out of what it is put on."""
_SPEECH_SPEED, _OTHER_SPEED = 0.25, 0.5
"""The fastest and slowest that pieces are played, as natural logarithms."""


@dataclass(frozen=True, kw_only=True)
class MixingConfig(SourceShares, EffectShares):
    """How crops are made; shares are probabilities, levels decibels."""

    background: float = 0.5
    """Speech pieces with another class underneath, from 4 dB louder to 25 dB softer."""
    overlap: float = 0.2
    """Pieces with a second one of the same class on top."""
    distant: float = 0.15
    """Other pieces with another class 10 to 30 dB softer."""
    speed: float = 0.5
    """Pieces played 0.6 to 1.65 times as fast, speech 0.78 to 1.28 times, pitch included."""
    backwards: float = 0.15
    """Recorded noise pieces played from their end to their start."""
    islands: float = 0.1
    """Crops in which short pieces stand alone, in silence or in steady noise: words, notes, knocks."""
    beds: float = 0.4
    """Such crops in which the pieces are speech and stand out of a noise or of music, by 0 to 20 dB."""
    as_recorded: float = 0.5
    """Of recordings with labels over time: crops that are stretches of them; the others are spliced from their
    segments."""
    source_balance: float = 0.4
    """A source of s seconds is drawn with a weight of s to this power: 0 all alike, 1 by length."""
    kind_weights: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """By class, regular expressions and factors: a recording whose kind and style match one, capitals or not,
    is drawn so many times as often. For kinds of sound that are rarer in the data than in life; of several that
    match, the largest factor counts."""

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if name != "kind_weights" and not 0 <= value <= 1:
                raise ValueError(f"{name} must be between 0 and 1, not {value}")
        for sources in SOURCES.values():
            shares = {source.share: getattr(self, source.share) for source in sources}
            if sum(shares.values()) > 1:
                raise ValueError(f"{' and '.join(shares)} must not be above 1 together")
        for weights in self.kind_weights.values():
            for pattern, weight in weights.items():
                _compiled(pattern)
                if not weight > 0:
                    raise ValueError(f"the weight of the kind {pattern!r} must be above 0, not {weight}")

    def weight_of(self, item: Item) -> float:
        """How much more often a recording is drawn for its kind."""
        weights = self.kind_weights.get(item.label, {})
        return max((w for pattern, w in weights.items() if _compiled(pattern).search(item.kind)), default=1.0)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from None


class Crop(NamedTuple):
    """A piece of training data."""

    samples: Samples
    """``[frames · hop]``."""
    labels: npt.NDArray[np.int64]
    """``[frames]``: a class, or `IGNORE`."""
    audible: npt.NDArray[np.bool_]
    """``[K, frames]``: whether a sound drawn for the class can be heard. One that a recording of another class
    holds is not known of."""


@dataclass(slots=True)
class _Parts:
    """A sound as the sum of what each class adds."""

    samples: Samples
    """``[K, frames · hop]``."""
    active: npt.NDArray[np.bool_]
    """``[frames]``: where it is taught."""


class CropMaker:
    """Makes training crops from recordings.

    Parameters
    ----------
    recordings : sequence of CachedRecording
        The training split.
    classes : sequence of str
        Class names; labels are indices into it.
    rooms : sequence of arrays
        Measured impulse responses ``[n]``; half of the reverberation comes from them, if there are any.
    """

    def __init__(
        self,
        recordings: Sequence[CachedRecording],
        classes: Sequence[str],
        front_end: FrontEndConfig,
        mixing: MixingConfig,
        rooms: Sequence[Samples] = (),
    ) -> None:
        self.classes = tuple(classes)
        self.front_end = front_end
        self.mixing = mixing
        stretches = [s for r in recordings for s in r.stretches(front_end.hop_length, front_end.sample_rate)]
        self._pools = [_Pool([s for s in stretches if s.item.label == label], mixing) for label in classes]
        self._taught = [c for c, label in enumerate(classes) if any(s.item.label == label for s in stretches)]
        self._over_time = [r for r in recordings if r.item.segments]
        self._over_time_edges = _edges(np.array([r.active.sum() for r in self._over_time], float))
        self.total_s = sum(s.n_samples for s in stretches) / front_end.sample_rate
        self.digest = data_digest(recordings)
        self.rooms_digest = hashlib.sha256(b"".join(room.tobytes() for room in rooms)).hexdigest()
        self._surroundings = Surroundings(front_end, tuple(rooms))
        taught = [classes[c] for c in self._taught]
        self._speech = self.classes.index(SPEECH) if SPEECH in taught else None
        self._noise = self.classes.index(NOISE) if NOISE in classes else None

    def crop(self, generator: Generator, n_frames: int) -> Crop:
        """A crop of `n_frames` frames."""
        if self._over_time and generator.uniform() < self.mixing.as_recorded:
            return self._as_recorded(generator, n_frames)
        front_end = self.front_end
        parts = np.zeros((len(self.classes), n_frames * front_end.hop_length), np.float32)
        labels = np.full(n_frames, IGNORE, np.int64)
        islands = generator.uniform() < self.mixing.islands
        on_bed = (
            islands and generator.uniform() < self.mixing.beds and self._lay_bed(generator, parts, labels)
        )
        one_piece = generator.uniform() < 0.25
        position = 0
        while position < n_frames:
            if islands:
                position += int(generator.uniform(0.3, 3.0) / front_end.hop_s)
                seconds = generator.uniform(*_ISLAND_S)
            else:
                seconds = np.inf if one_piece else 0.4 + generator.gamma(1.5, 3.0)
            length = int(min(n_frames - position, seconds / front_end.hop_s))
            if length < 1:
                break
            if on_bed:
                position += self._place_word(generator, parts, labels, position, length)
            else:
                position += self._place(generator, parts, labels, position, length, alone=islands)
            if generator.uniform() < 0.15:  # a pause
                position += int(generator.uniform(0.1, 1.5) / front_end.hop_s)
        return self._finished(generator, parts.sum(axis=0), parts, labels)

    def _as_recorded(self, generator: Generator, n_frames: int) -> Crop:
        """A stretch of a recording with labels over time, around a frame that has one."""
        hop = self.front_end.hop_length
        recording = self._over_time[int(np.searchsorted(self._over_time_edges, generator.uniform()))]
        known = recording.labels(self.classes, self.front_end.hop_s)
        middle = int(generator.choice(np.flatnonzero(known != IGNORE)))
        latest = max(0, len(known) - n_frames)
        first = min(latest, max(0, middle - int(generator.integers(n_frames))))
        read = recording.read(first * hop, n_frames * hop)
        samples, labels = np.zeros(n_frames * hop, np.float32), np.full(n_frames, IGNORE)
        samples[: len(read)] = read / np.float32(rms(read))
        found = known[first : first + n_frames]
        labels[: len(found)] = found
        heard = np.repeat(labels == np.arange(len(self.classes))[:, None], hop, axis=1)
        return self._finished(generator, samples, samples * heard, labels)

    def _finished(
        self, generator: Generator, samples: Samples, parts: Samples, labels: npt.NDArray[np.int64]
    ) -> Crop:
        """The crop that samples make through microphones, lines and codecs."""
        front_end = self.front_end
        crop = self._affected(CROP_EFFECTS, generator, Piece(samples, labels != IGNORE))
        labels[~crop.active] = IGNORE
        audible = audible_parts(parts, self._noise, crop.noise_floor, front_end.hop_length, front_end.hop_s)
        return Crop(crop.samples, labels, audible)

    def _affected(self, chain: Sequence[Effect], generator: Generator, piece: Piece) -> Piece:
        return apply_effects(chain, self.mixing, generator, piece, self._surroundings)

    def _place(
        self,
        generator: Generator,
        parts: Samples,
        labels: npt.NDArray[np.int64],
        position: int,
        length: int,
        alone: bool,
    ) -> int:
        """Splice a piece of at most `length` frames in at frame `position`; return its frames.

        One that stands alone begins where its recording sounds, and has nothing else under it.
        """
        hop = self.front_end.hop_length
        label = self._taught[int(generator.integers(len(self._taught)))]
        if alone:
            piece = self._alone(self._short_piece(generator, label, length), label)
        else:
            piece = self._mixed(generator, label, length)
        n = len(piece.active)
        sound = piece.samples * np.float32(
            10 ** (generator.normal(0, 6) / 20) / rms(piece.samples.sum(axis=0))
        )
        # A cross-fade of equal power: the piece starts within the one before, and neither is taught there.
        fade = 0 if alone else min(position, n - 1, self._fade_frames(generator))
        start = position - fade
        ramp = np.linspace(0, np.pi / 2, fade * hop, dtype=np.float32)
        target = parts[:, start * hop : (start + n) * hop]
        target[:, : fade * hop] *= np.cos(ramp)
        sound[:, : fade * hop] *= np.sin(ramp)
        target += sound
        labels[start : start + n] = np.where(piece.active, label, IGNORE)
        labels[start:position] = IGNORE
        return n - fade

    def _lay_bed(self, generator: Generator, parts: Samples, labels: npt.NDArray[np.int64]) -> bool:
        """Fill the crop with one sound that is not speech, if there are such and speech to put on it."""
        others = [c for c in self._taught if c != self._speech]
        if self._speech is None or not others:
            return False
        label = int(generator.choice(others))
        bed = self._long_piece(generator, label, len(labels))
        parts[label] += bed.samples / np.float32(rms(bed.samples))
        labels[bed.active] = label
        return True

    def _place_word(
        self,
        generator: Generator,
        parts: Samples,
        labels: npt.NDArray[np.int64],
        position: int,
        length: int,
    ) -> int:
        """Add speech of at most `length` frames to the bed at frame `position`; return its frames."""
        assert self._speech is not None
        hop, word = self.front_end.hop_length, self._short_piece(generator, self._speech, length)
        n = len(word.active)
        gain = 10 ** (generator.uniform(*_ABOVE_BED_DB) / 20) / _active_rms(word)
        parts[self._speech, position * hop : (position + n) * hop] += np.float32(gain) * word.samples
        labels[position : position + n] = np.where(word.active, self._speech, IGNORE)
        return n

    def _fade_frames(self, generator: Generator) -> int:
        """Frames of the cross-fade into a piece: mostly none, up to half a second."""
        if generator.uniform() < 0.6:
            return 0
        return int(generator.uniform(0.01, 0.5) / self.front_end.hop_s)

    def _alone(self, piece: Piece, label: int) -> _Parts:
        samples = np.zeros((len(self.classes), len(piece.samples)), np.float32)
        samples[label] = piece.samples
        return _Parts(samples, piece.active)

    def _mixed(self, generator: Generator, label: int, length: int) -> _Parts:
        """A piece of class `label`, perhaps with another one under or over it."""
        mixing = self.mixing
        piece = self._piece(generator, label, length)
        n = len(piece.active)
        if generator.uniform() < mixing.overlap:
            other = self._piece(generator, label, n)
            added = _at_ratio(piece, other, generator.uniform(-6, 12))
            piece = Piece(piece.samples + added, piece.active)
            piece.active[: len(other.active)] |= other.active
        parts = self._alone(piece, label)
        is_speech = label == self._speech
        if generator.uniform() < (mixing.background if is_speech else mixing.distant):
            others = [c for c in self._taught if c not in (label, self._speech)]
            if others:
                under = int(generator.choice(others))
                sound = self._long_piece(generator, under, n)
                ratio_db = generator.uniform(-4, 25) if is_speech else generator.uniform(10, 30)
                parts.samples[under] += _at_ratio(piece, sound, ratio_db)
        return parts

    def _short_piece(self, generator: Generator, label: int, length: int) -> Piece:
        """A piece from where its recording begins to sound, its edges rounded."""
        piece = self._piece(generator, label, 4 * length)
        hop = self.front_end.hop_length
        first = int(np.argmax(piece.active)) if piece.active.any() else 0
        samples = piece.samples[first * hop : (first + length) * hop].copy()
        edge = min(hop, len(samples) // 2)
        ramp = np.linspace(0, 1, edge, dtype=np.float32)
        samples[:edge] *= ramp
        samples[len(samples) - edge :] *= ramp[::-1]
        return Piece(samples, piece.active[first : first + length])

    def _long_piece(self, generator: Generator, label: int, length: int) -> Piece:
        """A piece repeated until it has `length` frames: a background that does not end early."""
        piece = self._piece(generator, label, length)
        times = -(-length // len(piece.active))
        hop = self.front_end.hop_length
        return Piece(np.tile(piece.samples, times)[: length * hop], np.tile(piece.active, times)[:length])

    def _piece(self, generator: Generator, label: int, length: int) -> Piece:
        """A single sound of class `label`, at most `length` frames long, in a room, through an equaliser."""
        source = self._source(generator, label)
        if source is None:
            piece = self._recorded(generator, label, length)
        else:
            piece = self._made(source, generator, length)
        return self._affected(PIECE_EFFECTS, generator, piece)

    def _source(self, generator: Generator, label: int) -> Source | None:
        """What is to make a piece of class `label`, or None where a recording is to be drawn."""
        draw = generator.uniform()
        for source in SOURCES.get(self.classes[label], ()):
            draw -= getattr(self.mixing, source.share)
            if draw < 0:
                return None if source.of_voices and self._speech is None else source
        return None

    def _made(self, source: Source, generator: Generator, length: int) -> Piece:
        """A piece that is in no recording."""
        hop, rate = self.front_end.hop_length, self.front_end.sample_rate
        samples = source.make(generator, length * hop, rate, partial(self._voice, generator))
        samples *= np.float32(0.1 / rms(samples))
        active = active_frames(samples * np.float32(32768), hop, self.front_end.hop_s)
        # Half of them are coded: being uncoded must not give them away.
        if source.coded and generator.uniform() < 0.5:
            samples = through_codec(generator, samples, rate)
        return Piece(samples, active)

    def _voice(self, generator: Generator, seconds: float) -> Samples:
        """A `Talker`."""
        assert self._speech is not None
        return self._recorded(generator, self._speech, round(seconds / self.front_end.hop_s)).samples

    def _recorded(self, generator: Generator, label: int, length: int) -> Piece:
        """A stretch of a recording, perhaps slower or faster."""
        rate, hop = self.front_end.sample_rate, self.front_end.hop_length
        recording = self._pools[label].draw(generator)
        # Machines and tunes come at any pace, voices do not.
        spread = _SPEECH_SPEED if label == self._speech else _OTHER_SPEED
        speed = (
            float(np.exp(generator.uniform(-spread, spread)))
            if generator.uniform() < self.mixing.speed
            else 1.0
        )
        wanted = int(length * speed) + 1
        first = int(generator.integers(max(1, len(recording.active) - wanted + 1)))
        samples = recording.read(first * hop, wanted * hop)
        active = recording.active[first : first + wanted]
        if speed != 1.0:
            samples = change_speed(samples, speed, rate)
        n = min(length, max(1, len(samples) // hop))
        samples = np.pad(samples[: n * hop], (0, max(0, n * hop - len(samples))))
        at = np.minimum((np.arange(n) * speed).astype(int), len(active) - 1)
        piece = Piece(samples, active[at])
        if label == self._noise and generator.uniform() < self.mixing.backwards:
            return Piece(piece.samples[::-1], piece.active[::-1])
        return piece


class _Pool:
    """The recordings of one class, drawn source by source."""

    def __init__(self, recordings: Sequence[CachedRecording], mixing: MixingConfig) -> None:
        by_source: dict[str, list[CachedRecording]] = defaultdict(list)
        for recording in recordings:
            by_source[recording.item.source].append(recording)
        self._sources = [by_source[source] for source in sorted(by_source)]
        shares = [
            np.array([r.n_samples * mixing.weight_of(r.item) for r in source], float)
            for source in self._sources
        ]
        seconds = np.array([sum(r.n_samples for r in source) for source in self._sources], float)
        raised = np.array([s.sum() for s in shares]) / seconds.clip(min=1)
        self._source_edges = _edges(seconds**mixing.source_balance * raised)
        self._recording_edges = [_edges(s) for s in shares]

    def draw(self, generator: Generator) -> CachedRecording:
        source = int(np.searchsorted(self._source_edges, generator.uniform()))
        recording = int(np.searchsorted(self._recording_edges[source], generator.uniform()))
        return self._sources[source][recording]


def _edges(weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    edges = np.cumsum(weights / weights.sum())
    edges[-1:] = 1.0
    return edges


def _at_ratio(piece: Piece, other: Piece, ratio_db: float) -> Samples:
    """`other`, as long as `piece` and `ratio_db` softer; both levels are those of their sounding frames."""
    n = min(len(piece.samples), len(other.samples))
    gain = _active_rms(piece) / _active_rms(other) * 10 ** (-ratio_db / 20)
    return np.pad(np.float32(gain) * other.samples[:n], (0, len(piece.samples) - n))


def _active_rms(piece: Piece) -> float:
    if not piece.active.any():
        return rms(piece.samples)
    return rms(piece.samples.reshape(len(piece.active), -1)[piece.active])
