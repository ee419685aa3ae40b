"""What teachers say about a crop, and what a student makes of it."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from swishcli.errors import CheckpointError
from swishcli.training.teachers import (
    DistillationConfig,
    Tagger,
    TaggerLessons,
    distillation_loss,
    output_numbers,
)

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
    return Tagger(tagger_file(tmp_path / "tagger.onnx"))


def lessons_of(tagger: Tagger, config: DistillationConfig = CONFIG) -> TaggerLessons:
    """Lessons for positions of 400 samples, four a window."""
    return TaggerLessons(tagger, 6, CLASSES, config, position_samples=400)


def test_a_tagger_scores_the_whole_windows_of_a_crop(tagger: Tagger) -> None:
    samples = np.concatenate([np.full(WINDOW, level, np.float32) for level in (1, -1, 0, 1)])[:-400]
    scores = tagger.scores(samples)
    assert scores.shape == (4, 3)
    assert (scores > 0.5).tolist() == [[True, False, False], [False] * 3, [False, True, False], [False] * 3]
    assert tagger.scores(samples[: WINDOW - 1]).shape == (4, 0)


def test_a_tagger_speaks_for_a_class_where_its_best_one_is_the_labels(tagger: Tagger) -> None:
    scores = torch.tensor([[[0.9, 0.1, 0.01], [0.0, 0.1, 0.01], [0.0, 0.8, 0.01], [0.1, 0.0, 0.01]]])
    labels = torch.tensor([[0] * 4 + [0, 0, 1, 1] + [2] * 7])
    soft = lessons_of(tagger).class_targets(scores, labels)
    assert soft.shape == (1, 3, 15)
    heeded = soft.sum(dim=1)[0]
    assert heeded[:4].tolist() == pytest.approx([1.0] * 4)
    # It hears music where the label is speech, then agrees; has no high score; and has not heard the rest.
    assert heeded[4:].tolist() == pytest.approx([0, 0, 1, 1] + [0] * 7)
    assert soft[0, 0, 0] == pytest.approx(0.9, abs=0.01)


def test_a_temperature_softens_a_tagger(tagger: Tagger) -> None:
    scores, labels = torch.tensor([[[0.9], [0.0], [0.1], [0.0]]]), torch.zeros(1, 4, dtype=torch.long)
    warm = DistillationConfig(temperature=3.0, outputs=CONFIG.outputs)
    hard, soft = (lessons_of(tagger, c).class_targets(scores, labels)[0, 0, 0] for c in (CONFIG, warm))
    assert 0.5 < soft < hard


def test_scores_are_learnt_from_the_average_over_their_window(tagger: Tagger) -> None:
    lessons = lessons_of(tagger)
    fused = torch.randn(2, 6, 10, generator=torch.Generator().manual_seed(0))  # two windows and a half
    scores = torch.rand(2, 4, 2, generator=torch.Generator().manual_seed(1))
    logits = torch.stack([lessons.head(fused)[..., i : i + 4].mean(-1) for i in (0, 4)], dim=-1)
    expected = torch.nn.functional.binary_cross_entropy_with_logits(logits, scores)
    torch.testing.assert_close(lessons.score_loss(fused, scores), expected)
    assert lessons.score_loss(fused, scores[..., :0]) == 0


def test_a_tagger_travels_to_another_process(tagger: Tagger) -> None:
    samples = np.ones(WINDOW, np.float32)
    expected = tagger.scores(samples)
    copy = pickle.loads(pickle.dumps(tagger))
    np.testing.assert_array_equal(copy.scores(samples), expected)
    assert copy.digest == tagger.digest


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_opens_a_session_of_its_own(tagger: Tagger, monkeypatch: pytest.MonkeyPatch) -> None:
    tagger.scores(np.ones(WINDOW, np.float32))
    own = tagger._session
    assert tagger._session is own
    monkeypatch.setattr(os, "getpid", lambda: -1)  # what a fork changes
    assert tagger._session is not own


def test_a_tagger_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    path = tagger_file(tmp_path / "tagger.onnx")
    with pytest.raises(CheckpointError, match="cannot teach the class 'cat'"):
        TaggerLessons(Tagger(path), 6, ("speech", "cat"), CONFIG, 400)
    with pytest.raises(CheckpointError, match="has only 4 outputs"):
        lessons_of(Tagger(path), DistillationConfig(outputs=CONFIG.outputs | {"music": [4]}))
    with pytest.raises(CheckpointError, match=r"tagger\.onnx: is no graph"):
        Tagger(tagger_file(path, ["batch", WINDOW]))
    path.write_bytes(b"no graph")
    with pytest.raises(CheckpointError, match=r"tagger\.onnx: has an ONNX graph that cannot be used"):
        Tagger(path)
    with pytest.raises(CheckpointError, match=r"missing\.onnx: cannot be read"):
        Tagger(tmp_path / "missing.onnx")


@pytest.mark.parametrize(
    "nonsense",
    [
        {"weight": -1.0},
        {"score_weight": -1.0},
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
