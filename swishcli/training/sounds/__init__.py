"""Sounds made on the fly, by the class that they are taught as."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from swishcli.audio import Samples
from swishcli.training.datasets import MUSIC, NOISE
from swishcli.training.signals import Generator
from swishcli.training.sounds.music import instrumental
from swishcli.training.sounds.noise import synthetic_noise
from swishcli.training.sounds.voices import Talker, babble, song


@dataclass(frozen=True, kw_only=True)
class SourceShares:
    """How often a piece of a class is made rather than drawn from its recordings, as probabilities."""

    synthetic: float = 0.25
    """Noise pieces that are made on the fly."""
    babble: float = 0.05
    """Noise pieces that are eight or more talkers at once."""
    composed: float = 0.06
    """Music pieces that are made on the fly, instrumental ones."""
    sung: float = 0.06
    """Music pieces in which a voice of the speech recordings is made to sing or rap."""


@dataclass(frozen=True, slots=True)
class Source:
    """A kind of sound that is made."""

    share: str
    """Field of `SourceShares`."""
    function: Callable[..., Samples]
    """Of a generator, a number of samples, a sample rate and, if made of voices, a talker."""
    of_voices: bool = False
    """Whether it is made of recorded speech, and only where there is a class of it."""
    coded: bool = True
    """Whether codecs are to hide that it was made; not for what holds recordings alone, coded long ago."""

    def make(self, generator: Generator, n: int, sample_rate: int, talker: Talker) -> Samples:
        """A sound ``[n]``."""
        if self.of_voices:
            return self.function(generator, n, sample_rate, talker)
        return self.function(generator, n, sample_rate)


SOURCES: Mapping[str, tuple[Source, ...]] = {
    NOISE: (
        Source("synthetic", synthetic_noise),
        Source("babble", babble, of_voices=True, coded=False),
    ),
    MUSIC: (
        Source("composed", instrumental),
        Source("sung", song, of_voices=True),
    ),
}
"""By class. A new source is a function, its share and a line here."""
