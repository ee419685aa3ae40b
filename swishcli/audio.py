"""Decode any recording, block by block, into float32 samples at the rate a model wants.

    file ─ libsndfile or FFmpeg ─→ [n, channels] ─ choose or average channels ─ soxr ─→ [rows, n]

Nothing here ever holds a whole recording: a ten-hour file costs as much memory as a ten-second one.
libsndfile (through soundfile) reads wav, flac, ogg, opus, mp3, aiff and more; whatever it declines, video
containers included, goes to FFmpeg (through PyAV).
"""

from __future__ import annotations

import logging
import os
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from swishcli.errors import AudioError, display_path

if TYPE_CHECKING:
    import av
    import av.container

Samples = npt.NDArray[np.float32]
Channel = int | Literal["split"] | None
"""A channel counted from 0, "split" for every channel on its own, None for the mean of all."""

STDIN = "-"
BLOCK_S = 20.0
"""Seconds decoded at a time."""
MIN_SAMPLE_RATE = 1000
"""Below it (Hz) a recording holds nothing that could be told apart as speech, music or noise."""
LARGEST_SAMPLE = 1e12
"""Floating-point recordings may pass full scale, but squares of larger samples would overflow."""

_STREAMED_WAV_SIZES = (0, 2**31 - 1, 2**32 - 1)
"""Data sizes that programs write when they cannot come back to correct the header."""

_log = logging.getLogger(__name__)


@dataclass
class Decoder:
    """An opened recording: what its header says, and its samples in the original rate and channels."""

    name: str
    sample_rate: int
    channels: int
    promised_frames: int | None
    """Samples per channel by the header; None where the header does not say."""
    blocks: Callable[[int], Iterator[Samples]]
    """From samples at a time to arrays ``[n, channels]``, full scale at ±1; to be called once."""


class AudioStream:
    """Iterate over a recording as float32 blocks ``[rows, n]`` at `sample_rate`.

    Parameters
    ----------
    recording : str, Path or array
        A file, ``"-"`` for standard input, or samples ``[n]`` or ``[channels, n]`` in memory.
    sample_rate : int
        Rate of the blocks in Hz.
    channel : int, "split" or None
        ``None`` averages the channels into one row, an int picks one (from 0), ``"split"`` makes each
        channel a row.
    source_rate : int, optional
        Rate of samples in memory; files know theirs.
    block_s : float
        Seconds decoded at a time.

    Attributes
    ----------
    duration : float
        Seconds of the original recording read so far; exact once the iteration has ended.
    expected_duration : float or None
        What the header promises, for a progress bar.

    Raises
    ------
    AudioError
        When the recording cannot be opened, and during iteration when it cannot be decoded, holds no
        samples, holds NaN or infinite samples, or ends before its header says.
    """

    def __init__(
        self,
        recording: str | Path | Samples,
        sample_rate: int,
        channel: Channel = None,
        source_rate: int | None = None,
        block_s: float = BLOCK_S,
    ) -> None:
        if isinstance(recording, np.ndarray):
            self._decoder = _from_samples(recording, source_rate or sample_rate)
        else:
            self._decoder = _open(recording)
        decoder = self._decoder
        if decoder.sample_rate < MIN_SAMPLE_RATE:
            reason = f"a sample rate of {decoder.sample_rate} Hz is too low, at least {MIN_SAMPLE_RATE} Hz is needed"
            raise AudioError(decoder.name, reason)
        if isinstance(channel, int) and not 0 <= channel < decoder.channels:
            raise AudioError(decoder.name, f"has no channel {channel}, only 0 to {decoder.channels - 1}")
        self.sample_rate = sample_rate
        self.rows = decoder.channels if channel == "split" else 1
        self._channel = channel
        self._block_frames = max(1, round(block_s * decoder.sample_rate))
        self._frames_read = 0

    @property
    def duration(self) -> float:
        """Seconds of the original recording read so far."""
        return self._frames_read / self._decoder.sample_rate

    @property
    def expected_duration(self) -> float | None:
        """Seconds the header promises, or None."""
        frames = self._decoder.promised_frames
        return None if frames is None else frames / self._decoder.sample_rate

    def __iter__(self) -> Iterator[Samples]:
        decoder = self._decoder
        resampler = None
        if decoder.sample_rate != self.sample_rate:
            resampler = soxr.ResampleStream(decoder.sample_rate, self.sample_rate, self.rows, dtype="float32")
        for block in decoder.blocks(self._block_frames):
            self._check_samples(block)
            self._frames_read += len(block)
            mono = self._select(block)
            if resampler is not None:
                mono = resampler.resample_chunk(mono)
            yield np.ascontiguousarray(mono.T)
        if resampler is not None:
            yield np.ascontiguousarray(
                resampler.resample_chunk(np.zeros((0, self.rows), np.float32), last=True).T
            )
        self._check_length()

    def _check_samples(self, block: Samples) -> None:
        # Two passes without a copy; a NaN makes both extremes NaN, which no comparison holds for.
        if max(block.max(), -block.min()) <= LARGEST_SAMPLE:
            return
        usable = (np.abs(block) <= LARGEST_SAMPLE).all(axis=1)
        at = (self._frames_read + int(np.argmin(usable))) / self._decoder.sample_rate
        raise AudioError(
            self._decoder.name,
            f"holds samples that are not finite numbers or beyond ±{LARGEST_SAMPLE:g}, the first at {at:.3f} s",
        )

    def _select(self, block: Samples) -> Samples:
        """``[n, channels]`` → ``[n, rows]``."""
        if self._channel is None:
            return block if block.shape[1] == 1 else block.mean(axis=1, keepdims=True, dtype=np.float32)
        if self._channel == "split":
            return block
        return block[:, self._channel : self._channel + 1]

    def _check_length(self) -> None:
        if self._frames_read == 0:
            raise AudioError(self._decoder.name, "holds no audio samples")
        promised = self._decoder.promised_frames
        if promised is not None and self._frames_read < promised:
            raise AudioError(
                self._decoder.name,
                f"ends after {self.duration:.3f} s although its header promises {self.expected_duration:.3f} s, "
                "it is truncated or damaged",
            )


