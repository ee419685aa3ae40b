"""Which frames of a sound are taught: those that sound, and can be heard."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from swishcli.audio import Samples

ACTIVE_DB = 30.0
"""A frame further below the recording's loud frames (95th percentile) is a pause."""
CLOSE_S = 0.3
"""Pauses up to this long, in seconds, belong to what is around them."""


def active_frames(
    samples: npt.NDArray[np.int16] | Samples, hop_length: int, hop_s: float
) -> npt.NDArray[np.bool_]:
    """Which frames carry the recording's sound, and are not its pauses: bool ``[ceil(n / hop)]``.

    Samples ``[n]`` count in steps of 16 bits, whatever their type.

    >>> tone = np.full(16000, 8000, np.int16)
    >>> active_frames(np.concatenate([tone, 0 * tone, tone]), 160, 0.01)[[50, 150, 250]]
    array([ True, False,  True])
    """
    return active_levels(frame_levels_db(samples, hop_length), hop_s)


def frame_levels_db(samples: npt.NDArray[np.int16] | Samples, hop_length: int) -> npt.NDArray[np.float32]:
    """Power of each frame in decibels of one step of 16 bits: ``[n]`` → ``[ceil(n / hop)]``."""
    n_frames = -(-len(samples) // hop_length)
    padded = np.zeros(n_frames * hop_length, np.float32)
    padded[: len(samples)] = samples
    frames = padded.reshape(n_frames, hop_length)
    return 10 * np.log10(np.einsum("th,th->t", frames, frames) / hop_length + 1e-3)


def active_levels(level_db: npt.NDArray[np.float32], hop_s: float) -> npt.NDArray[np.bool_]:
    """Which frames are active by their levels ``[frames]``, those of a whole recording."""
    if not level_db.size:
        return np.zeros(0, bool)
    loud = level_db > np.percentile(level_db, 95) - ACTIVE_DB
    loud &= level_db > 0  # an RMS of one step of 16 bits: digital silence, at most dithered
    return _close_gaps(loud, round(CLOSE_S / hop_s))


def audible_frames(samples: Samples, noise: Samples, hop_length: int, hop_s: float) -> npt.NDArray[np.bool_]:
    """Which frames of a sound can be heard in a noise: those not softer than it, ``[n / hop]``.

    Samples and noise ``[n]``, n a multiple of the hop; what is softer may not be taught.
    """
    powers = [np.square(x.reshape(-1, hop_length)).sum(axis=1) for x in (samples, noise)]
    return _close_gaps(powers[0] > powers[1], round(CLOSE_S / hop_s))


def _close_gaps(mask: npt.NDArray[np.bool_], longest: int) -> npt.NDArray[np.bool_]:
    """Fill the gaps of up to `longest` frames between true frames."""
    closed = mask.copy()
    true = np.flatnonzero(mask)
    for before, after in pairwise(true):
        if 1 < after - before <= longest + 1:
            closed[before:after] = True
    return closed
