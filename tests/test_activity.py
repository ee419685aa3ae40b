"""What sounds, and what pauses."""

from __future__ import annotations

import numpy as np
from training_data import HOP, RATE, silence, tone

from swishcli.audio import Samples
from swishcli.training.activity import active_frames, audible_parts


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


def audible_seconds(*parts: Samples, noise_floor: Samples | None = None) -> list[list[tuple[float, float]]]:
    """Stretches in seconds that each part of a mixture is audible; the last part is the noise."""
    heard = audible_parts(np.stack(parts), len(parts) - 1, noise_floor, HOP, 0.01)
    edges = [np.flatnonzero(np.diff(part.astype(int), prepend=0, append=0)) / 100 for part in heard]
    return [list(zip(e[::2].tolist(), e[1::2].tolist(), strict=True)) for e in edges]


def test_parts_are_audible_down_to_25_db_below_the_whole() -> None:
    loud, nothing = tone(500, 2), silence(2)
    assert (
        audible_seconds(loud, tone(1500, 2, amplitude=0.3 * 10 ** (-24 / 20)), nothing)[:2] == [[(0, 2)]] * 2
    )
    assert audible_seconds(loud, tone(1500, 2, amplitude=0.3 * 10 ** (-26 / 20)), nothing)[1] == []


def test_a_soft_part_is_audible_where_the_loud_one_pauses() -> None:
    loud = np.concatenate([tone(500, 1), silence(1), tone(500, 1)])
    soft = tone(1500, 3, amplitude=0.3 * 10 ** (-28 / 20))
    assert audible_seconds(loud, soft, silence(3)) == [[(0, 1), (2, 3)], [(1, 2)], []]


def test_a_noise_floor_is_noise_and_hides_what_is_softer() -> None:
    loud, soft, floor = tone(500, 2), tone(1500, 2, amplitude=0.03), tone(3000, 2, amplitude=0.06)
    assert audible_seconds(loud, soft, silence(2), noise_floor=floor) == [[(0, 2)], [], [(0, 2)]]
