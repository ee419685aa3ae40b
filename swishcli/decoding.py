"""Open any recording and decode it, block by block, on its own timeline.

What FFmpeg decodes is decoded: sound that begins late or pauses in the file's timestamps does so here too, and
damage costs what is damaged. What is missing or damaged is said in `Decoder.warnings`; only a file from which
nothing can be heard is refused. Plain wav goes through libsndfile, which starts sooner, all else through FFmpeg
(PyAV).
"""

from __future__ import annotations

import os
import stat
import sys
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from swishcli.errors import AudioError

if TYPE_CHECKING:
    import av
    import av.container

Samples = npt.NDArray[np.float32]

STDIN = "-"
BLOCK_VALUES = 1 << 22
"""Samples of all channels in a block, at most: 16 MiB, whatever the rate and the number of channels."""

SAMPLE_FORMATS = (
    "s16le",
    "s16be",
    "s24le",
    "s24be",
    "s32le",
    "s32be",
    "u8",
    "f32le",
    "f64le",
    "mulaw",
    "alaw",
)
"""Formats of headerless recordings, by FFmpeg's names."""

_GAP_S, _COARSE_GAP_S = 0.06, 0.1
"""Frames whose timestamp is further ahead leave a gap, a step back of as much is a new beginning. It takes more
in the first `_START_S` seconds, since some decoders are late with their first frames, and in ASF, whose
timestamps are those of packets."""
_START_S = 0.5
_LONGEST_GAP_S = 6 * 3600.0
"""A longer one is a broken timestamp where nothing says how long the recording is."""
_MISSING_S, _MISSING_SHARE = 0.3, 0.01
"""A recording that is shorter than its header says by more than both is said to be."""
_MOST_ERRORS = 200
"""Reads in a row that may fail before a recording is given up."""
_STREAMED_WAV_SIZES = (0, 2**31 - 1, 2**32 - 1)
"""Data sizes that programs write when they cannot come back to correct the header."""
_UNTIMED_FORMATS = frozenset("mp3 aac ac3 eac3 dts".split())  # noqa: SIM905
"""Formats of frames alone: their timestamps are counted, and do not know of bytes that were skipped."""
_TAGS = (b"ID3", b"TAG", b"APE", b"Xin", b"LYR")
"""What may stand between frames without being damage."""
_ESTIMATING_FORMATS = frozenset("mp3 aac ac3 eac3 dts mpegts mpeg mpegvideo loas amr".split())  # noqa: SIM905
"""Formats whose duration FFmpeg estimates, from the file's size and its bit rate."""


@dataclass(frozen=True, slots=True)
class RawFormat:
    """What a headerless recording holds.

    Raises
    ------
    ValueError
        If there is no such format.
    """

    sample_rate: int = 16000
    """Hz."""
    sample_format: str = "s16le"
    """One of `SAMPLE_FORMATS`."""
    channels: int = 1

    def __post_init__(self) -> None:
        if self.sample_format not in SAMPLE_FORMATS:
            raise ValueError(f"the sample format must be one of {', '.join(SAMPLE_FORMATS)}")
        if self.sample_rate < 1 or self.channels < 1:
            raise ValueError("the sample rate and the number of channels must be at least 1")


@dataclass(frozen=True, slots=True)
class Track:
    """An audio track, as its container describes it."""

    codec: str
    sample_rate: int
    """Hz; 0 where it is unknown."""
    channels: int
    """0 where it is unknown."""
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Contents:
    """What a recording holds by its header; container and codecs by the names of who decodes it."""

    container: str
    tracks: tuple[Track, ...]
    track: int = 0
    """The one that is read."""


@dataclass
class Decoder:
    """An opened recording: its samples in the original rate and channels."""

    name: str
    sample_rate: int
    channels: int
    expected_s: float | None
    """Seconds it probably lasts; None where nothing says it."""
    blocks: Callable[[int], Iterator[Samples]]
    """From samples at a time to arrays ``[n, channels]``, full scale at ±1; to be called once."""
    warnings: list[str] = field(default_factory=list)
    """What is missing or damaged, a sentence each; complete when the blocks have ended."""
    contents: Contents | None = None
    """None for samples in memory."""


