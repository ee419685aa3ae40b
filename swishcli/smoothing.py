"""Frame scores in, segments out: Viterbi with a transition cost, a silence gate, minimum durations.

    logits [P, K], level [P] ─ Viterbi ─→ class per position ─ gate ─→ stretches ─ minimum durations ─→ segments

Everything works on a stream: `Smoother.push` takes the next positions and returns the segments that nothing
to come can change, so a recording of any length needs the memory of a few minutes.

Viterbi 1967; the survivor paths' common beginning is decided as soon as it exists, which gives the same path
as decoding the whole (Šrámek et al. 2007, *The on-line Viterbi algorithm*).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from swishcli.segments import SILENCE, Segment

Logits = npt.NDArray[np.float32] | npt.NDArray[np.float64]

_LONGEST_WAIT_S = 150.0
"""Scores so even that the paths have not met for this long, or twice, are decided by the best path so far."""

_SILENT_CHANGE_COST = 1e-3
"""Extra cost of a change within silence, where no moment is better than another: it waits for sound."""


@dataclass(frozen=True, slots=True)
class SmoothingConfig:
    """How posteriors become segments; a checkpoint carries its defaults."""

    transition_cost: float = 10.0
    """Nats of evidence, summed over positions, that a change of class must be worth."""
    min_duration_s: float = 0.5
    """Shorter segments of a class join a neighbour; between silences, without one, they must be sure enough."""
    silence_dbfs: float = -65.0
    """Positions below this level, in decibels of a full-scale square wave, are silent."""
    min_silence_s: float = 0.7
    """Shorter silences belong to what is around them."""

    def __post_init__(self) -> None:
        for name in ("transition_cost", "min_duration_s", "min_silence_s"):
            if not 0 <= getattr(self, name) < np.inf:
                raise ValueError(f"{name} must be finite and at least 0, not {getattr(self, name)}")
        if not -np.inf < self.silence_dbfs <= 0:
            raise ValueError(f"silence_dbfs must be finite and at most 0, not {self.silence_dbfs}")


def log_softmax(logits: Logits) -> Logits:
    """Log-posteriors over the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


class Viterbi:
    """Best paths through positions that arrive in pieces; what all of them share can be decided and let go.

    A path's score is the sum of its classes' scores, less a cost for every change of class. For each class the
    best path that ends in it survives; of equal ones the one that changes last, so that paths which nothing
    tells apart share their beginning. A position takes K additions and K bits: whoever changes comes from the
    class that leads.

    Parameters
    ----------
    n_classes : int
    state : int, optional
        Class before the first position; by default a path may start anywhere.
    """

    def __init__(self, n_classes: int, state: int | None = None) -> None:
        self._totals = np.zeros(n_classes)
        if state is not None:
            self._totals[np.arange(n_classes) != state] = -np.inf
        self._leaders = np.zeros(0, np.int64)
        self._stays = np.zeros((0, n_classes), bool)

    def __len__(self) -> int:
        """Number of undecided positions."""
        return len(self._leaders)

    def push(self, scores: Logits, costs: Logits) -> None:
        """Take log-likelihoods ``[P, K]`` of the next positions, and the cost ``[P]`` of a change at each."""
        # Python's own numbers: a handful of additions would be outweighed by NumPy's calls.
        totals: list[float] = self._totals.tolist()
        classes = range(len(totals))
        before = []
        for score, cost in zip(scores.tolist(), costs.tolist(), strict=True):
            before.append(totals)
            changed = max(totals) - cost
            totals = [score[k] + (totals[k] if totals[k] > changed else changed) for k in classes]
        self._totals = np.array(totals)
        reached = np.array(before).reshape(scores.shape)
        best = reached.max(axis=1, keepdims=True)
        self._leaders = np.concatenate([self._leaders, reached.argmax(axis=1)])
        self._stays = np.concatenate([self._stays, reached > best - costs[:, None]])

    def path(self, last: int | None = None) -> npt.NDArray[np.int64]:
        """The best path through the undecided positions; with `last`, of those that end in that class."""
        leaders, stays = self._leaders.tolist(), self._stays
        path = np.empty(len(self), np.int64)
        label = int(self._totals.argmax()) if last is None else last
        for position in reversed(range(len(path))):
            path[position] = label
            if not stays[position, label]:
                label = leaders[position]
        return path

    def agreed(self) -> int:
        """How many of the undecided positions all survivors agree on: nothing to come can change those."""
        return next((n for n, classes in self._survivors() if (classes == classes[0]).all()), 0)

    def decide(self, n: int) -> npt.NDArray[np.int64]:
        """Let go the first `n` ≥ 1 undecided positions; survivors that part there from the best path are lost."""
        path = self.path()[:n]
        classes = next(classes for positions, classes in self._survivors() if positions == n)
        self._totals[classes != path[-1]] = -np.inf
        self._leaders, self._stays = self._leaders[n:], self._stays[n:]
        return path

    def _survivors(self) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
        """Back from the last position: how many positions there are up to it, each survivor's class there."""
        classes = np.arange(len(self._totals))
        for position in reversed(range(len(self))):
            yield position + 1, classes
            classes = np.where(self._stays[position][classes], classes, self._leaders[position])


