"""What sounds and effects are made with."""

from __future__ import annotations

import numpy as np
import pytest
from training_data import RATE, sound_of, tone

from swishcli.training import signals


def test_a_filter_that_passes_everything_changes_nothing_and_a_room_is_a_convolution() -> None:
    sound, room = sound_of(2000), np.array([1.0, 0, 0, -0.5], np.float32)
    np.testing.assert_allclose(
        signals.filtered(sound, np.ones(257, np.float32), None, RATE), sound, atol=1e-6
    )
    expected = np.convolve(sound, room)[:2000]
    np.testing.assert_allclose(signals.filtered(sound, None, room, RATE), expected, atol=1e-6)


@pytest.mark.parametrize("n", [1, 2, 160, 16001])
@pytest.mark.parametrize("slope_db", [-9.0, 0.0, 2.0])
def test_coloured_noise_has_an_rms_of_one(n: int, slope_db: float) -> None:
    made = signals.coloured_noise(np.random.default_rng(0), n, slope_db)
    assert made.shape == (n,)
    assert signals.rms(made) == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize("factor", [0.85, 1.0, 1.18])
def test_faster_is_shorter_and_higher(factor: float) -> None:
    played = signals.change_speed(tone(1000, 1), factor, RATE)
    assert len(played) == pytest.approx(RATE / factor, abs=2)
    pitch = np.abs(np.fft.rfft(played * np.hanning(len(played)))).argmax() * RATE / len(played)
    assert pitch == pytest.approx(1000 * factor, rel=0.01)
