"""A clip holds the samples that its segment does; manifests lead back to them."""

from __future__ import annotations

import errno
import json
import os
import shlex
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from conftest import Swish, sparse_wav, tone
from hypothesis import given, settings
from hypothesis import strategies as st

from swishcli.audio import Decoding
from swishcli.decoding import open_recording
from swishcli.errors import AudioError, OutputError
from swishcli.formats import read_segments
from swishcli.jobs.clips import Clip, ClipConfig, clips_of, write_clips
from swishcli.jobs.manifests import manifest_entry, open_manifests
from swishcli.segments import Segment, Segmentation

RATE = 44_100
RECORDING = Segmentation(
    6.0,
    (
        Segment(0.0, 0.4, "speech", 0.9),
        Segment(0.4, 1.0, "music", 0.9),
        Segment(1.0, 2.0, "speech", 0.8),
        Segment(2.0, 4.5, "noise", 0.7),
        Segment(4.5, 5.0, "speech", 0.6),
        Segment(5.0, 5.3, "music", 0.9),
        Segment(5.3, 6.0, "speech", 0.5),
    ),
    "a.wav",
)


def integers(seconds: float, channels: int, rate: int = RATE) -> npt.NDArray[np.int16]:
    """Samples ``[n, channels]`` of all values."""
    shape = round(seconds * rate), channels
    return np.random.default_rng(0).integers(-(2**15), 2**15, shape, dtype=np.int16)


def times(clips: Sequence[Clip]) -> list[tuple[float, float]]:
    return [(clip.start_ms / 1000, clip.end_ms / 1000) for clip in clips]


def test_clips_are_padded_and_those_that_meet_are_one() -> None:
    found = clips_of(Path("sub/a"), RECORDING, ClipConfig("speech"))
    assert times(found) == [(0.0, 0.4), (1.0, 2.0), (4.5, 5.0), (5.3, 6.0)]
    assert found[1].name == Path("sub/a/a-00001000-00002000.wav")
    found = clips_of(Path("sub/a"), RECORDING, ClipConfig("speech", pad_s=0.2))
    assert times(found) == [(0.0, 0.6), (0.8, 2.2), (4.3, 6.0)]


def test_short_segments_are_left_out_before_they_are_padded() -> None:
    found = clips_of(Path("a"), RECORDING, ClipConfig("speech", pad_s=0.3, min_s=0.6))
    assert times(found) == [(0.7, 2.3), (5.0, 6.0)]


@pytest.mark.parametrize(("rate", "channels"), [(44_100, 2), (8000, 1), (48_000, 6)])
def test_clips_hold_the_samples_of_the_recording_at_its_rate_and_channels(
    tmp_path: Path, rate: int, channels: int
) -> None:
    samples = integers(6.0, channels, rate)
    soundfile.write(tmp_path / "a.wav", samples, rate)
    clips = clips_of(Path("a"), RECORDING, ClipConfig("speech", pad_s=0.1))
    paths = write_clips(tmp_path / "out", clips, str(tmp_path / "a.wav"))
    assert sorted(paths) == sorted((tmp_path / "out").rglob("*.wav"))
    for path, (start, end) in zip(paths, times(clips), strict=True):
        found, found_rate = soundfile.read(path, dtype="int16", always_2d=True)
        assert found_rate == rate
        np.testing.assert_array_equal(found, samples[round(start * rate) : round(end * rate)])


def test_channels_of_their_own_have_clips_of_their_own(tmp_path: Path) -> None:
    samples = integers(6.0, 2)
    soundfile.write(tmp_path / "a.flac", samples, RATE)
    left, right = (
        clips_of(Path(f"a.channel{c}"), Segmentation(6.0, RECORDING.segments, "a.flac", c), ClipConfig(label))
        for c, label in ((0, "speech"), (1, "music"))
    )
    write_clips(tmp_path, [*left, *right], str(tmp_path / "a.flac"), Decoding("split"))
    for clip in (*left, *right):
        found, _ = soundfile.read(tmp_path / clip.name, dtype="int16")
        part = samples[round(clip.start_ms * RATE / 1000) : round(clip.end_ms * RATE / 1000), clip.channel]
        np.testing.assert_array_equal(found, part)


