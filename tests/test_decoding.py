"""What FFmpeg decodes is decoded, on the file's own timeline; what is missing or damaged is said."""

from __future__ import annotations

import os
import pickle
import socket
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from conftest import tone, wav_header

from swishcli.audio import AudioStream, Decoding, RawFormat, Samples
from swishcli.errors import AudioError, CheckpointError, OutputError
from swishcli.files import recordings_in

RATE = 16000
posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX")


def beeps(seconds: float, rate: int = RATE, first_hz: float = 300) -> Samples:
    """A tone a second, each 100 Hz higher than the one before: where a sample comes from can be heard."""
    return np.concatenate([tone(rate, 1.0, first_hz + 100 * k) for k in range(round(seconds))])


def pitches(samples: Samples) -> list[int]:
    """The pitch of each second, to 10 Hz; 0 where it is silent."""
    found = []
    for k in range(round(len(samples) / RATE)):
        second = samples[k * RATE + RATE // 4 : k * RATE + 3 * RATE // 4]
        spectrum = np.abs(np.fft.rfft(second * np.hanning(len(second))))
        hz = spectrum.argmax() * RATE / max(1, len(second))
        found.append(round(hz / 10) * 10 if np.abs(second).max() > 0.05 else 0)
    return found


def read(path: Path, decoding: Decoding = Decoding()) -> tuple[Samples, AudioStream]:
    stream = AudioStream(path, RATE, decoding)
    return np.concatenate(list(stream), axis=1)[0], stream


def encode(
    path: Path,
    samples: Samples,
    codec: str,
    rate: int = RATE,
    at_s: Callable[[float], float] = lambda time_s: time_s,
    options: dict[str, str] | None = None,
) -> None:
    """A file of a mono sound; `at_s` says when each tenth of a second is to be heard."""
    try:
        av.Codec(codec, "w")
    except av.codec.codec.UnknownCodecError:
        pytest.skip(f"this build of PyAV has no encoder {codec}")
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        step = stream.codec_context.frame_size or rate // 10
        resampler = av.AudioResampler(stream.codec_context.format or "flt", "mono", rate, step)
        whole = av.AudioFrame.from_ndarray(samples[None].astype(np.float32), "flt", "mono")
        whole.sample_rate, whole.pts = rate, 0
        for frame in [*resampler.resample(whole), *resampler.resample(None)]:
            for packet in stream.encode(frame):
                container.mux(_moved(packet, at_s))
        for packet in stream.encode(None):
            container.mux(_moved(packet, at_s))


def _moved(packet: av.Packet, at_s: Callable[[float], float]) -> av.Packet:
    if packet.pts is not None and packet.time_base is not None:
        packet.pts = round(at_s(float(packet.pts * packet.time_base)) / packet.time_base)
        packet.dts = packet.pts
    return packet


# No length, or a wrong one


def test_an_mp3_without_a_header_of_its_length_is_read_whole(tmp_path: Path) -> None:
    encode(tmp_path / "a.mp3", beeps(20, 44100), "libmp3lame", 44100, options={"write_xing": "0"})
    samples, stream = read(tmp_path / "a.mp3")
    assert stream.duration == pytest.approx(20, abs=0.1)
    assert pitches(samples) == pitches(beeps(20))
    assert stream.warnings == []


def test_a_flac_of_unknown_length_is_read_whole(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", beeps(5), RATE)
    content = bytearray((tmp_path / "a.flac").read_bytes())
    content[21] &= 0xF0  # the 36 bits of the total in STREAMINFO
    content[22:26] = bytes(4)
    (tmp_path / "a.flac").write_bytes(content)
    samples, stream = read(tmp_path / "a.flac")
    assert (len(samples), stream.duration, stream.warnings) == (5 * RATE, 5.0, [])


@pytest.mark.parametrize("claimed", [1000, 2 * RATE], ids=["far too little", "half"])
def test_a_wav_with_a_size_that_is_too_small_is_read_to_its_end(tmp_path: Path, claimed: int) -> None:
    """As where 4 GiB and more are written, whose size does not fit into the header."""
    sound = beeps(4)
    body = (sound * 32767).astype("<i2").tobytes()
    (tmp_path / "a.wav").write_bytes(wav_header(claimed) + body)
    samples, _ = read(tmp_path / "a.wav")
    assert pitches(samples) == pitches(sound)


def test_an_rf64_without_its_sizes_is_read_to_its_end(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.rf64", beeps(4), RATE, format="RF64")
    content = bytearray((tmp_path / "a.rf64").read_bytes())
    at = content.find(b"ds64") + 8
    content[at : at + 24] = bytes(24)
    (tmp_path / "a.rf64").write_bytes(content)
    samples, _ = read(tmp_path / "a.rf64")
    assert pitches(samples) == pitches(beeps(4))


def test_chunks_after_the_samples_are_no_sound(tmp_path: Path) -> None:
    body = (beeps(1) * 32767).astype("<i2").tobytes()
    chunk = b"LIST" + (2000).to_bytes(4, "little") + bytes(range(250)) * 8
    (tmp_path / "a.wav").write_bytes(wav_header(len(body)) + body + chunk)
    assert read(tmp_path / "a.wav")[1].duration == 1.0


# One after the other


@pytest.mark.parametrize(("suffix", "container"), [("mp3", "MP3"), ("ogg", "OGG")])
def test_recordings_one_after_the_other_are_all_read(tmp_path: Path, suffix: str, container: str) -> None:
    parts = []
    for first_hz in (300, 1300):
        soundfile.write(tmp_path / "part", beeps(5, first_hz=first_hz), RATE, format=container)
        parts.append((tmp_path / "part").read_bytes())
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(b"".join(parts))
    samples, stream = read(path)
    assert stream.duration == pytest.approx(10, abs=0.2)
    heard = pitches(samples)
    assert heard[:4] == pitches(beeps(5))[:4]
    assert heard[6:9] == pitches(beeps(5, first_hz=1300))[1:4]


def test_an_mp3_whose_rate_and_channels_change_is_read_on(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.mp3", beeps(5), RATE)
    soundfile.write(tmp_path / "b.mp3", np.stack([beeps(5, 44100)] * 2, axis=1), 44100)
    path = tmp_path / "ab.mp3"
    path.write_bytes((tmp_path / "a.mp3").read_bytes() + (tmp_path / "b.mp3").read_bytes())
    samples, stream = read(path)
    assert stream.duration == pytest.approx(10, abs=0.25)
    assert any("to 2 channels at 44100 Hz" in warning for warning in stream.warnings)
    assert pitches(samples)[6:9] == [400, 500, 600]


# Damage


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        ("mp3", "libmp3lame"),
        ("m4a", "aac"),
        ("aac", "aac"),
        ("ac3", "ac3"),
        ("flac", "flac"),
        ("ogg", "libvorbis"),
        ("opus", "libopus"),
        ("webm", "libopus"),
        ("mkv", "aac"),
        ("ts", "aac"),
    ],
)
def test_one_damaged_place_costs_no_more_than_itself(tmp_path: Path, suffix: str, codec: str) -> None:
    path = tmp_path / f"a.{suffix}"
    encode(path, beeps(20, 48000), codec, 48000)
    content = bytearray(path.read_bytes())
    at = content.find(b"mdat") + len(content) // 2 if suffix == "m4a" else len(content) // 2
    at = min(at, len(content) * 3 // 5)
    content[at : at + 200] = np.random.default_rng(0).bytes(200)
    path.write_bytes(content)
    samples, stream = read(path)
    heard, expected = pitches(samples), pitches(beeps(20))
    assert stream.duration == pytest.approx(20, abs=0.3)
    assert heard[:8] == expected[:8]
    assert heard[17:19] == expected[17:19]
    assert len(stream.warnings) >= 1


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        ("mp3", "libmp3lame"),
        ("flac", "flac"),
        ("ogg", "libvorbis"),
        ("opus", "libopus"),
        ("webm", "libopus"),
        ("mkv", "aac"),
        ("ts", "aac"),
        ("wav", "pcm_s16le"),
        ("aiff", "pcm_s16be"),
    ],
)
def test_a_truncated_recording_is_read_as_far_as_it_goes_and_said_to_be(
    tmp_path: Path, suffix: str, codec: str
) -> None:
    path = tmp_path / f"a.{suffix}"
    encode(path, beeps(20, 48000), codec, 48000)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2 // 188 * 188 + 100])
    samples, stream = read(path)
    assert 7 < stream.duration < 13
    assert pitches(samples)[:6] == pitches(beeps(6))
    assert any("truncated" in w or "its header promises" in w for w in stream.warnings)


@pytest.mark.parametrize("suffix", ["m4a", "mkv", "mp3"])
def test_tags_that_are_not_utf_8_do_not_matter(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    codec = "libmp3lame" if suffix == "mp3" else "aac"
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "Grüße XXXX"
        stream = container.add_stream(codec, rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(beeps(3)[None], "fltp", "mono")
        frame.sample_rate, frame.pts = RATE, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    content = path.read_bytes().replace("ü".encode(), b"\xfc\xfc").replace(b"XXXX", b"\xe9\xff\xfe\xfc")
    path.write_bytes(content)
    assert read(path)[1].duration == pytest.approx(3, abs=0.1)


# The file's timeline


def test_sound_that_begins_late_is_heard_when_a_player_plays_it(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("mpeg4", rate=10, width=64, height=64, pix_fmt="yuv420p")
        sound = container.add_stream("pcm_s16le", rate=RATE, layout="mono")
        for number in range(80):
            picture = av.VideoFrame(64, 64, "yuv420p")
            picture.pts = number
            container.mux(pictures.encode(picture))
        container.mux(pictures.encode(None))
        frame = av.AudioFrame.from_ndarray((beeps(3) * 32767).astype(np.int16)[None], "s16", "mono")
        frame.sample_rate, frame.pts = RATE, 5 * RATE
        container.mux(sound.encode(frame))
    samples, stream = read(path)
    assert stream.duration == pytest.approx(8, abs=0.1)
    assert pitches(samples) == [0] * 5 + pitches(beeps(3))


@pytest.mark.parametrize("name", ["a.webm", "a.mkv"])
def test_a_gap_in_the_timestamps_is_silence(tmp_path: Path, name: str) -> None:
    encode(tmp_path / name, beeps(6, 48000), "libopus", 48000, at_s=lambda t: t if t < 3 else t + 4)
    samples, stream = read(tmp_path / name)
    assert pitches(samples) == [*pitches(beeps(3)), 0, 0, 0, 0, *pitches(beeps(6))[3:]]
    (warning,) = stream.warnings
    assert warning.startswith("has no sound from 3.0")


@pytest.mark.parametrize(
    ("start", "duration", "heard"),
    [(2.0, None, [500, 600, 700]), (1.0, 2.0, [400, 500]), (0.0, 1.0, [300]), (4.0, 9.0, [700])],
)
@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3"])
def test_a_part_keeps_the_times_of_the_whole(
    tmp_path: Path, suffix: str, start: float, duration: float | None, heard: list[int]
) -> None:
    soundfile.write(tmp_path / f"a.{suffix}", beeps(5), RATE)
    samples, stream = read(tmp_path / f"a.{suffix}", Decoding(start_s=start, duration_s=duration))
    assert pitches(samples) == heard
    assert stream.offset_s == start
    assert stream.duration == pytest.approx(start + len(heard), abs=0.1)
    assert stream.duration - stream.offset_s == pytest.approx(len(samples) / RATE, abs=1e-3)


def test_a_part_after_the_end_is_an_error(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", beeps(1), RATE)
    with pytest.raises(AudioError, match="has no sound after 3 s"):
        read(tmp_path / "a.wav", Decoding(start_s=3))


@pytest.mark.parametrize(
    "nonsense", [{"start_s": -1.0}, {"start_s": np.nan}, {"duration_s": 0.0}, {"duration_s": np.inf}], ids=str
)
def test_a_part_that_makes_no_sense_is_refused(nonsense: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Decoding(**nonsense)  # type: ignore[arg-type]


# Tracks, channels, raw samples


@pytest.fixture
def two_tracks(tmp_path: Path) -> Path:
    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as container:
        tracks = [container.add_stream("pcm_s16le", rate=RATE, layout="mono") for _ in range(2)]
        tracks[0].disposition = av.stream.Disposition(0)
        tracks[1].disposition = av.stream.Disposition.default
        for track, first_hz in zip(tracks, (300, 1300), strict=True):
            sound = (beeps(2, first_hz=first_hz) * 32767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(sound[None], "s16", "mono")
            frame.sample_rate, frame.pts = RATE, 0
            container.mux(track.encode(frame))
    return path


def test_of_several_tracks_the_default_one_is_taken_and_said(two_tracks: Path) -> None:
    samples, stream = read(two_tracks)
    assert pitches(samples) == [1300, 1400]
    assert stream.warnings == ["holds 2 audio tracks, track 1 is taken"]


def test_a_track_can_be_chosen(two_tracks: Path) -> None:
    samples, stream = read(two_tracks, Decoding(track=0))
    assert (pitches(samples), stream.warnings) == ([300, 400], [])
    with pytest.raises(AudioError, match="has no audio track 2, only 0 to 1"):
        read(two_tracks, Decoding(track=2))


@pytest.mark.parametrize("imbalance", [1.0, 0.99, 0.9])
def test_channels_in_opposite_phase_are_not_lost(tmp_path: Path, imbalance: float) -> None:
    left = beeps(5)
    soundfile.write(tmp_path / "a.wav", np.stack([left, -imbalance * left], axis=1), RATE)
    samples, stream = read(tmp_path / "a.wav")
    np.testing.assert_allclose(np.abs(samples[RATE:]), np.abs(left[RATE:]), atol=1e-3)
    assert "cancel each other out, the first time at 0.0 s" in stream.warnings[0]


def test_ordinary_stereo_is_averaged(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    both = generator.normal(0, 0.1, (3 * RATE, 2)).astype(np.float32)
    both[RATE:, 1] = 0  # one channel alone
    soundfile.write(tmp_path / "a.wav", both, RATE, subtype="FLOAT")
    samples, stream = read(tmp_path / "a.wav")
    np.testing.assert_allclose(samples, both.mean(axis=1), atol=1e-6)
    assert stream.warnings == []


@pytest.mark.parametrize(
    ("sample_format", "dtype", "scale"),
    [("s16le", "<i2", 32767), ("s16be", ">i2", 32767), ("f32le", "<f4", 1), ("s32le", "<i4", 2**31 - 129)],
)
def test_raw_samples_are_read_as_they_are_said_to_be(
    tmp_path: Path, sample_format: str, dtype: str, scale: float
) -> None:
    stereo = np.stack([beeps(3, 8000), beeps(3, 8000)], axis=1)
    (tmp_path / "a.raw").write_bytes((stereo * scale).astype(dtype).tobytes())
    samples, stream = read(tmp_path / "a.raw", Decoding(raw=RawFormat(8000, sample_format, 2)))
    assert (stream.duration, pitches(samples)) == (3.0, [300, 400, 500])


def test_raw_formats_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="must be one of s16le"):
        RawFormat(8000, "pcm")
    with pytest.raises(ValueError, match="at least 1"):
        RawFormat(0)


def test_many_channels_do_not_take_more_memory(tmp_path: Path) -> None:
    n = 30 * 48000
    with (tmp_path / "a.wav").open("wb") as file:
        file.write(wav_header(n * 256, rate=48000, channels=256, sample_bytes=1))
        file.truncate(44 + n * 256)
    tracemalloc.start()
    try:
        for _ in AudioStream(tmp_path / "a.wav", RATE):
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 150e6


# Nothing else


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was asked for")

    monkeypatch.setattr(socket, "socket", refuse)


DESCRIPTIONS = {
    "session.aac": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
    "playlist.mp3": "#EXTM3U\n#EXTINF:5,\nneighbour.wav\n#EXT-X-ENDLIST\n",
    "list.wav": "ffconcat version 1.0\nfile neighbour.wav\n",
}


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_a_text_that_names_other_sounds_opens_none_of_them(
    tmp_path: Path, name: str, no_network: None
) -> None:
    soundfile.write(tmp_path / "neighbour.wav", beeps(1), RATE)
    (tmp_path / name).write_text(DESCRIPTIONS[name])
    with pytest.raises(AudioError, match="is not a recording that can be decoded"):
        read(tmp_path / name)


@posix
def test_folders_give_regular_files_and_their_links_end(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("a.wav", "deep/b.mts", "c.VOC", "notes.txt", ".hidden.wav"):
        (tmp_path / name).write_bytes(b"x")
    os.mkfifo(tmp_path / "pipe.wav")
    server = socket.socket(socket.AF_UNIX)
    here = Path.cwd()
    try:
        os.chdir(tmp_path)  # names of sockets are short
        server.bind("socket.wav")
    finally:
        os.chdir(here)
        server.close()
    (tmp_path / "device.wav").symlink_to("/dev/zero")
    (tmp_path / "deep" / "circle").symlink_to(tmp_path)
    found = [str(path.relative_to(tmp_path)) for path in recordings_in(tmp_path)]
    assert found == ["a.wav", "c.VOC", "deep/b.mts"]


@pytest.mark.parametrize("error", [AudioError, CheckpointError, OutputError])
def test_errors_travel_between_processes(error: type[AudioError]) -> None:
    there = error("a\nb.wav", "is bad")
    back = pickle.loads(pickle.dumps(there))
    assert (str(back), back.path, back.reason) == (str(there), "a\nb.wav", "is bad")
