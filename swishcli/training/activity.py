"""Which frames of a sound are taught: those that sound, and can be heard."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from swishcli.audio import Samples

ACTIVE_DB = 30.0
"""A frame further below the recording's loud frames (95th percentile) is a pause."""
AUDIBLE_DB = 25.0
"""A part of a mixture further below the whole cannot be heard."""
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
    louder = _frame_powers(samples, hop_length) > _frame_powers(noise, hop_length)
    return _close_gaps(louder, round(CLOSE_S / hop_s))


def audible_parts(
    parts: Samples, noise: int | None, noise_floor: Samples | None, hop_length: int, hop_s: float
) -> npt.NDArray[np.bool_]:
    """Which parts of a mixture can be heard in which frames: bool ``[K, n / hop]``.

    A part is audible where it sounds, lies within `AUDIBLE_DB` of the whole and is not softer than the noise
    floor.

    Parameters
    ----------
    parts : array
        What each class adds, ``[K, n]``, n a multiple of the hop.
    noise : int, optional
        The class that a noise floor counts as.
    noise_floor : array, optional
        Steady noise over all of it, ``[n]``.
    """
    powers = np.stack([_frame_powers(part, hop_length) for part in parts])
    floor = np.zeros(powers.shape[1]) if noise_floor is None else _frame_powers(noise_floor, hop_length)
    if noise is not None:
        powers[noise] += floor
    heard = powers > (powers.sum(axis=0) * 10 ** (-AUDIBLE_DB / 10)).clip(min=floor * (1 - 1e-6))
    for part, own in zip(powers, heard, strict=True):
        levels_db = 10 * np.log10(part / hop_length * 32768.0**2 + 1e-3)
        own &= active_levels(levels_db.astype(np.float32), hop_s)
        own[:] = _close_gaps(own, round(CLOSE_S / hop_s))
    return heard


def _frame_powers(samples: Samples, hop_length: int) -> npt.NDArray[np.float64]:
    """Sum of the squares of each frame: ``[n]`` → ``[n / hop]``."""
    frames = samples.reshape(-1, hop_length)
    return np.einsum("th,th->t", frames, frames).astype(np.float64)


def _close_gaps(mask: npt.NDArray[np.bool_], longest: int) -> npt.NDArray[np.bool_]:
    """Fill the gaps of up to `longest` frames between true frames."""
    closed = mask.copy()
    true = np.flatnonzero(mask)
    for before, after in pairwise(true):
        if 1 < after - before <= longest + 1:
            closed[before:after] = True
    return closed
