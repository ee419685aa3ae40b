"""Posteriors in, segments out: Viterbi with a transition cost, a silence gate, minimum durations.

    logits [P, K], level [P] ─ Viterbi ─→ class per position ─ gate ─→ runs ─ minimum durations ─→ segments

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

_LONGEST_UNDECIDED_S = 300.0
"""Posteriors so even that the paths have not met for this long are decided by the best path so far."""

_SILENT_CHANGE_COST = 1e-3
"""Extra cost of a change within silence, where no moment is better than another: it waits for sound."""


@dataclass(frozen=True, slots=True)
class SmoothingConfig:
    """How posteriors become segments; a checkpoint carries its defaults."""

    transition_cost: float = 12.0
    """Nats of evidence, summed over positions, that a change of class must be worth."""
    min_duration_s: float = 0.5
    """Shorter segments of a class join a neighbour."""
    silence_dbfs: float = -65.0
    """Positions below this level, in decibels of a full-scale square wave, are silent."""
    min_silence_s: float = 0.5
    """Shorter silences belong to what is around them."""

    def __post_init__(self) -> None:
        for name in ("transition_cost", "min_duration_s", "min_silence_s"):
            if not 0 <= getattr(self, name) < np.inf:
                raise ValueError(f"{name} must be at least 0, not {getattr(self, name)}")
        if not self.silence_dbfs <= 0:
            raise ValueError(f"silence_dbfs must be at most 0, not {self.silence_dbfs}")


def log_softmax(logits: Logits) -> Logits:
    """Log-posteriors over the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def viterbi(
    scores: Logits, transition_cost: float | npt.NDArray[np.float64], state: int | None = None
) -> npt.NDArray[np.int64]:
    """Best paths through `scores` that end in each class.

    Parameters
    ----------
    scores : array
        Log-likelihood of each class at each position, ``[P, K]`` with P ≥ 1.
    transition_cost : float or array
        Taken from a path's score for every change of class; ``[P]`` if it depends on the position changed at.
    state : int, optional
        Class before the first position; None if the path may start anywhere.

    Returns
    -------
    array
        ``[K + 1, P]``: row k is the best path that ends in class k, the last row the best of all.

    Notes
    -----
    No Python loop over positions: they are cut into √P blocks that advance side by side, each from every
    class it could be entered in; then the blocks are chained. Of equal paths the one that changes last wins,
    so that paths which nothing tells apart share their beginning.
    """
    n_positions, n_classes = scores.shape
    length = max(1, int(np.sqrt(n_positions)))
    n_blocks = -(-n_positions // length)
    padded = np.zeros((n_blocks * length, n_classes), np.float64)
    padded[:n_positions] = scores
    blocks = padded.reshape(n_blocks, length, n_classes)
    # Past the end nothing may change: a path must end in its class at the last position, not after it.
    costs = np.full(n_blocks * length, np.inf)
    costs[:n_positions] = transition_cost
    costs = costs.reshape(n_blocks, length)

    # score[b, i, j]: best path through block b so far that came from class i and is in class j now.
    score = np.where(np.eye(n_classes, dtype=bool), 0.0, -np.inf)[None].repeat(n_blocks, axis=0)
    came_from = np.empty((length, n_blocks, n_classes, n_classes), np.int16)
    stay = np.arange(n_classes, dtype=np.int16)
    for step in range(length):
        best = score.argmax(axis=2)[..., None]
        changed = np.take_along_axis(score, best, axis=2) - costs[:, step, None, None]
        change = changed >= score
        came_from[step] = np.where(change, best, stay)
        score = np.maximum(score, changed) + blocks[:, step, None, :]

    # Chain the blocks: the class each block ends in, for every class the last one may end in.
    total = np.zeros(n_classes) if state is None else np.where(np.arange(n_classes) == state, 0.0, -np.inf)
    entered = np.empty((n_blocks, n_classes), np.int64)
    for block in range(n_blocks):
        candidates = total[:, None] + score[block]
        best_totals = candidates.max(axis=0)
        # Of equal paths the one that has paid for fewer changes before this block changes later.
        entered[block] = np.where(candidates == best_totals, total[:, None], -np.inf).argmax(axis=0)
        total = best_totals
    ends = np.append(np.arange(n_classes), total.argmax())
    entries = np.empty((n_blocks, n_classes + 1), np.int64)
    exits = np.empty_like(entries)
    for block in reversed(range(n_blocks)):
        exits[block] = ends
        ends = entries[block] = entered[block, ends]

    paths = np.empty((n_classes + 1, n_blocks, length), np.int64)
    now = exits
    at_block = np.arange(n_blocks)[:, None]
    for step in reversed(range(length)):
        paths[:, :, step] = now.T
        now = came_from[step][at_block, entries, now].astype(np.int64)
    return paths.reshape(n_classes + 1, -1)[:, :n_positions]


@dataclass(slots=True)
class _Run:
    """Neighbouring positions under one label (-1 is silence)."""

    first: int
    stop: int
    label: int
    logits: npt.NDArray[np.float64]
    """Sum over the positions that are not silent, ``[K]``."""
    sounding: int
    """Number of those positions."""

    def absorb(self, other: _Run) -> None:
        """Take over a neighbour's positions, under the own label."""
        self.first, self.stop = min(self.first, other.first), max(self.stop, other.stop)
        self.logits = self.logits + other.logits
        self.sounding += other.sounding


class Smoother:
    """Turns a stream of logits into segments.

    Parameters
    ----------
    classes : sequence of str
        Names of the K classes.
    positions_per_s : (int, int)
        Positions per second as a fraction (numerator, denominator), so that times are exact.
    """

    def __init__(
        self, config: SmoothingConfig, classes: tuple[str, ...], positions_per_s: tuple[int, int]
    ) -> None:
        self._config = config
        self._classes = classes
        self._numerator, self._denominator = positions_per_s
        per_s = self._numerator / self._denominator
        self._min_run = config.min_duration_s * per_s
        self._min_silence = max(1.0, config.min_silence_s * per_s)
        self._longest_undecided = int(_LONGEST_UNDECIDED_S * per_s)
        self._state: int | None = None
        self._undecided_logits = np.zeros((0, len(classes)), np.float32)
        self._undecided_silent = np.zeros(0, bool)
        self._path = np.zeros(0, np.int64)
        self._position = 0
        self._runs: list[_Run] = []

    def push(self, logits: Logits, level_db: npt.NDArray[np.float32]) -> Iterator[Segment]:
        """Take logits ``[P, K]`` and levels ``[P]`` in dBFS; yield the segments that are decided."""
        self._decode(logits, level_db < self._config.silence_dbfs, last=False)
        yield from self._settled()

    def finish(self, duration: float) -> Iterator[Segment]:
        """Yield what is left; the last segment ends at `duration` seconds."""
        self._decode(np.zeros((0, len(self._classes)), np.float32), np.zeros(0, bool), last=True)
        yield from self._settled()
        self._join_short_at_end()
        if not self._runs:  # shorter than a sample of the model's rate
            yield Segment(0.0, duration, SILENCE, 1.0)
            return
        if len(self._runs) == 1 and self._runs[0].sounding == 0:  # too short for a silence, yet all there is
            self._runs[0].label = -1
        # Resampling may make a position more than the recording has time for.
        runs = [run for run in self._runs if run.first == 0 or self._time(run.first) < duration]
        for run in runs:
            yield self._segment(run, duration if run is runs[-1] else None)

    def _decode(self, logits: Logits, silent: npt.NDArray[np.bool_], last: bool) -> None:
        """Viterbi over what is undecided; what the survivor paths agree on goes on to `_runs`."""
        self._undecided_logits = np.concatenate([self._undecided_logits, logits])
        self._undecided_silent = np.concatenate([self._undecided_silent, silent])
        n = len(self._undecided_silent)
        if n == 0:
            return
        # Silence says nothing about classes: the network is not asked about it.
        scores = np.where(self._undecided_silent[:, None], 0, log_softmax(self._undecided_logits))
        costs = self._config.transition_cost + _SILENT_CHANGE_COST * self._undecided_silent
        paths = viterbi(scores, costs, self._state)
        best = paths[-1]
        if last:
            decided = n
        else:
            agreed = (paths == best).all(axis=0)
            decided = n if agreed.all() else int(np.argmin(agreed))
            if n - decided > self._longest_undecided:
                decided = n - self._longest_undecided // 2
            decided -= self._open_silence(decided)
        if decided <= 0:
            return
        self._state = int(best[decided - 1])
        self._append_runs(best[:decided], self._undecided_logits[:decided], self._undecided_silent[:decided])
        self._undecided_logits = self._undecided_logits[decided:]
        self._undecided_silent = self._undecided_silent[decided:]

    def _open_silence(self, decided: int) -> int:
        """Trailing silent positions that may yet become a silence, or not: they wait."""
        silent = self._undecided_silent[:decided]
        trailing = decided if silent.all() else int(np.argmin(silent[::-1]))
        reaches_back = trailing == decided and self._runs and self._runs[-1].label < 0
        return 0 if reaches_back or trailing >= self._min_silence else trailing

    def _append_runs(
        self, path: npt.NDArray[np.int64], logits: Logits, silent: npt.NDArray[np.bool_]
    ) -> None:
        continues = bool(self._runs) and self._runs[-1].label < 0
        labels = np.where(_long_silences(silent, self._min_silence, continues), -1, path)
        starts = np.flatnonzero(np.diff(labels, prepend=-2))
        sums = np.add.reduceat(np.where(silent[:, None], 0, logits).astype(np.float64), starts)
        sounding = np.add.reduceat((~silent).astype(np.int64), starts)
        stops = np.append(starts[1:], len(labels))
        for first, stop, total, count in zip(starts, stops, sums, sounding, strict=True):
            run = _Run(
                self._position + int(first), self._position + int(stop), int(labels[first]), total, int(count)
            )
            if self._runs and self._runs[-1].label == run.label:
                self._runs[-1].absorb(run)
            else:
                self._runs.append(run)
        self._position += len(labels)

    def _is_short(self, run: _Run) -> bool:
        return run.label >= 0 and run.stop - run.first < self._min_run

    def _settled(self) -> Iterator[Segment]:
        """Segments of the runs that can neither grow nor be joined any more: all but the last two."""
        while len(self._runs) > 2:
            first, second, third = self._runs[:3]
            if self._is_short(first) and second.label >= 0:
                second.absorb(first)
                del self._runs[0]
            elif self._is_short(second) and (first.label >= 0 or third.label >= 0):
                self._share_out(first, second, third)
            else:
                yield self._segment(self._runs.pop(0), None)

    def _share_out(self, first: _Run, second: _Run, third: _Run) -> None:
        """The short second of three runs joins the neighbour it resembles more; silence is no neighbour."""
        prefers_first = third.label < 0 or (
            first.label >= 0 and second.logits[first.label] >= second.logits[third.label]
        )
        (first if prefers_first else third).absorb(second)
        self._runs.remove(second)
        if first.label == third.label:
            first.absorb(third)
            self._runs.remove(third)

    def _join_short_at_end(self) -> None:
        if len(self._runs) == 2 and min(run.label for run in self._runs) >= 0:
            first, second = self._runs
            if self._is_short(second) and not self._is_short(first):
                first.absorb(second)
                self._runs.remove(second)
            elif self._is_short(first):
                second.absorb(first)
                self._runs.remove(first)

    def _time(self, position: int) -> float:
        return position * self._denominator / self._numerator

    def _segment(self, run: _Run, end: float | None) -> Segment:
        start, stop = self._time(run.first), self._time(run.stop) if end is None else end
        if run.label < 0:
            return Segment(start, stop, SILENCE, 1.0)
        mean = run.logits / max(1, run.sounding)
        confidence = float(np.exp(log_softmax(mean)[run.label]))
        return Segment(start, stop, self._classes[run.label], confidence)


def _long_silences(silent: npt.NDArray[np.bool_], shortest: float, continues: bool) -> npt.NDArray[np.bool_]:
    """Which positions lie in silences of at least `shortest` positions; the first may continue one."""
    edges = np.flatnonzero(np.diff(silent.astype(np.int8), prepend=0, append=0))
    long = np.zeros(len(silent), bool)
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        if stop - start >= shortest or (start == 0 and continues):
            long[start:stop] = True
    return long
