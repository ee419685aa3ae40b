"""Pairs of reference and hypothesis: frames, windows and boundaries of recordings.

Conventions, those of the corpus's own scorer: frames of 10 ms; what the reference calls silence is not
counted; a hypothesis of silence where the reference has a class is an error like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from swishcli.audio import Samples
from swishcli.errors import DataError
from swishcli.evaluation.metrics import BoundaryScore, Confusion, match_boundaries
from swishcli.segments import SILENCE, Segment, Segmentation, tile

FRAME_S = 0.01
"""Seconds of a frame of `frame_labels`."""
WINDOW_S = 1.0
"""Seconds of a window of `window_answers`."""
QUIET_WINDOW_DB = 20.0
"""Windows further below the level of their recording are not counted."""
QUIETEST_WINDOW_DBFS = -50.0
"""Nor are windows below this level."""


def frame_labels(segments: Iterable[Segment], labels: Sequence[str], n_frames: int) -> npt.NDArray[np.int64]:
    """Index into `labels` of each 10-ms frame, ``len(labels)`` for silence: ``[n_frames]``.

    Raises DataError for a label that is none of them.
    """
    # Silence may be one of them; else it comes after the others.
    index = {SILENCE: len(labels)} | {label: i for i, label in enumerate(labels)}
    frames = np.full(n_frames, index[SILENCE])
    for s in segments:
        if s.label not in index:
            raise DataError(
                f"the label {s.label!r} at {s.start:g} s is none of {', '.join((*labels, SILENCE))}"
            )
        frames[round(s.start / FRAME_S) : round(s.end / FRAME_S)] = index[s.label]
    return frames


def frame_confusion(reference: Segmentation, hypothesis: Segmentation, labels: Sequence[str]) -> Confusion:
    """Counts of 10-ms frames by reference and hypothesis; reference silence is not counted."""
    n_frames = int(reference.duration / FRAME_S + 1e-6)
    wanted = frame_labels(reference.segments, labels, n_frames)
    given = frame_labels(hypothesis.segments, labels, n_frames)
    return count_pairs(wanted, given, len(labels))


def counted_windows(samples: Samples, sample_rate: int, window_s: float = WINDOW_S) -> list[int]:
    """Numbers of the windows that count: whole ones that are not much softer than the recording.

    Softer ones (`QUIET_WINDOW_DB`) hold pauses. A recording shorter than a window is one.
    """
    return counted_windows_of([samples], sample_rate, window_s)


def counted_windows_of(blocks: Iterable[Samples], sample_rate: int, window_s: float = WINDOW_S) -> list[int]:
    """As `counted_windows`, of a recording that comes in blocks ``[n]`` and is not held."""
    n, energies, rest, total, length = round(window_s * sample_rate), [], np.zeros(0, np.float32), 0.0, 0
    for block in blocks:
        rest = np.concatenate([rest, block])
        whole = len(rest) // n * n
        energies += np.square(rest[:whole]).reshape(-1, n).sum(axis=1, dtype=np.float64).tolist()
        rest = rest[whole:]
        total += float(np.square(block).sum(dtype=np.float64))
        length += len(block)
    if not energies:
        energies, n = [total], length
    floor_db = max(QUIETEST_WINDOW_DBFS, _level_db(total, length) - QUIET_WINDOW_DB)
    return [k for k, energy in enumerate(energies) if _level_db(energy, n) >= floor_db]


def window_answers(
    samples: Samples, sample_rate: int, hypothesis: Segmentation, labels: Sequence[str]
) -> npt.NDArray[np.int64]:
    """Label that covers most of each of the `counted_windows` of 1 s, silence if it is all there is."""
    frames = frame_labels(hypothesis.segments, labels, int(len(samples) / sample_rate / FRAME_S) + 1)
    return majority_labels(frames, counted_windows(samples, sample_rate), len(labels))


def majority_labels(
    frames: npt.NDArray[np.int64], windows: Iterable[int], n_labels: int
) -> npt.NDArray[np.int64]:
    """Most frequent of `frame_labels` in each of some windows of 1 s, silence if it is all there is."""
    per_window, answers = round(WINDOW_S / FRAME_S), []
    for k in windows:
        counts = np.bincount(frames[k * per_window : (k + 1) * per_window], minlength=n_labels + 1)
        answers.append(int(counts[:-1].argmax()) if counts[:-1].any() else n_labels)
    return np.array(answers, np.int64)


def in_windows(
    label: str, windows: Sequence[int], hypothesis: Segmentation, labels: Sequence[str]
) -> tuple[Segmentation, Segmentation]:
    """Reference and hypothesis of a recording of one label as the 1-s windows that count, silence elsewhere.

    What then is counted in frames is the windows: each has the label that covers most of it.
    """
    n = max(windows, default=0) + 1
    frames = frame_labels(hypothesis.segments, labels, n * round(WINDOW_S / FRAME_S))
    answers = majority_labels(frames, windows, len(labels))
    names = (*labels, SILENCE)
    spans = [(k * WINDOW_S, (k + 1) * WINDOW_S) for k in windows]
    wanted = [(*span, label) for span in spans]
    given = [(*span, names[answer]) for span, answer in zip(spans, answers.tolist(), strict=True)]
    duration = n * WINDOW_S
    return (
        Segmentation(duration, tile(duration, wanted, SILENCE)),
        Segmentation(duration, tile(duration, given, SILENCE)),
    )


def _level_db(energy: float, n: int) -> float:
    return float(10 * np.log10(energy / max(1, n) + 1e-12))


def count_pairs(reference: npt.NDArray[np.int64], hypothesis: npt.NDArray[np.int64], n: int) -> Confusion:
    """Counts of pairs of indices below `n`, or `n` for silence; reference silence is not counted."""
    counted = reference < n
    pairs = reference[counted] * (n + 1) + hypothesis[counted]
    return np.bincount(pairs, minlength=n * (n + 1)).reshape(n, n + 1)


def boundary_score(reference: Segmentation, hypothesis: Segmentation, tolerance_s: float) -> BoundaryScore:
    """Boundaries of a hypothesis that are within `tolerance_s` seconds of the reference's."""
    hits = match_boundaries(reference.boundaries, hypothesis.boundaries, tolerance_s)
    return BoundaryScore(hits, len(reference.boundaries), len(hypothesis.boundaries))
