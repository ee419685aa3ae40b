"""Whatever the file, what arrives is float32 at the wanted rate: the right length, the right sound."""

from __future__ import annotations

import os
import sys
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import IO

import numpy as np
import pytest
import soundfile
import soxr
from conftest import sparse_wav, tone, wav_header

from swishcli.audio import STDIN, AudioStream, Channel, Decoding, Samples, read_audio
from swishcli.errors import AudioError

posix = pytest.mark.skipif(os.name != "posix", reason="named pipes, and names of POSIX")

RATE = 16000
RATES = [8000, 11025, 22050, 44100, 48000, 96000, 384_000]


def chord(rate: int, channels: int, seconds: float = 0.6) -> Samples:
    """Another tone in every channel ``[n, channels]``."""
    return np.stack([tone(rate, seconds, 440 * (k + 1)) for k in range(channels)], axis=1)


def resampled(samples: Samples, rate: int) -> Samples:
    """The reference: all at once."""
    return soxr.resample(samples, rate, RATE)


def read(recording: str | Path | Samples, channel: Channel = None, source_rate: int | None = None) -> Samples:
    """All rows ``[rows, n]`` of a recording; its duration must be that of its samples."""
    stream = AudioStream(recording, RATE, Decoding(channel), source_rate)
    rows = np.concatenate(list(stream), axis=1)
    assert rows.dtype == np.float32
    assert rows.shape[0] == stream.rows
    assert abs(rows.shape[1] - stream.duration * RATE) <= 1
    return rows


def amplitude(samples: Samples, hz: float) -> float:
    """Of a tone, away from the edges."""
    inner = samples[RATE // 10 : -RATE // 10]
    window = np.hanning(len(inner))
    carrier = np.exp(-2j * np.pi * hz * np.arange(len(inner)) / RATE)
    return float(2 * abs((inner * window * carrier).sum()) / window.sum())


def is_tone(samples: Samples, hz: float = 440.0, within: float = 0.005) -> bool:
    """Whether `samples` are a tone of amplitude 0.5, and next to nothing else."""
    inner = samples[RATE // 10 : -RATE // 10]
    rms = float(np.sqrt(np.mean(inner**2)))
    return abs(amplitude(samples, hz) - 0.5) < within and abs(rms - 0.5 / np.sqrt(2)) < within


@pytest.mark.parametrize("channels", range(1, 7))
@pytest.mark.parametrize("rate", RATES)
def test_any_rate_and_channels_arrive_as_the_mean_at_16_khz(tmp_path: Path, rate: int, channels: int) -> None:
    sound = chord(rate, channels)
    soundfile.write(tmp_path / "a.wav", sound, rate, subtype="FLOAT")
    rows = read(tmp_path / "a.wav")
    expected = resampled(sound.mean(axis=1), rate)
    assert rows.shape == (1, len(expected))
    np.testing.assert_allclose(rows[0], expected, atol=1e-4)


@pytest.mark.parametrize("rate", RATES)
def test_a_tone_keeps_its_frequency_and_amplitude(rate: int) -> None:
    assert is_tone(read(tone(rate, hz=1000), source_rate=rate)[0], hz=1000)


@pytest.mark.parametrize("rate", [11025, 16000, 44100])
def test_duration_is_that_of_the_original_samples(tmp_path: Path, rate: int) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(12345, np.float32), rate)
    stream = AudioStream(tmp_path / "a.wav", RATE)
    assert stream.duration == 0
    assert stream.expected_duration == 12345 / rate
    for _ in stream:
        pass
    assert stream.duration == 12345 / rate


@pytest.mark.parametrize("block_s", [0.01, 0.37, 60.0])
@pytest.mark.parametrize("name", ["phone.wav", "speech-en.flac", "stereo-44k.mp3"])
def test_the_block_size_does_not_change_the_samples(samples: Path, name: str, block_s: float) -> None:
    rows = np.concatenate(list(AudioStream(samples / name, RATE, block_s=block_s)), axis=1)
    np.testing.assert_allclose(rows, read(samples / name), atol=1e-6)


@pytest.mark.parametrize(
    ("suffix", "container", "subtype"),
    [
        ("wav", "WAV", "PCM_U8"),
        ("wav", "WAV", "PCM_16"),
        ("wav", "WAV", "PCM_24"),
        ("wav", "WAV", "FLOAT"),
        ("wav", "WAV", "ULAW"),
        ("wav", "RF64", "PCM_16"),
        ("flac", "FLAC", "PCM_16"),
        ("flac", "FLAC", "PCM_24"),
        ("aiff", "AIFF", "PCM_16"),
        ("ogg", "OGG", "VORBIS"),
        ("opus", "OGG", "OPUS"),
        ("mp3", "MP3", "MPEG_LAYER_III"),
    ],
)
def test_formats_of_libsndfile(tmp_path: Path, suffix: str, container: str, subtype: str) -> None:
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, tone(48000), 48000, format=container, subtype=subtype)
    stream = AudioStream(path, RATE)
    rows = np.concatenate(list(stream), axis=1)
    # FFmpeg counts the frames of lossy codecs, whose first and last ones hold less than a frame.
    off = 0.01 if suffix in ("ogg", "opus", "mp3") else 0
    assert (stream.expected_duration, stream.duration) == pytest.approx((1.0, 1.0), abs=off)
    assert is_tone(rows[0], within=0.02)


