"""Small data sets of tones, and other sounds, for the tests of training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
import soundfile

from swishcli.audio import Samples
from swishcli.features import FrontEndConfig
from swishcli.training.cache import CachedRecording
from swishcli.training.crops import CropMaker, MixingConfig
from swishcli.training.datasets import Item

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


def manifest_of(folder: Path, text: str, name: str = "data.tsv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def items_of(*paths: Path) -> list[Item]:
    return [Item(path, "dog", path.name) for path in paths]


def crops_of(recordings: Sequence[CachedRecording], mixing: MixingConfig = CLEAN) -> CropMaker:
    return CropMaker(recordings, tuple(PITCHES), FRONT_END, mixing)


def sound_of(n: int) -> Samples:
    """Coloured noise with clear edges in time."""
    noise = np.random.default_rng(0).standard_normal(n + 50)
    return (0.1 * np.convolve(noise, np.ones(20), "same")[:n]).astype(np.float32)
