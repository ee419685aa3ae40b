"""Sound that is still being made: heard without waiting, kept in time, saved as it was."""

from __future__ import annotations

import io
import itertools
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
from conftest import Swish, command, tone
from rich.cells import cell_len
from rich.console import Console

import swishcli
from swishcli import Model
from swishcli.audio import Samples
from swishcli.cli.live_screen import LiveScreen
from swishcli.errors import AudioError, MissingDependencyError, OutputError, SwishError
from swishcli.inference import FrameScores
from swishcli.live import Heard, Listener
from swishcli.microphone import Microphone
from swishcli.recorder import Recorder
from swishcli.segments import Segment

STARTED = datetime(2026, 2, 28, 23, 59, 58)


@pytest.fixture(scope="module")
def live() -> Model:
    return swishcli.load("live", threads=1)


@pytest.fixture(scope="module")
def programme(samples: Path) -> Samples:
    return soundfile.read(samples / "programme.flac", dtype="float32")[0][: 30 * 16000]


def blocks_of(sound: Samples, n: int = 800) -> Iterator[Samples]:
    return (sound[i : i + n] for i in range(0, len(sound), n))


def test_a_listener_hears_what_the_whole_recording_gives(live: Model, programme: Samples) -> None:
    with Listener(live, blocks_of(programme), 16000) as listener:
        heard = list(listener)
    segments = [s for h in heard for s in h.segments]
    whole = live.segment(programme)
    assert [(s.start, s.end, s.label) for s in segments] == [(s.start, s.end, s.label) for s in whole]
    assert np.concatenate([h.block for h in heard]).tobytes() == programme.tobytes()
    assert sum(s.posteriors.shape[1] for h in heard for s in h.scores) == 750  # every 40 ms
    assert [h.time_s for h in heard] == sorted(h.time_s for h in heard)


def test_the_causal_model_answers_within_half_a_second(live: Model, programme: Samples) -> None:
    sounding = np.zeros_like(programme)
    begins_s = 20.0
    sounding[int(begins_s * 16000) :] = tone(16000, 10.0)
    with Listener(live, blocks_of(sounding), 16000) as listener:
        assert 0.3 < listener.latency_s <= 0.5
        answered_s = next(
            heard.time_s
            for heard in listener
            for scores in heard.scores
            if (scores.level_db[0] > -30).any() and heard.time_s > begins_s
        )
    assert answered_s - begins_s <= listener.latency_s + 0.06


