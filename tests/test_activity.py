"""What sounds, and what pauses."""

from __future__ import annotations

import numpy as np
from training_data import HOP, RATE, silence, tone

from swishcli.audio import Samples
from swishcli.training.activity import active_frames


def active_seconds(*parts: Samples) -> list[tuple[float, float]]:
    """Stretches in seconds that are taught."""
    samples = np.rint(np.concatenate(parts) * 32767).astype(np.int16)
    edges = np.flatnonzero(np.diff(active_frames(samples, HOP, 0.01).astype(int), prepend=0, append=0)) / 100
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def test_pauses_are_not_active() -> None:
    assert active_seconds(tone(200, 1), silence(0.5), tone(200, 1)) == [(0, 1), (1.5, 2.5)]
    hiss = tone(3000, 0.5, amplitude=0.003)  # 40 dB below
    assert active_seconds(hiss, tone(200, 1), hiss) == [(0.5, 1.5)]


def test_short_gaps_belong_to_what_is_around_them() -> None:
    assert active_seconds(tone(200, 1), silence(0.3), tone(200, 1)) == [(0, 2.3)]
    assert active_seconds(tone(200, 1), silence(0.31), tone(200, 1)) == [(0, 1), (1.31, 2.31)]


def test_softer_sounds_are_active_and_digital_silence_never_is() -> None:
    assert active_seconds(tone(200, 1), silence(1), tone(200, 1, amplitude=0.03)) == [(0, 1), (2, 3)]
    assert active_seconds(silence(2)) == []
    dither = np.random.default_rng(0).integers(-1, 1, RATE).astype(np.float32) / 32768
    assert active_seconds(dither) == []


def test_the_last_frame_counts_though_it_is_not_whole() -> None:
    assert active_seconds(tone(200, 0.5), np.full(1, 0.3, np.float32)) == [(0, 0.51)]