def read_audio(path: str | Path, sample_rate: int, channel: int | None = None) -> Samples:
    """A whole recording at once as mono samples ``[n]`` at `sample_rate`; for short recordings.

    Raises AudioError like `AudioStream`.
    """
    return np.concatenate([block[0] for block in AudioStream(path, sample_rate, channel)])


def _from_samples(samples: Samples, sample_rate: int) -> Decoder:
    if samples.ndim not in (1, 2):
        raise AudioError("samples", f"must be [n] or [channels, n], not {samples.ndim}-dimensional")
    if not np.issubdtype(samples.dtype, np.floating):
        raise AudioError("samples", f"must be floating point with full scale at ±1, not {samples.dtype}")
    if samples.size == 0:
        raise AudioError("samples", "holds no audio samples")
    columns = np.atleast_2d(samples).T.astype(np.float32, copy=False)

    def blocks(frames: int) -> Iterator[Samples]:
        return (columns[i : i + frames] for i in range(0, len(columns), frames))

    return Decoder("samples", sample_rate, columns.shape[1], len(columns), blocks)


def _open(path: str | Path) -> Decoder:
    if path == STDIN:  # a Path is a file, even one of that name
        if sys.stdin is None:
            raise AudioError("standard input", "is closed")
        return _open_ffmpeg(sys.stdin.buffer, "standard input")
    try:
        mode = Path(path).stat().st_mode
        if stat.S_ISDIR(mode):
            raise AudioError(path, "is a folder, not a recording")
        # Opening finds out about permissions before a decoder words them as a format it does not know.
        file = Path(path).open("rb")  # noqa: SIM115  (handed on to who decodes)
    except FileNotFoundError:
        raise AudioError(path, "no such file") from None
    except OSError as error:
        raise AudioError(path, f"cannot be read: {error.strerror}") from None
    except ValueError as error:  # a null byte in the name
        raise AudioError(path, f"is not a file name: {error}") from None
    if not stat.S_ISREG(mode):  # a pipe has no end to seek to, and can be opened once
        return _open_ffmpeg(file, str(path))
    size = os.fstat(file.fileno()).st_size
    if size == 0:
        file.close()
        raise AudioError(path, "is an empty file")
    try:
        # Bytes, because soundfile encodes names strictly and a name need not be valid UTF-8.
        sound = _SequentialFile(os.fsencode(path) if os.name == "posix" else str(path))
    except (soundfile.LibsndfileError, UnicodeError):
        return _open_ffmpeg(file, str(path))
    if sound.frames == 0:  # perhaps a header that was never completed: FFmpeg reads to the end
        sound.close()
        return _open_ffmpeg(file, str(path))
    file.close()
    _warn_of_wrong_header(sound, path)
    return Decoder(
        str(path),
        sound.samplerate,
        sound.channels,
        sound.frames,
        partial(_soundfile_blocks, sound, str(path)),
    )