def encode(path: Path, codec: str, video: str | None) -> None:
    """A second of a stereo tone through FFmpeg, with pictures if `video` names their codec."""
    av = pytest.importorskip("av")
    for name in filter(None, (codec, video)):
        try:
            av.Codec(name, "w")
        except av.codec.codec.UnknownCodecError:
            pytest.skip(f"this build of PyAV has no encoder {name}")
    with av.open(str(path), "w") as container:
        sound = container.add_stream(codec, rate=48000, layout="stereo")
        sound.bit_rate = 128_000
        if video:
            pictures = container.add_stream(video, rate=10, width=64, height=64, pix_fmt="yuv420p")
            for number in range(10):
                picture = av.VideoFrame(64, 64, "yuv420p")
                picture.pts = number
                container.mux(pictures.encode(picture))
            container.mux(pictures.encode(None))
        frame = av.AudioFrame.from_ndarray(np.tile(tone(48000), (2, 1)), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = 48000, 0
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))


@pytest.mark.parametrize(
    ("name", "codec", "video"),
    [
        ("a.m4a", "aac", None),
        ("a.mp4", "aac", "mpeg4"),
        ("a.mov", "pcm_s16le", "mpeg4"),
        ("a.avi", "pcm_s16le", "mpeg4"),
        ("a.mkv", "flac", "mpeg4"),
        ("a.webm", "libopus", "libvpx"),
        ("a.wma", "wmav2", None),
        ("a.ac3", "ac3", None),
    ],
)
def test_formats_of_ffmpeg_video_included(tmp_path: Path, name: str, codec: str, video: str | None) -> None:
    encode(tmp_path / name, codec, video)
    rows = read(tmp_path / name)
    # Codecs with frames of a fixed length cannot say where in the last one the sound ends.
    assert rows.shape[1] == pytest.approx(RATE, abs=0 if codec in ("flac", "pcm_s16le") else 800)
    assert is_tone(rows[0], within=0.02)


def test_a_channel_alone(tmp_path: Path) -> None:
    sound = chord(RATE, 3)
    soundfile.write(tmp_path / "a.wav", sound, RATE, subtype="FLOAT")
    for channel in range(3):
        np.testing.assert_array_equal(read(tmp_path / "a.wav", channel), sound[:, channel][None])


def test_split_makes_every_channel_a_row(tmp_path: Path) -> None:
    sound = chord(44100, 3)
    soundfile.write(tmp_path / "a.wav", sound, 44100, subtype="FLOAT")
    np.testing.assert_allclose(read(tmp_path / "a.wav", "split"), resampled(sound, 44100).T, atol=1e-4)


@pytest.mark.parametrize("channel", [2, 7, -1])
def test_a_channel_that_is_not_there(samples: Path, channel: int) -> None:
    with pytest.raises(AudioError, match=rf"stereo-44k\.mp3: has no channel {channel}, only 0 to 1"):
        AudioStream(samples / "stereo-44k.mp3", RATE, Decoding(channel))