def test_clips_lie_on_the_timeline_of_the_file(samples: Path, tmp_path: Path) -> None:
    path = str(samples / "stereo-44k.mp3")
    decoder = open_recording(path)
    whole = np.concatenate(list(decoder.blocks(50_000)))
    length = len(whole) / decoder.sample_rate
    every = Segmentation(length, (Segment(0.0, 6.08, "music"), Segment(6.08, length, "speech")), path)
    (clip,) = clips_of(Path("b"), every, ClipConfig("speech"))
    (written,) = write_clips(tmp_path, [clip], path)
    found, rate = soundfile.read(written, dtype="float32", always_2d=True)
    assert (rate, found.shape[1]) == (decoder.sample_rate, 2)
    np.testing.assert_allclose(found, whole[round(6.08 * rate) :], atol=2**-15)
    assert found.shape[0] / rate == pytest.approx(clip.duration_s, abs=1e-3)


def test_loud_samples_are_clipped_and_those_that_are_no_numbers_silent(tmp_path: Path) -> None:
    sound = np.array([0.5, 3.0, -3.0, np.nan, np.inf, 1.0, -1.0] * 1000, np.float32)
    soundfile.write(tmp_path / "a.wav", sound, 1000, subtype="FLOAT")
    whole = Segmentation(7.0, (Segment(0.0, 7.0, "noise"),), "a.wav")
    (path,) = write_clips(tmp_path, clips_of(Path("a"), whole, ClipConfig("noise")), str(tmp_path / "a.wav"))
    found, _ = soundfile.read(path, dtype="int16")
    assert found[:7].tolist() == [16384, 32767, -32768, 0, 0, 32767, -32768]
    assert len(found) == 7000


lengths = st.lists(st.integers(1, 400), min_size=1, max_size=8)