def test_a_stream_may_run_in_a_thread(live: Model, programme: Samples) -> None:
    found: list[Segment] = []

    def follow() -> None:
        stream = live.stream()
        for block in blocks_of(programme):
            found.extend(stream.push(block))
        found.extend(stream.finish())

    threads = [threading.Thread(target=follow), threading.Thread(target=lambda: live.segment(programme))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [(s.start, s.label) for s in found] == [(s.start, s.label) for s in live.segment(programme)]


def test_a_source_that_pauses_is_said_to(live: Model, programme: Samples) -> None:
    go_on = threading.Event()

    def source() -> Iterator[Samples]:
        yield programme[:16000]
        go_on.wait(10)
        yield programme[16000:]

    with Listener(live, source(), 16000) as listener:
        heard = iter(listener)
        assert next(heard).waiting_s == 0
        waited = next(heard)
        assert waited.waiting_s > 0.2
        assert len(waited.block) == 0
        assert next(heard).waiting_s > waited.waiting_s
        go_on.set()
        segments = [s for h in heard for s in h.segments]
    assert segments[-1].end == 30.0


def test_what_came_before_an_error_is_answered(live: Model, programme: Samples) -> None:
    def source() -> Iterator[Samples]:
        yield programme
        raise AudioError("wire", "was cut")

    segments: list[Segment] = []
    with pytest.raises(AudioError, match="was cut"), Listener(live, source(), 16000) as listener:
        segments.extend(segment for heard in listener for segment in heard.segments)
    assert segments[-1].end == 30.0


def test_a_listener_that_is_left_leaves_its_source(live: Model, programme: Samples) -> None:
    taken = itertools.count()

    def source() -> Iterator[Samples]:
        for _ in taken:
            yield programme[:800]

    with Listener(live, source(), 16000) as listener:
        for heard in listener:
            if heard.time_s > 2:
                break
    assert listener.finish().segments[-1].end == pytest.approx(heard.time_s)
    assert listener.finish().segments == ()
    for thread in threading.enumerate():
        if thread.name == "swish-listener":
            thread.join(5)
            assert not thread.is_alive()


# Recordings of segments


def test_each_segment_is_saved_sample_by_sample(tmp_path: Path) -> None:
    sound = np.random.default_rng(0).uniform(-1, 1, 48_000 * 4).astype(np.float32)
    recorder = Recorder(tmp_path / "new" / "clips", 48_000, STARTED)
    segments = [Segment(0.0, 1.5, "speech"), Segment(1.5, 1.75, "silence"), Segment(1.75, 4.0, "music")]
    paths, waiting = [], iter(segments)
    for i, block in enumerate(blocks_of(sound, 4_800)):
        recorder.push(block)
        if i in (20, 21, 39):
            paths.append(recorder.write(next(waiting)))
    recorder.close()
    assert [path.name for path in paths if path] == [
        "20260228-235958.000-speech.flac",
        "20260228-235959.500-silence.flac",
        "20260228-235959.750-music.flac",
    ]
    saved = [soundfile.read(path, dtype="float32") for path in paths]
    assert {rate for _, rate in saved} == {48_000}
    np.testing.assert_allclose(np.concatenate([samples for samples, _ in saved]), sound, atol=1 / 32000)
    assert [len(samples) for samples, _ in saved] == [72_000, 12_000, 108_000]
    assert sorted(tmp_path.rglob("*.*")) == sorted(path for path in paths if path)  # and nothing else


def test_only_chosen_classes_are_saved_and_the_rest_is_forgotten(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, 1000, STARTED, {"music"})
    for second in range(50):
        recorder.push(np.full(1000, second / 100, np.float32))
        if second % 2:
            assert recorder.write(Segment(second - 1.0, second, "speech")) is None
            path = recorder.write(Segment(float(second), second + 1.0, "music"))
            assert path is not None
            samples, _ = soundfile.read(path)
            np.testing.assert_allclose(samples, second / 100, atol=1e-4)
            assert recorder._spool.seek(0, 2) == 0
    assert len(list(tmp_path.iterdir())) == 25
    recorder.close()


def test_labels_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "clips", 1000, STARTED)
    recorder.push(np.zeros(3000, np.float32))
    for i, label in enumerate(["../../up", "..", "a/b\x00c"]):
        path = recorder.write(Segment(float(i), i + 1.0, label))
        assert path is not None
        assert path.parent == tmp_path / "clips"
    recorder.close()
    assert len(list(tmp_path.rglob("*.flac"))) == 3


def test_a_folder_that_cannot_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        Recorder(tmp_path / "file", 1000, STARTED)


# A microphone


class FakeSounddevice:
    """What of sounddevice is used, with devices that come and go."""

    PortAudioError = type("PortAudioError", (Exception,), {})

    def __init__(self) -> None:
        self.devices = [
            {"name": "speakers", "max_input_channels": 0, "default_samplerate": 44_100.0},
            {"name": "USB", "max_input_channels": 1, "default_samplerate": 8000.0},
        ]
        self.streams: list[SimpleNamespace] = []
        self.restarts = 0

    def query_devices(self, device: str | int | None = None, kind: str | None = None) -> Any:
        if kind is None:
            return self.devices
        found = [
            d for d in self.devices if d["max_input_channels"] and (device is None or device == d["name"])
        ]
        if not found:
            raise ValueError(f"No input device matching {device!r}")
        return found[0]

    def InputStream(self, **settings: Any) -> SimpleNamespace:
        self.query_devices(settings["device"], "input")
        stream = SimpleNamespace(**settings, start=lambda: None, close=lambda ignore_errors: None)
        self.streams.append(stream)
        return stream

    def _terminate(self) -> None:
        pass

    def _initialize(self) -> None:
        self.restarts += 1

    def hear(self, value: float, at_s: float, overflow: bool = False) -> None:
        """A block of the newest stream."""
        settings = self.streams[-1]
        block = np.full((settings.blocksize, 1), value, np.float32)
        times = SimpleNamespace(inputBufferAdcTime=at_s)
        settings.callback(block, len(block), times, SimpleNamespace(input_overflow=overflow))