def open_recording(
    recording: str | Path | IO[bytes],
    track: int | None = None,
    raw: RawFormat | None = None,
    low_latency: bool = False,
) -> Decoder:
    """Open a file, ``"-"`` for standard input, or an open binary file.

    Raises
    ------
    AudioError
        If nothing can be heard from it.
    """
    if not isinstance(recording, str | os.PathLike):
        return _open_ffmpeg(recording, str(getattr(recording, "name", "stream")), track, raw, low_latency)
    if recording == STDIN:  # a Path is a file, even one of that name
        if sys.stdin is None:
            raise AudioError("standard input", "is closed")
        return _open_ffmpeg(sys.stdin.buffer, "standard input", track, raw, low_latency)
    file = _open_file(recording)
    name = os.fspath(recording)
    if raw is None and track in (None, 0) and _is_regular(file):
        plain = _open_plain_wav(file, name)
        if plain is not None:
            return plain
    return _open_ffmpeg(file, name, track, raw, low_latency)


def _open_file(path: str | Path) -> IO[bytes]:
    try:
        if Path(path).is_dir():
            raise AudioError(path, "is a folder, not a recording")
        # Opening finds out about permissions before a decoder words them as a format it does not know.
        file = Path(path).open("rb")  # noqa: SIM115  (handed on to who decodes)
    except FileNotFoundError:
        raise AudioError(path, "no such file") from None
    except OSError as error:
        raise AudioError(path, f"cannot be read: {error.strerror}") from None
    except ValueError as error:  # a null byte in the name
        raise AudioError(path, f"is not a file name: {error}") from None
    if _is_regular(file) and os.fstat(file.fileno()).st_size == 0:
        file.close()
        raise AudioError(path, "is an empty file")
    return file


def _is_regular(file: IO[bytes]) -> bool:
    return stat.S_ISREG(os.fstat(file.fileno()).st_mode)


def _encoded(name: str) -> str | bytes:
    # Bytes, because soundfile encodes names strictly and a name need not be valid UTF-8.
    return os.fsencode(name) if os.name == "posix" else name


# Plain wav


@dataclass(frozen=True, slots=True)
class _WavData:
    """Where the samples of a wav lie."""

    declared: int
    """Bytes of samples by the header."""
    start: int
    size: int
    """Of the file."""
    followed_by_chunks: bool
    """Whether what follows the samples is more chunks, or nothing."""

    @property
    def held(self) -> int:
        return self.size - self.start


def _open_plain_wav(file: IO[bytes], name: str) -> Decoder | None:
    """A wav (but of MP3) whose header is right or only promises too much; None for any other file."""
    data = _find_wav_data(file)
    file.seek(0)
    if data is None or data.declared in _STREAMED_WAV_SIZES or not data.followed_by_chunks:
        return None
    try:
        sound = soundfile.SoundFile(_encoded(name))
    except (soundfile.LibsndfileError, UnicodeError):
        return None
    if sound.subtype.startswith("MPEG") or sound.frames == 0:
        sound.close()
        return None
    file.close()
    warnings = []
    if data.declared > data.held:
        warnings.append(
            f"its header promises {data.declared} bytes of audio, it holds {data.held}; read to its end"
        )
    return _sndfile_decoder(sound, name, warnings)


def _find_wav_data(file: IO[bytes]) -> _WavData | None:
    size = os.fstat(file.fileno()).st_size
    head = file.read(12)
    if head[:4] != b"RIFF" or head[8:] != b"WAVE":
        return None
    position = 12
    while position + 8 <= size:
        file.seek(position)
        chunk = file.read(8)
        length = int.from_bytes(chunk[4:], "little")
        if chunk[:4] == b"data":
            end = position + 8 + length
            return _WavData(length, position + 8, size, _are_chunks(file, end + length % 2, size))
        position += 8 + length + length % 2
    return None


def _are_chunks(file: IO[bytes], position: int, size: int) -> bool:
    """Whether chunks fill a file from `position` on, which may be its end."""
    while position + 8 <= size:
        file.seek(position)
        chunk = file.read(8)
        if not all(0x20 <= byte < 0x7F for byte in chunk[:4]):
            return False
        length = int.from_bytes(chunk[4:], "little")
        position += 8 + length + length % 2
    return True


