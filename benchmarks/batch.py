"""Throughput of batches: threads against processes, by the number of jobs, for short, long and mixed recordings.

    python benchmarks/batch.py                      # a minute or two
    python benchmarks/batch.py --files 10000 --only short --jobs 2

Recordings are cut from samples/programme.flac: wav of 5 s; flac and mp3 of 20 minutes; both. Every figure is a
batch of its own, from the start of the executor to the last file written (JSON, on the disk of the temporary
folder); what Python and the imports take beforehand is the line "a process starts".
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from shutil import copyfile, rmtree

import numpy as np
import soundfile

from swishcli.errors import SwishError
from swishcli.jobs.executors import Executor, ProcessExecutor, ThreadExecutor
from swishcli.jobs.inputs import Input, find_inputs
from swishcli.jobs.run import run
from swishcli.jobs.task import AnalysisTask, Destination, Done

PROGRAMME = Path(__file__).parents[1] / "samples/programme.flac"
DISTINCT = 200
"""Short recordings that differ; the others are copies of them."""


def write_short(folder: Path, n: int) -> None:
    """Wav files of 5 s in folders of a thousand."""
    sound, rate = soundfile.read(PROGRAMME, dtype="int16")
    starts = np.random.default_rng(0).integers(0, len(sound) - 5 * rate, DISTINCT)
    for number in range(n):
        path = folder / f"{number // 1000:03}" / f"{number:06}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        first = folder / "000" / f"{number % DISTINCT:06}.wav"
        if number < DISTINCT:
            soundfile.write(path, sound[starts[number] : starts[number] + 5 * rate], rate)
        else:
            copyfile(first, path)


def write_long(folder: Path, n: int) -> None:
    """Stereo flac and mono mp3 of 20 minutes, in turn."""
    sound, rate = soundfile.read(PROGRAMME, dtype="float32")
    twenty_minutes = np.tile(sound, 20)
    folder.mkdir()
    for number in range(n):
        stereo = number % 2 == 0
        samples = np.repeat(twenty_minutes[:, None], 2, axis=1) if stereo else twenty_minutes
        soundfile.write(folder / f"{number}{'.flac' if stereo else '.mp3'}", samples, rate)


def measure(inputs: list[Input], executor: Executor[Done]) -> tuple[float, float]:
    """Seconds, and seconds of audio."""
    start, audio_s = time.perf_counter(), 0.0
    for outcome in run(inputs, executor):
        if isinstance(outcome.result, SwishError):
            raise SystemExit(str(outcome.result))
        audio_s += outcome.result.answers[0].segmentation.duration
    return time.perf_counter() - start, audio_s


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=2000, help="short recordings")
    parser.add_argument("--long", type=int, default=6, help="long recordings")
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2], help="recordings at once")
    parser.add_argument("--only", choices=["short", "long", "mixed"])
    parser.add_argument("--runs", type=int, default=1, help="the best of so many is shown")
    parser.add_argument("--folder", help="where the temporary folder is made")
    arguments = parser.parse_args()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory(dir=arguments.folder) as temporary:
        folder = Path(temporary, "recordings")
        write_short(folder / "short", arguments.files)
        write_long(folder / "long", arguments.long)
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import swishcli.jobs.task"], check=True)
        print(f"a process starts in {time.perf_counter() - start:.2f} s")
        for kind in ("short", "long", "mixed"):
            if arguments.only not in (None, kind):
                continue
            found = find_inputs([str(folder / kind)] if kind != "mixed" else [str(folder)])
            inputs = [item for item in found if isinstance(item, Input)]
            inputs.sort(key=lambda item: Path(item.path).stat().st_size, reverse=True)
            for name in ("threads", "processes"):
                for jobs in arguments.jobs:
                    results = []
                    for _ in range(arguments.runs):
                        out = Path(temporary, "labels")
                        task = AnalysisTask("slim", "cpu", 1, destination=Destination(out, ("json",)))
                        kinds = {"threads": ThreadExecutor, "processes": ProcessExecutor}
                        results.append(measure(inputs, kinds[name](task, jobs)))
                        rmtree(out)
                    seconds, audio_s = min(results)
                    print(
                        f"{kind:<6} {name:<10} {jobs:2} jobs  {seconds:7.2f} s  {len(inputs) / seconds:7.1f} files/s"
                        f"  {audio_s / seconds:7.0f} × real time",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
