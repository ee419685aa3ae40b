"""Crops hold what their labels say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from training_data import CLEAN, HOP, PITCHES, RATE, Kind, crops_of

from swishcli.audio import Samples
from swishcli.network import IGNORE
from swishcli.training.cache import CachedRecording
from swishcli.training.crops import MixingConfig
from swishcli.training.sounds import noise


def power_at(samples: Samples, hz: float) -> npt.NDArray[np.float64]:
    """Power of each frame within 12 % of a frequency: ``[frames]``."""
    spectrum = np.abs(np.fft.rfft(samples.reshape(-1, HOP) * np.hanning(HOP), 2048)) ** 2
    near = np.abs(np.fft.rfftfreq(2048, 1 / RATE) / hz - 1) < 0.12
    return spectrum[:, near].sum(axis=1)


def powers(samples: Samples) -> npt.NDArray[np.float64]:
    """Power of each class's tones in each frame: ``[classes, frames]``."""
    return np.array([power_at(samples, hz) for hz in PITCHES.values()])


@pytest.mark.parametrize("n_frames", [1, 2, 37, 100, 801])
def test_a_crop_is_as_long_as_asked_for(recordings: list[CachedRecording], n_frames: int) -> None:
    for seed in range(20):
        samples, labels, _ = crops_of(recordings, MixingConfig()).crop(np.random.default_rng(seed), n_frames)
        assert (samples.shape, samples.dtype) == ((n_frames * HOP,), np.float32)
        assert (labels.shape, labels.dtype) == ((n_frames,), np.int64)
        assert np.isfinite(samples).all()
        assert np.abs(samples).max() <= 1.5  # codecs overshoot
        assert set(labels) <= {IGNORE, 0, 1, 2}


def test_a_crop_depends_on_its_generator_alone(recordings: list[CachedRecording]) -> None:
    first, again = crops_of(recordings, MixingConfig()), crops_of(recordings, MixingConfig())
    first.crop(np.random.default_rng(1), 50)
    for seed in range(5):
        (a, labels_a, _), (b, labels_b, _) = (
            c.crop(np.random.default_rng(seed), 400) for c in (first, again)
        )
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(labels_a, labels_b)
    assert not np.array_equal(a, first.crop(np.random.default_rng(99), 400)[0])


def test_frames_are_taught_as_what_they_hold_and_pauses_as_nothing(recordings: list[CachedRecording]) -> None:
    crops, taught = crops_of(recordings), 0
    for seed in range(30):
        samples, labels, _ = crops.crop(np.random.default_rng(seed), 800)
        heard = powers(samples)
        counted = labels != IGNORE
        taught += counted.sum()
        np.testing.assert_array_equal(heard.argmax(axis=0)[counted], labels[counted])
        assert not counted[heard.max(axis=0) < 1e-6].any()
    assert taught > 0.6 * 30 * 800


def test_all_classes_are_taught_alike(recordings: list[CachedRecording]) -> None:
    crops = crops_of(recordings)
    labels = np.concatenate([crops.crop(np.random.default_rng(seed), 800)[1] for seed in range(100)])
    shares = np.bincount(labels[labels != IGNORE]) / (labels != IGNORE).sum()
    np.testing.assert_allclose(shares, 1 / 3, atol=0.06)


def test_speech_over_anything_is_speech_and_never_lies_under_it(recordings: list[CachedRecording]) -> None:
    crops, mixed = crops_of(recordings, replace(CLEAN, background=1.0, distant=1.0)), 0
    for seed in range(30):
        samples, labels, _ = crops.crop(np.random.default_rng(seed), 800)
        speech, *others = powers(samples)
        under = np.max(others, axis=0)
        assert set(labels[speech > 10 * under]) <= {IGNORE, 0}
        mixed += ((labels == 0) & (under > 0.01 * speech)).sum()
    assert mixed > 1000


def test_another_sound_far_below_does_not_change_the_class(recordings: list[CachedRecording]) -> None:
    crops = crops_of(recordings, replace(CLEAN, distant=1.0))
    for seed in range(30):
        samples, labels, _ = crops.crop(np.random.default_rng(seed), 800)
        counted = labels != IGNORE
        np.testing.assert_array_equal(powers(samples).argmax(axis=0)[counted], labels[counted])