@pytest.fixture
def sounddevice(monkeypatch: pytest.MonkeyPatch) -> FakeSounddevice:
    fake = FakeSounddevice()
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    monkeypatch.setattr("swishcli.microphone._LOST_S", 0.2)
    monkeypatch.setattr("swishcli.microphone._AGAIN_S", 0.05)
    return fake


def test_a_microphone_gives_its_blocks(sounddevice: FakeSounddevice) -> None:
    microphone = Microphone("USB")
    assert (microphone.name, microphone.sample_rate) == ("USB", 8000)
    sounddevice.hear(0.25, 0.0)
    sounddevice.hear(float("nan"), 0.05)
    blocks = iter(microphone)
    assert next(blocks).tolist() == [0.25] * 400
    assert next(blocks).tolist() == [0.0] * 400


def test_what_a_microphone_lost_is_silence(sounddevice: FakeSounddevice) -> None:
    microphone = Microphone()
    sounddevice.hear(0.5, 10.0)
    sounddevice.hear(0.5, 11.05, overflow=True)
    lengths = [(len(block), float(block.max())) for block in itertools.islice(microphone, 3)]
    assert lengths == [(400, 0.5), (8000, 0.0), (400, 0.5)]


def test_a_microphone_that_goes_away_is_waited_for(sounddevice: FakeSounddevice) -> None:
    microphone = Microphone("USB")
    sounddevice.hear(0.5, 0.0)
    blocks = iter(microphone)
    next(blocks)
    usb = sounddevice.devices.pop()
    threading.Timer(0.5, lambda: sounddevice.devices.append(usb)).start()
    began = time.monotonic()
    silent = next(blocks)  # comes when the microphone is back
    away_s = time.monotonic() - began
    assert silent.max() == 0
    assert len(silent) / 8000 == pytest.approx(away_s, abs=0.1)
    assert away_s > 0.5
    assert sounddevice.restarts > 2
    assert len(sounddevice.streams) == 2
    sounddevice.hear(0.7, 100.0)
    assert next(blocks).max() == pytest.approx(0.7)


def test_a_microphone_that_is_not_there_is_said(
    sounddevice: FakeSounddevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AudioError, match=r"^microphone Sennheiser: is not there \(there are: 1 USB\)$"):
        Microphone("Sennheiser")
    sounddevice.devices.clear()
    with pytest.raises(AudioError, match=r"^microphone: is not there: this machine has none$"):
        Microphone()
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(MissingDependencyError, match="pip install 'swishcli\\[listen\\]'"):
        Microphone()


def test_missing_portaudio_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')")
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SwishError, match="libportaudio2"):
        Microphone()


# The screen


def screen(width: int, **options: Any) -> LiveScreen:
    console = Console(width=width, file=io.StringIO(), force_terminal=True, color_system=None, **options)
    return LiveScreen(console, ("music", "speech"), -60.0, 0.04, "USB", 0.45)


def heard(posteriors: list[float], level_db: float, time_s: float, positions: int = 12, **more: Any) -> Heard:
    logits = np.tile(np.log(np.array(posteriors, np.float32)), (1, positions, 1))
    scores = FrameScores(logits, np.full((1, positions), level_db, np.float32))
    return Heard(time_s, np.zeros(0, np.float32), (scores,), **more)


