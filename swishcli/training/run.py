"""A training run, from a data set to a checkpoint: what ``swish train`` does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from swishcli.audio import Samples
from swishcli.checkpoint import Checkpoint, find_model, load_checkpoint
from swishcli.errors import CheckpointError, DataError, display_path
from swishcli.files import recordings_in
from swishcli.network import SwishNet, network_of, to_onnx
from swishcli.training.cache import CachedRecording, load_recordings
from swishcli.training.crops import CropMaker
from swishcli.training.datasets import TRAIN, VAL, class_order, find_items, split_items
from swishcli.training.effects import load_rooms
from swishcli.training.loop import Observer, Trainer
from swishcli.training.provenance import provenance_of
from swishcli.training.recipe import Recipe
from swishcli.training.teachers import Tagger, is_tagger
from swishcli.training.validation import Calibration, apply_calibration

_FINE_TUNING_RATE = 0.25  # of the learning rate: weights that know something are moved with more care


class RunObserver(Observer, Protocol):
    """What a run tells about its way from files to a model."""

    def on_decoded(self) -> None:
        """After every recording that has been decoded or found in the cache."""

    def on_start(
        self,
        recipe: Recipe,
        classes: Sequence[str],
        train: Sequence[CachedRecording],
        val: Sequence[CachedRecording],
    ) -> None:
        """Before the first batch."""


class TrainingRun:
    """A training run: data set, recipe, and the file its model goes to.

    Parameters
    ----------
    data : Path
        Folder, manifest or labels over time, see `swishcli.training.datasets`.
    output : Path
        The checkpoint to write. ``<output>.state`` beside it holds what `resume` needs.
    labelled : Path, optional
        Folder of the recordings that labels over time are of, if neither beside them nor where they say.
    rooms : Path, optional
        Folder of measured impulse responses.
    init_from : str, optional
        Model to start from. Front end and network are then its own, the classes those of the data; with labels over
        time, which may well be of some classes alone, its own too.
    teachers : sequence of str
        Models, by name or file, and at most one audio tagger, an ONNX file.
    command : str
        Recorded in the checkpoint.

    Raises
    ------
    DataError
        If the data, the recipe or the folder of impulse responses cannot be used.
    CheckpointError
        If the model to start from, or the state to resume, cannot be used.
    """

    def __init__(
        self,
        data: Path,
        output: Path,
        recipe: Recipe,
        *,
        device: torch.device,
        workers: int,
        cache: Path,
        observer: RunObserver,
        labelled: Path | None = None,
        rooms: Path | None = None,
        init_from: str | None = None,
        teachers: Sequence[str] = (),
        resume: bool = False,
        command: str = "",
    ) -> None:
        self._output, self._observer = output, observer
        self._command, self._teachers = command, teachers
        if resume and not self.state_path.exists():
            ended = output.exists() and load_checkpoint(output).provenance.epochs_run > 0
            reason = "its training has ended" if ended else "no epoch of it has ended"
            raise CheckpointError(output, f"there is nothing to resume: {reason}")
        items = split_items(find_items(data, labelled), recipe.training.seed)
        labels = frozenset().union(*(item.labels for item in items))
        initial = load_checkpoint(find_model(init_from)) if init_from else None
        classes = _classes(labels, initial if items[0].segments else None)
        self.recipe = _fitted(recipe, len(classes), initial)
        front_end = self.recipe.front_end
        tagger, networks = _teachers(teachers, self.recipe, classes)
        impulses = _read_rooms(rooms, front_end.sample_rate) if rooms else []
        recordings = load_recordings(
            items,
            front_end.sample_rate,
            front_end.hop_length,
            cache,
            observer.on_decoded,
            recipe.training.max_unreadable,
        )
        # Files that could not be read are gone: what is left must still be enough.
        readable = frozenset().union(*(r.item.labels for r in recordings))
        for label in class_order(labels):
            if label not in readable:
                raise DataError(f"the class {label!r} has no recordings that can be used")
        split_items([r.item for r in recordings], recipe.training.seed)
        self.train = [r for r in recordings if r.item.split == TRAIN]
        self.val = [r for r in recordings if r.item.split == VAL]
        crops = CropMaker(self.train, classes, front_end, self.recipe.mixing, impulses)
        torch.manual_seed(self.recipe.training.seed)
        network = SwishNet(self.recipe.network)
        if initial is not None:
            _take_over(network, initial, classes)
        self.trainer = Trainer(
            network,
            crops,
            self.val,
            self.recipe.training,
            device,
            self.recipe.distillation,
            workers=workers,
            tagger=tagger,
            teachers=networks,
            cache=cache,
        )
        if resume:
            self.trainer.load_state(self.state_path)

    @property
    def state_path(self) -> Path:
        """Where the state of the run is kept until it has ended."""
        return self._output.with_name(self._output.name + ".state")

    def __call__(self) -> Checkpoint:
        """Train, and return the checkpoint that stands at `output`.

        The checkpoint is written anew whenever an epoch was the best so far. On KeyboardInterrupt it holds
        the best weights, or, before the first epoch has ended, the latest; the interrupt is raised on.
        """
        self._observer.on_start(self.recipe, self.trainer.crops.classes, self.train, self.val)
        try:
            self.trainer.run(self._observer, self.state_path, self._save)
        except KeyboardInterrupt:
            if self.trainer.best is None:
                self._save()
            raise
        checkpoint = self._save()
        self.state_path.unlink(missing_ok=True)
        return checkpoint

    def _save(self) -> Checkpoint:
        checkpoint = self._checkpoint(self.trainer.best_weights or self.trainer.averaged_weights())
        checkpoint.save(self._output)
        return checkpoint

    def _checkpoint(self, weights: Mapping[str, Tensor]) -> Checkpoint:
        recipe, classes = self.recipe, self.trainer.crops.classes
        network = SwishNet(recipe.network)
        network.load_state_dict(weights)
        best = self.trainer.best
        if best is not None:
            apply_calibration(network, Calibration(best.temperature, best.biases))
        return Checkpoint(
            classes=classes,
            front_end=recipe.front_end,
            network=recipe.network,
            smoothing=recipe.smoothing,
            weights={name: w.numpy() for name, w in network.state_dict().items()},
            onnx=to_onnx(network),
            provenance=provenance_of(
                recipe,
                self.trainer,
                self.train,
                self.val,
                teachers=self._teachers,
                command=self._command,
            ),
        )


def _classes(labels: frozenset[str], initial: Checkpoint | None) -> tuple[str, ...]:
    """The classes of the data, besides those of a model that is taught more; its own order if there is nothing new.

    Raises DataError if there are fewer than two.
    """
    if initial is not None and labels <= set(initial.classes):
        return initial.classes
    classes = class_order(labels | set(initial.classes if initial else ()))
    if len(classes) < 2:
        raise DataError(f"at least two classes are needed, the data has only {classes[0]!r}")
    return classes


def _fitted(recipe: Recipe, n_classes: int, initial: Checkpoint | None) -> Recipe:
    """The recipe with a network that fits the data, or the model that training starts from."""
    if initial is None:
        network = replace(recipe.network, n_features=recipe.front_end.n_mfcc, n_classes=n_classes)
        return replace(recipe, network=network)
    rate = recipe.training.learning_rate * _FINE_TUNING_RATE
    return replace(
        recipe,
        front_end=initial.front_end,
        network=replace(initial.network, n_classes=n_classes, dropout=recipe.network.dropout),
        smoothing=initial.smoothing,
        training=replace(recipe.training, learning_rate=rate),
    )


def _teachers(
    names: Sequence[str], recipe: Recipe, classes: tuple[str, ...]
) -> tuple[Tagger | None, list[SwishNet]]:
    """The tagger and the networks that `names` stand for. Raises CheckpointError, DataError."""
    taggers = [Tagger(Path(n)) for n in names if is_tagger(n)]
    if len(taggers) > 1:
        raise DataError("only one of the teachers can be an audio tagger")
    networks = []
    for checkpoint in (load_checkpoint(find_model(n)) for n in names if not is_tagger(n)):
        own = (classes, recipe.front_end, recipe.network.output_stride)
        if (checkpoint.classes, checkpoint.front_end, checkpoint.network.output_stride) != own:
            raise CheckpointError(
                checkpoint.path or "model", "cannot teach: its classes, front end or output stride are others"
            )
        networks.append(network_of(checkpoint))
    return (taggers[0] if taggers else None), networks


def _take_over(network: SwishNet, initial: Checkpoint, classes: tuple[str, ...]) -> None:
    """Copy the weights of a model; of its heads the rows of the classes that it knows."""
    source = network_of(initial).state_dict()
    target = network.state_dict()
    for name, weight in source.items():
        if not name.startswith(("head.", "audible.")):
            target[name] = weight
            continue
        for index, label in enumerate(classes):
            if label in initial.classes:
                target[name][index] = weight[initial.classes.index(label)]
    network.load_state_dict(target)


def _read_rooms(folder: Path, sample_rate: int) -> list[Samples]:
    paths = recordings_in(folder) if folder.is_dir() else []
    if not paths:
        raise DataError(f"{display_path(folder)}: holds no impulse responses")
    return load_rooms(paths, sample_rate)
