"""Whether ONNX Runtime and torch say the same about every validation recording of a corpus.

    python benchmarks/engines.py ../shared/corpus

Prints, for each model, the largest difference of posteriors and how many positions get another label.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from corpus import Corpus

import swishcli
from swishcli.engines import OnnxEngine, TorchEngine
from swishcli.features import mfcc
from swishcli.smoothing import log_softmax


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--model", action="append", help="a name or a file; by default every shipped model")
    arguments = parser.parse_args()
    corpus = Corpus(arguments.corpus)
    for name in arguments.model or swishcli.shipped_models():
        checkpoint = swishcli.load(name).checkpoint
        engines = OnnxEngine(checkpoint), TorchEngine(checkpoint, "cpu")
        worst, other, positions = 0.0, 0, 0
        for item in corpus.val:
            samples = corpus.samples(item.path)
            features = np.ascontiguousarray(mfcc(samples, checkpoint.front_end).T[None])
            first, second = (np.exp(log_softmax(engine(features).logits[0].T)) for engine in engines)
            worst = max(worst, float(np.abs(first - second).max()))
            other += int((first.argmax(1) != second.argmax(1)).sum())
            positions += len(first)
        print(f"{name}: posteriors within {worst:.1e}, {other} of {positions} positions labelled otherwise")


if __name__ == "__main__":
    main()