def _sndfile_decoder(sound: soundfile.SoundFile, name: str, warnings: list[str]) -> Decoder:
    track = Track(sound.subtype.lower(), sound.samplerate, sound.channels)
    return Decoder(
        name,
        sound.samplerate,
        sound.channels,
        sound.frames / sound.samplerate,
        partial(_sndfile_blocks, sound, name, warnings),
        warnings,
        Contents(sound.format.lower(), (track,)),
    )


def _sndfile_blocks(
    sound: soundfile.SoundFile, name: str, warnings: list[str], frames: int
) -> Iterator[Samples]:
    read = 0
    with sound:
        while True:
            try:
                block = sound.read(frames, dtype="float32", always_2d=True)
            except soundfile.LibsndfileError as error:
                reason = error.error_string.strip().removeprefix("Error : ").rstrip(".")
                if not read:
                    raise AudioError(name, f"cannot be decoded: {reason}") from None
                warnings.append(f"cannot be decoded after {read / sound.samplerate:.3f} s: {reason}")
                return
            if len(block) == 0:
                return
            read += len(block)
            yield block


# FFmpeg


def _open_ffmpeg(
    file: IO[bytes], name: str, track: int | None, raw: RawFormat | None, low_latency: bool
) -> Decoder:
    import av  # a plain wav does not pay for its import

    av.logging.set_level(None)
    # A recording opens nothing but itself: playlists and session descriptions may name files and hosts.
    options = {"protocol_whitelist": "none"}
    if raw is None:
        # Wav whose data size is wrong is read to its end; others have no such option and ignore it.
        options["ignore_length"] = "1" if _has_wrong_wav_size(file) else "0"
        input_format = None
    else:
        options |= {"sample_rate": str(raw.sample_rate), "ch_layout": f"{raw.channels}c"}
        input_format = raw.sample_format
    try:
        container = av.open(
            _Tolerant(file),
            mode="r",
            format=input_format,
            options=options,
            metadata_errors="replace",
            buffer_size=1 << 11 if low_latency else 1 << 15,
        )
    except Exception as error:  # PyAV lets what a damaged header makes of its own code through
        raise AudioError(name, f"is not a recording that can be decoded{_in_brackets(error)}") from None
    try:
        stream, warnings = _choose_track(container, name, track)
        ffmpeg = _Ffmpeg(container, stream, file, name, warnings)
    except AudioError:
        container.close()
        raise
    return Decoder(
        name,
        ffmpeg.sample_rate,
        ffmpeg.channels,
        ffmpeg.expected_s,
        ffmpeg.blocks,
        warnings,
        _contents(container, stream),
    )


