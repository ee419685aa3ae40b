"""The NumPy and the torch front end are librosa's MFCC, and reading in blocks changes nothing."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from swishcli.audio import Samples, read_audio
from swishcli.features import (
    Features,
    FrontEndConfig,
    MfccStream,
    dct_matrix,
    feature_blocks,
    mel_filters,
    mfcc,
)
from swishcli.torch_features import TorchMfcc

torch.set_num_threads(1)

CONFIG = FrontEndConfig()
OTHER = FrontEndConfig(
    sample_rate=8000, win_length=256, hop_length=64, n_fft=256, n_mels=40, f_min=0, f_max=3800, n_mfcc=13
)
ODD = FrontEndConfig(sample_rate=11025, win_length=276, hop_length=110, n_fft=512, f_max=5512.5)
FEW = replace(CONFIG, n_mfcc=32)
CONFIGS = pytest.mark.parametrize(
    "config", [CONFIG, FEW, OTHER, ODD], ids=["as many as bands", "fewer", "other", "odd rate"]
)

N = 20077  # no multiple of a hop
SPEECH = Path(__file__).parents[1] / "samples" / "speech-en.flac"


@cache
def signal(name: str) -> Samples:
    time = np.arange(N) / CONFIG.sample_rate
    sound = {
        "noise": lambda: 0.1 * np.random.default_rng(0).standard_normal(N),
        "tone": lambda: 0.5 * np.sin(2 * np.pi * 440 * time),
        "chord": lambda: 0.2 * np.sin(2 * np.pi * np.outer([220, 1000, 3500], time)).sum(axis=0),
        "speech": lambda: read_audio(SPEECH, CONFIG.sample_rate),
        "silence": lambda: np.zeros(N),
        "silence, speech": lambda: np.append(np.zeros(N), signal("speech")),
    }[name]()
    return sound.astype(np.float32)


SIGNALS = pytest.mark.parametrize("name", ["noise", "tone", "chord", "speech", "silence", "silence, speech"])


def librosa_mfcc(samples: Samples, config: FrontEndConfig) -> npt.NDArray[np.float64]:
    """The reference in double precision: frames centred on ``[t·hop, (t+1)·hop)``, decibels not clipped."""
    import librosa

    n_frames = -(-len(samples) // config.hop_length)
    before = (config.n_fft - config.hop_length) // 2
    padded = np.zeros((n_frames - 1) * config.hop_length + config.n_fft)
    padded[before : before + len(samples)] = samples
    power = librosa.feature.melspectrogram(
        y=padded,
        sr=config.sample_rate,
        n_fft=config.n_fft,
        win_length=config.win_length,
        hop_length=config.hop_length,
        center=False,
        n_mels=config.n_mels,
        fmin=config.f_min,
        fmax=config.f_max,
    )
    decibels = librosa.power_to_db(power, amin=config.amin, top_db=None)
    return librosa.feature.mfcc(S=decibels, n_mfcc=config.n_mfcc).T


def torch_features(samples: Samples, config: FrontEndConfig, dtype: torch.dtype = torch.float32) -> Features:
    front_end = TorchMfcc(config).to(dtype)
    return front_end(torch.from_numpy(samples)[None].to(dtype))[0].T.numpy()


def in_blocks(
    samples: Samples, sizes: list[int], config: FrontEndConfig = CONFIG
) -> tuple[Features, Features]:
    """Features and moments of samples ``[rows, n]`` that arrive in blocks; what is left comes last."""
    blocks = iter(np.split(samples, np.cumsum(sizes), axis=1))
    features, moments = zip(*feature_blocks(blocks, len(samples), config), strict=True)
    return np.concatenate(features, axis=1), np.concatenate(moments, axis=1)


@SIGNALS
@CONFIGS
def test_the_numpy_front_end_is_librosas_within_a_thousandth(name: str, config: FrontEndConfig) -> None:
    # Bands far from a pure tone hold the rounding errors of a float32 FFT.
    np.testing.assert_allclose(
        mfcc(signal(name), config),
        librosa_mfcc(signal(name), config),
        rtol=0,
        atol=5e-3 if name == "tone" else 1e-3,
    )


@SIGNALS
@CONFIGS
def test_the_torch_front_end_is_librosas_within_a_thousandth(name: str, config: FrontEndConfig) -> None:
    # Bands far from a pure tone hold the rounding errors of a float32 FFT: only double precision can tell.
    in_float32 = 5e-2 if name in ("tone", "chord") else 1e-3
    expected = librosa_mfcc(signal(name), config)
    np.testing.assert_allclose(torch_features(signal(name), config), expected, rtol=0, atol=in_float32)
    in_double = torch_features(signal(name), config, torch.float64)
    np.testing.assert_allclose(in_double, expected, rtol=0, atol=5e-3 if name == "tone" else 1e-3)


@CONFIGS
def test_mel_filters_are_librosas(config: FrontEndConfig) -> None:
    import librosa

    theirs = librosa.filters.mel(
        sr=config.sample_rate,
        n_fft=config.n_fft,
        n_mels=config.n_mels,
        fmin=config.f_min,
        fmax=config.f_max,
        dtype=np.float64,
    )
    np.testing.assert_allclose(mel_filters(config), theirs.T, rtol=1e-9, atol=1e-15)


def test_the_cosine_transform_keeps_lengths_and_angles() -> None:
    np.testing.assert_allclose(dct_matrix(64, 64).T @ dct_matrix(64, 64), np.eye(64), atol=1e-12)


@settings(max_examples=50)
@given(
    st.integers(0, 5000),
    st.lists(st.integers(0, 2000), max_size=8),
    st.integers(1, 2),
    st.sampled_from([CONFIG, OTHER]),
)
@example(160, [1] * 160, 1, CONFIG)
@example(401, [0, 400, 0], 2, CONFIG)
def test_blocks_of_any_sizes_give_the_features_of_the_whole(
    n: int, sizes: list[int], rows: int, config: FrontEndConfig
) -> None:
    samples = np.random.default_rng(n).standard_normal((rows, n), dtype=np.float32)
    features, moments = in_blocks(samples, sizes, config)
    assert features.shape == (rows, config.n_frames(n), config.n_mfcc)
    whole, whole_moments = in_blocks(samples, [], config)
    np.testing.assert_allclose(features, whole, rtol=0, atol=1e-4)
    np.testing.assert_array_equal(moments, whole_moments)


@given(st.integers(1, 4000), st.sampled_from([CONFIG, OTHER, ODD]))
@example(1, CONFIG)
@example(CONFIG.hop_length, CONFIG)
@example(CONFIG.hop_length + 1, CONFIG)
def test_n_samples_make_ceil_of_n_over_hop_frames(n: int, config: FrontEndConfig) -> None:
    expected = (n + config.hop_length - 1) // config.hop_length
    assert config.n_frames(n) == expected
    assert mfcc(np.ones(n, np.float32), config).shape == (expected, config.n_mfcc)
    assert torch_features(np.ones(n, np.float32), config).shape == (expected, config.n_mfcc)


@given(st.integers(1, 2000))
@example(1)
@example(161)
def test_a_frames_moments_are_those_of_its_own_samples(n: int) -> None:
    samples = 0.5 + np.random.default_rng(n).standard_normal((2, n), dtype=np.float32)
    _, moments = in_blocks(samples, [n // 2])
    starts = range(0, n, CONFIG.hop_length)
    own = [samples[:, s : s + CONFIG.hop_length].astype(float) for s in starts]
    expected = [(np.mean(frame, axis=1), np.var(frame, axis=1)) for frame in own]
    np.testing.assert_allclose(moments, np.transpose(expected, (2, 0, 1)), rtol=1e-5, atol=1e-6)


def test_a_stream_holds_no_more_than_a_window_of_samples() -> None:
    stream = MfccStream(CONFIG)
    for _ in range(50):
        stream.push(np.ones((1, 1000), np.float32))
        assert stream._held.shape[1] < CONFIG.win_length


@pytest.mark.parametrize(
    "nonsense",
    [
        {"hop_length": 0},
        {"hop_length": 402, "win_length": 400},
        {"win_length": 600},
        {"win_length": 401},
        {"n_fft": 511},
        {"win_length": 401, "hop_length": 161, "n_fft": 513},
        {"n_mfcc": 0},
        {"n_mfcc": 65},
        {"n_mels": 0, "n_mfcc": 0},
        {"f_min": -1.0},
        {"f_min": 8000.0},
        {"f_max": 8001.0},
        {"f_max": float("nan")},
        {"sample_rate": 0},
        {"sample_rate": 8000},
        {"amin": 0.0},
        {"amin": -1.0},
    ],
    ids=str,
)
def test_a_configuration_that_makes_no_sense_is_refused(nonsense: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="the front end needs"):
        FrontEndConfig(**nonsense)