@dataclass(slots=True, eq=False)
class _Stretch:
    """Neighbouring positions under one label (-1 is silence)."""

    first: int
    stop: int
    label: int
    logits: npt.NDArray[np.float64]
    """Sum over the positions that are not silent, ``[K]``."""
    sounding: int
    """Number of those positions."""

    def __len__(self) -> int:
        return self.stop - self.first

    def absorb(self, other: _Stretch) -> None:
        """Take over a neighbour's positions, under the own label."""
        self.first, self.stop = min(self.first, other.first), max(self.stop, other.stop)
        self.logits = self.logits + other.logits
        self.sounding += other.sounding

    def posteriors(self) -> npt.NDArray[np.float64]:
        """Probability of each class by the mean of the logits."""
        return np.exp(log_softmax(self.logits / max(1, self.sounding)))


class Smoother:
    """Turns a stream of logits into segments.

    Parameters
    ----------
    classes : sequence of str
        Names of the K classes.
    positions_per_s : (int, int)
        Positions per second as a fraction (numerator, denominator), so that times are exact.
    offset_s : float
        Time of the first position.
    """

    def __init__(
        self,
        config: SmoothingConfig,
        classes: tuple[str, ...],
        positions_per_s: tuple[int, int],
        offset_s: float = 0.0,
    ) -> None:
        self._config = config
        self._classes = classes
        self._numerator, self._denominator = positions_per_s
        self._offset_s = offset_s
        per_s = self._numerator / self._denominator
        self._min_length = config.min_duration_s * per_s
        self._min_silence = max(1.0, config.min_silence_s * per_s)
        self._longest_wait = max(1, round(_LONGEST_WAIT_S * per_s))
        self._viterbi = Viterbi(len(classes))
        # Of the positions that the paths have not decided yet.
        self._logits = np.zeros((0, len(classes)), np.float32)
        self._silent = np.zeros(0, bool)
        self._decided = 0
        self._stretches: list[_Stretch] = []

    def push(self, logits: Logits, level_db: npt.NDArray[np.float32]) -> Iterator[Segment]:
        """Take logits ``[P, K]`` and levels ``[P]`` in dBFS; yield the segments that are decided."""
        silent = level_db < self._config.silence_dbfs
        while len(silent):
            # Cut at fixed positions, so that what is decided by force does not depend on how they arrive.
            known = self._decided + len(self._silent)
            n = self._longest_wait - known % self._longest_wait
            self._extend(logits[:n], silent[:n])
            self._decide(self._decidable())
            logits, silent = logits[n:], silent[n:]
        yield from self._settled()

    def finish(self, duration: float) -> Iterator[Segment]:
        """Yield what is left; the last segment ends at `duration` seconds of the recording."""
        self._decide(len(self._silent))
        yield from self._settled()
        self._settle_end()
        if not self._stretches:  # shorter than a sample of the model's rate
            yield Segment(self._offset_s, duration, SILENCE, 1.0)
            return
        # Resampling may make a position more than the recording has time for.
        left = [s for s in self._stretches if s.first == 0 or self._time(s.first) < duration]
        for stretch in left:
            yield self._segment(stretch, duration if stretch is left[-1] else None)

    def _extend(self, logits: Logits, silent: npt.NDArray[np.bool_]) -> None:
        self._logits = np.concatenate([self._logits, logits])
        self._silent = np.concatenate([self._silent, silent])
        # Silence says nothing about classes: the network is not asked about it.
        scores = np.where(silent[:, None], 0, log_softmax(logits))
        self._viterbi.push(scores, self._config.transition_cost + _SILENT_CHANGE_COST * silent)

    def _decidable(self) -> int:
        """How many undecided positions nothing to come can change, or have waited too long."""
        n, known = self._viterbi.agreed(), self._decided + len(self._silent)
        if known % self._longest_wait == 0:
            n = max(n, len(self._silent) - self._longest_wait)
        return n - self._open_silence(n)

    def _open_silence(self, n: int) -> int:
        """Silent positions at the end of the next `n` that may yet become a silence, or not: they wait."""
        silent = self._silent[:n]
        trailing = n if silent.all() else int(np.argmin(silent[::-1]))
        reaches_back = trailing == n and self._stretches and self._stretches[-1].label < 0
        return 0 if reaches_back or trailing >= self._min_silence else trailing

    def _decide(self, n: int) -> None:
        """Append the next `n` undecided positions to the stretches."""
        if n == 0:
            return
        silent, logits = self._silent[:n], self._logits[:n]
        continues = bool(self._stretches) and self._stretches[-1].label < 0
        labels = np.where(_long_silences(silent, self._min_silence, continues), -1, self._viterbi.decide(n))
        starts = np.flatnonzero(np.diff(labels, prepend=-2))
        sums = np.add.reduceat(np.where(silent[:, None], 0, logits).astype(np.float64), starts)
        sounding = np.add.reduceat((~silent).astype(np.int64), starts)
        stops = np.append(starts[1:], n)
        for first, stop, total, count in zip(
            starts.tolist(), stops.tolist(), sums, sounding.tolist(), strict=True
        ):
            stretch = _Stretch(self._decided + first, self._decided + stop, int(labels[first]), total, count)
            if self._stretches and self._stretches[-1].label == stretch.label:
                self._stretches[-1].absorb(stretch)
            else:
                self._stretches.append(stretch)
        self._decided += n
        self._logits, self._silent = self._logits[n:], self._silent[n:]

    def _is_short(self, stretch: _Stretch) -> bool:
        return stretch.label >= 0 and len(stretch) < self._min_length

    def _settled(self) -> Iterator[Segment]:
        """Segments of the stretches that can neither grow nor be joined any more."""
        stretches = self._stretches
        while len(stretches) > 1:
            first, second = stretches[:2]
            third = stretches[2] if len(stretches) > 2 else None
            if self._is_short(first):  # as only the recording's first can be
                if second.label < 0 and self._stays_alone(first):
                    yield self._segment(stretches.pop(0))
                else:
                    self._join(second, first)
            elif self._is_short(second):
                if third is None:
                    return
                if max(first.label, third.label) >= 0:
                    self._share_out(first, second, third)
                elif self._stays_alone(second):
                    yield self._segment(stretches.pop(0))
                    yield self._segment(stretches.pop(0))
                else:
                    self._join(first, second)
                    self._join(first, third)
            elif third is None and len(second) < 2:  # of which the recording may end before it begins
                return
            else:
                yield self._segment(stretches.pop(0))

    def _settle_end(self) -> None:
        """Join what is short at the recording's end."""
        if len(self._stretches) == 2:
            first, second = self._stretches
            if self._is_short(second) and (first.label >= 0 or not self._stays_alone(second)):
                self._join(first, second)
        if len(self._stretches) == 1 and self._stretches[0].sounding == 0:
            self._stretches[0].label = -1  # too short for a silence, yet all there is

    def _stays_alone(self, stretch: _Stretch) -> bool:
        """Whether a short sound between silences stays, as what it resembles most: the shorter, the surer.

        What has no neighbour is either a word or a click: of 0.3 s a word is more likely than not,
        of 0.04 s only what the network is certain of is kept.
        """
        posteriors = stretch.posteriors()
        stretch.label = int(posteriors.argmax())
        return bool(posteriors[stretch.label] >= 1 - len(stretch) / self._min_length)

    def _share_out(self, first: _Stretch, second: _Stretch, third: _Stretch) -> None:
        """The short second of three joins the neighbour it resembles more; silence is no neighbour."""
        prefers_first = third.label < 0 or (
            first.label >= 0 and second.logits[first.label] >= second.logits[third.label]
        )
        self._join(first if prefers_first else third, second)
        if first.label == third.label:
            self._join(first, third)

    def _join(self, stretch: _Stretch, other: _Stretch) -> None:
        stretch.absorb(other)
        self._stretches.remove(other)

    def _time(self, position: int) -> float:
        return self._offset_s + position * self._denominator / self._numerator

    def _segment(self, stretch: _Stretch, end: float | None = None) -> Segment:
        start, stop = self._time(stretch.first), self._time(stretch.stop) if end is None else end
        if stretch.label < 0:
            return Segment(start, stop, SILENCE, 1.0)
        return Segment(start, stop, self._classes[stretch.label], float(stretch.posteriors()[stretch.label]))


def _long_silences(silent: npt.NDArray[np.bool_], shortest: float, continues: bool) -> npt.NDArray[np.bool_]:
    """Which positions lie in silences of at least `shortest` positions; the first may continue one."""
    edges = np.flatnonzero(np.diff(silent.astype(np.int8), prepend=0, append=0))
    long = np.zeros(len(silent), bool)
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        if stop - start >= shortest or (start == 0 and continues):
            long[start:stop] = True
    return long