class _Tolerant:
    """A file for FFmpeg that is not upset when damage sends it to places that no file has.

    PyAV would print the second such error, with a traceback, past all who could catch it.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """The position that is reached, below 0 where there is none."""
        try:
            return self._file.seek(offset, whence)
        except (OSError, ValueError):
            return -1


def _contents(container: av.container.InputContainer, chosen: av.AudioStream) -> Contents:
    streams = container.streams.audio
    tracks = tuple(map(_track, streams))
    return Contents(container.format.name, tracks, [s.index for s in streams].index(chosen.index))


def _track(stream: av.AudioStream) -> Track:
    context = stream.codec_context
    if context is None:  # nothing here decodes it, and nothing is known of it
        return Track("unknown", 0, 0, stream.language)
    return Track(context.name, context.rate or 0, context.channels, stream.language)


def _has_wrong_wav_size(file: IO[bytes]) -> bool:
    try:
        if not _is_regular(file):
            return False
        position = file.tell()
        head = file.read(4)
        file.seek(position)
        data = _find_wav_data(file)
        file.seek(position)
    except (OSError, AttributeError, ValueError):  # no file of the system
        return False
    if data is None:
        return head in (b"RF64", b"BW64")
    return data.declared not in _STREAMED_WAV_SIZES and not data.followed_by_chunks


def _choose_track(
    container: av.container.InputContainer, name: str, track: int | None
) -> tuple[av.AudioStream, list[str]]:
    tracks = container.streams.audio
    if not tracks:
        raise AudioError(name, "holds no audio stream")
    if track is not None:
        if not 0 <= track < len(tracks):
            raise AudioError(name, f"has no audio track {track}, only 0 to {len(tracks) - 1}")
        return tracks[track], []
    if len(tracks) == 1:
        return tracks[0], []
    default = next((i for i, s in enumerate(tracks) if int(s.disposition) & 1), 0)
    return tracks[default], [f"holds {len(tracks)} audio tracks, track {default} is taken"]


class _Ffmpeg:
    """Decodes one track of a container onto the container's timeline."""

    def __init__(
        self,
        container: av.container.InputContainer,
        stream: av.AudioStream,
        file: IO[bytes],
        name: str,
        warnings: list[str],
    ) -> None:
        self._container, self._stream, self._file, self._name = container, stream, file, name
        self._warnings = warnings
        context = stream.codec_context
        if context is None or not stream.rate or stream.rate <= 0 or stream.channels <= 0:
            raise AudioError(name, "holds audio of a format that cannot be decoded")
        self.sample_rate: int = stream.rate
        self.channels: int = stream.channels
        self.expected_s = self._said_duration()
        self._promised_s = self.expected_s if self._promises() else None
        self._wrong_end = _unfinished(file, container.format.name)
        self._untimed = container.format.name in _UNTIMED_FORMATS
        self._coarse = container.format.name == "asf"
        self._next_byte: int | None = None
        """Where the next packet should begin."""
        self._frame_bytes: deque[int] = deque(maxlen=50)
        """Sizes of the last packets."""
        if context.name == "flac":  # without it, a damaged frame comes out as noise
            context.options = {"err_detect": "crccheck+explode"}
        self._at = 0
        """Samples on the timeline so far."""
        self._shift_s = -(container.start_time or 0) / 1e6
        """From timestamps to the timeline; changes where timestamps begin anew."""
        self._due: int | None = None
        """Timestamp of a frame that follows without a gap: most do, and comparing it is quick."""
        self._ticks = 0
        """Units of timestamps in a sample."""
        self._damaged, self._first_damage_s = 0, 0.0
        self._gaps: list[tuple[float, float]] = []
        self._heard = False
        self._resamplers: dict[int, soxr.ResampleStream] = {}

    def blocks(self, frames: int) -> Iterator[Samples]:
        """Arrays ``[n, channels]`` of at most `frames` samples."""
        import av

        with self._file, self._container:
            # Frames are many and short: they are put together before they are looked at.
            fifo, shape = av.AudioFifo(), None
            for frame in self._frames():
                its_shape = frame.sample_rate, frame.layout.nb_channels, frame.format.name
                gap = self._gap_before(frame, fifo.samples)
                if gap or its_shape != shape:
                    if shape and fifo.samples:
                        yield self._converted(fifo.read(), shape)
                    if shape and its_shape != shape:
                        self._note_change(shape, its_shape)
                        fifo = av.AudioFifo()
                    shape = its_shape
                    yield from self._silence(gap, frames)
                frame.pts = None  # gaps are seen to here
                fifo.write(frame)
                while fifo.samples >= frames:
                    yield self._converted(fifo.read(frames), shape)
            if shape and fifo.samples:
                yield self._converted(fifo.read(), shape)
        self._conclude()

    def _frames(self) -> Iterator[av.AudioFrame]:
        """All frames that can be decoded, whatever lies between them."""
        import av

        errors = 0
        while True:
            try:
                for packet in self._container.demux(self._stream):
                    if self._untimed:
                        self._note_skipped(packet)
                    try:
                        decoded = packet.decode()
                    except av.EOFError:
                        return
                    except (av.FFmpegError, ValueError):
                        self._note_damage(packet)
                        self._note_lost(packet)
                        continue
                    errors = 0
                    for frame in decoded:
                        if frame.is_corrupt:
                            self._note_damage(packet)
                        if frame.samples and frame.sample_rate > 0:
                            yield frame
                return
            except IndexError:
                continue  # a packet of a track that begins on the way, which PyAV does not know of
            except (av.FFmpegError, ValueError):
                errors += 1
                self._note_damage(None)
                if errors > _MOST_ERRORS:
                    return
            except OSError as error:
                self._warnings.append(f"cannot be read after {self._at_s:.3f} s: {error.strerror}")
                return

    @property
    def _at_s(self) -> float:
        return self._at / self.sample_rate

    def _gap_before(self, frame: av.AudioFrame, held: int) -> int:
        """Samples of silence that the frame's timestamp leaves before it, and the timeline moved where needed."""
        due, self._due = self._due, None
        if due is not None and frame.pts == due:
            self._due = due + frame.samples * self._ticks
            return 0
        if frame.pts is None or frame.time_base is None:
            return 0
        at_s = self._at_s + held / frame.sample_rate
        time_s = frame.pts * float(frame.time_base) + self._shift_s
        ahead_s = time_s - at_s
        if abs(ahead_s) <= (_COARSE_GAP_S if self._coarse or at_s <= _START_S else _GAP_S):
            ticks = 1 / (frame.time_base * frame.sample_rate)
            if abs(ahead_s) <= _GAP_S and ticks.denominator == 1:
                self._ticks = int(ticks)
                self._due = frame.pts + frame.samples * self._ticks
            return 0
        longest_s = _LONGEST_GAP_S if self.expected_s is None else self.expected_s + 1 - at_s
        if ahead_s < 0 or ahead_s > longest_s:
            self._shift_s -= ahead_s
            return 0
        if self._heard or held:
            self._gaps.append((at_s, time_s))
        return round(ahead_s * self.sample_rate)

    def _silence(self, n: int, frames: int) -> Iterator[Samples]:
        self._at += n
        for start in range(0, n, frames):
            yield np.zeros((min(frames, n - start), self.channels), np.float32)

    def _converted(self, frame: av.AudioFrame | None, shape: tuple[int, int, str]) -> Samples:
        """Samples of one shape as ``[n, channels]`` at the recording's rate, full scale at ±1."""
        assert frame is not None
        rate, channels, sample_format = shape
        joined = frame.to_ndarray()
        planar = joined.T if sample_format.endswith("p") else joined.reshape(-1, channels)
        samples = _full_scale(planar)
        if channels != self.channels:
            samples = np.repeat(samples.mean(axis=1, keepdims=True, dtype=np.float32), self.channels, axis=1)
        if rate != self.sample_rate:
            samples = self._resampler(rate).resample_chunk(np.ascontiguousarray(samples))
        self._heard = True
        self._at += len(samples)
        return samples

    def _resampler(self, rate: int) -> soxr.ResampleStream:
        if rate not in self._resamplers:
            self._resamplers[rate] = soxr.ResampleStream(
                rate, self.sample_rate, self.channels, dtype="float32"
            )
        return self._resamplers[rate]

    def _note_change(self, before: tuple[int, int, str], after: tuple[int, int, str]) -> None:
        if before[:2] != after[:2]:
            self._warnings.append(
                f"changes from {before[1]} channels at {before[0]} Hz to {after[1]} channels at {after[0]} Hz "
                f"after {self._at_s:.3f} s"
            )

    def _note_damage(self, packet: av.Packet[Any] | None) -> None:
        if not self._damaged:
            self._first_damage_s = self._at_s
            if packet is not None and packet.pts is not None and packet.time_base is not None:
                self._first_damage_s = max(0.0, packet.pts * float(packet.time_base) + self._shift_s)
        self._damaged += 1

    def _note_skipped(self, packet: av.Packet[Any]) -> None:
        """Look for bytes that were no frames before a packet of a format without timestamps."""
        if packet.pos is None or not packet.size:
            return
        expected, self._next_byte = self._next_byte, packet.pos + packet.size
        if expected is not None and packet.pos > expected and _peek(self._file, expected, 3) not in _TAGS:
            self._note_damage(packet)
            self._lose(packet, packet.pos - expected)
        self._frame_bytes.append(packet.size)

    def _note_lost(self, packet: av.Packet[Any]) -> None:
        """What cannot be decoded may be several frames in one, where its format has no timestamps."""
        if self._untimed and self._frame_bytes:
            self._lose(packet, packet.size - round(np.median(self._frame_bytes)))

    def _lose(self, packet: av.Packet[Any], n_bytes: int) -> None:
        """Move what follows to its own time, by how long so many bytes last here."""
        if n_bytes > 0 and packet.duration and packet.time_base is not None:
            frames = n_bytes / float(np.median(self._frame_bytes))
            self._shift_s += frames * float(packet.duration * packet.time_base)

    def _conclude(self) -> None:
        """Say what was damaged or is missing. Raises AudioError if nothing was heard."""
        if not self._heard:
            reason = "holds no audio that can be decoded" if self._damaged else "holds no audio samples"
            raise AudioError(self._name, reason)
        if self._damaged:
            places = "one place" if self._damaged == 1 else f"{self._damaged} places"
            self._warnings.append(f"is damaged in {places}, the first at {self._first_damage_s:.3f} s")
        if self._gaps:
            (start_s, end_s), more = self._gaps[0], len(self._gaps) - 1
            others = (
                f" and in {more} more gaps, {sum(b - a for a, b in self._gaps):.3f} s in all" if more else ""
            )
            self._warnings.append(f"has no sound from {start_s:.3f} to {end_s:.3f} s{others}")
        promised = self._promised_s
        if promised and promised - self._at_s > max(_MISSING_S, _MISSING_SHARE * promised):
            self._warnings.append(
                f"ends after {self._at_s:.3f} s although its header says {promised:.3f} s; it may be truncated"
            )
        elif self._wrong_end:
            self._warnings.append(f"{self._wrong_end} after {self._at_s:.3f} s; it may be truncated")

    def _said_duration(self) -> float | None:
        """Seconds from the container's start to the track's end, by the headers or FFmpeg's estimate."""
        stream, start_us = self._stream, self._container.start_time or 0
        if stream.duration and stream.time_base:
            first = stream.start_time or 0
            seconds = float((first + stream.duration) * stream.time_base) - start_us / 1e6
        elif self._container.duration:
            seconds = self._container.duration / 1e6
        else:
            return None
        return seconds if 0 < seconds < 1e7 else None  # an unknown length is often the largest number

    def _promises(self) -> bool:
        """Whether the duration stands in a header."""
        names = self._container.format.name.split(",")
        if "mp3" in names:
            return _has_mp3_header(self._file)
        return not _ESTIMATING_FORMATS.intersection(names)


