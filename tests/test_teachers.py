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
    evidence,
    soft_targets,
)

WINDOW = 1600


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


@pytest.fixture
def lessons(tagger: Tagger) -> TaggerLessons:
    """For positions of 400 samples, four a window."""
    torch.manual_seed(0)
    return TaggerLessons(tagger, 6, 3, window_positions=4.0).eval()


def test_a_tagger_scores_the_whole_windows_of_a_crop(tagger: Tagger) -> None:
    samples = np.concatenate([np.full(WINDOW, level, np.float32) for level in (1, -1, 0, 1)])[:-400]
    scores = tagger.scores(samples)
    assert scores.shape == (4, 3)
    assert (scores > 0.5).tolist() == [[True, False, False], [False] * 3, [False, True, False], [False] * 3]
    assert tagger.scores(samples[: WINDOW - 1]).shape == (4, 0)


def test_scores_of_nothing_are_no_evidence_and_certain_ones_much() -> None:
    found = evidence(torch.tensor([0.0, 0.002, 0.5, 1.0]))
    assert found[0] == 0
    assert found[1:].tolist() == pytest.approx([0.69, 6.2, 12.4], abs=0.1)


def test_an_opinion_is_of_the_positions_in_whole_windows(lessons: TaggerLessons) -> None:
    scores = torch.rand(2, 4, 3, generator=torch.Generator().manual_seed(1))
    logits = lessons.class_logits(scores, 15)
    assert logits.shape == (2, 3, 12)
    by_window = lessons.opinion(evidence(scores))
    torch.testing.assert_close(logits, by_window.repeat_interleave(4, dim=2))
    assert lessons.class_logits(scores, 7).shape == (2, 3, 7)
    assert lessons.class_logits(scores[..., :0], 3).shape == (2, 3, 0)


def test_a_teacher_is_heeded_where_its_best_class_is_the_labels() -> None:
    logits = torch.tensor([[[3.0, 3.0, 0.0], [0.0, 0.0, 3.0], [0.0, 0.0, 0.0]]])
    soft = soft_targets(logits, torch.tensor([[0, 1, -100, 2]]), temperature=1.0)
    assert soft.sum(dim=1).tolist() == [[pytest.approx(1.0), 0.0, 0.0]]
    warm = soft_targets(logits, torch.tensor([[0, 1, -100, 2]]), temperature=3.0)
    assert 0.5 < warm[0, 0, 0] < soft[0, 0, 0]


def test_scores_are_learnt_from_the_average_over_their_window(lessons: TaggerLessons) -> None:
    fused = torch.randn(2, 6, 10, generator=torch.Generator().manual_seed(0))  # two windows and a half
    scores = torch.rand(2, 4, 2, generator=torch.Generator().manual_seed(1))
    given = torch.stack([lessons.scores(fused)[..., i : i + 4].mean(-1) for i in (0, 4)], dim=-1)
    expected = (given - evidence(scores)).square().mean()
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
    ],
    ids=str,
)
def test_a_distillation_that_makes_no_sense_is_refused(nonsense: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        DistillationConfig(**nonsense)


def test_a_student_is_drawn_to_its_teacher_where_that_has_an_opinion() -> None:
    soft = torch.tensor([[[0.8, 0.0], [0.2, 0.0]]])
    logits = torch.zeros(1, 2, 2, requires_grad=True)
    loss = distillation_loss(logits, soft)
    assert loss.item() == pytest.approx(np.log(2))
    loss.backward()
    assert logits.grad is not None
    torch.testing.assert_close(logits.grad, torch.tensor([[[-0.3, 0.0], [0.3, 0.0]]]))
    assert distillation_loss(logits, torch.zeros_like(soft)).item() == 0
