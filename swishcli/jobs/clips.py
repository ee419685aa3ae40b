"""The segments of one class as audio files, cut from the recording as it is: its rate, its channels.

    Segmentation ─ clips_of ─→ names and times ─ write_clips ─→ wav files

The recording is decoded a second time, and no more of it than a block is held: hours take the memory of seconds.
Samples are rounded to 16 bits, which leaves those of 16-bit recordings as they are.
"""

from __future__ import annotations

import wave
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import numpy.typing as npt

from swishcli.audio import BLOCK_S, LARGEST_SAMPLE, STDIN, Decoding, Samples, int16_samples
from swishcli.decoding import BLOCK_VALUES, Decoder, open_recording
from swishcli.errors import AudioError, OutputError, display_path
from swishcli.files import atomic_path, make_folder, path_within
from swishcli.segments import Segmentation

_LARGEST_WAV = 2**32 - 64
"""Bytes of samples: their number has 32 bits."""
_SAMPLE_BYTES = 2


@dataclass(frozen=True, slots=True)
class ClipConfig:
    """Which segments become files."""

    label: str
    pad_s: float = 0.0
    """Seconds that each is longer for on both sides; those that meet are one."""
    min_s: float = 0.0
    """Seconds that a segment must last, padding aside."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A segment as a file."""

    name: Path
    """Of the file, below the folder of the outputs: ``sub/a/a-00012340-00015980.wav``."""
    recording: str
    channel: int | None
    """The channel it is of; None for all that the recording has, or the one that is listened to."""
    start_ms: int
    """In the recording, as `end_ms`."""
    end_ms: int
    label: str
    confidence: float | None

    @property
    def duration_s(self) -> float:
        """Seconds, to the millisecond."""
        return (self.end_ms - self.start_ms) / 1000


def clips_of(name: Path, segmentation: Segmentation, config: ClipConfig) -> list[Clip]:
    """The clips of a recording, or of a channel of it, in the order of their times, without overlaps.

    Parameters
    ----------
    name : Path
        What the recording's outputs are called, before their suffixes: the folder of the clips. What a terminal
        or a manifest could trip over comes out escaped.
    segmentation : Segmentation
        All of it.
    """
    name = Path(display_path(name))
    clips = []
    for s in segmentation.only(config.label, config.pad_s, config.min_s):
        start_ms, end_ms = round(s.start * 1000), round(s.end * 1000)
        if start_ms < end_ms:
            file = name / f"{name.name}-{start_ms:08}-{end_ms:08}.wav"
            path, channel = segmentation.path or "", segmentation.channel
            clips.append(Clip(file, path, channel, start_ms, end_ms, s.label, s.confidence))
    return clips


def write_clips(
    folder: Path, clips: Sequence[Clip], path: str, decoding: Decoding = Decoding()
) -> list[Path]:
    """Write the clips of a recording, or of all its channels, into a folder; return where they are.

    Parameters
    ----------
    clips : sequence of Clip
        Channel by channel, each in the order of times.
    path : str
        The recording.
    decoding : Decoding
        As the recording was listened to: its track, its format.

    Raises
    ------
    AudioError
        If the recording can no longer be read, as is so for standard input, or is another one by now.
    OutputError
        If a clip cannot be written. Those before it are complete.
    """
    if not clips:
        return []
    if path == STDIN:
        raise AudioError("standard input", "cannot be read again for its clips")
    decoder = open_recording(path, decoding.track, decoding.raw)
    with ExitStack() as files:
        cutters = []
        for channel, of_channel in groupby(clips, key=lambda clip: clip.channel):
            cutters.append(files.enter_context(_Cutter(folder, list(of_channel), decoder, channel)))
        for block in _blocks(decoder):
            for cutter in cutters:
                cutter.take(block)
            if all(cutter.done for cutter in cutters):
                break
        for cutter in cutters:
            cutter.finish()
    return [folder / clip.name for clip in clips]


def _blocks(decoder: Decoder) -> Iterator[npt.NDArray[np.int16]]:
    """All of a recording as 16-bit samples ``[n, channels]``."""
    frames = max(1, min(round(BLOCK_S * decoder.sample_rate), BLOCK_VALUES // decoder.channels))
    for block in decoder.blocks(frames):
        yield _as_int16(block)


def _as_int16(block: Samples) -> npt.NDArray[np.int16]:
    """As `int16_samples`; what is no number, which is read as silence, is silence here."""
    return int16_samples(np.where(np.abs(block) <= LARGEST_SAMPLE, block, np.float32(0)))


class _Cutter:
    """Cuts the clips of one channel, or of all together, out of blocks as they come."""

    def __init__(self, folder: Path, clips: Sequence[Clip], decoder: Decoder, channel: int | None) -> None:
        self._folder, self._channel = folder, channel
        self._name, self._rate = decoder.name, decoder.sample_rate
        self._channels = decoder.channels if channel is None else 1
        self._left = list(reversed(clips))
        self._position = 0
        self._open = ExitStack()
        """The file that is being written."""
        self._file: wave.Wave_write | None = None
        for clip in clips:
            first, stop = self._frames(clip)
            if (stop - first) * self._channels * _SAMPLE_BYTES > _LARGEST_WAV:
                reason = "would be larger than 4 GiB, which is all that a wav file can hold"
                raise OutputError(folder / clip.name, reason)

    def __enter__(self) -> _Cutter:
        return self

    def __exit__(self, *error: object) -> None:
        self._open.__exit__(*error)  # type: ignore[arg-type]

    @property
    def done(self) -> bool:
        """Whether all clips are complete."""
        return not self._left

    def take(self, block: npt.NDArray[np.int16]) -> None:
        """Take the next samples ``[n, channels]`` of the recording."""
        end = self._position + len(block)
        while self._left:
            first, stop = self._frames(self._left[-1])
            part = block[max(0, first - self._position) : max(0, stop - self._position)]
            if len(part):
                self._write(part)
            if stop > end:
                break
            self._complete()
        self._position = end

    def finish(self) -> None:
        """Complete a clip that ends with the recording. Raises AudioError if more is missing."""
        if self._left and self._frames(self._left[-1])[1] - self._position <= self._rate / 1000:
            self._complete()  # its end was rounded to a millisecond
        if self._left:
            missing = self._left[-1]
            raise AudioError(
                self._name,
                f"has changed: nothing is there any more of {missing.start_ms / 1000:.3f} s and later",
            )

    def _frames(self, clip: Clip) -> tuple[int, int]:
        """The first sample of a clip in the recording, and the one after its last."""
        return round(clip.start_ms * self._rate / 1000), round(clip.end_ms * self._rate / 1000)

    def _write(self, part: npt.NDArray[np.int16]) -> None:
        wanted = part if self._channel is None else part[:, self._channel]
        self._opened().writeframesraw(np.ascontiguousarray(wanted, "<i2").tobytes())

    def _opened(self) -> wave.Wave_write:
        if self._file is None:
            path = path_within(self._folder, self._left[-1].name)
            make_folder(path.parent)
            temporary = self._open.enter_context(atomic_path(path))
            self._file = self._open.enter_context(wave.open(str(temporary), "wb"))  # noqa: SIM115
            self._file.setparams((self._channels, _SAMPLE_BYTES, self._rate, 0, "NONE", ""))
        return self._file

    def _complete(self) -> None:
        self._opened()  # one shorter than a sample is an empty file
        self._open.close()
        self._file = None
        self._left.pop()
