"""A model as one ONNX file for other programs, checked against torch before it is written.

The file's metadata (key ``swish``) is the checkpoint's description as JSON: class names, front end, network,
smoothing. Batch and time are dynamic. With the front end inside, the graph takes samples
``[batch, n]`` at the model's rate, else MFCC ``[batch, n_mfcc, frames]``; it gives logits
``[batch, classes, positions]`` as ``logits``, of which class a sound is, and as ``audible``, of which classes
can be heard.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch

from swishcli.checkpoint import Checkpoint
from swishcli.errors import SwishError
from swishcli.files import atomic_path
from swishcli.network import Answers, SwishNet, network_of, to_onnx
from swishcli.torch_features import TorchMfcc

TOLERANCE = 1e-3
"""Largest difference of a logit between the exported graph and torch."""


def export_onnx(checkpoint: Checkpoint, path: Path, with_front_end: bool) -> None:
    """Write the model as ONNX.

    Raises
    ------
    SwishError
        If the graph's logits differ from torch's by more than `TOLERANCE`; nothing is written.
    OutputError
        If `path` cannot be written.
    """
    network = network_of(checkpoint).eval()
    if with_front_end:
        front_end = TorchMfcc(checkpoint.front_end, convolutional=True)
        graph = to_onnx(network, front_end, torch.zeros(1, checkpoint.front_end.sample_rate * 4))
    else:
        graph = checkpoint.onnx or to_onnx(network)
    _check(graph, checkpoint, network, with_front_end)
    model = onnx.load_from_string(graph)
    entry = model.metadata_props.add()
    entry.key, entry.value = "swish", json.dumps(checkpoint.description())
    with atomic_path(path) as temporary:
        temporary.write_bytes(model.SerializeToString())


def _check(graph: bytes, checkpoint: Checkpoint, network: SwishNet, with_front_end: bool) -> None:
    """Compare the graph with torch on noise of several lengths and levels."""
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    front_end, answers = TorchMfcc(checkpoint.front_end), Answers(network)
    generator = torch.Generator().manual_seed(0)
    for n in (1, 400, 40_000, 123_457):
        samples = torch.randn(2, n, generator=generator) * torch.tensor([[0.3], [0.003]])
        with torch.inference_mode():
            features = front_end(samples)
            wanted = [answer.numpy() for answer in answers(features)]
        name, value = ("samples", samples) if with_front_end else ("features", features)
        given = session.run(None, {name: value.numpy()})
        for found, right in zip(given, wanted, strict=True):
            if found.shape != right.shape or np.abs(found - right).max() > TOLERANCE:
                raise SwishError("the exported graph does not give torch's logits; nothing was written")
