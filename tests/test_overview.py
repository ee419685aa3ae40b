"""A recording of any length is a bounded number of columns, and every class looks different."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import tone
from hypothesis import given
from hypothesis import strategies as st

from swishcli.features import FrontEndConfig, dct_matrix, mfcc
from swishcli.inference import FrameScores
from swishcli.pictures.overview import OverviewBuilder, look_at, shares
from swishcli.pictures.palette import looks_of
from swishcli.segments import Segment, Segmentation

FRONT_END = FrontEndConfig()
HOP = FRONT_END.hop_length
NOISE = np.random.default_rng(0).standard_normal((2, 50_000)).astype(np.float32)


@given(st.lists(st.integers(1, 50_000), max_size=5), st.integers(2, 400))
def test_blocks_of_any_size_give_the_same_overview_in_bounded_columns(cuts: list[int], columns: int) -> None:
    whole, parts = (OverviewBuilder(FRONT_END, columns=columns) for _ in range(2))
    whole.push(NOISE)
    for block in np.split(NOISE, sorted(cuts), axis=1):
        parts.push(block)
    for one, other in zip(whole.finish(), parts.finish(), strict=True):
        assert one.column_s == other.column_s
        assert min(columns // 2, 50_000 // HOP) <= len(one.peaks) <= columns
        assert len(one.mel_db) == len(one.rms) == len(one.peaks)
        for name in ("peaks", "rms", "mel_db"):
            np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-3, atol=1e-3)


def test_columns_hold_the_extremes_the_power_and_the_mel_bands_of_their_time() -> None:
    row = NOISE[0]
    overview = look_at(row, columns=100)
    n = round(overview.column_s * 16000)
    mel = 10 ** (mfcc(row, FRONT_END) @ dct_matrix(64, 64).T / 10)
    for i in (0, 17, len(row) // n):
        own = row[i * n : (i + 1) * n]
        assert overview.peaks[i].tolist() == [own.min(), own.max()]
        frames = mel[i * n // HOP : (i + 1) * n // HOP]
        np.testing.assert_allclose(10 ** (overview.mel_db[i] / 10), frames.mean(axis=0), rtol=1e-3)
    assert overview.rms[3] == pytest.approx(np.sqrt(np.square(row[3 * n : 4 * n]).mean()), rel=1e-4)


def test_a_tone_is_loudest_in_the_band_of_its_pitch() -> None:
    overview = look_at(tone(16000, hz=1000.0))
    assert overview.mel_hz[int(overview.mel_db[50].argmax())] == pytest.approx(1000, rel=0.06)


def test_posteriors_are_means_over_positions() -> None:
    logits = np.log(np.random.default_rng(1).dirichlet([1, 1, 1], (1, 1001))).astype(np.float32)
    builder = OverviewBuilder(FRONT_END, 5.0, 64, ("a", "b", "c"), 0.04)
    builder.push(NOISE[:1])
    for part in np.split(logits, [1, 500], axis=1):
        builder.push_scores(FrameScores(part, np.zeros(part.shape[:2], np.float32)))
    (overview,) = builder.finish()
    assert overview.posteriors is not None
    assert overview.position_s == pytest.approx(16 * 0.04)
    np.testing.assert_allclose(overview.posteriors[1], np.exp(logits[0, 16:32]).mean(axis=0), rtol=1e-3)
    np.testing.assert_allclose(overview.posteriors.sum(axis=1), 1, rtol=1e-4)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=8), st.integers(1, 20))
def test_shares_are_the_time_of_each_label_in_each_column(lengths: list[int], n: int) -> None:
    labels = ("a", "b", "c")
    ends = np.cumsum(lengths)
    segments = (
        Segment(float(end - length), float(end), labels[i % 3])
        for i, (end, length) in enumerate(zip(ends.tolist(), lengths, strict=True))
    )
    segmentation = Segmentation(float(ends[-1]), tuple(segments))
    found = shares(segmentation, labels, np.linspace(0, segmentation.duration, n + 1))
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-4)
    for k, label in enumerate(labels):
        seconds = found[:, k].sum() * segmentation.duration / n
        assert seconds == pytest.approx(segmentation.total(label), abs=1e-3)


@given(st.sets(st.text(max_size=5), max_size=30))
def test_classes_differ_in_more_than_their_colour(labels: set[str]) -> None:
    looks = looks_of(sorted(labels))
    assert list(looks) == sorted(labels)
    assert len({look.letter for look in looks.values()}) == len(looks)
    assert len({(look.color, look.pattern) for look in looks.values()}) == len(looks)
    assert set(looks.items()) == set(looks_of(labels).items())


@pytest.mark.parametrize("sight", ["protanopia", "deuteranopia", "tritanopia", "grey"])
def test_the_known_classes_differ_for_every_colour_vision(sight: str) -> None:
    """By linear RGB after the simulation of Machado, Oliveira & Fernandes 2009, severity 1."""
    simulations = {
        "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
        "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
        "tritanopia": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
        "grey": [[0.213, 0.715, 0.072]] * 3,
    }
    colors = [look.color for look in looks_of(["speech", "music", "noise", "silence"]).values()]
    linear = np.array([[(int(c[i : i + 2], 16) / 255) ** 2.2 for i in (1, 3, 5)] for c in colors])
    seen = (linear @ np.array(simulations[sight]).T).clip(0) ** (1 / 2.2)
    distances = np.linalg.norm(seen[:, None] - seen[None], axis=2)
    assert distances[np.triu_indices(4, 1)].min() > 0.1
