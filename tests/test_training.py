"""From labelled folders to a model: what is found, what is taught, and that a run can be repeated and resumed."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
import torch
from hypothesis import given
from hypothesis import strategies as st
from test_teachers import tagger_file

import swishcli
from swishcli.architecture import NetworkConfig
from swishcli.audio import Samples
from swishcli.checkpoint import Checkpoint, load_checkpoint
from swishcli.errors import CheckpointError, DataError
from swishcli.features import FrontEndConfig
from swishcli.network import IGNORE
from swishcli.training import cache as caches
from swishcli.training import effects, signals
from swishcli.training.activity import active_frames
from swishcli.training.batches import BatchMaker, Epoch
from swishcli.training.cache import CachedRecording, load_recordings
from swishcli.training.crops import CropMaker, MixingConfig
from swishcli.training.datasets import TRAIN, VAL, Item, class_order, find_items, split_items
from swishcli.training.effects import load_rooms
from swishcli.training.loop import EpochResult, TrainingConfig
from swishcli.training.recipe import Recipe, network_of_size, read_config
from swishcli.training.run import TrainingRun
from swishcli.training.sounds import music, noise, voices

torch.set_num_threads(1)

RATE, HOP = 16000, 160
FRONT_END = FrontEndConfig()
PITCHES = {"speech": 500, "music": 1500, "noise": 3000}
"""Frequency in Hz of everything that belongs to a class in these tests: what a frame holds can be heard."""

Kind = Callable[[np.random.Generator, int, int], Samples]

CLEAN = MixingConfig(**{f.name: 0.0 for f in fields(MixingConfig) if f.name != "kind_weights"})


def tone(hz: float, seconds: float, amplitude: float = 0.3) -> Samples:
    return (amplitude * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE), np.float32)


def write(path: Path, samples: Samples) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, RATE)
    return path


def folder_of(folder: Path, pitches: dict[str, int], n: int = 4) -> Path:
    """A data set of `n` recordings of 3 s a class, each with a pause of 0.6 s."""
    for label, hz in pitches.items():
        for i in range(n):
            pitch = hz * (1 + 0.01 * i)
            write(
                folder / label / f"{i}.wav",
                np.concatenate([tone(pitch, 1.5), silence(0.6), tone(pitch, 0.9)]),
            )
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of(tmp_path_factory.mktemp("data"), PITCHES)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


# What is found


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def manifest_of(folder: Path, text: str, name: str = "data.tsv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_folder_has_a_class_in_each_of_its_folders_however_deep(tmp_path: Path) -> None:
    touch(tmp_path, "dog/b.wav", "dog/small/a.FLAC", "cat/1/2/3.mp3", "README.txt", ".git/x.wav", "stray.wav")
    found = [(str(item.path.relative_to(tmp_path)), item.label) for item in find_items(tmp_path)]
    assert found == [("cat/1/2/3.mp3", "cat"), ("dog/b.wav", "dog"), ("dog/small/a.FLAC", "dog")]


def test_a_folder_laid_out_as_musan_is_a_data_set(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "README",
        *(f"music/fma/{name}" for name in ("ANNOTATIONS", "LICENSE", "music-fma-0000.wav")),
        *(f"noise/free-sound/{name}" for name in ("ANNOTATIONS", "LICENSE", "noise-free-sound-0000.wav")),
        *(
            f"speech/librivox/{name}"
            for name in ("LICENSE", "._speech-librivox-0000.wav", "speech-librivox-0000.wav")
        ),
    )
    assert [item.label for item in find_items(tmp_path)] == ["music", "noise", "speech"]
    assert len({item.source for item in find_items(tmp_path)}) == 3


@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["", "BOM"])
@pytest.mark.parametrize("delimiter", ["\t", ","], ids=["TSV", "CSV"])
def test_a_manifest_is_a_data_set(tmp_path: Path, delimiter: str, mark: str) -> None:
    rows = [
        ["path", "label", "split", "source", "licence", "remark"],
        ["b/ä.wav", "dog", "val", "kennel", "CC0", "loud"],
        ["a.wav", "cat", "train", "", "", ""],
    ]
    text = mark + "".join(delimiter.join(row) + "\r\n" for row in rows)
    assert find_items(manifest_of(tmp_path, text)) == [
        Item(tmp_path / "a.wav", "cat", "a.wav", "train"),
        Item(tmp_path / "b/ä.wav", "dog", "kennel", "val", "CC0"),
    ]


def test_a_manifest_needs_no_more_than_paths_and_labels(tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path, "label,path\ndog,/far/away.wav\n")
    assert find_items(manifest) == [Item(Path("/far/away.wav"), "dog", "/far/away.wav")]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("path\na.wav\n", "line 2: needs a path and a label", id="no labels"),
        pytest.param("file\tlabel\na.wav\tx\n", "line 2: needs a path and a label", id="no paths"),
        pytest.param("path\tlabel\na.wav\tx\nb.wav\n", "line 3: needs a path and a label", id="short line"),
        pytest.param("path\tlabel\n", "lists no recordings", id="header alone"),
        pytest.param("", "lists no recordings", id="nothing"),
        pytest.param(
            "path\tlabel\tsplit\na.wav\tx\ttrain\nb.wav\tx\t\n",
            "every line names its split",
            id="half a split",
        ),
        pytest.param("path\tlabel\tsplit\na.wav\tx\ttrain\n", "must hold 'train' and 'val'", id="one side"),
        pytest.param(
            "path\tlabel\tsplit\na.wav\tx\ttrain\nb.wav\tx\tval\nc.wav\tx\tvalid\n",
            "'valid'",
            id="unknown split",
        ),
        pytest.param("path\tlabel\na.wav\tsilence\n", "'silence' cannot be a class", id="silence"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_refused_with_its_name(
    tmp_path: Path, text: str, complaint: str
) -> None:
    with pytest.raises(DataError, match=complaint) as caught:
        find_items(manifest_of(tmp_path, text))
    assert str(caught.value).startswith(str(tmp_path / "data.tsv"))


def test_a_manifest_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_bytes(b"path,label\n\xff.wav,x\n")
    with pytest.raises(DataError, match="cannot be read as a manifest"):
        find_items(tmp_path / "data.csv")


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (["dog/a.wav", "cat/readme.txt"], "the class 'cat' has no recordings"),
        (["a.wav"], "one folder per class is needed"),
        (["dog/a.wav", "silence/a.wav"], "'silence' cannot be a class"),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused(tmp_path: Path, names: list[str], complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        find_items(touch(tmp_path, *names))


def test_data_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder or manifest"):
        find_items(tmp_path / "nothing")


# How it is split


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 9)), min_size=1, max_size=60), st.integers(0, 99)
)
def test_a_split_keeps_sources_whole_and_classes_on_both_sides(
    drawn: list[tuple[str, int]], seed: int
) -> None:
    items = [Item(Path(f"{i}.wav"), label, f"{label}{source}") for i, (label, source) in enumerate(drawn)]
    sources = {label: {item.source for item in items if item.label == label} for label in "ab"}
    if min(map(len, sources.values())) < 2:
        with pytest.raises(DataError):
            split_items(items, seed)
        return
    split = split_items(items, seed)
    assert [replace(item, split=None) for item in split] == items
    assert split == split_items(items, seed)
    sides = {side: {item.source for item in split if item.split == side} for side in (TRAIN, VAL)}
    assert not sides[TRAIN] & sides[VAL]
    for of_class in sources.values():
        assert sides[TRAIN] & of_class
        assert 0 < len(sides[VAL] & of_class) <= len(of_class) / 2


def test_another_seed_draws_another_split() -> None:
    items = [Item(Path(f"{i}.wav"), "ab"[i % 2], str(i)) for i in range(100)]
    held_out = {seed: [i.source for i in split_items(items, seed) if i.split == VAL] for seed in (0, 1)}
    assert held_out[0] != held_out[1]
    assert [len(v) for v in held_out.values()] == [16, 16]  # 15 % of 50, rounded up, of both classes


def test_a_split_that_the_data_brings_is_kept() -> None:
    items = [Item(Path(f"{i}.wav"), "ab"[i % 2], "one", (TRAIN, VAL)[i // 2]) for i in range(4)]
    assert split_items(items, 0) == items
    with pytest.raises(DataError, match="the class 'b' has no recordings in the split 'val'"):
        split_items(items[:3], 0)


def test_one_class_is_not_enough() -> None:
    with pytest.raises(DataError, match="at least two classes are needed, the data has only 'dog'"):
        split_items([Item(Path(f"{i}.wav"), "dog", str(i)) for i in range(9)], 0)


# What sounds, and what pauses


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


# Decoding


def items_of(*paths: Path) -> list[Item]:
    return [Item(path, "dog", path.name) for path in paths]


def test_recordings_are_decoded_once(tmp_path: Path, samples: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    items = items_of(samples / "stereo-44k.mp3", samples / "phone.wav")
    first = load_recordings(items, RATE, HOP, tmp_path)
    assert [round(r.n_samples / RATE, 1) for r in first] == [12.3, 9.2]
    monkeypatch.setattr(caches, "AudioStream", None)
    second = load_recordings(items, RATE, HOP, tmp_path)
    assert [(r.cached, r.digest, r.n_samples) for r in second] == [
        (r.cached, r.digest, r.n_samples) for r in first
    ]


def test_a_recording_is_read_from_anywhere(tmp_path: Path) -> None:
    sound = np.random.default_rng(0).uniform(-1, 1, 1000).astype(np.float32)
    (recording,) = load_recordings(items_of(write(tmp_path / "a.wav", sound)), RATE, HOP, tmp_path)
    assert recording.n_samples == 1000
    np.testing.assert_allclose(recording.read(), sound, atol=2 / 32768)
    np.testing.assert_array_equal(recording.read(100, 50), recording.read()[100:150])
    np.testing.assert_array_equal(recording.read(990, 50), recording.read()[990:])


def test_a_recording_is_decoded_in_blocks_as_in_one(
    tmp_path: Path, samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = items_of(samples / "stereo-44k.mp3")
    (whole,) = load_recordings(items, RATE, HOP, tmp_path / "whole")
    monkeypatch.setattr(caches, "_BLOCK_S", 0.77)
    (pieces,) = load_recordings(items, RATE, HOP, tmp_path / "pieces")
    np.testing.assert_array_equal(pieces.active, whole.active)
    assert pieces.n_samples == whole.n_samples
    np.testing.assert_allclose(pieces.read(), whole.read(), atol=1.01 / 32768)


def test_samples_of_another_decoder_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    items = items_of(write(tmp_path / "a.wav", tone(200, 1)))
    (now,) = load_recordings(items, RATE, HOP, tmp_path / "cache")
    monkeypatch.setattr(caches, "DECODER_VERSION", caches.DECODER_VERSION + 1)
    (later,) = load_recordings(items, RATE, HOP, tmp_path / "cache")
    assert now.cached != later.cached


def test_a_cache_that_is_too_large_loses_what_was_unused_for_longest(tmp_path: Path) -> None:
    month_ago = time.time() - 30 * 24 * 3600

    def file(name: str, age: float, since: float = month_ago) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(1000))
        os.utime(path, (since - age, since - age))
        return path

    digest = "0123456789abcdef" * 2
    needed, batch = file(f"{digest}-16000-v2.s16", 9), file(f"crops-{digest[:16]}/1-0.npz", 8)
    older, old = file(f"{digest}-8000.s16", 7), file(f"{digest}-8000-v2.s16", 6)
    other = [file("thesis.s16", 9), file("crops-of-2020/1.npz", 9), file("notes.txt", 9)]
    recent = file(f"{digest}-44100-v2.s16", 0, since=time.time())
    caches.prune(tmp_path, {needed}, limit=5000)
    assert batch.exists()
    caches.prune(tmp_path, {needed}, limit=3000)
    assert [p.exists() for p in (needed, batch, older, old, recent)] == [True, False, False, True, True]
    assert not batch.parent.exists()
    caches.prune(tmp_path, {needed}, limit=0)
    assert [p.exists() for p in (needed, old, recent, *other)] == [True, False, True, True, True, True]


def test_recordings_that_are_no_use_are_reported_and_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    good, silent = write(tmp_path / "good.wav", tone(200, 1)), write(tmp_path / "silent.wav", silence(1))
    (tmp_path / "bad.wav").write_bytes(b"RIFF and no more")
    items = items_of(tmp_path / "bad.wav", silent, tmp_path / "missing.wav", good)
    calls: list[None] = []
    found = load_recordings(items, RATE, HOP, tmp_path / "cache", lambda: calls.append(None))
    assert [r.item.path.name for r in found] == ["good.wav"]
    assert len(calls) == 4
    reported = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert [Path(m.split(":")[0]).name for m in reported] == ["bad.wav", "silent.wav", "missing.wav"]
    assert all(m.endswith("left out") for m in reported)


# Crops


@pytest.fixture(scope="module")
def recordings(folder: Path, cache: Path) -> list[CachedRecording]:
    return load_recordings(find_items(folder), RATE, HOP, cache)


def crops_of(recordings: Sequence[CachedRecording], mixing: MixingConfig = CLEAN) -> CropMaker:
    return CropMaker(recordings, tuple(PITCHES), FRONT_END, mixing)


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
        samples, labels = crops_of(recordings, MixingConfig()).crop(np.random.default_rng(seed), n_frames)
        assert (samples.shape, samples.dtype) == ((n_frames * HOP,), np.float32)
        assert (labels.shape, labels.dtype) == ((n_frames,), np.int64)
        assert np.isfinite(samples).all()
        assert np.abs(samples).max() <= 1.5  # codecs overshoot
        assert set(labels) <= {IGNORE, 0, 1, 2}


def test_a_crop_depends_on_its_generator_alone(recordings: list[CachedRecording]) -> None:
    first, again = crops_of(recordings, MixingConfig()), crops_of(recordings, MixingConfig())
    first.crop(np.random.default_rng(1), 50)
    for seed in range(5):
        (a, labels_a), (b, labels_b) = (c.crop(np.random.default_rng(seed), 400) for c in (first, again))
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(labels_a, labels_b)
    assert not np.array_equal(a, first.crop(np.random.default_rng(99), 400)[0])


def test_frames_are_taught_as_what_they_hold_and_pauses_as_nothing(recordings: list[CachedRecording]) -> None:
    crops, taught = crops_of(recordings), 0
    for seed in range(30):
        samples, labels = crops.crop(np.random.default_rng(seed), 800)
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
        samples, labels = crops.crop(np.random.default_rng(seed), 800)
        speech, *others = powers(samples)
        under = np.max(others, axis=0)
        assert set(labels[speech > 10 * under]) <= {IGNORE, 0}
        mixed += ((labels == 0) & (under > 0.01 * speech)).sum()
    assert mixed > 1000


def test_another_sound_far_below_does_not_change_the_class(recordings: list[CachedRecording]) -> None:
    crops = crops_of(recordings, replace(CLEAN, distant=1.0))
    for seed in range(30):
        samples, labels = crops.crop(np.random.default_rng(seed), 800)
        counted = labels != IGNORE
        np.testing.assert_array_equal(powers(samples).argmax(axis=0)[counted], labels[counted])


@pytest.mark.parametrize("kind", noise.KINDS, ids=lambda kind: kind.__name__)
def test_noises_that_are_made_are_taught_where_they_sound(
    recordings: list[CachedRecording], monkeypatch: pytest.MonkeyPatch, kind: Kind
) -> None:
    monkeypatch.setattr(noise, "KINDS", (kind,))
    crops, taught = crops_of(recordings, replace(CLEAN, synthetic=1.0)), 0
    for seed in range(8):
        samples, labels = crops.crop(np.random.default_rng(seed), 800)
        level = np.abs(samples.reshape(-1, HOP)).max(axis=1)
        taught_silence = (labels == 2) & (level < 1e-4 * level.max())
        edges = np.flatnonzero(np.diff(taught_silence.astype(int), prepend=0, append=0))
        assert (edges[1::2] - edges[::2]).max(initial=0) <= 32  # gaps of 0.3 s belong to what is around them
        taught += (labels == 2).sum()
    assert taught > 100


def test_many_talkers_at_once_are_taught_as_noise(recordings: list[CachedRecording]) -> None:
    crops = crops_of(recordings, replace(CLEAN, babble=1.0))
    samples, labels = crops.crop(np.random.default_rng(1), 3000)
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
    samples, labels = crops.crop(np.random.default_rng(0), 3000)
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


def test_rooms_start_with_their_direct_sound_and_have_unit_energy(tmp_path: Path) -> None:
    response = np.zeros(4000, np.float32)
    response[1000], response[1500] = 0.5, -0.25
    (room,) = load_rooms([write(tmp_path / "room.wav", response)], RATE)
    assert np.sum(room**2) == pytest.approx(1)
    assert np.abs(room).argmax() == 8


# Effects


def affected(chain: Sequence[effects.Effect], shares: MixingConfig) -> effects.Piece:
    piece = effects.Piece(sound_of(40 * HOP), np.ones(40, bool))
    surroundings = effects.Surroundings(FRONT_END)
    return effects.apply_effects(chain, shares, np.random.default_rng(3), piece, surroundings)


@pytest.mark.parametrize("chain", [effects.PIECE_EFFECTS, effects.CROP_EFFECTS], ids=["piece", "crop"])
def test_an_effect_more_changes_the_draws_of_no_other(chain: tuple[effects.Effect, ...]) -> None:
    shares = replace(CLEAN, **{effect.name: 1.0 for effect in chain if not effect.always})
    draws: list[dict[str, float]] = []

    def watched(effect: effects.Effect) -> effects.Effect:
        def apply(
            generator: np.random.Generator, piece: effects.Piece, _: effects.Surroundings
        ) -> effects.Piece:
            draws[-1][effect.name] = generator.uniform()
            return piece

        return replace(effect, apply=apply)

    watched_chain = [watched(effect) for effect in chain]
    another = watched(effects.Effect("another", effects.coded, always=True))
    for longer in (watched_chain, [another, *watched_chain], watched_chain[::-1]):
        draws.append({})
        affected(longer, shares)
    assert len(set(draws[0].values())) == len(chain)
    assert draws[0] == draws[2] == {name: draw for name, draw in draws[1].items() if name != "another"}


def test_effects_are_applied_as_often_as_their_shares_say() -> None:
    times = {effect.name: 0 for effect in effects.CROP_EFFECTS}

    def counted(effect: effects.Effect) -> effects.Effect:
        def apply(_: np.random.Generator, piece: effects.Piece, __: effects.Surroundings) -> effects.Piece:
            times[effect.name] += 1
            return piece

        return replace(effect, apply=apply)

    chain, generator = [counted(effect) for effect in effects.CROP_EFFECTS], np.random.default_rng(0)
    piece, shares = effects.Piece(sound_of(HOP), np.ones(1, bool)), replace(CLEAN, channel=0.25, codec=1.0)
    for _ in range(1000):
        effects.apply_effects(chain, shares, generator, piece, effects.Surroundings(FRONT_END))
    assert times.pop("channel") == pytest.approx(250, abs=50)
    assert times == {"noise_floor": 0, "level": 1000, "clipping": 0, "full scale": 1000, "codec": 1000}


def test_what_drowns_in_the_noise_floor_is_not_taught() -> None:
    sound = np.concatenate([tone(1000, 0.5), tone(1000, 0.5, amplitude=1e-5)])
    piece = effects.Piece(sound, np.arange(100) != 10)
    for seed in range(20):
        noisy = effects.with_noise_floor(np.random.default_rng(seed), piece, effects.Surroundings(FRONT_END))
        assert noisy.active[11:49].all()
        assert not noisy.active[[10, *range(50, 100)]].any()


LENGTHS = pytest.mark.parametrize("n", [1, 160, 1601, 40000])


def sound_of(n: int) -> Samples:
    """Coloured noise with clear edges in time."""
    noise = np.random.default_rng(0).standard_normal(n + 50)
    return (0.1 * np.convolve(noise, np.ones(20), "same")[:n]).astype(np.float32)


@LENGTHS
@pytest.mark.parametrize("codec", effects.CODECS, ids=lambda codec: codec.subtype)
def test_a_codec_returns_what_it_was_given_about_as_it_was(
    monkeypatch: pytest.MonkeyPatch, codec: effects.Codec, n: int
) -> None:
    monkeypatch.setattr(effects, "CODECS", (codec,))
    sound = sound_of(n)
    coded = effects.through_codec(np.random.default_rng(1), sound, RATE)
    assert (coded.shape, coded.dtype) == ((n,), np.float32)
    assert np.isfinite(coded).all()
    if n > 10000:  # labels would be wrong by the delay
        correlation = np.correlate(np.pad(coded, 400), sound, "valid")
        assert abs(int(correlation.argmax()) - 400) <= 8


@LENGTHS
@pytest.mark.parametrize("seed", range(5))
def test_filters_and_rooms_return_as_many_finite_samples_as_they_get(n: int, seed: int) -> None:
    generator, sound = np.random.default_rng(seed), sound_of(n)
    frequencies = signals.filter_frequencies(RATE)
    room = effects.synthetic_room(generator, RATE)
    for response in (
        None,
        effects.equaliser_response(generator, frequencies, 5.0),
        effects.band_limit_response(generator, frequencies),
    ):
        filtered = signals.filtered(sound, response, room, RATE)
        assert (filtered.shape, filtered.dtype) == ((n,), np.float32)
        assert np.isfinite(filtered).all()


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


# Training


class Silent:
    """Observes a run, and may end it."""

    def __init__(self, stop_after_epoch: int = 0, stop_in_epoch: int = 0) -> None:
        self.stop_after_epoch, self.stop_in_epoch = stop_after_epoch, stop_in_epoch
        self.results: list[EpochResult] = []
        self.decoded = 0

    def on_decoded(self) -> None:
        self.decoded += 1

    def on_start(
        self, recipe: Recipe, train: Sequence[CachedRecording], val: Sequence[CachedRecording]
    ) -> None:
        self.recipe, self.train, self.val = recipe, train, val

    def on_batch(self, epoch: int, batch: int, batches: int, loss: float) -> None:
        if epoch == self.stop_in_epoch and batch == batches // 2:
            raise KeyboardInterrupt

    def on_epoch(self, result: EpochResult, best: bool) -> None:
        self.results.append(result)
        if result.epoch == self.stop_after_epoch:
            raise KeyboardInterrupt


RECIPE = Recipe(
    network=NetworkConfig(width=4, strides=(2, 2, 2), dropout=0.1),
    training=TrainingConfig(epochs=2, epoch_s=70, batch_s=4, crop_s=(1.0, 2.0), learning_rate=0.02),
    mixing=replace(CLEAN, background=0.2, synthetic=0.1, noise_floor=0.3, codec=0.05),
)


def train(
    folder: Path,
    output: Path,
    cache: Path,
    observer: Silent | None = None,
    recipe: Recipe = RECIPE,
    **options: Any,
) -> Checkpoint:
    options = {"device": torch.device("cpu"), "workers": 0, "cache": cache} | options
    return TrainingRun(folder, output, recipe, observer=observer or Silent(), **options)()


def bits(checkpoint: Checkpoint) -> dict[str, bytes]:
    return {name: weight.tobytes() for name, weight in checkpoint.weights.items()}


@pytest.fixture(scope="module")
def trained(folder: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("trained") / "model.safetensors"
    train(folder, path, cache, command="swish train data")
    return path


def test_a_short_training_does_better_than_chance(trained: Path) -> None:
    assert load_checkpoint(trained).provenance.validation_1s_windows.macro_recall > 0.6


def test_a_trained_model_runs_without_torch(trained: Path, folder: Path) -> None:
    from swishcli.engines import OnnxEngine

    model = swishcli.load(trained, "cpu", threads=1)
    assert isinstance(model._engine, OnnxEngine)
    assert model.classes == ("speech", "music", "noise")
    right = [model.classify(item.path).label == item.label for item in find_items(folder)]
    assert np.mean(right) > 0.6


def test_a_checkpoint_says_how_it_came_about(trained: Path) -> None:
    provenance = load_checkpoint(trained).provenance
    assert provenance.command == "swish train data"
    assert (provenance.seed, provenance.epochs_run) == (0, 2)
    assert provenance.training["batch_s"] == 4
    assert set(provenance.validation_1s_windows.recall) == set(PITCHES)
    assert len(provenance.data.sha256) == 64
    assert {"swish", "torch", "numpy"} <= provenance.versions.keys()
    assert not trained.with_name(trained.name + ".state").exists()


@pytest.mark.parametrize("options", [{}, {"workers": 1}], ids=["again", "crops from another process"])
def test_the_same_seed_gives_the_same_weights(
    trained: Path, folder: Path, cache: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    assert bits(train(folder, tmp_path / "m.safetensors", cache, **options)) == bits(load_checkpoint(trained))


def test_another_seed_gives_other_weights(trained: Path, folder: Path, cache: Path, tmp_path: Path) -> None:
    other = replace(RECIPE, training=replace(RECIPE.training, seed=1, epoch_s=8))
    assert bits(train(folder, tmp_path / "m.safetensors", cache, recipe=other)) != bits(
        load_checkpoint(trained)
    )


@pytest.mark.parametrize("stop", [{"stop_after_epoch": 1}, {"stop_in_epoch": 2}], ids=["after", "within"])
def test_a_run_that_is_resumed_ends_with_the_weights_of_one_that_never_stopped(
    trained: Path, folder: Path, cache: Path, tmp_path: Path, stop: dict[str, int]
) -> None:
    output, observer = tmp_path / "m.safetensors", Silent()
    with pytest.raises(KeyboardInterrupt):
        train(folder, output, cache, Silent(**stop))
    assert load_checkpoint(output).provenance.epochs_run == 1
    resumed = train(folder, output, cache, observer, resume=True)
    assert [r.epoch for r in observer.results] == [2]
    assert bits(resumed) == bits(load_checkpoint(trained))
    result = load_checkpoint(trained).provenance.validation_1s_windows
    assert resumed.provenance.validation_1s_windows == result


def test_a_run_stopped_within_its_first_epoch_leaves_a_model(
    folder: Path, cache: Path, tmp_path: Path
) -> None:
    output = tmp_path / "m.safetensors"
    with pytest.raises(KeyboardInterrupt):
        train(folder, output, cache, Silent(stop_in_epoch=1))
    assert [p.name for p in tmp_path.iterdir()] == ["m.safetensors"]
    assert swishcli.load(output, "cpu", threads=1).segment(tone(500, 1)).duration == 1
    assert load_checkpoint(output).provenance.validation_1s_windows is None


def test_a_run_resumes_only_its_own_state(folder: Path, cache: Path, tmp_path: Path) -> None:
    output = tmp_path / "m.safetensors"
    with pytest.raises(CheckpointError, match="nothing to resume: no training of it has begun"):
        train(folder, output, cache, resume=True)
    state = output.with_name("m.safetensors.state")
    state.write_bytes(b"no state")
    with pytest.raises(CheckpointError, match="is not a training state that can be resumed"):
        train(folder, output, cache, resume=True)
    short = replace(RECIPE, training=replace(RECIPE.training, epoch_s=8))
    with pytest.raises(KeyboardInterrupt):
        train(folder, output, cache, Silent(stop_after_epoch=1), short)
    with pytest.raises(CheckpointError, match=r"with \[training\] epoch_s = 8 instead of 70$"):
        train(folder, output, cache, recipe=RECIPE, resume=True)
    fewer = folder_of(tmp_path / "fewer", PITCHES, n=2)
    with pytest.raises(CheckpointError, match="it is of a run with other recordings, labels or splits"):
        train(fewer, output, cache, recipe=short, resume=True)


def test_a_run_that_has_ended_is_not_resumed_and_decodes_nothing_to_say_so(
    trained: Path, folder: Path, cache: Path
) -> None:
    observer = Silent()
    with pytest.raises(CheckpointError, match="nothing to resume: its training has ended"):
        train(folder, trained, cache, observer, resume=True)
    assert observer.decoded == 0


REPEATED = replace(RECIPE, training=replace(RECIPE.training, epochs=3, epoch_s=12, fresh_epochs=1))


def test_epochs_that_see_crops_again_keep_them(folder: Path, tmp_path: Path) -> None:
    cache, output = tmp_path / "cache", tmp_path / "m.safetensors"
    first = train(folder, output, cache, recipe=REPEATED)
    kept = {path: path.read_bytes() for path in cache.glob("crops-*/*.npz")}
    assert sorted(path.name for path in kept) == ["1-0.npz", "1-1.npz", "1-2.npz"]
    for path in kept:
        path.touch()
    times = [path.stat().st_mtime_ns for path in kept]
    assert bits(train(folder, output, cache, recipe=REPEATED)) == bits(first)
    assert [path.stat().st_mtime_ns for path in kept] == times
    other = replace(REPEATED, mixing=replace(REPEATED.mixing, clipping=0.5))
    assert bits(train(folder, output, cache, recipe=other)) != bits(first)
    assert {path: path.read_bytes() for path in kept} == kept


def test_a_repeated_epoch_has_the_same_crops_in_another_order(
    recordings: list[CachedRecording], cache: Path
) -> None:
    maker = BatchMaker(crops_of(recordings), 2.0, (1.0,), seed=3)
    epochs = [Epoch(maker, 6, epoch, fresh_epochs=2) for epoch in (1, 2, 3)]
    sums = [[float(batch.features.float().sum()) for batch in epoch] for epoch in epochs]
    assert sums[0] != sums[2]
    assert sorted(sums[0]) == sorted(sums[2])
    assert not set(sums[0]) & set(sums[1])


TAUGHT = replace(
    RECIPE,
    training=replace(RECIPE.training, epochs=1, epoch_s=12),
)


def test_teachers_change_what_is_learnt_and_are_named(
    trained: Path, folder: Path, cache: Path, tmp_path: Path
) -> None:
    output = tmp_path / "m.safetensors"
    alone = train(folder, output, cache, recipe=TAUGHT)
    tagger = str(tagger_file(tmp_path / "tagger.onnx", bias=0.0))
    weights = [bits(alone)]
    for teachers in ([str(trained)], [tagger], [str(trained), tagger]):
        taught = train(folder, output, cache, recipe=TAUGHT, teachers=teachers)
        assert taught.provenance.teachers == tuple(Path(name).name for name in teachers)
        weights.append(bits(taught))
    assert all(a != b for i, a in enumerate(weights) for b in weights[:i])
    with pytest.raises(DataError, match="only one of the teachers can be an audio tagger"):
        train(folder, output, cache, recipe=TAUGHT, teachers=[tagger, tagger])


def test_a_model_of_other_classes_cannot_teach(trained: Path, cache: Path, tmp_path: Path) -> None:
    other = folder_of(tmp_path / "data", {"dog": 400, "music": 1500})
    with pytest.raises(CheckpointError, match="cannot teach: its classes, front end or output stride"):
        train(other, tmp_path / "m.safetensors", cache, recipe=RECIPE, teachers=[str(trained)])


QUICK = replace(RECIPE, training=replace(RECIPE.training, epochs=1, epoch_s=8))


@pytest.mark.parametrize(
    "pitches",
    [{"dog": 400, "cat": 1000}, {"a": 300, "b": 800, "speech": 2000, "c d": 5000}],
    ids=["two classes", "four classes"],
)
def test_any_classes_can_be_trained(cache: Path, tmp_path: Path, pitches: dict[str, int]) -> None:
    checkpoint = train(folder_of(tmp_path / "data", pitches), tmp_path / "m.safetensors", cache, recipe=QUICK)
    assert checkpoint.classes == class_order(pitches)
    model = swishcli.load(tmp_path / "m.safetensors", "cpu", threads=1)
    assert model.classify(tone(400, 1)).label in pitches


def test_training_can_start_from_a_model_of_other_classes(trained: Path, cache: Path, tmp_path: Path) -> None:
    still = replace(QUICK, training=replace(QUICK.training, learning_rate=0.0, weight_decay=0.0))
    other = folder_of(tmp_path / "data", {"dog": 400, "music": 1500})
    observer = Silent()
    started = train(other, tmp_path / "m.safetensors", cache, observer, still, init_from=str(trained))
    initial = load_checkpoint(trained)
    assert observer.recipe.front_end == initial.front_end
    assert started.classes == ("music", "dog")
    head = started.weights["head.weight"]
    assert head.shape == (2, 2, 1)
    head = head * started.provenance.validation_1s_windows.temperature
    np.testing.assert_allclose(head[0], initial.weights["head.weight"][1], rtol=1e-5)  # both know music
    trunk = "stages.0.gated.conv.weight"
    np.testing.assert_allclose(started.weights[trunk], initial.weights[trunk], rtol=1e-6)


def test_a_bad_file_does_not_stop_the_training(
    cache: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = folder_of(tmp_path / "data", PITCHES)
    (folder / "music" / "bad.wav").write_bytes(b"no recording")
    observer = Silent()
    few = replace(QUICK, training=replace(QUICK.training, max_unreadable=0.08))
    train(folder, tmp_path / "m.safetensors", cache, observer, few)
    assert len(observer.train) + len(observer.val) == 12
    assert observer.decoded == 13
    assert "bad.wav" in caplog.text
    with pytest.raises(DataError, match="1 of 13 recordings cannot be read; more than 5% are taken for"):
        train(folder, tmp_path / "m.safetensors", cache, recipe=QUICK)


@pytest.mark.parametrize("lost", [["music"], list(PITCHES)], ids=["a class", "everything"])
def test_a_class_of_nothing_but_bad_files_is_an_error(cache: Path, tmp_path: Path, lost: list[str]) -> None:
    folder = folder_of(tmp_path / "data", PITCHES)
    for label in lost:
        for path in (folder / label).iterdir():
            path.write_bytes(b"no recording")
    any_share = replace(QUICK, training=replace(QUICK.training, max_unreadable=1.0))
    with pytest.raises(DataError, match=r"the class '(speech|music)' has no recordings"):
        train(folder, tmp_path / "m.safetensors", cache, recipe=any_share)
    assert not (tmp_path / "m.safetensors").exists()


@pytest.mark.parametrize("output_stride", [1, 256])
def test_a_network_of_any_output_stride_can_be_trained(
    folder: Path, cache: Path, tmp_path: Path, output_stride: int
) -> None:
    network = NetworkConfig(width=4, output_stride=output_stride)
    checkpoint = train(folder, tmp_path / "m.safetensors", cache, recipe=replace(QUICK, network=network))
    assert checkpoint.network.output_stride == output_stride


def test_impulse_responses_that_are_not_there_are_an_error(folder: Path, cache: Path, tmp_path: Path) -> None:
    for rooms in (tmp_path, tmp_path / "missing"):
        with pytest.raises(DataError, match=f"{rooms}: holds no impulse responses"):
            train(folder, tmp_path / "m.safetensors", cache, recipe=QUICK, rooms=rooms)


# Recipes


@pytest.mark.parametrize(
    ("part", "nonsense"),
    [
        (TrainingConfig, {"epochs": 0}),
        (TrainingConfig, {"patience": 0}),
        (TrainingConfig, {"crop_s": ()}),
        (TrainingConfig, {"crop_s": (0.0, 1.0)}),
        (TrainingConfig, {"batch_s": 4.0, "crop_s": (8.0,)}),
        (TrainingConfig, {"batch_s": 1.0, "crop_s": (1.0,)}),
        (TrainingConfig, {"seed": -1}),
        (TrainingConfig, {"seed": 2**32}),
        (TrainingConfig, {"learning_rate": -0.1}),
        (TrainingConfig, {"label_smoothing": 1.0}),
        (MixingConfig, {"speed": 1.1}),
        (MixingConfig, {"codec": -0.1}),
        (MixingConfig, {"synthetic": 0.6, "babble": 0.5}),
        (MixingConfig, {"kind_weights": {"music": {"solo": 0.0}}}),
        (MixingConfig, {"kind_weights": {"music": {"(": 2.0}}}),
    ],
    ids=str,
)
def test_a_configuration_that_makes_no_sense_is_refused(part: type, nonsense: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"needs|must|between|no regular expression"):
        part(**nonsense)


def test_a_recipe_takes_the_options_of_a_file(tmp_path: Path) -> None:
    path = manifest_of(
        tmp_path, "[training]\ncrop_s = [1, 2]\n[mixing.kind_weights.music]\nsolo = 2\n", "recipe.toml"
    )
    recipe = Recipe().overridden(read_config(path), "recipe.toml")
    assert recipe.training == replace(TrainingConfig(), crop_s=(1, 2))
    assert recipe.mixing.kind_weights == {"music": {"solo": 2}}
    assert recipe.network == NetworkConfig()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[trainning]\nepochs = 1", r"has no table \[trainning\]"),
        ("epochs = 1", r"has no table \[epochs\]"),
        ("[training]\nepoch = 1", r"\[training\] has no option 'epoch'"),
        ("[training]\nepochs = 0", r"\[training\]: training needs at least one epoch"),
        ("[training]\nepochs = 'many'", r"\[training\]: epochs must be a whole number, not 'many'"),
        ("[training]\nepochs = 2.5", r"\[training\]: epochs must be a whole number, not 2.5"),
        ("[training]\nepochs = true", r"\[training\]: epochs must be a whole number, not true"),
        ("[training]\nseed = 'x'", r"\[training\]: seed must be a whole number, not 'x'"),
        ("[training]\ncrop_s = ['a']", r"\[training\]: crop_s must be a number, not 'a'"),
        ("[training]\nweight_decay = nan", r"\[training\]: weight_decay must be a number, not nan"),
        ("[network]\ncausal = 'no'", r"\[network\]: causal must be true or false, not 'no'"),
        ("[network]\ncausal = 0", r"\[network\]: causal must be true or false, not 0"),
        ("[front_end]\nf_max = '8 kHz'", r"\[front_end\]: f_max must be a number, not '8 kHz'"),
        ("[smoothing]\nmin_duration_s = []", r"\[smoothing\]: min_duration_s must be a number, not a list"),
        ("[distillation]\nweight = true", r"\[distillation\]: weight must be a number, not true"),
        ("[network]\nwidth = 7", r"\[network\]: the width must be even"),
        ("[network]\nstrides = 2", r"\[network\]: strides must be a list, not 2"),
        ("[mixing]\nkind_weights = 3", r"\[mixing\]: kind_weights must be a table, not 3"),
        ("[mixing.kind_weights]\nmusic = 3", r"\[mixing\]: kind_weights.music must be a table, not 3"),
        ("[training", "cannot be read as TOML"),
    ],
)
def test_a_recipe_file_that_cannot_be_used_is_refused_with_its_name(
    tmp_path: Path, text: str, complaint: str
) -> None:
    path = manifest_of(tmp_path, text, "recipe.toml")
    with pytest.raises(DataError, match=complaint) as caught:
        Recipe().overridden(read_config(path), str(path))
    assert str(caught.value).startswith(f"{path}: ")


def test_a_size_is_a_name() -> None:
    assert [network_of_size(name).width for name in ("classic", "slim", "wide", "large")] == [16, 12, 24, 48]
    assert not network_of_size("classic").band_channels
    with pytest.raises(DataError, match="the size 'huge' is none of classic, slim, wide, large, live"):
        network_of_size("huge")
