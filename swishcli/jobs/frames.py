"""What the network says about every moment of a recording, as a file: NPZ or CSV.

NPZ holds ``time`` ``[P]`` (seconds, where each position begins), ``posteriors`` ``[P, K]``, ``level_db`` ``[P]`` and
``classes`` ``[K]``; CSV has the same as columns, a row a position.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from swishcli.files import atomic_path, write_text_atomically
from swishcli.inference import FrameScores

SUFFIXES = (".npz", ".csv")


def write_frames(
    path: Path, scores: Sequence[FrameScores], classes: Sequence[str], position_s: float, offset_s: float
) -> None:
    """Write the frame scores of a recording of one row, by the suffix of `path`.

    Parameters
    ----------
    scores : sequence of FrameScores
        All stretches of the recording, in order.
    position_s, offset_s : float
        Seconds that a position stands for, and where the first begins.

    Raises
    ------
    OutputError
        If `path` cannot be written; nothing is left behind.
    """
    posteriors = np.concatenate([s.posteriors[0] for s in scores])
    level_db = np.concatenate([s.level_db[0] for s in scores])
    time = offset_s + np.arange(len(posteriors)) * position_s
    if path.suffix == ".npz":
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez(file, time=time, posteriors=posteriors, level_db=level_db, classes=np.array(classes))
        return
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["time", *classes, "level_db"])
    for at, row, level in zip(time, posteriors, level_db, strict=True):
        writer.writerow([f"{at:.3f}", *(f"{p:.4f}" for p in row), f"{level:.1f}"])
    write_text_atomically(path, text.getvalue())
