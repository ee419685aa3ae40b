"""Whether eight-bit or half-precision graphs would be faster on this processor: time and error of each.

    python benchmarks/precision.py --model wide

Ten minutes of features through ONNX Runtime on one thread, the three graphs taking turns.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers.float16 import convert_float_to_float16

from swishcli.audio import read_audio
from swishcli.checkpoint import find_model, load_checkpoint
from swishcli.engines import open_session
from swishcli.features import mfcc

PROGRAMME = Path(__file__).parents[1] / "samples/programme.flac"
RUNS = 7


def graphs(graph: bytes) -> dict[str, bytes]:
    """The graph, and its copies in fewer bits; inputs and outputs stay single precision."""
    with tempfile.TemporaryDirectory() as folder:
        single, eight = Path(folder, "single.onnx"), Path(folder, "eight.onnx")
        single.write_bytes(graph)
        quantize_dynamic(single, eight, weight_type=QuantType.QUInt8)
        half = convert_float_to_float16(onnx.load(single), keep_io_types=True)
        return {"single": graph, "half": half.SerializeToString(), "8 bits": eight.read_bytes()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="wide")
    checkpoint = load_checkpoint(find_model(parser.parse_args().model))
    samples = np.tile(read_audio(PROGRAMME, checkpoint.front_end.sample_rate), 10)
    features = np.ascontiguousarray(mfcc(samples, checkpoint.front_end).T[None])
    sessions = {name: open_session(g, name, 1) for name, g in graphs(checkpoint.onnx).items()}
    seconds: dict[str, list[float]] = {name: [] for name in sessions}
    logits = {}
    for _ in range(RUNS):
        for name, session in sessions.items():
            start = time.perf_counter()
            logits[name] = session.run(None, {"features": features})[0]
            seconds[name].append(time.perf_counter() - start)
    for name in sessions:
        other = np.mean(logits[name].argmax(1) != logits["single"].argmax(1))
        speed = 600 / statistics.median(seconds[name])
        print(f"{name:<8} {speed:7.0f} × real time, {other:.2%} of the answers another")


if __name__ == "__main__":
    main()
