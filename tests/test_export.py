"""Models for other programs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import soundfile
import torch

from swishcli.checkpoint import load_checkpoint
from swishcli.engines import OnnxEngine
from swishcli.export import export_onnx
from swishcli.features import FrontEndConfig, mfcc
from swishcli.torch_features import TorchMfcc


@pytest.mark.parametrize("n_samples", [1, 160, 161, 5000])
def test_the_front_end_as_convolutions_is_the_front_end(n_samples: int) -> None:
    config = FrontEndConfig()
    samples = np.random.default_rng(0).normal(0, 0.1, n_samples).astype(np.float32)
    given = TorchMfcc(config, convolutional=True)(torch.from_numpy(samples)[None])[0].T
    np.testing.assert_allclose(given, mfcc(samples, config), atol=1e-3)


@pytest.mark.parametrize("with_front_end", [False, True])
def test_an_exported_graph_gives_the_engines_logits_and_says_what_it_is(
    tiny_model: Path, samples: Path, tmp_path: Path, with_front_end: bool
) -> None:
    checkpoint = load_checkpoint(tiny_model)
    export_onnx(checkpoint, tmp_path / "model.onnx", with_front_end)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    recording = soundfile.read(samples / "speech-en.flac", dtype="float32")[0]
    features = np.ascontiguousarray(mfcc(recording, checkpoint.front_end).T[None])
    fed = {"samples": recording[None]} if with_front_end else {"features": features}
    np.testing.assert_allclose(session.run(None, fed)[0], OnnxEngine(checkpoint)(features).logits, atol=2e-3)
    described = json.loads(session.get_modelmeta().custom_metadata_map["swish"])
    assert described["classes"] == list(checkpoint.classes)
    assert described["front_end"]["hop_length"] == checkpoint.front_end.hop_length
