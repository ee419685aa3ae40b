"""What teachers say about a crop, and what a student makes of it."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from swishcli.errors import CheckpointError
from swishcli.training.teachers import DistillationConfig, Tagger, distillation_loss, output_numbers

WINDOW = 1600
CLASSES = ("speech", "music", "noise")
CONFIG = DistillationConfig(temperature=1.0, outputs={"speech": [0], "music": ["1-2"], "noise": [3]})


def tagger_file(path: Path, shape: list[Any] | None = None, bias: float = -5) -> Path:
    """A tagger whose output 0 is high for samples above 0, output 2 for those below; else all are alike."""
    weights = np.zeros((WINDOW, 4), np.float32)
    weights[:, 0], weights[:, 2] = 20 / WINDOW, -20 / WINDOW
    graph = helper.make_graph(
        [
            helper.make_node("Gemm", ["samples", "weights", "bias"], ["logits"]),
            helper.make_node("Sigmoid", ["logits"], ["scores"]),
        ],
        "tagger",
        [helper.make_tensor_value_info("samples", TensorProto.FLOAT, shape or [1, WINDOW])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 4])],
        [
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(np.full(4, bias, np.float32), "bias"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, path)
    return path


@pytest.fixture
def tagger(tmp_path: Path) -> Tagger:
    return Tagger(tagger_file(tmp_path / "tagger.onnx"), CONFIG, CLASSES)


def test_a_tagger_speaks_for_the_positions_of_its_whole_windows(tagger: Tagger) -> None:
    samples = np.concatenate([np.full(WINDOW, level, np.float32) for level in (1, -1, 0, 1)])[:-400]
    soft = tagger.soft_targets(samples, position_samples=400)
    assert soft.shape == (3, 15)
    assert soft.argmax(axis=0)[:8].tolist() == [0] * 4 + [1] * 4
    np.testing.assert_allclose(soft[:, :8].sum(axis=0), 1, atol=2e-3)
    assert not soft[:, 8:].any()  # no score is high in the third window, and the fourth is not whole


def test_a_temperature_softens_a_tagger(tmp_path: Path) -> None:
    path, samples = tagger_file(tmp_path / "tagger.onnx"), np.ones(WINDOW, np.float32)
    warm = DistillationConfig(temperature=3.0, outputs=CONFIG.outputs)
    hard, soft = (Tagger(path, c, CLASSES).soft_targets(samples, WINDOW)[0, 0] for c in (CONFIG, warm))
    assert 0.5 < soft < hard


def test_a_tagger_travels_to_another_process(tagger: Tagger) -> None:
    samples = np.ones(WINDOW, np.float32)
    copy = pickle.loads(pickle.dumps(tagger))
    np.testing.assert_array_equal(copy.soft_targets(samples, 400), tagger.soft_targets(samples, 400))
    assert copy.digest == tagger.digest


def test_a_tagger_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    path = tagger_file(tmp_path / "tagger.onnx")
    with pytest.raises(CheckpointError, match="cannot teach the class 'cat'"):
        Tagger(path, CONFIG, ("speech", "cat"))
    with pytest.raises(CheckpointError, match="has only 4 outputs"):
        Tagger(path, DistillationConfig(outputs={"speech": [0], "music": [4]}), ("speech", "music"))
    with pytest.raises(CheckpointError, match=r"tagger\.onnx: is no graph"):
        Tagger(tagger_file(path, ["batch", WINDOW]), CONFIG, CLASSES)
    path.write_bytes(b"no graph")
    with pytest.raises(CheckpointError, match=r"tagger\.onnx: has an ONNX graph that cannot be used"):
        Tagger(path, CONFIG, CLASSES)
    with pytest.raises(CheckpointError, match=r"missing\.onnx: cannot be read"):
        Tagger(tmp_path / "missing.onnx", CONFIG, CLASSES)


@pytest.mark.parametrize(
    "nonsense",
    [
        {"weight": -1.0},
        {"temperature": 0.0},
        {"outputs": 3},
        {"outputs": {"speech": []}},
        {"outputs": {"speech": ["a-b"]}},
        {"outputs": {"speech": ["7-5"]}},
    ],
    ids=str,
)
def test_a_distillation_that_makes_no_sense_is_refused(nonsense: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        DistillationConfig(**nonsense)


def test_outputs_are_numbers_and_ranges() -> None:
    assert output_numbers([0, "2-4", "9"]) == [0, 2, 3, 4, 9]


def test_a_student_is_drawn_to_its_teacher_where_that_has_an_opinion() -> None:
    soft = torch.tensor([[[0.8, 0.0], [0.2, 0.0]]])
    logits = torch.zeros(1, 2, 2, requires_grad=True)
    loss = distillation_loss(logits, soft)
    assert loss.item() == pytest.approx(np.log(2))
    loss.backward()
    assert logits.grad is not None
    torch.testing.assert_close(logits.grad, torch.tensor([[[-0.3, 0.0], [0.3, 0.0]]]))
    assert distillation_loss(logits, torch.zeros_like(soft)).item() == 0