def test_samples_in_memory_are_rows() -> None:
    sound = chord(44100, 2).T
    np.testing.assert_array_equal(read(sound[0]), sound[:1])
    np.testing.assert_array_equal(read(sound, "split"), sound)
    np.testing.assert_array_equal(read(sound.astype(np.float64), "split"), sound)
    np.testing.assert_allclose(read(sound, 1, 44100)[0], resampled(sound[1], 44100), atol=1e-4)


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((2, 2, 100), np.float32), "not 3-dimensional"),
        (np.zeros(100, np.uint16), "not uint16"),
        (np.full(100, np.nan, np.float32), "not finite"),
        (np.array(["a", "b"]), "must be floats"),
        (np.zeros(0, np.float32), "holds no audio samples"),
    ],
)
def test_arrays_that_are_no_samples(array: Samples, reason: str) -> None:
    with pytest.raises(AudioError, match=reason):
        read(array)


def test_read_audio_is_the_whole_recording_in_mono(samples: Path) -> None:
    mono = read_audio(samples / "stereo-44k.mp3", RATE)
    assert mono.ndim == 1
    np.testing.assert_array_equal(mono, read(samples / "stereo-44k.mp3")[0])
    left = read_audio(samples / "stereo-44k.mp3", RATE, channel=0)
    np.testing.assert_array_equal(left, read(samples / "stereo-44k.mp3", "split")[0])


Pipe = Callable[[Callable[[IO[bytes]], object]], None]


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Pipe:
    """Makes standard input the end of a pipe that a function writes to meanwhile."""

    def start(write: Callable[[IO[bytes]], object]) -> None:
        reader, writer = os.pipe()

        def fill() -> None:
            with os.fdopen(writer, "wb", buffering=0) as file:
                write(file)

        threading.Thread(target=fill, daemon=True).start()
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=os.fdopen(reader, "rb")))

    return start


@pytest.mark.parametrize("name", ["phone.wav", "speech-en.flac"])
def test_standard_input_may_be_a_pipe(pipe: Pipe, samples: Path, name: str) -> None:
    data = (samples / name).read_bytes()
    pipe(lambda file: file.write(data))
    np.testing.assert_allclose(read(STDIN), read(samples / name), atol=1e-6)


def test_a_stream_is_decoded_while_it_is_written(pipe: Pipe) -> None:
    heard, gave_up = threading.Event(), threading.Event()
    sound = (tone(RATE, seconds=6) * 32767).astype("<i2").tobytes()

    def write(file: IO[bytes]) -> None:
        file.write(wav_header(2**32 - 1) + sound)
        if not heard.wait(timeout=20):
            gave_up.set()
        file.write(sound)

    pipe(write)
    stream = AudioStream(STDIN, RATE, block_s=1.0)
    for _ in stream:
        heard.set()
    assert stream.duration == 12.0
    assert not gave_up.is_set()


@posix
@pytest.mark.parametrize("name", ["phone.wav", "speech-en.flac", "stereo-44k.mp3"])
def test_a_named_pipe_is_read_once_from_its_start(tmp_path: Path, samples: Path, name: str) -> None:
    os.mkfifo(tmp_path / "fifo")
    data = (samples / name).read_bytes()
    threading.Thread(target=(tmp_path / "fifo").write_bytes, args=(data,), daemon=True).start()
    expected = AudioStream(samples / name, RATE).expected_duration
    assert read(tmp_path / "fifo").shape[1] / RATE == pytest.approx(expected, abs=0.05)


@posix
def test_a_file_called_minus_is_not_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    soundfile.write(tmp_path / "-", tone(RATE), RATE, format="WAV")
    monkeypatch.chdir(tmp_path)
    assert read("./-").shape == (1, RATE)


@pytest.mark.parametrize(("decoder", "hours"), [("libsndfile", 1.0), ("FFmpeg", 0.25)])
def test_a_long_recording_is_never_held_at_once(tmp_path: Path, decoder: str, hours: float) -> None:
    path = sparse_wav(tmp_path / "long.wav", hours)
    if decoder == "FFmpeg":  # which is asked where the header does not say how much there is
        with path.open("r+b") as file:
            file.write(wav_header(0, rate=8000, sample_bytes=1))
    stream = AudioStream(path, RATE)
    tracemalloc.start()
    try:
        n_samples = sum(block.shape[1] for block in stream)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert n_samples == hours * 3600 * RATE
    assert stream.duration == hours * 3600
    assert peak < 20e6  # bytes; an hour has 230 million of them
