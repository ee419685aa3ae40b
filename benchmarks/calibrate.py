"""Calibrate models anew on the validation recordings of a corpus, as training does at its end.

    python benchmarks/calibrate.py ../shared/corpus/MANIFEST.tsv weights/slim.safetensors ...

For models trained before there were biases. A model that is calibrated already stays as it is, within rounding.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from swishcli.checkpoint import Checkpoint, load_checkpoint
from swishcli.network import network_of, to_onnx
from swishcli.training.cache import default_cache, load_recordings
from swishcli.training.datasets import VAL, find_items
from swishcli.training.validation import NetworkEngine, apply_calibration, validate


def calibrated(checkpoint: Checkpoint, manifest: Path) -> Checkpoint:
    """The checkpoint with posteriors that are right as often as they say."""
    front_end, network = checkpoint.front_end, network_of(checkpoint)
    items = [item for item in find_items(manifest) if item.split == VAL]
    recordings = load_recordings(items, front_end.sample_rate, front_end.hop_length, default_cache())
    recalls, found = validate(NetworkEngine(network, torch.device("cpu")), checkpoint, recordings)
    print(f"  recall {np.mean(recalls):.4f}, {found}")
    apply_calibration(network, found)
    result = checkpoint.provenance.validation_1s_windows
    assert result is not None
    biases = dict.fromkeys(checkpoint.classes, 0.0) | dict(result.biases)
    result = replace(
        result,
        temperature=result.temperature * found.temperature,
        biases={
            name: biases[name] / found.temperature + bias
            for name, bias in zip(checkpoint.classes, found.biases, strict=True)
        },
    )
    return replace(
        checkpoint,
        weights={name: weight.numpy() for name, weight in network.state_dict().items()},
        onnx=to_onnx(network),
        provenance=replace(checkpoint.provenance, validation_1s_windows=result),
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("manifest", type=Path)
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL")
    arguments = parser.parse_args()
    for path in arguments.models:
        print(path)
        calibrated(load_checkpoint(path), arguments.manifest).save(path)


if __name__ == "__main__":
    main()
