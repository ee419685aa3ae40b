"""How far figures can be trusted: intervals over recordings, and whether two systems differ beyond chance.

Recordings, not frames, are what is drawn: frames of one recording are right or wrong together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from swishcli.evaluation.scores import Array, Score, ScoringConfig, figures

DRAWS = 1000
_SEED = 0
_PERCENTILES = (2.5, 97.5)


@dataclass(frozen=True, slots=True)
class Interval:
    """95 % of what a figure may be."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference:
    """How much a second system has more than a first of a figure."""

    value: float
    interval: Interval
    p_value: float
    """How often two systems that are alike would differ so much or more, by chance."""


def intervals(scores: Sequence[Score], config: ScoringConfig) -> dict[str, Interval]:
    """95 % intervals of all figures by redrawing the recordings (the percentile bootstrap, Efron 1979)."""
    counts = np.stack([s.counts.vector for s in scores])
    sums = _redrawn(len(counts)) @ counts
    return _intervals(_figures(scores, config, sums))


def differences(
    first: Sequence[Score], second: Sequence[Score], config: ScoringConfig
) -> dict[str, Difference]:
    """What the second system has more than the first on the same recordings, in the same order.

    Intervals by a paired bootstrap; p-values by exchanging the systems' answers at random, recording by
    recording (the approximate randomization test, Noreen 1989).
    """
    a, b = (np.stack([s.counts.vector for s in scores]) for scores in (first, second))
    figures_of = _figures_of(first, config)
    observed = _less(figures_of(b.sum(axis=0)), figures_of(a.sum(axis=0)))
    draws = _redrawn(len(a))
    redrawn = [_less(figures_of(y), figures_of(x)) for x, y in zip(draws @ a, draws @ b, strict=True)]
    exchanged = np.random.default_rng(_SEED).random((DRAWS, len(a))) < 0.5
    moved = exchanged.astype(float) @ (b - a)
    by_chance = [
        _less(figures_of(y), figures_of(x))
        for x, y in zip(a.sum(axis=0) + moved, b.sum(axis=0) - moved, strict=True)
    ]
    found = _intervals(redrawn)
    return {
        name: Difference(
            value, found[name], _p_value(value, np.array([figures[name] for figures in by_chance]))
        )
        for name, value in observed.items()
    }


def _p_value(value: float, by_chance: Array) -> float:
    if np.isnan(value):
        return float("nan")
    # Sums of exchanged counts round otherwise than sums of counts.
    as_much = np.abs(by_chance) >= abs(value) - 1e-12
    return float((1 + as_much.sum()) / (1 + len(by_chance)))


def _redrawn(n: int) -> Array:
    """How often each of `n` recordings is drawn, ``[DRAWS, n]``."""
    return np.random.default_rng(_SEED).multinomial(n, np.full(n, 1 / n), DRAWS).astype(float)


def _figures_of(scores: Sequence[Score], config: ScoringConfig) -> Callable[[Array], dict[str, float]]:
    shapes = scores[0].counts
    return lambda vector: figures(shapes.of(vector), config)


def _figures(scores: Sequence[Score], config: ScoringConfig, sums: Array) -> list[dict[str, float]]:
    return list(map(_figures_of(scores, config), sums))


def _less(minuend: dict[str, float], subtrahend: dict[str, float]) -> dict[str, float]:
    return {name: minuend[name] - subtrahend[name] for name in minuend}


def _intervals(draws: Sequence[dict[str, float]]) -> dict[str, Interval]:
    return dict(_each_interval(draws))


def _each_interval(draws: Sequence[dict[str, float]]) -> Iterator[tuple[str, Interval]]:
    for name in draws[0]:
        values = np.array([figures[name] for figures in draws])
        values = values[~np.isnan(values)]
        low, high = np.percentile(values, _PERCENTILES) if len(values) else (np.nan, np.nan)
        yield name, Interval(float(low), float(high))
