"""From labelled folders to a model: what is taught, and that a run can be repeated and resumed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_teachers import tagger_file
from training_data import CLEAN, PITCHES, folder_of, tone

import swishcli
from swishcli.architecture import NetworkConfig
from swishcli.checkpoint import Checkpoint, load_checkpoint
from swishcli.errors import CheckpointError, DataError
from swishcli.training.cache import CachedRecording
from swishcli.training.datasets import class_order, find_items
from swishcli.training.loop import EpochResult, TrainingConfig
from swishcli.training.recipe import Recipe
from swishcli.training.run import TrainingRun

torch.set_num_threads(1)


class Silent:
    """Observes a run, and may end it."""

    def __init__(self, stop_after_epoch: int = 0, stop_in_epoch: int = 0) -> None:
        self.stop_after_epoch, self.stop_in_epoch = stop_after_epoch, stop_in_epoch
        self.results: list[EpochResult] = []
        self.decoded = 0

    def on_decoded(self) -> None:
        self.decoded += 1

    def on_start(
        self,
        recipe: Recipe,
        classes: Sequence[str],
        train: Sequence[CachedRecording],
        val: Sequence[CachedRecording],
    ) -> None:
        self.recipe, self.train, self.val = recipe, train, val

    def on_batch(self, epoch: int, batch: int, batches: int, loss: float) -> None:
        if epoch == self.stop_in_epoch and batch == batches // 2:
            raise KeyboardInterrupt

    def on_epoch(self, result: EpochResult, best: bool) -> None:
        self.results.append(result)
        if result.epoch == self.stop_after_epoch:
            raise KeyboardInterrupt


RECIPE = Recipe(
    network=NetworkConfig(audible=True, width=4, strides=(2, 2, 2), dropout=0.1),
    training=TrainingConfig(epochs=2, epoch_s=70, batch_s=4, crop_s=(1.0, 2.0), learning_rate=0.02),
    mixing=replace(CLEAN, background=0.2, synthetic=0.1, noise_floor=0.3, codec=0.05),
)


def train(
    folder: Path,
    output: Path,
    cache: Path,
    observer: Silent | None = None,
    recipe: Recipe = RECIPE,
    **options: Any,
) -> Checkpoint:
    options = {"device": torch.device("cpu"), "workers": 0, "cache": cache} | options
    return TrainingRun(folder, output, recipe, observer=observer or Silent(), **options)()


def bits(checkpoint: Checkpoint) -> dict[str, bytes]:
    return {name: weight.tobytes() for name, weight in checkpoint.weights.items()}


@pytest.fixture(scope="module")
def trained(folder: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("trained") / "model.safetensors"
    train(folder, path, cache, command="swish train data")
    return path


def test_a_short_training_does_better_than_chance(trained: Path) -> None:
    assert load_checkpoint(trained).provenance.validation_1s_windows.macro_recall > 0.6


def test_a_trained_model_runs_without_torch(trained: Path, folder: Path) -> None:
    from swishcli.engines import OnnxEngine

    model = swishcli.load(trained, "cpu", threads=1)
    assert isinstance(model._engine, OnnxEngine)
    assert model.classes == ("speech", "music", "noise")
    right = [model.classify(item.path).label == item.label for item in find_items(folder)]
    assert np.mean(right) > 0.6


def test_a_checkpoint_says_how_it_came_about(trained: Path) -> None:
    provenance = load_checkpoint(trained).provenance
    assert provenance.command == "swish train data"
    assert (provenance.seed, provenance.epochs_run) == (0, 2)
    assert provenance.training["batch_s"] == 4
    assert set(provenance.validation_1s_windows.recall) == set(PITCHES)
    assert len(provenance.data.sha256) == 64
    assert {"swish", "torch", "numpy"} <= provenance.versions.keys()
    assert not trained.with_name(trained.name + ".state").exists()


@pytest.mark.parametrize("options", [{}, {"workers": 1}], ids=["again", "crops from another process"])
def test_the_same_seed_gives_the_same_weights(
    trained: Path, folder: Path, cache: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    assert bits(train(folder, tmp_path / "m.safetensors", cache, **options)) == bits(load_checkpoint(trained))


def test_another_seed_gives_other_weights(trained: Path, folder: Path, cache: Path, tmp_path: Path) -> None:
    other = replace(RECIPE, training=replace(RECIPE.training, seed=1, epoch_s=8))
    assert bits(train(folder, tmp_path / "m.safetensors", cache, recipe=other)) != bits(
        load_checkpoint(trained)
    )


@pytest.mark.parametrize("stop", [{"stop_after_epoch": 1}, {"stop_in_epoch": 2}], ids=["after", "within"])
def test_a_run_that_is_resumed_ends_with_the_weights_of_one_that_never_stopped(
    trained: Path, folder: Path, cache: Path, tmp_path: Path, stop: dict[str, int]
) -> None:
    output, observer = tmp_path / "m.safetensors", Silent()
    with pytest.raises(KeyboardInterrupt):
        train(folder, output, cache, Silent(**stop))
    assert load_checkpoint(output).provenance.epochs_run == 1
    resumed = train(folder, output, cache, observer, resume=True)
    assert [r.epoch for r in observer.results] == [2]
    assert bits(resumed) == bits(load_checkpoint(trained))
    result = load_checkpoint(trained).provenance.validation_1s_windows
    assert resumed.provenance.validation_1s_windows == result


def test_a_run_stopped_within_its_first_epoch_leaves_a_model(
    folder: Path, cache: Path, tmp_path: Path
) -> None:
    output = tmp_path / "m.safetensors"
    with pytest.raises(KeyboardInterrupt):
        train(folder, output, cache, Silent(stop_in_epoch=1))
    assert [p.name for p in tmp_path.iterdir()] == ["m.safetensors"]
    assert swishcli.load(output, "cpu", threads=1).segment(tone(500, 1)).duration == 1
    assert load_checkpoint(output).provenance.validation_1s_windows is None
    with pytest.raises(CheckpointError, match="nothing to resume: no epoch of it has ended"):
        train(folder, output, cache, resume=True)


def test_a_run_resumes_only_its_own_state(folder: Path, cache: Path, tmp_path: Path) -> None:
    output = tmp_path / "m.safetensors"
    with pytest.raises(CheckpointError, match="nothing to resume: no epoch of it has ended"):
        train(folder, output, cache, resume=True)
    state = output.with_name("m.safetensors.state")
    state.write_bytes(b"no state")
    with pytest.raises(CheckpointError, match="is not a training state that can be resumed"):
        train(folder, output, cache, resume=True)
    short = replace(RECIPE, training=replace(RECIPE.training, epoch_s=8))
    with pytest.raises(KeyboardInterrupt):
        train(folder, output, cache, Silent(stop_after_epoch=1), short)
    with pytest.raises(CheckpointError, match=r"with \[training\] epoch_s = 8 instead of 70$"):
        train(folder, output, cache, recipe=RECIPE, resume=True)
    fewer = folder_of(tmp_path / "fewer", PITCHES, n=2)
    with pytest.raises(CheckpointError, match="it is of a run with other recordings, labels or splits"):
        train(fewer, output, cache, recipe=short, resume=True)


def test_a_run_that_has_ended_is_not_resumed_and_decodes_nothing_to_say_so(
    trained: Path, folder: Path, cache: Path
) -> None:
    observer = Silent()
    with pytest.raises(CheckpointError, match="nothing to resume: its training has ended"):
        train(folder, trained, cache, observer, resume=True)
    assert observer.decoded == 0


REPEATED = replace(RECIPE, training=replace(RECIPE.training, epochs=3, epoch_s=12, fresh_epochs=1))


def test_epochs_that_see_crops_again_keep_them(folder: Path, tmp_path: Path) -> None:
    cache, output = tmp_path / "cache", tmp_path / "m.safetensors"
    first = train(folder, output, cache, recipe=REPEATED)
    kept = {path: path.read_bytes() for path in cache.glob("crops-*/*.npz")}
    assert sorted(path.name for path in kept) == ["1-0.npz", "1-1.npz", "1-2.npz"]
    for path in kept:
        path.touch()
    times = [path.stat().st_mtime_ns for path in kept]
    assert bits(train(folder, output, cache, recipe=REPEATED)) == bits(first)
    assert [path.stat().st_mtime_ns for path in kept] == times
    other = replace(REPEATED, mixing=replace(REPEATED.mixing, clipping=0.5))
    assert bits(train(folder, output, cache, recipe=other)) != bits(first)
    assert {path: path.read_bytes() for path in kept} == kept


TAUGHT = replace(
    RECIPE,
    training=replace(RECIPE.training, epochs=1, epoch_s=12),
)


def test_teachers_change_what_is_learnt_and_are_named(
    trained: Path, folder: Path, cache: Path, tmp_path: Path
) -> None:
    output = tmp_path / "m.safetensors"
    alone = train(folder, output, cache, recipe=TAUGHT)
    tagger = str(tagger_file(tmp_path / "tagger.onnx", bias=0.0))
    weights = [bits(alone)]
    for teachers in ([str(trained)], [tagger], [str(trained), tagger]):
        taught = train(folder, output, cache, recipe=TAUGHT, teachers=teachers)
        assert taught.provenance.teachers == tuple(Path(name).name for name in teachers)
        weights.append(bits(taught))
    assert all(a != b for i, a in enumerate(weights) for b in weights[:i])
    with pytest.raises(DataError, match="only one of the teachers can be an audio tagger"):
        train(folder, output, cache, recipe=TAUGHT, teachers=[tagger, tagger])


def test_a_model_of_other_classes_cannot_teach(trained: Path, cache: Path, tmp_path: Path) -> None:
    other = folder_of(tmp_path / "data", {"dog": 400, "music": 1500})
    with pytest.raises(CheckpointError, match="cannot teach: its classes, front end or output stride"):
        train(other, tmp_path / "m.safetensors", cache, recipe=RECIPE, teachers=[str(trained)])


QUICK = replace(RECIPE, training=replace(RECIPE.training, epochs=1, epoch_s=8))


@pytest.mark.parametrize(
    "pitches",
    [{"dog": 400, "cat": 1000}, {"a": 300, "b": 800, "speech": 2000, "c d": 5000}],
    ids=["two classes", "four classes"],
)
def test_any_classes_can_be_trained(cache: Path, tmp_path: Path, pitches: dict[str, int]) -> None:
    checkpoint = train(folder_of(tmp_path / "data", pitches), tmp_path / "m.safetensors", cache, recipe=QUICK)
    assert checkpoint.classes == class_order(pitches)
    model = swishcli.load(tmp_path / "m.safetensors", "cpu", threads=1)
    assert model.classify(tone(400, 1)).label in pitches


def test_training_can_start_from_a_model_of_other_classes(trained: Path, cache: Path, tmp_path: Path) -> None:
    still = replace(QUICK, training=replace(QUICK.training, learning_rate=0.0, weight_decay=0.0))
    other = folder_of(tmp_path / "data", {"dog": 400, "music": 1500})
    observer = Silent()
    started = train(other, tmp_path / "m.safetensors", cache, observer, still, init_from=str(trained))
    initial = load_checkpoint(trained)
    assert observer.recipe.front_end == initial.front_end
    assert started.classes == ("music", "dog")
    head = started.weights["head.weight"]
    assert head.shape == (2, 2, 1)
    head = head * started.provenance.validation_1s_windows.temperature
    np.testing.assert_allclose(head[0], initial.weights["head.weight"][1], rtol=1e-5)  # both know music
    audible = started.weights["audible.weight"]
    np.testing.assert_allclose(audible[0], initial.weights["audible.weight"][1], rtol=1e-5)
    trunk = "stages.0.gated.conv.weight"
    np.testing.assert_allclose(started.weights[trunk], initial.weights[trunk], rtol=1e-6)


def test_a_bad_file_does_not_stop_the_training(
    cache: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = folder_of(tmp_path / "data", PITCHES)
    (folder / "music" / "bad.wav").write_bytes(b"no recording")
    observer = Silent()
    few = replace(QUICK, training=replace(QUICK.training, max_unreadable=0.08))
    train(folder, tmp_path / "m.safetensors", cache, observer, few)
    assert len(observer.train) + len(observer.val) == 12
    assert observer.decoded == 13
    assert "bad.wav" in caplog.text
    with pytest.raises(DataError, match="1 of 13 recordings cannot be read; more than 5 % are taken for"):
        train(folder, tmp_path / "m.safetensors", cache, recipe=QUICK)


@pytest.mark.parametrize("lost", [["music"], list(PITCHES)], ids=["a class", "everything"])
def test_a_class_of_nothing_but_bad_files_is_an_error(cache: Path, tmp_path: Path, lost: list[str]) -> None:
    folder = folder_of(tmp_path / "data", PITCHES)
    for label in lost:
        for path in (folder / label).iterdir():
            path.write_bytes(b"no recording")
    any_share = replace(QUICK, training=replace(QUICK.training, max_unreadable=1.0))
    with pytest.raises(DataError, match=r"the class '(speech|music)' has no recordings"):
        train(folder, tmp_path / "m.safetensors", cache, recipe=any_share)
    assert not (tmp_path / "m.safetensors").exists()


def test_crops_need_not_be_whole_output_positions(folder: Path, cache: Path, tmp_path: Path) -> None:
    odd = replace(QUICK, training=replace(QUICK.training, crop_s=(0.81, 0.82)))
    train(folder, tmp_path / "m.safetensors", cache, recipe=odd)


@pytest.mark.parametrize("output_stride", [1, 256])
def test_a_network_of_any_output_stride_can_be_trained(
    folder: Path, cache: Path, tmp_path: Path, output_stride: int
) -> None:
    network = NetworkConfig(width=4, output_stride=output_stride)
    checkpoint = train(folder, tmp_path / "m.safetensors", cache, recipe=replace(QUICK, network=network))
    assert checkpoint.network.output_stride == output_stride


def test_impulse_responses_that_are_not_there_are_an_error(folder: Path, cache: Path, tmp_path: Path) -> None:
    for rooms in (tmp_path, tmp_path / "missing"):
        with pytest.raises(DataError, match=f"{rooms}: holds no impulse responses"):
            train(folder, tmp_path / "m.safetensors", cache, recipe=QUICK, rooms=rooms)
