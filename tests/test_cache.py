"""Recordings are decoded once, block by block, and kept as long as there is room."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

import numpy as np
import pytest
from training_data import HOP, RATE, items_of, silence, tone, write

from swishcli.training import cache as caches
from swishcli.training.cache import load_recordings


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