@pytest.mark.parametrize("width", [30, 60, 80, 200])
def test_the_screen_shows_what_is_heard_and_what_was(width: int) -> None:
    shown = screen(width)
    for i in range(300):
        shown.show(heard([0.1, 0.9], -20, i / 2) if i < 290 else heard([0.98, 0.02], -20, i / 2))
    speech, music, silence, status = (line.plain for line in shown.lines())
    assert speech.split()[0] == "speech"
    assert " 98%" in music
    assert "  2%" in speech
    assert silence.split() == ["silence", "0%"]
    assert status.startswith("0:02:30  USB  -20 dBFS  answers after 0.45 s")
    if width >= 60:
        assert cell_len(music) == width
        assert speech.endswith("▇" + " " * 10)
        assert music.endswith("▁" + "█" * 10)


def test_the_screen_says_when_it_is_silent_and_when_nothing_comes() -> None:
    shown = screen(80)
    shown.show(heard([0.5, 0.5], -90, 1.0))
    assert "100%" in shown.lines()[2].plain
    shown.show(Heard(1.0, np.zeros(0, np.float32), waiting_s=7.3))
    assert "no sound for 7 s" in shown.lines()[3].plain


def test_segments_stand_above_the_meters() -> None:
    shown = screen(80)
    with shown:
        shown.show(heard([0.5, 0.5], -20, 1.0))
        shown.print(Segment(3.25, 61.0, "speech", 0.97), Path("clips/a.flac"))
    written = shown._console.file.getvalue()  # type: ignore[attr-defined]
    assert "0:00:03.2  0:01:01.0  speech    97%  clips/a.flac" in written


# The command


def test_listen_saves_what_it_says(swish: Swish, samples: Path, tmp_path: Path) -> None:
    sound = (samples / "stereo-44k.mp3").read_bytes()
    done = swish("listen", "-", "--json", "--save", tmp_path, "--only", "music", input=sound)
    assert (done.returncode, done.stderr) == (0, "")
    (said,) = map(json.loads, done.stdout.splitlines())
    assert (said["label"], said["start"]) == ("music", 0.0)
    (file,) = tmp_path.iterdir()
    assert said["file"] == str(file)
    clip, rate = soundfile.read(file)
    assert (rate, len(clip)) == (
        44_100,
        round(said["end"] * 44_100),
    )  # as it was, not as the network heard it
    whole, _ = soundfile.read(samples / "stereo-44k.mp3")
    np.testing.assert_allclose(clip, whole[: len(clip)].mean(axis=1), atol=0.01)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a.wav"], "is a recording by its name"),
        (["-", "--only", "songs"], "'songs' is none of speech, music, noise, silence"),
        (["-", "--channel", "split"], "not all"),
    ],
)
def test_what_cannot_be_listened_to_is_said(swish: Swish, arguments: list[str], words: str) -> None:
    done = swish("listen", *arguments)
    assert done.returncode == 2
    assert words in " ".join(done.stderr.replace("│", " ").split())


@pytest.mark.skipif(sys.platform == "win32", reason="signals are different")
def test_a_pipe_that_pauses_and_an_interruption_lose_nothing(programme: Samples, tmp_path: Path) -> None:
    data = (programme * 32767).astype("<i2").tobytes()
    arguments = command("listen", "-", "--rate", "16000", "--json", "--save", tmp_path)
    with subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as p:
        assert p.stdin is not None
        assert p.stdout is not None
        p.stdin.write(data[:500_000])
        p.stdin.flush()
        lines = [p.stdout.readline()]
        time.sleep(1)  # as when a programme that is piped in starts again
        p.stdin.write(data[500_000:])
        p.stdin.flush()
        lines += [p.stdout.readline() for _ in range(3)]
        time.sleep(1)
        p.send_signal(signal.SIGINT)  # while it waits for sound
        lines += p.stdout.readlines()
        assert p.wait(timeout=30) == 130
        assert b"Traceback" not in p.stderr.read()  # type: ignore[union-attr]
    said = [json.loads(line) for line in lines]
    assert [s["start"] for s in said[1:]] == [s["end"] for s in said[:-1]]
    assert said[-1]["end"] == pytest.approx(30, abs=0.2)
    lengths = [soundfile.info(s["file"]).duration for s in said]
    assert sum(lengths) == pytest.approx(said[-1]["end"], abs=0.01)
    assert {path.suffix for path in tmp_path.iterdir()} == {".flac"}