class _SequentialFile(soundfile.SoundFile):  # type: ignore[misc]
    """A sound file that is only read onwards.

    After every read soundfile seeks to where the file already is, if it can seek; an MP3 decoder then starts
    anew without the bits that frames borrow from those before, and each block would begin with a glitch.
    """

    def seekable(self) -> bool:
        return False


def _warn_of_wrong_header(sound: soundfile.SoundFile, path: str | Path) -> None:
    """libsndfile corrects a wav header that promises more than there is, and notes it in its log."""
    for line in sound.extra_info.splitlines():
        if line.startswith("data") and "(should be" in line:
            claimed, actual = (int("".join(filter(str.isdigit, part))) for part in line.split("(should be"))
            if claimed not in _STREAMED_WAV_SIZES:
                _log.warning(
                    "%s: its header promises %d bytes of audio, it holds %d; read to its end",
                    display_path(path),
                    claimed,
                    actual,
                )


def _soundfile_blocks(sound: soundfile.SoundFile, name: str, frames: int) -> Iterator[Samples]:
    with sound:
        while True:
            try:
                block = sound.read(frames, dtype="float32", always_2d=True)
            except soundfile.LibsndfileError as error:
                at = max(0, sound.tell()) / sound.samplerate
                reason = error.error_string.strip().removeprefix("Error : ").rstrip(".")
                raise AudioError(name, f"cannot be decoded after {at:.3f} s: {reason}") from None
            if len(block) == 0:
                return
            yield block


def _open_ffmpeg(file: IO[bytes], name: str) -> Decoder:
    import av  # only recordings that libsndfile declines pay for its import

    av.logging.set_level(None)
    try:
        container = av.open(file, mode="r")
    except (av.FFmpegError, OSError, ValueError) as error:
        raise AudioError(name, f"is not a recording that can be decoded ({_reason(error)})") from None
    if not container.streams.audio:
        raise AudioError(name, "holds no audio stream")
    stream = container.streams.audio[0]
    if stream.rate is None or stream.rate <= 0 or stream.channels <= 0:
        raise AudioError(name, f"has {stream.channels} channels at {stream.rate} Hz")
    # Durations in containers are often rounded or estimated: good enough for nothing but a guess.
    return Decoder(name, stream.rate, stream.channels, None, partial(_ffmpeg_blocks, container, file, name))


def _ffmpeg_blocks(
    container: av.container.InputContainer, file: IO[bytes], name: str, frames: int
) -> Iterator[Samples]:
    import av

    stream = container.streams.audio[0]
    stream.codec_context.thread_type = "AUTO"
    # Converts every sample format to planar float, and a stream that changes midway back to how it began.
    to_float = av.AudioResampler(format="fltp", layout=stream.layout, rate=stream.rate)
    decoded = 0
    with file, container:
        try:
            pending: list[Samples] = []
            held = 0
            for frame in container.decode(stream):
                for converted in to_float.resample(frame):
                    pending.append(_float_planes(converted))
                    held += pending[-1].shape[1]
                if held >= frames:
                    decoded += held
                    yield np.concatenate(pending, axis=1).T
                    pending, held = [], 0
            pending += [_float_planes(converted) for converted in to_float.resample(None)]
            if pending:
                yield np.concatenate(pending, axis=1).T
        except (av.FFmpegError, OSError, ValueError) as error:
            at = (decoded + held) / stream.rate
            raise AudioError(name, f"cannot be decoded after {at:.3f} s: {_reason(error)}") from None


def _float_planes(frame: av.AudioFrame) -> Samples:
    """A frame of planar floats as ``[channels, n]``."""
    planes: Samples = frame.to_ndarray().astype(np.float32, copy=False)
    return planes


def _reason(error: Exception) -> str:
    """FFmpeg's or the system's own words, without its error numbers."""
    return str(getattr(error, "strerror", None) or error).rstrip(".")