@settings(max_examples=30)  # writes files
@given(lengths, st.integers(1, 3), st.integers(7, 3000))
def test_clips_of_any_blocks_are_the_samples_between_their_times(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int], every: int, block: int
) -> None:
    folder, rate = tmp_path_factory.mktemp("clips"), 1377
    edges = [total / 1000 for total in np.cumsum([0, *steps]).tolist()]
    segments = [Segment(a, b, "ab"[i % (every + 1) == 0]) for i, (a, b) in enumerate(pairwise(edges))]
    samples = integers(edges[-1], 1, rate)
    soundfile.write(folder / "a.wav", samples, rate)
    clips = clips_of(Path("a"), Segmentation(edges[-1], tuple(segments), "a"), ClipConfig("b"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("swishcli.jobs.clips.BLOCK_VALUES", block)
        paths = write_clips(folder, clips, str(folder / "a.wav"))
    for path, clip in zip(paths, clips, strict=True):
        found, _ = soundfile.read(path, dtype="int16", always_2d=True)
        first, stop = (round(ms * rate / 1000) for ms in (clip.start_ms, clip.end_ms))
        np.testing.assert_array_equal(found, samples[first:stop])


def test_hours_take_the_memory_of_seconds(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    recording = str(sparse_wav(tmp_path / "long.wav", hours=3))
    segments = (Segment(0.0, 5.0, "b"), Segment(5.0, 10_795.0, "a"), Segment(10_795.0, 10_800.0, "b"))
    whole = Segmentation(10_800.0, segments, recording)
    clips = clips_of(Path("a"), whole, ClipConfig("b"))
    write_clips(tmp_path, clips[:1], recording)  # what all needs
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    paths = write_clips(tmp_path, clips, recording)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KiB; all would be 165 MiB
    assert [soundfile.info(path).frames for path in paths] == [40_000, 40_000]


def test_a_recording_that_has_changed_is_an_error(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(RATE, 3.0), RATE)
    clips = clips_of(Path("a"), RECORDING, ClipConfig("speech"))
    with pytest.raises(
        AudioError, match=r"a\.wav: has changed: nothing is there any more of 4\.500 s and later"
    ):
        write_clips(tmp_path, clips, str(tmp_path / "a.wav"))
    assert len(list((tmp_path / "a").iterdir())) == 2
    with pytest.raises(AudioError, match="standard input: cannot be read again"):
        write_clips(tmp_path, clips, "-")


def test_a_full_disk_leaves_no_part_of_a_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    soundfile.write(tmp_path / "a.wav", integers(6.0, 1), RATE)
    clips = clips_of(Path("a"), RECORDING, ClipConfig("speech"))
    monkeypatch.setattr("wave.Wave_write.writeframesraw", full)
    with pytest.raises(OutputError, match=r"00000400\.wav: cannot be written: No space left on device"):
        write_clips(tmp_path, clips, str(tmp_path / "a.wav"))
    assert list((tmp_path / "a").iterdir()) == []


def test_a_clip_that_no_wav_can_hold_is_refused_before_any_is_written(tmp_path: Path) -> None:
    recording = str(sparse_wav(tmp_path / "long.wav", hours=75))
    segments = (Segment(0.0, 1.0, "b"), Segment(1.0, 2.0, "a"), Segment(2.0, 270_000.0, "b"))
    clips = clips_of(Path("a"), Segmentation(270_000.0, segments, recording), ClipConfig("b"))
    with pytest.raises(OutputError, match="would be larger than 4 GiB"):
        write_clips(tmp_path, clips, recording)
    assert not (tmp_path / "a").exists()


# Manifests


def written(folder: Path, recordings: Sequence[Segmentation]) -> list[Clip]:
    """Clips of recordings, as manifests in a folder."""
    found = [clips_of(Path(s.path or ""), s, ClipConfig("speech")) for s in recordings]
    with open_manifests(folder, kaldi=True) as add:
        for clips in found:
            add(clips)
    return [clip for clips in found for clip in clips]


def of_path(path: str) -> Segmentation:
    return Segmentation(6.0, RECORDING.segments, path)


def test_the_manifest_says_where_each_clip_is_from(tmp_path: Path) -> None:
    clips = written(tmp_path, [of_path("b.wav"), of_path("sub/a.wav")])
    lines = [json.loads(line) for line in (tmp_path / "manifest.jsonl").read_text().splitlines()]
    assert lines == [manifest_entry(clip) for clip in clips]
    assert lines[5] == {
        "audio_filepath": "sub/a.wav/a.wav-00001000-00002000.wav",
        "duration": 1.0,
        "recording": "sub/a.wav",
        "channel": None,
        "start_s": 1.0,
        "end_s": 2.0,
        "label": "speech",
        "confidence": 0.8,
    }


def kaldi(folder: Path, name: str) -> dict[str, str]:
    """A file of Kaldi as Kaldi reads it: a key, white space, and the rest of the line; sorted, each key once."""
    lines = (folder / "kaldi" / name).read_bytes().splitlines()
    assert lines == sorted(lines)
    found = {key.decode(): rest.decode() for key, _, rest in (line.partition(b" ") for line in lines)}
    assert len(found) == len(lines)
    return found


def test_kaldi_finds_each_utterance_and_its_recording(tmp_path: Path) -> None:
    clips = written(tmp_path, [of_path("sub/a b.wav"), of_path("a.wav")])
    paths, speakers = kaldi(tmp_path, "wav.scp"), kaldi(tmp_path, "utt2spk")
    assert list(paths) == list(speakers) == list(kaldi(tmp_path, "utt2dur"))
    assert sorted(paths.values()) == sorted(str(tmp_path / clip.name) for clip in clips)
    assert set(speakers.values()) == {"a.wav", "sub_a_b.wav"}
    assert kaldi(tmp_path, "spk2utt")["a.wav"].split() == [u for u in speakers if speakers[u] == "a.wav"]
    assert kaldi(tmp_path, "original_segments")["a.wav-00001000-00002000"] == "a.wav 1.000 2.000"


hostile = st.text("ab-_./ |\n\r\t\x1b\0\u2028\x85é\"'$`", min_size=1, max_size=6)


@settings(max_examples=60)  # writes files
@given(st.lists(hostile, min_size=1, max_size=5, unique=True))
def test_no_name_breaks_a_manifest(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    folder = tmp_path_factory.mktemp("manifests")
    clips = written(folder, [of_path(f"{i}/{name}.wav") for i, name in enumerate(names)])
    lines = (folder / "manifest.jsonl").read_text().splitlines()
    assert [json.loads(line)["recording"] for line in lines] == [clip.recording for clip in clips]
    assert all(json.loads(line)["audio_filepath"].isprintable() for line in lines)
    paths, speakers = kaldi(folder, "wav.scp"), kaldi(folder, "utt2spk")
    assert len(paths) == len(clips)
    assert len(set(speakers.values())) == len(names)
    for utterance, path in paths.items():
        assert shlex.split(utterance) == [utterance]
        assert path.startswith("/")
        assert path.endswith(".wav")
        assert Path(os.path.normpath(path)).is_relative_to(folder)
    assert list(speakers.values()) == sorted(speakers.values())  # as Kaldi's own check wants


def test_recordings_whose_words_are_the_same_stay_apart(tmp_path: Path) -> None:
    written(tmp_path, [of_path("a_b.wav"), of_path("a b.wav"), of_path("a/b.wav")])
    assert set(kaldi(tmp_path, "spk2utt")) == {"a_b.wav", "a_b.wav_2", "a_b.wav_3"}


def test_manifests_that_are_interrupted_leave_those_of_before(tmp_path: Path) -> None:
    written(tmp_path, [of_path("a.wav")])
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}

    def interrupted() -> None:
        with open_manifests(tmp_path, kaldi=True) as add:
            add(clips_of(Path("b"), of_path("b.wav"), ClipConfig("speech")))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before


# The command


def test_a_class_is_extracted_with_a_manifest_that_leads_back(
    swish: Swish, samples: Path, tmp_path: Path
) -> None:
    recordings = [
        samples / "programme.flac",
        samples / "phone.wav",
        samples / "missing.wav",
        samples / "music.flac",
    ]
    options = ["--extract", "speech", "--pad", "0.1", "--min-length", "1", "--kaldi", "-o", tmp_path / "out"]
    for threads in ("1", "3"):
        done = swish("segment", *recordings, *options, "--threads", threads)
        assert done.returncode == 1
        assert "swish: 3 recordings written, 1 failed" in done.stderr
        entries = [
            json.loads(line) for line in (tmp_path / "out" / "manifest.jsonl").read_text().splitlines()
        ]
        assert [Path(str(e["recording"])).name for e in entries] == ["programme.flac"] * 4 + ["phone.wav"]
        assert entries == sorted(
            entries, key=lambda e: (recordings.index(Path(e["recording"])), e["start_s"])
        )
    for entry in entries:
        clip, rate = soundfile.read(tmp_path / "out" / entry["audio_filepath"], dtype="int16")
        whole, _ = soundfile.read(entry["recording"], dtype="int16")
        np.testing.assert_array_equal(
            clip, whole[round(entry["start_s"] * rate) : round(entry["end_s"] * rate)]
        )
        labels = read_segments(tmp_path / "out" / f"{Path(entry['recording']).stem}.json")
        assert labels.label_at(entry["start_s"] + 0.2) == "speech"
    assert len(kaldi(tmp_path / "out", "wav.scp")) == len(entries)
    # What is in a manifest can be listened to again.
    again = swish("classify", "--json", "--from-file", tmp_path / "out" / "manifest.jsonl")
    assert [json.loads(line)["label"] for line in again.stdout.splitlines()] == ["speech"] * 5


def test_sides_of_a_call_are_extracted_apart(swish: Swish, samples: Path, tmp_path: Path) -> None:
    done = swish(
        "segment", samples / "stereo-44k.mp3", "--channel", "split", "--extract", "speech", "-o", tmp_path
    )
    assert done.returncode == 0
    entries = [json.loads(line) for line in (tmp_path / "manifest.jsonl").read_text().splitlines()]
    assert {entry["channel"] for entry in entries} == {0, 1}
    for entry in entries:
        assert entry["audio_filepath"].startswith(f"stereo-44k.channel{entry['channel']}/")
        assert soundfile.info(tmp_path / entry["audio_filepath"]).channels == 1


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ("--extract speech", "needs --output DIR"),
        ("--extract birds -o out", "'birds' is none of speech, music, noise, silence"),
        ("--extract speech --only speech -o out", "choose one of them"),
        ("--extract speech --skip-existing -o out", "takes all recordings"),
        ("--kaldi -o out", "needs --extract LABEL"),
    ],
)
def test_nonsense_is_refused(swish: Swish, tmp_path: Path, options: str, complaint: str) -> None:
    done = swish("segment", "x.wav", *options.split(), cwd=tmp_path)
    assert done.returncode == 2
    assert complaint in " ".join(done.stderr.replace("│", " ").split())
    assert list(tmp_path.iterdir()) == []