def _full_scale(samples: npt.NDArray[Any]) -> Samples:
    """Any of FFmpeg's sample types as floats with full scale at ±1."""
    if samples.dtype == np.uint8:
        return (samples.astype(np.float32) - 128) / np.float32(128)
    if np.issubdtype(samples.dtype, np.integer):
        scale = np.float32(-1 / float(np.iinfo(samples.dtype).min))
        return np.multiply(samples, scale, dtype=np.float32, casting="unsafe")
    return samples.astype(np.float32, copy=False)


def _has_mp3_header(file: IO[bytes]) -> bool:
    """Whether an MP3 begins with a frame that says how many there are."""
    head = _peek(file, 0, 10)
    start = 0
    if head[:3] == b"ID3" and len(head) == 10:
        start = 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
    first = _peek(file, start, 2048)
    return any(mark in first for mark in (b"Xing", b"Info", b"VBRI"))


def _unfinished(file: IO[bytes], format_name: str) -> str:
    """How a file of a format without a total length shows that its end is missing; nothing if it does not."""
    size = _size(file)
    if not size:
        return ""
    if format_name == "ogg":
        tail = _peek(file, max(0, size - (1 << 16)), 1 << 16)
        last_page = tail.rfind(b"OggS")
        if last_page >= 0 and not tail[last_page + 5 : last_page + 6] >= b"\x04":
            return "has no end mark"
    if format_name == "mpegts" and size % 188 and size % 192 and size % 204:
        return "breaks off within a packet"
    return ""


def _size(file: IO[bytes]) -> int:
    """Bytes of a file that can be read anywhere, else 0."""
    try:
        return os.fstat(file.fileno()).st_size if _is_regular(file) else 0
    except (OSError, AttributeError, ValueError):
        return 0


def _peek(file: IO[bytes], position: int, n: int) -> bytes:
    """Bytes of a file from `position` on, none where it cannot be read there; it stays where it is."""
    if not _size(file):
        return b""
    before = file.tell()
    file.seek(position)
    read = file.read(n)
    file.seek(before)
    return read


def _in_brackets(error: Exception) -> str:
    """FFmpeg's or the system's own words, without its error numbers; nothing where they are a programmer's."""
    words = getattr(error, "strerror", None)
    return f" ({words})".replace(".)", ")") if words else ""
