"""Made sounds are finite, audible and as long as asked for."""

from __future__ import annotations

import numpy as np
import pytest
from training_data import RATE, Kind

from swishcli.training import signals
from swishcli.training.sounds import music, noise, voices


@pytest.mark.parametrize("n", [160, 1600, 6401, 80000])
@pytest.mark.parametrize("make", noise.KINDS, ids=lambda make: make.__name__)
def test_a_synthetic_noise_is_finite_and_as_long_as_asked_for(make: Kind, n: int) -> None:
    for seed in range(20):
        made = make(np.random.default_rng(seed), n, RATE)
        assert made.shape == (n,)
        assert np.isfinite(made).all()
        assert n < RATE or signals.rms(made) > 1e-3


@pytest.mark.parametrize("n", [160, 6401, 160000])
@pytest.mark.parametrize("seconds", [0.01, 0.3, 5.0])
def test_music_that_is_made_is_finite_and_as_long_as_asked_for(seconds: float, n: int) -> None:
    for seed in range(12):
        generator = np.random.default_rng(seed)
        voice = signals.coloured_noise(generator, round(seconds * RATE), -6)
        for made in (
            voices.vocal(generator, voice, n, RATE),
            music.instrumental(generator, n, RATE),
        ):
            assert made.shape == (n,)
            assert made.dtype == np.float32
            assert np.isfinite(made).all()
            assert n < RATE or signals.rms(made) > 1e-3


def test_a_voice_is_made_to_sing_the_notes_of_a_scale() -> None:
    """The pitch of a held note, found by autocorrelation, is that of the melody and not the voice's own."""
    buzz = np.tile(np.eye(1, 128, dtype=np.float32)[0], 500)  # a voice of 125 Hz
    band = music.Band(np.random.default_rng(5), 4 * RATE, RATE)
    held = [(0, 4 * RATE, band.octave)]
    band.notes = lambda *_, **__: iter(held)  # type: ignore[method-assign]
    voices._sing(band, buzz)
    middle = band.sound[RATE : RATE + 4096]
    correlation = np.correlate(middle, middle, "full")[len(middle) :]
    lag = 40 + correlation[40:400].argmax() + 1
    assert RATE / lag == pytest.approx(band.pitch(band.octave), rel=0.08)


@pytest.mark.parametrize("n", [160, 1600, 6401])
def test_a_short_synthetic_noise_does_not_fall_into_a_pause(n: int) -> None:
    for seed in range(50):
        assert signals.rms(noise.synthetic_noise(np.random.default_rng(seed), n, RATE)) > 1e-3
