"""Damaged recordings in every container, as many as wanted, through a batch: every one is done or named.

    python benchmarks/fuzz.py                    # 2000 files
    python benchmarks/fuzz.py --files 20000 --seed 7 --keep

The mutations: bytes changed, zeroed, removed, doubled, shuffled in blocks; files cut off, joined, begun with those
of another container; the bytes of headers alone. Nothing may crash, hang, print a traceback or be lost.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from swishcli.errors import SwishError
from swishcli.jobs.executors import ProcessExecutor
from swishcli.jobs.inputs import find_inputs
from swishcli.jobs.run import run
from swishcli.jobs.task import AnalysisTask, Destination

RATE = 16000
CONTAINERS = {
    "wav": "pcm_s16le",
    "w64": "pcm_f32le",
    "aiff": "pcm_s16be",
    "au": "pcm_mulaw",
    "caf": "pcm_s24le",
    "flac": "flac",
    "ogg": "flac",
    "opus": "libopus",
    "mp3": "libmp3lame",
    "aac": "aac",
    "m4a": "aac",
    "mp4": "alac",
    "mkv": "libvorbis",
    "webm": "libopus",
    "ts": "mp2",
    "wma": "wmav2",
    "avi": "adpcm_ms",
    "mov": "pcm_alaw",
    "flv": "libmp3lame",
    "amr": "libopencore_amrnb",
    "ac3": "ac3",
    "wv": "wavpack",
    "tta": "tta",
}
"""Suffixes, and the codec in each; what this FFmpeg does not write is left out."""
TIMEOUT_S = 60.0

Bytes = npt.NDArray[np.uint8]
Mutation = Callable[[Bytes, np.random.Generator], Bytes]


def write_originals(folder: Path) -> list[Path]:
    """Three seconds in every container."""
    time_s = np.arange(3 * RATE) / RATE
    sound = 0.3 * np.sin(2 * np.pi * 300 * time_s) + np.random.default_rng(0).normal(0, 0.05, 3 * RATE)
    pcm = (32767 * np.clip(sound, -1, 1)).astype(np.int16)
    written = []
    for suffix, codec in CONTAINERS.items():
        path = folder / f"original.{suffix}"
        try:
            _encode(path, codec, pcm)
            written.append(path)
        except (av.FFmpegError, ValueError):
            path.unlink(missing_ok=True)
    return written


def _encode(path: Path, codec: str, pcm: npt.NDArray[np.int16]) -> None:
    rate = {"libopus": 48000, "libopencore_amrnb": 8000, "libmp3lame": 44100, "adpcm_ms": 44100}.get(
        codec, RATE
    )
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        resampler = av.AudioResampler(
            stream.format, "mono", rate, frame_size=stream.codec_context.frame_size or 1024
        )
        frame = av.AudioFrame.from_ndarray(pcm[None], format="s16", layout="mono")
        frame.sample_rate = RATE
        for ready in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(ready))
        container.mux(stream.encode(None))


def _changed(data: Bytes, rng: np.random.Generator) -> Bytes:
    where = rng.integers(0, len(data), rng.integers(1, 200))
    data[where] = rng.integers(0, 256, len(where))
    return data


def _header_changed(data: Bytes, rng: np.random.Generator) -> Bytes:
    where = rng.integers(0, min(len(data), 256), rng.integers(1, 12))
    data[where] = rng.choice([0, 1, 127, 128, 255, rng.integers(256)], len(where))
    return data


def _zeroed(data: Bytes, rng: np.random.Generator) -> Bytes:
    start, stop = np.sort(rng.integers(0, len(data), 2))
    data[start:stop] = rng.choice([0, 255])
    return data


def _removed(data: Bytes, rng: np.random.Generator) -> Bytes:
    start, stop = np.sort(rng.integers(0, len(data), 2))
    return np.delete(data, slice(start, stop))


def _doubled(data: Bytes, rng: np.random.Generator) -> Bytes:
    start, stop = np.sort(rng.integers(0, len(data), 2))
    return np.concatenate([data[:stop], data[start:]])


def _cut(data: Bytes, rng: np.random.Generator) -> Bytes:
    return data[: rng.integers(0, len(data))]


def _beheaded(data: Bytes, rng: np.random.Generator) -> Bytes:
    return data[rng.integers(1, len(data)) :]


def _shuffled(data: Bytes, rng: np.random.Generator) -> Bytes:
    blocks = np.array_split(data, rng.integers(2, 50))
    rng.shuffle(order := list(range(len(blocks))))
    return np.concatenate([blocks[i] for i in order])


MUTATIONS: tuple[Mutation, ...] = (
    _changed,
    _header_changed,
    _header_changed,
    _zeroed,
    _removed,
    _doubled,
    _cut,
    _beheaded,
    _shuffled,
)


def write_mutants(folder: Path, originals: list[Path], n: int, rng: np.random.Generator) -> None:
    """Files that were recordings once; one in ten begins with the head of another container."""
    contents = [np.frombuffer(path.read_bytes(), np.uint8) for path in originals]
    for number in range(n):
        which = number % len(originals)
        data = contents[which].copy()
        for mutate in rng.choice(len(MUTATIONS), rng.integers(1, 4)):
            data = MUTATIONS[mutate](data, rng) if len(data) else data
        if rng.random() < 0.1:
            other = contents[rng.integers(len(contents))]
            data = np.concatenate([other[: rng.integers(1, 300)], data])
        (folder / f"{number:06}{originals[which].suffix}").write_bytes(data.tobytes())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument(
        "--keep", action="store_true", help="leave the files of crashes in the working directory"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "mutants")
        folder.mkdir()
        originals = write_originals(Path(temporary))
        write_mutants(folder, originals, arguments.files, np.random.default_rng(arguments.seed))
        inputs = find_inputs([str(folder)])
        task = AnalysisTask(
            "slim", "cpu", 1, destination=Destination(Path(temporary, "out"), ("json",), True)
        )
        start, ends, faults = time.perf_counter(), Counter[str](), []
        for outcome in run(inputs, ProcessExecutor(task, arguments.jobs, TIMEOUT_S)):  # type: ignore[arg-type]
            if not isinstance(outcome.result, SwishError):
                warned = outcome.result.answers[0].classification.warnings
                ends["read, with a warning" if warned else "read"] += 1
            elif any(
                word in str(outcome.result) for word in ("worker process", "unexpectedly", "longer", "memory")
            ):
                faults.append(f"{outcome.result}")
                if arguments.keep:
                    Path(f"fuzz-{arguments.seed}-{outcome.input.name}").write_bytes(
                        Path(outcome.input.path).read_bytes()
                    )
            else:
                ends["refused in a sentence"] += 1
        seconds = time.perf_counter() - start
        names = ", ".join(path.suffix for path in originals)
        print(f"{arguments.files} files of {len(originals)} containers ({names}) in {seconds:.0f} s")
        for end, count in ends.most_common():
            print(f"{count:7}  {end}")
        print(f"{len(faults):7}  crashed, hung or failed unexpectedly", *faults, sep="\n         ")
        lost = arguments.files - ends.total() - len(faults)
        print(f"{lost:7}  lost")
        sys.exit(bool(faults or lost))


if __name__ == "__main__":
    main()
