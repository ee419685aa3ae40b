"""Any recording as float32 samples at the rate a model wants, block by block.

    recording ─ decoding.py ─→ [n, channels] ─ cut, choose or mix channels ─ soxr ─→ [rows, n]

Nothing here ever holds a whole recording: a ten-hour file costs as much memory as a ten-second one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import numpy.typing as npt
import soxr

from swishcli.decoding import BLOCK_VALUES, STDIN, Contents, Decoder, RawFormat, Samples, open_recording
from swishcli.errors import AudioError

__all__ = [
    "STDIN",
    "AudioStream",
    "Channel",
    "Decoding",
    "RawFormat",
    "Recording",
    "Samples",
    "float_samples",
    "read_audio",
]

Channel = int | Literal["split"] | None
"""A channel counted from 0, "split" for every channel on its own, None for all of them in one."""
Recording = str | Path | npt.NDArray[Any] | Sequence[float] | IO[bytes]
"""A file, "-" for standard input, an open binary file, or samples in memory."""

BLOCK_S = 20.0
"""Seconds decoded at a time."""
MIN_SAMPLE_RATE = 1000
"""Below it (Hz) a recording holds nothing that could be told apart as speech, music or noise."""
LARGEST_SAMPLE = 1e12
"""Floating-point recordings may pass full scale, but squares of larger samples would overflow."""


@dataclass(frozen=True, slots=True)
class Decoding:
    """Which part of a recording is read, and how.

    Raises
    ------
    ValueError
        If a time is no number, the start is before 0 or the duration not above 0.
    """

    channel: Channel = None
    track: int | None = None
    """Audio track of a container, from 0; by default the one it marks as default, else the first."""
    start_s: float = 0.0
    """Where to begin, in seconds of the recording; answers keep the recording's own times."""
    duration_s: float | None = None
    """Seconds to read from there; None for all."""
    raw: RawFormat | None = None
    """What a headerless recording holds; None for recordings with a header."""

    def __post_init__(self) -> None:
        if not 0 <= self.start_s < np.inf:
            raise ValueError(f"the start must be a time from 0 s on, not {self.start_s}")
        if self.duration_s is not None and not 0 < self.duration_s < np.inf:
            raise ValueError(f"the duration must be above 0 s, not {self.duration_s}")


