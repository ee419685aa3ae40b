"""A checkpoint holds everything a model needs, or is refused with a sentence; nothing is ever unpickled."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch_file

from swishcli.architecture import NetworkConfig
from swishcli.checkpoint import (
    Checkpoint,
    DataProvenance,
    Provenance,
    Source,
    ValidationResult,
    find_model,
    load_checkpoint,
    shipped_models,
)
from swishcli.errors import CheckpointError, OutputError
from swishcli.features import FrontEndConfig
from swishcli.smoothing import SmoothingConfig

Description = dict[str, Any]

NETWORK = NetworkConfig(
    n_features=13, n_classes=2, width=4, strides=(3, 2), output_stride=3, causal=True, dropout=0.1
)


def made_up() -> Checkpoint:
    """A checkpoint in which nothing has its default value."""
    generator = np.random.default_rng(0)
    weights = {
        name: np.int64(7) if shape == () else generator.standard_normal(shape, dtype=np.float32)
        for name, shape in NETWORK.weight_shapes.items()
    }
    return Checkpoint(
        classes=("Vögel", "two words"),
        front_end=FrontEndConfig(sample_rate=8000, f_max=4000, n_mfcc=13, amin=1e-9),
        network=NETWORK,
        smoothing=SmoothingConfig(1.5, 0.25, -50.0, 0.75),
        weights=weights,
        onnx=b"\0graph\xff",
        provenance=Provenance(
            command="swish train a",
            seed=3,
            training={"crop_s": [1, 2.5]},
            teachers=("b.onnx",),
            validation_1s_windows=ValidationResult(4, 0.1 + 0.2, {"Vögel": 0.5, "two words": 0.1}, 0.7),
            data=DataProvenance(
                "ab", (Source("Vögel", "a", None, 1.5),), (Source("Vögel", "b", "MIT", 2.0),)
            ),
            versions={"swish": "0.1"},
        ),
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A checkpoint on the disk."""
    made_up().save(tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


def refusal(path: str | Path) -> str:
    """What is said about a file that is no checkpoint; one line that starts with its name."""
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
    name, _, reason = str(caught.value).partition(": ")
    assert name == str(path)
    assert "\n" not in reason
    return reason


def rewrite(path: Path, change: Callable[[Description, dict[str, np.ndarray]], object]) -> None:
    """Change the description and the tensors of a checkpoint in place."""
    with safe_open(path, "np") as file:
        description = json.loads(file.metadata()["swish"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    change(description, tensors)
    save_file(tensors, path, {"swish": json.dumps(description)})


@pytest.mark.parametrize("onnx", [b"\0graph\xff", b""])
def test_what_is_saved_is_loaded_bit_for_bit(tmp_path: Path, onnx: bytes) -> None:
    saved = replace(made_up(), onnx=onnx)
    saved.save(tmp_path / "model.safetensors")
    loaded = load_checkpoint(tmp_path / "model.safetensors")
    assert replace(loaded, weights={}) == replace(saved, weights={})
    assert loaded.weights.keys() == saved.weights.keys()
    for name, weight in saved.weights.items():
        assert loaded.weights[name].dtype == weight.dtype
        assert loaded.weights[name].tobytes() == weight.tobytes()


def test_weights_that_are_no_contiguous_arrays_are_saved_as_they_are(tmp_path: Path) -> None:
    straight = made_up()
    name = "stages.0.gated.conv.weight"
    turned = np.asfortranarray(straight.weights[name])
    replace(straight, weights=straight.weights | {name: turned}).save(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(load_checkpoint(tmp_path / "model.safetensors").weights[name], turned)


@pytest.mark.parametrize("share", [0, 0.001, 0.5, 0.999])
def test_a_truncated_file_is_refused(path: Path, share: float) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    assert "not a readable safetensors file" in refusal(path)


def test_a_file_that_is_not_there_or_a_folder_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.safetensors") == "no such model file"
    assert refusal(tmp_path) == "no such model file"


def test_a_safetensors_file_of_something_else_is_refused(path: Path) -> None:
    save_file({"a": np.zeros(3)}, path)
    assert refusal(path) == "is a safetensors file but not a swish model"


def test_a_safetensors_file_of_a_type_that_numpy_lacks_is_refused(path: Path) -> None:
    save_torch_file({"a": torch.zeros(3, dtype=torch.bfloat16)}, path)
    assert refusal(path) == "is a safetensors file but not a swish model"
    save_torch_file({"a": torch.zeros(3, dtype=torch.bfloat16)}, path, {"swish": "{}"})
    refusal(path)  # why depends on whether a package has taught NumPy the type


def test_another_format_version_is_named(path: Path) -> None:
    rewrite(path, lambda description, _: description.update(format_version=2))
    assert refusal(path) == "has format version 2, this swish reads version 1"


CHANGES: dict[str, Callable[[Description], object]] = {
    "no version": lambda d: d.pop("format_version"),
    "no classes": lambda d: d.pop("classes"),
    "no network": lambda d: d.pop("network"),
    "a network that is none": lambda d: d.update(network=[1]),
    "strides that are none": lambda d: d["network"].update(strides="22"),
    "an impossible network": lambda d: d["network"].update(width=5),
    "thirty stages": lambda d: d["network"].update(strides=[2] * 30),
    "a width in words": lambda d: d["network"].update(width="8"),
    "a width that is no integer": lambda d: d["network"].update(width=8.0),
    "a truth in words": lambda d: d["network"].update(causal="no"),
    "an endless cost": lambda d: d["smoothing"].update(transition_cost=float("inf")),
    "a class without a name": lambda d: d.update(classes=["a", ""]),
    "a class that is a number": lambda d: d.update(classes=["a", 3]),
    "a class named as silence is": lambda d: d.update(classes=["a", "silence"]),
    "two classes of a name": lambda d: d.update(classes=["a", "a"]),
    "a class that colours terminals": lambda d: d.update(classes=["a", "\x1b[31mb"]),
    "a class of two lines": lambda d: d.update(classes=["a", "b\nc"]),
    "a class of two columns": lambda d: d.update(classes=["a", "b\tc"]),
    "a provenance that is none": lambda d: d.update(training=3),
    "an unknown option": lambda d: d["front_end"].update(n_fff=512),
    "an impossible front end": lambda d: d["front_end"].update(hop_length=0),
    "an impossible smoothing": lambda d: d["smoothing"].update(transition_cost=-1),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_description_that_makes_no_sense_is_refused(
    path: Path, change: Callable[[Description], object]
) -> None:
    rewrite(path, lambda description, _: change(description))
    reason = refusal(path)
    assert reason.startswith("has a description that cannot be used: ")
    assert reason.isprintable()


def test_a_provenance_of_other_versions_is_read_as_far_as_it_is_known(path: Path) -> None:
    def change(description: Description, _: object) -> None:
        del description["training"]["command"], description["training"]["data"]["sha256"]
        description["training"]["carbon"] = 3

    rewrite(path, change)
    expected = made_up().provenance
    data = replace(expected.data, sha256="")
    assert load_checkpoint(path).provenance == replace(expected, command="", data=data)
    rewrite(path, lambda description, _: description.update(training={}))
    assert load_checkpoint(path).provenance == Provenance()


def test_the_models_that_ship_say_how_they_came_about() -> None:
    for name, path in shipped_models().items():
        provenance = load_checkpoint(path).provenance
        assert provenance.command.startswith("swish train ")
        # The classic network, over time alone, is the yardstick of the others.
        assert provenance.validation_1s_windows.macro_recall > (0.85 if name == "classic" else 0.9)
        assert sum(source.seconds for source in provenance.data.train) > 3600


@pytest.mark.parametrize("metadata", ["", "{", "[]", "null", '"text"', "3"])
def test_a_description_that_is_no_table_is_refused(path: Path, metadata: str) -> None:
    save_file({"a": np.zeros(3)}, path, {"swish": metadata})
    assert refusal(path).startswith("has a description that cannot be used: ")


@pytest.mark.parametrize(
    ("changed", "shape", "complaint"),
    [
        pytest.param("head.bias", None, "of shape None, its network needs (2,)", id="missing"),
        pytest.param("head.bias", (9,), "of shape (9,), its network needs (2,)", id="of another shape"),
        pytest.param("more", (1,), "of shape (1,), its network needs None", id="left over"),
    ],
)
def test_weights_that_do_not_fit_the_network_are_named(
    path: Path, changed: str, shape: tuple[int, ...] | None, complaint: str
) -> None:
    def change(_: Description, tensors: dict[str, np.ndarray]) -> None:
        tensors.pop(f"network.{changed}", None)
        if shape is not None:
            tensors[f"network.{changed}"] = np.zeros(shape, np.float32)

    rewrite(path, change)
    assert refusal(path) == f"has weights {changed!r} {complaint}"


@pytest.mark.parametrize(
    "change", [{"classes": ["a", "b", "c"]}, {"classes": ["a"]}], ids=["too many", "too few"]
)
def test_as_many_class_names_as_classes_are_needed(path: Path, change: Description) -> None:
    rewrite(path, lambda description, _: description.update(change))
    assert refusal(path) == "has a network that does not fit its classes or its front end"


def test_as_many_coefficients_as_features_are_needed(path: Path) -> None:
    rewrite(path, lambda description, _: description["front_end"].update(n_mfcc=12))
    assert refusal(path) == "has a network that does not fit its classes or its front end"


class Bomb:
    """Leaves a file behind where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


def test_nothing_is_ever_unpickled(tmp_path: Path) -> None:
    mark, path = tmp_path / "mark", tmp_path / "model.safetensors"
    pickle.loads(pickle.dumps(Bomb(mark)))
    assert mark.exists()
    mark.unlink()
    torch.save(Bomb(mark), path)
    assert "not a readable safetensors file" in refusal(path)
    path.write_bytes(pickle.dumps(Bomb(mark)))
    assert "not a readable safetensors file" in refusal(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Bomb(mark)))
    assert "not a readable safetensors file" in refusal(path)
    assert not mark.exists()


def test_a_save_that_fails_leaves_what_was_there_and_nothing_else(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()

    def fill_the_disk(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:1000])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fill_the_disk)
    for target in (path, path.with_name("other.safetensors")):
        with pytest.raises(OutputError, match="No space left on device"):
            made_up().save(target)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_save_where_no_file_can_be_is_refused(tmp_path: Path) -> None:
    for target in (tmp_path, tmp_path / "missing" / "model.safetensors"):
        with pytest.raises(OutputError, match="cannot be written"):
            made_up().save(target)
    assert not list(tmp_path.iterdir())


def test_a_model_is_found_by_its_path_and_else_the_shipped_ones_are_listed(path: Path) -> None:
    assert find_model(str(path)) == path
    with pytest.raises(CheckpointError, match=r"neither a model file nor one of the models"):
        find_model(path.with_name("none.safetensors"))
