"""Speed and memory of whole `swish` processes from a cold start, and the floor beneath them.

    python benchmarks/speed.py                 # everything: some minutes
    python benchmarks/speed.py --runs 3 --model wide

Each figure is the median over the runs, start-up included. The audio is samples/programme.flac repeated, in a
temporary folder. What is compressed is compared with a process that decodes it, and resamples it, and does
nothing else. The floor is what front end and network cost alone in a process that is already running, on one
thread. Peers that are installed (webrtcvad, silero-vad) are timed on the same files in turn,
and with ``--peers FOLDER`` programs that take ``--list FILES --out RESULTS``, as a corpus brings them.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import numpy as np
import soundfile
import soxr

import swishcli
from swishcli.audio import AudioStream
from swishcli.checkpoint import find_model, load_checkpoint
from swishcli.engines import OnnxEngine
from swishcli.features import mfcc

PROGRAMME = Path(__file__).parents[1] / "samples/programme.flac"
HOUR_S = 3600
SWISH = (sys.executable, "-m", "swishcli")

DECODING = """
import sys
from swishcli.audio import AudioStream
for block in AudioStream(sys.argv[1], 16000):
    pass
"""
WEBRTCVAD = """
import sys, soundfile, webrtcvad
x, rate = soundfile.read(sys.argv[1], dtype="int16")
vad = webrtcvad.Vad(2)
n = rate // 100 * 3
print(sum(vad.is_speech(x[i : i + n].tobytes(), rate) for i in range(0, len(x) - n, n)))
"""
SILERO = """
import sys, soundfile, torch
from silero_vad import get_speech_timestamps, load_silero_vad
x, rate = soundfile.read(sys.argv[1], dtype="float32")
print(len(get_speech_timestamps(torch.from_numpy(x), load_silero_vad(onnx=True), sampling_rate=rate)))
"""
PEERS = {"webrtcvad": WEBRTCVAD, "silero_vad": SILERO}


def peer_commands(scripts: Path | None, recording: Path) -> dict[str, tuple[str | Path, ...]]:
    """How each peer that is at hand is run on a recording."""
    commands: dict[str, tuple[str | Path, ...]] = {
        name: (sys.executable, "-c", script, recording) for name, script in PEERS.items() if find_spec(name)
    }
    listed = recording.with_suffix(".list")
    listed.write_text(f"{recording}\n")
    for script in sorted(scripts.glob("*.py")) if scripts else ():
        if "--list" in script.read_text(encoding="utf-8"):
            options = ("--list", listed, "--out", recording.with_suffix(".jsonl"))
            commands[script.stem] = (sys.executable, script, *options)
    return commands


def measure(command: Sequence[str | Path]) -> tuple[float, float]:
    """Wall seconds and peak memory (MB) of one process."""
    start = time.perf_counter()
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command}: exit code {process.returncode}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def report(title: str, command: Sequence[str | Path], runs: int, audio_s: float = 0.0) -> float:
    """Print the medians of a command; return its seconds."""
    measured = [measure(command) for _ in range(runs)]
    seconds = statistics.median(wall for wall, _ in measured)
    memory = statistics.median(peak for _, peak in measured)
    speed = f"{audio_s / seconds:8.0f} × real time" if audio_s else ""
    print(f"{title:<46} {seconds:7.2f} s  {memory:5.0f} MB  {speed}", flush=True)
    return seconds


def floor(title: str, work: Callable[[], object], audio_s: float) -> None:
    """Print what a part costs in a running process."""
    work()
    start = time.perf_counter()
    work()
    seconds = time.perf_counter() - start
    print(f"{title:<46} {seconds:7.2f} s            {audio_s / seconds:8.0f} × real time", flush=True)


def recordings_in(folder: Path) -> dict[str, Path]:
    """The recordings that are timed, by what they are."""
    return {
        "10 s wav": folder / "10s.wav",
        "10 min wav": folder / "10min.wav",
        "1 h wav": folder / "hour.wav",
        "1 h flac, 44.1 kHz stereo": folder / "hour.flac",
        "1 h mp3, 44.1 kHz stereo": folder / "hour.mp3",
    }


def write_recordings(folder: Path) -> None:
    """Make the recordings that are timed."""
    programme, rate = soundfile.read(PROGRAMME, dtype="float32")
    hour = np.tile(programme, HOUR_S * rate // len(programme) + 1)[: HOUR_S * rate]
    paths = recordings_in(folder)
    soundfile.write(paths["10 s wav"], hour[: 10 * rate], rate)
    soundfile.write(paths["10 min wav"], hour[: 600 * rate], rate)
    soundfile.write(paths["1 h wav"], hour, rate)
    stereo = np.repeat(soxr.resample(hour, rate, 44100)[:, None], 2, axis=1)
    soundfile.write(paths["1 h flac, 44.1 kHz stereo"], stereo, 44100)
    soundfile.write(paths["1 h mp3, 44.1 kHz stereo"], stereo, 44100)


def write_day(path: Path) -> None:
    """24 hours of the programme as a wav, block by block."""
    programme, rate = soundfile.read(PROGRAMME, dtype="int16")
    with soundfile.SoundFile(path, "w", rate, 1) as file:
        for _ in range(24 * HOUR_S * rate // len(programme)):
            file.write(programme)


def print_floor(paths: dict[str, Path], models: Sequence[str]) -> None:
    """What the parts cost alone, on one thread."""
    samples = np.concatenate([block[0] for block in AudioStream(paths["10 min wav"], 16000)])
    for name in models:
        checkpoint = load_checkpoint(find_model(name))
        features = mfcc(samples, checkpoint.front_end).T[None]
        features = np.ascontiguousarray(features[:, :, :8192])
        floor(f"front end, {name}", lambda c=checkpoint: mfcc(samples, c.front_end), 600)
        engine = OnnxEngine(checkpoint)
        floor(f"network, {name}", lambda e=engine, f=features: [e(f) for _ in range(10)], 819.2)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--model", action="append", help="a name or a file; by default every shipped model")
    parser.add_argument("--day", action="store_true", help="also time 24 hours of audio (2.8 GB on the disk)")
    parser.add_argument("--peers", type=Path, help="folder of programs to time as well")
    arguments = parser.parse_args()
    models = arguments.model or list(swishcli.shipped_models())
    # The children inherit it: matrix products of the front end are small, more threads only get in the way.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as folder:
        # In a process of its own: a child is counted with the memory its parent held when it was started.
        writer = multiprocessing.get_context("spawn").Process(target=write_recordings, args=(Path(folder),))
        writer.start()
        writer.join()
        paths = recordings_in(Path(folder))
        report("swish --help", (*SWISH, "--help"), arguments.runs)
        report("swish classify, 10 s wav", (*SWISH, "classify", paths["10 s wav"]), arguments.runs, 10)
        for name in models:
            for what, audio_s in (("10 min wav", 600), ("1 h wav", HOUR_S)):
                command = (*SWISH, "segment", paths[what], "--csv", "--model", name)
                report(f"swish segment, {what}, {name}", command, arguments.runs, audio_s)
        for what, name in product(("1 h flac, 44.1 kHz stereo", "1 h mp3, 44.1 kHz stereo"), models):
            decoding = (sys.executable, "-c", DECODING, paths[what])
            alone_s = report(f"decoding alone, {what}", decoding, arguments.runs, HOUR_S)
            command = (*SWISH, "segment", paths[what], "--csv", "--model", name)
            seconds = report(f"swish segment, {what}, {name}", command, arguments.runs, HOUR_S)
            print(f"{'':<46} {seconds / alone_s:7.2f} × decoding alone")
        if arguments.day:
            day = Path(folder, "day.wav")
            write_day(day)
            report("swish segment, 24 h wav", (*SWISH, "segment", day, "--csv"), 1, 24 * HOUR_S)
            day.unlink()
        for what, audio_s in (("10 s wav", 10), ("10 min wav", 600)):
            for peer, command in peer_commands(arguments.peers, paths[what]).items():
                report(f"{peer}, {what}", command, arguments.runs, audio_s)
        print()
        print_floor(paths, models)
    print(f"\n{os.cpu_count()} cores")


if __name__ == "__main__":
    main()