class AudioStream:
    """Iterate, once, over a recording as float32 blocks ``[rows, n]`` at `sample_rate`.

    Parameters
    ----------
    recording : str, Path, array, sequence of float or binary file
        A file, ``"-"`` for standard input, or samples in memory: ``[n]``, ``[channels, n]`` or
        ``[n, channels]`` (the longer axis is time); floats with full scale at ±1, or integers of 16 or 32 bits.
    sample_rate : int or None
        Rate of the blocks in Hz; None for the recording's own.
    decoding : Decoding
        Its channel ``None`` mixes the channels into one row, an int picks one (from 0), ``"split"`` makes
        each channel a row.
    source_rate : int, optional
        Rate of samples in memory, by default `sample_rate`; files know theirs.
    block_s : float
        Seconds decoded at a time, fewer where channels are many.
    low_latency : bool
        Whether to read in small steps, for sound that is still being made.

    Attributes
    ----------
    duration : float
        Seconds of the recording's timeline up to the last sample read.
    offset_s : float
        Time of the first sample.
    expected_duration : float or None
        What `duration` will probably be, for a progress bar.
    warnings : list of str
        What is damaged or missing, a sentence each without the recording's name; complete when the
        iteration has ended.

    Raises
    ------
    AudioError
        When nothing can be heard from the recording: on opening, or where the iteration finds no samples.
    """

    def __init__(
        self,
        recording: Recording,
        sample_rate: int | None,
        decoding: Decoding = Decoding(),
        source_rate: int | None = None,
        block_s: float = BLOCK_S,
        low_latency: bool = False,
    ) -> None:
        if isinstance(recording, np.ndarray | list | tuple):
            rate = source_rate or sample_rate
            if rate is None:
                raise ValueError("samples in memory need a rate")
            self._decoder = _from_samples(np.asarray(recording), rate)
        elif isinstance(recording, str | Path) or hasattr(recording, "read"):
            self._decoder = open_recording(recording, decoding.track, decoding.raw, low_latency)  # type: ignore[arg-type]
        else:
            raise AudioError("recording", f"must be a file or samples, not {type(recording).__name__}")
        decoder, channel = self._decoder, decoding.channel
        if decoder.sample_rate < MIN_SAMPLE_RATE:
            reason = f"a sample rate of {decoder.sample_rate} Hz is too low, at least {MIN_SAMPLE_RATE} Hz is needed"
            raise AudioError(decoder.name, reason)
        if isinstance(channel, int) and not 0 <= channel < decoder.channels:
            raise AudioError(decoder.name, f"has no channel {channel}, only 0 to {decoder.channels - 1}")
        self.sample_rate = sample_rate or decoder.sample_rate
        self.rows = decoder.channels if channel == "split" else 1
        self._channel = channel
        self._first = round(decoding.start_s * decoder.sample_rate)
        wanted_s = decoding.duration_s
        self._end = (
            np.inf if wanted_s is None else self._first + max(1, round(wanted_s * decoder.sample_rate))
        )
        self._block_frames = max(
            1, min(round(block_s * decoder.sample_rate), BLOCK_VALUES // decoder.channels)
        )
        self._frames_read = 0
        self._unusable = 0

    @property
    def warnings(self) -> list[str]:
        """What is damaged or missing, a sentence each."""
        return self._decoder.warnings

    @property
    def contents(self) -> Contents | None:
        """What the recording holds by its header; None for samples in memory."""
        return self._decoder.contents

    @property
    def offset_s(self) -> float:
        """Time of the first sample in seconds of the recording."""
        return self._first / self._decoder.sample_rate

    @property
    def duration(self) -> float:
        """Seconds of the recording's timeline up to the last sample read."""
        return (self._first + self._frames_read) / self._decoder.sample_rate

    @property
    def expected_duration(self) -> float | None:
        """Seconds that `duration` will probably be at the end, or None."""
        expected_s = self._decoder.expected_s
        end_s = self._end / self._decoder.sample_rate
        if expected_s is None:
            return end_s if end_s < np.inf else None
        return min(expected_s, end_s)

    def __iter__(self) -> Iterator[Samples]:
        decoder = self._decoder
        resampler = None
        if decoder.sample_rate != self.sample_rate:
            resampler = soxr.ResampleStream(decoder.sample_rate, self.sample_rate, self.rows, dtype="float32")
        for block in self._rows_of(self._cut(decoder.blocks(self._block_frames))):
            yield np.ascontiguousarray((block if resampler is None else resampler.resample_chunk(block)).T)
        if resampler is not None:
            rest = resampler.resample_chunk(np.zeros((0, self.rows), np.float32), last=True)
            yield np.ascontiguousarray(rest.T)
        self._conclude()

    def _cut(self, blocks: Iterator[Samples]) -> Iterator[Samples]:
        """The wanted part of the blocks ``[n, channels]``, with samples that are no numbers as silence."""
        position = 0
        for block in blocks:
            part = block[max(0, self._first - position) : max(0, int(min(len(block), self._end - position)))]
            position += len(block)
            if len(part):
                yield self._usable(part)
                self._frames_read += len(part)
            if position >= self._end:
                return

    def _usable(self, block: Samples) -> Samples:
        # Two passes without a copy; a NaN makes both extremes NaN, which no comparison holds for.
        if max(block.max(), -block.min()) <= LARGEST_SAMPLE:
            return block
        usable = np.abs(block) <= LARGEST_SAMPLE
        if not self._unusable:
            at_s = self.duration + int(np.argmin(usable.all(axis=1))) / self._decoder.sample_rate
            self.warnings.append(
                f"holds samples that are not finite numbers or beyond ±{LARGEST_SAMPLE:g}, the first at "
                f"{at_s:.3f} s; they are read as silence"
            )
        self._unusable += int(np.sum(~usable))
        return np.where(usable, block, np.float32(0))

    def _rows_of(self, blocks: Iterator[Samples]) -> Iterator[Samples]:
        """Blocks ``[n, channels]`` → ``[n, rows]``."""
        if self._channel is None and self._decoder.channels > 1:
            yield from _mixed(blocks, self._decoder.sample_rate, self.offset_s, self.warnings)
        elif self._channel in (None, "split"):
            yield from blocks
        else:
            assert isinstance(self._channel, int)
            for block in blocks:
                yield block[:, self._channel : self._channel + 1]

    def _conclude(self) -> None:
        if self._frames_read == 0:
            reason = (
                "holds no audio samples" if not self._first else f"has no sound after {self.offset_s:g} s"
            )
            raise AudioError(self._decoder.name, reason)
        if self._unusable == self._frames_read * self._decoder.channels:
            raise AudioError(self._decoder.name, "holds no samples that are finite numbers")


def read_audio(path: str | Path, sample_rate: int, channel: int | None = None) -> Samples:
    """A whole recording at once as mono samples ``[n]`` at `sample_rate`; for short recordings.

    Raises AudioError like `AudioStream`.
    """
    return np.concatenate([block[0] for block in AudioStream(path, sample_rate, Decoding(channel))])


def float_samples(samples: npt.NDArray[Any]) -> Samples:
    """Samples in memory, floats or integers of 16 or 32 bits, as floats with full scale at ±1.

    Raises AudioError for other types and for numbers that are not finite.
    """
    if samples.dtype in (np.int16, np.int32):
        samples = samples / np.float32(-float(np.iinfo(samples.dtype).min))
    elif not np.issubdtype(samples.dtype, np.floating):
        raise AudioError(
            "samples", f"must be floats with full scale at ±1, or 16- or 32-bit integers, not {samples.dtype}"
        )
    if not (np.abs(samples) <= LARGEST_SAMPLE).all():
        raise AudioError(
            "samples", f"holds samples that are not finite numbers or beyond ±{LARGEST_SAMPLE:g}"
        )
    return samples.astype(np.float32, copy=False)


def int16_samples(samples: Samples) -> npt.NDArray[np.int16]:
    """Floats with full scale at ±1 as integers of 16 bits, rounded and clipped, the lower byte first."""
    return np.clip(np.rint(samples * 32768), -32768, 32767).astype("<i2")


def _from_samples(samples: npt.NDArray[Any], sample_rate: int) -> Decoder:
    if samples.ndim not in (1, 2):
        raise AudioError(
            "samples", f"must be [n], [channels, n] or [n, channels], not {samples.ndim}-dimensional"
        )
    if samples.size == 0:
        raise AudioError("samples", "holds no audio samples")
    samples = float_samples(samples)
    columns = samples[:, None] if samples.ndim == 1 else samples
    if columns.shape[1] > columns.shape[0]:
        columns = columns.T

    def blocks(frames: int) -> Iterator[Samples]:
        return (columns[i : i + frames] for i in range(0, len(columns), frames))

    return Decoder("samples", sample_rate, columns.shape[1], len(columns) / sample_rate, blocks)


# Channels into one

_CANCELLED_DB, _SOUND_AGAIN_DB = -12.0, -9.0
"""Of the mix below the loudest channel: channels that have nothing in common make -3 dB, a silent one -6 dB."""
_MIX_WINDOW_S, _FADE_S = 0.5, 0.01
_AUDIBLE = 1e-9
"""Mean square (-90 dBFS) of a channel that could be lost."""


def _mixed(
    blocks: Iterator[Samples], sample_rate: int, offset_s: float, warnings: list[str]
) -> Iterator[Samples]:
    """The mean of the channels, or the loudest of them where they cancel out: ``[n, channels]`` → ``[n, 1]``.

    What both channels of a stereo recording hold in opposite phase is gone from their mean: half a second at
    a time is looked at, and faded over to the loudest channel where the mean has lost too much.
    """
    length, fade = max(1, round(_MIX_WINDOW_S * sample_rate)), max(1, round(_FADE_S * sample_rate))
    rise = np.linspace(0, 1, fade, dtype=np.float32)
    held = np.zeros((0, 0), np.float32)
    instead: int | None = None  # the channel that is heard instead of the mean
    done = 0

    def mixed(window: Samples) -> Samples:
        nonlocal instead, done
        mean = window @ np.full(
            window.shape[1], 1 / window.shape[1], np.float32
        )  # np.mean takes ten times as long
        before, instead = instead, _heard_instead(window, mean, instead)
        if instead is not None and before is None and not any("cancel" in w for w in warnings):
            warnings.append(
                f"has channels that cancel each other out, the first time at {offset_s + done / sample_rate:.1f} "
                "s; the louder one is heard there"
            )
        done += len(window)
        heard = mean if instead is None else window[:, instead].copy()
        if before != instead:
            n = min(fade, len(window))
            old = mean if before is None else window[:, before]
            heard[:n] = old[:n] * (1 - rise[:n]) + heard[:n] * rise[:n]
        return heard[:, None]

    for block in blocks:
        held = block if not len(held) else np.concatenate([held, block])
        whole = len(held) // length * length
        if whole:
            yield np.concatenate([mixed(held[i : i + length]) for i in range(0, whole, length)])
            held = held[whole:]
    if len(held):
        yield mixed(held)


def _heard_instead(window: Samples, mean: Samples, before: int | None) -> int | None:
    """The channel to be heard instead of the mean, if any; it stays while the mean is hardly better."""
    # An eighth of the samples tells powers well enough.
    some, some_mean = window[::8], mean[::8]
    powers = np.einsum("tc,tc->c", some, some) / len(some)
    loudest = int(powers.argmax())
    if powers[loudest] < _AUDIBLE:
        return before
    lost_db = 10 * np.log10(np.mean(np.square(some_mean)) / powers[loudest] + 1e-20)
    if lost_db > (_CANCELLED_DB if before is None else _SOUND_AGAIN_DB):
        return None
    return loudest if before is None else before