@pytest.mark.parametrize("kind", noise.KINDS, ids=lambda kind: kind.__name__)
def test_noises_that_are_made_are_taught_where_they_sound(
    recordings: list[CachedRecording], monkeypatch: pytest.MonkeyPatch, kind: Kind
) -> None:
    monkeypatch.setattr(noise, "KINDS", (kind,))
    crops, taught = crops_of(recordings, replace(CLEAN, synthetic=1.0)), 0
    for seed in range(8):
        samples, labels, _ = crops.crop(np.random.default_rng(seed), 800)
        level = np.abs(samples.reshape(-1, HOP)).max(axis=1)
        taught_silence = (labels == 2) & (level < 1e-4 * level.max())
        edges = np.flatnonzero(np.diff(taught_silence.astype(int), prepend=0, append=0))
        assert (edges[1::2] - edges[::2]).max(initial=0) <= 32  # gaps of 0.3 s belong to what is around them
        taught += (labels == 2).sum()
    assert taught > 100


def test_many_talkers_at_once_are_taught_as_noise(recordings: list[CachedRecording]) -> None:
    crops = crops_of(recordings, replace(CLEAN, babble=1.0))
    samples, labels, _ = crops.crop(np.random.default_rng(1), 3000)
    heard = powers(samples).argmax(axis=0)
    assert set(heard[labels == 2]) == {list(PITCHES).index("speech")}


def test_recordings_are_drawn_by_the_weights_of_their_kinds(recordings: list[CachedRecording]) -> None:
    named = [
        replace(r, item=replace(r.item, kind="Opera; solo" if r.item.source == "music/0.wav" else "pop"))
        for r in recordings
    ]

    def heard(mixing: MixingConfig) -> float:
        """How often the first recording of music is drawn."""
        pool = crops_of(named, mixing)._pools[1]
        generator = np.random.default_rng(0)
        drawn = [pool.draw(generator).item.source for _ in range(2000)]
        return drawn.count("music/0.wav") / 2000

    assert heard(CLEAN) == pytest.approx(1 / 4, abs=0.04)
    weights = {"music": {"opera": 9.0, "solo|duo": 3.0}, "speech": {"opera": 99.0}}
    assert heard(replace(CLEAN, kind_weights=weights)) == pytest.approx(9 / 12, abs=0.04)


def test_islands_are_short_sounds_of_one_class_alone_in_silence(recordings: list[CachedRecording]) -> None:
    crops = crops_of(recordings, replace(CLEAN, islands=1.0))
    samples, labels, _ = crops.crop(np.random.default_rng(0), 3000)
    loud = np.abs(samples.reshape(3000, HOP)).max(axis=1) > 1e-4
    assert not loud[labels == IGNORE].any()
    edges = np.flatnonzero(np.diff(np.concatenate([[IGNORE], labels, [IGNORE]])))
    lengths = np.diff(edges)[::2]
    assert 8 < len(lengths) < 40
    assert lengths.max() <= 80
    assert set(labels) == {IGNORE, 0, 1, 2}
    heard = powers(samples).argmax(axis=0)
    middles = (edges[::2] + edges[1::2]) // 2
    assert (heard[middles] == labels[middles]).mean() > 0.9


def test_what_was_mixed_in_is_known_to_be_audible(recordings: list[CachedRecording]) -> None:
    crops = crops_of(recordings, replace(CLEAN, background=0.7, distant=0.7))
    own, loud, soft = [], [], []
    for seed in range(30):
        samples, labels, audible = crops.crop(np.random.default_rng(seed), 800)
        level_db = 10 * np.log10(powers(samples) + 1e-12)
        taught = np.flatnonzero(labels != IGNORE)
        below_db = (level_db.max(axis=0) - level_db)[:, taught]
        own.append(audible[labels[taught], taught])
        loud.append(audible[:, taught][below_db < 15])
        soft.append(audible[:, taught][below_db > 35])
    assert np.concatenate(own).mean() > 0.99
    assert np.concatenate(loud).mean() > 0.98
    assert np.concatenate(soft).mean() < 0.02
    assert min(len(np.concatenate(levels)) for levels in (loud, soft)) > 5000


def test_words_stand_out_of_a_bed_that_is_no_speech(recordings: list[CachedRecording]) -> None:
    crops = crops_of(recordings, replace(CLEAN, islands=1.0, beds=1.0))
    beds = set()
    for seed in range(6):
        samples, labels, _ = crops.crop(np.random.default_rng(seed), 3000)
        words = labels == 0
        assert 0.02 < words.mean() < 0.5
        (bed,) = set(labels[~words]) - {IGNORE}
        beds.add(bed)
        heard = powers(samples)
        assert (heard[0] > heard[bed])[words].mean() > 0.8
        assert (heard[bed] > heard[0])[labels == bed].mean() > 0.95
    assert beds == {1, 2}
