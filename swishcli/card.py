"""A model in short: what it is, what it costs, what it was made from and how it did.

Everything comes from the checkpoint alone; nothing is measured here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from swishcli.checkpoint import Checkpoint, Source, ValidationResult


@dataclass(frozen=True, slots=True)
class ClassData:
    """The recordings of one class that a model was made with."""

    label: str
    train_minutes: float
    validation_minutes: float
    sources: int
    licences: tuple[str, ...]
    """Those of most minutes first."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model in short; times in seconds."""

    name: str
    path: str
    size_bytes: int
    """Of the file."""
    labels: tuple[str, ...]
    """Its classes; `silence` comes from the level of the sound and belongs to every model."""
    parameters: int
    macs_per_second: float
    """Multiply–accumulates of the convolutions per second of audio."""
    sample_rate: int
    """Hz."""
    position_s: float
    """From one answer of the network to the next."""
    look_back_s: float
    look_ahead_s: float
    receptive_field_s: float
    causal: bool
    latency_s: float
    """Until all the sound that an answer depends on is there, computing time apart."""
    command: str
    epochs: int
    teachers: tuple[str, ...]
    data: tuple[ClassData, ...]
    validation: ValidationResult | None
    """On recordings that it was not trained on, by windows of a second."""


def card_of(checkpoint: Checkpoint) -> ModelCard:
    """The card of a model that was read from a file."""
    assert checkpoint.path is not None
    network, provenance = checkpoint.network, checkpoint.provenance
    hop_s = checkpoint.front_end.hop_s
    return ModelCard(
        checkpoint.path.stem,
        str(checkpoint.path),
        checkpoint.path.stat().st_size,
        checkpoint.classes,
        network.n_parameters,
        network.macs_per_second(hop_s),
        checkpoint.front_end.sample_rate,
        network.output_stride * hop_s,
        network.look_back * hop_s,
        network.look_ahead * hop_s,
        network.receptive_field * hop_s,
        network.causal,
        checkpoint.latency_s,
        provenance.command,
        provenance.epochs_run,
        provenance.teachers,
        tuple(_data_of(checkpoint.classes, provenance.data.train, provenance.data.val)),
        provenance.validation_1s_windows,
    )


def _data_of(
    classes: Sequence[str], train: Sequence[Source], validation: Sequence[Source]
) -> Iterable[ClassData]:
    for label in classes:
        ours, theirs = ([s for s in part if s.label == label] for part in (train, validation))
        if not ours and not theirs:
            continue
        licences: Counter[str] = Counter()
        for source in (*ours, *theirs):
            licences[source.licence or "unknown"] += round(source.seconds)
        yield ClassData(
            label,
            sum(s.seconds for s in ours) / 60,
            sum(s.seconds for s in theirs) / 60,
            len({s.source for s in (*ours, *theirs)}),
            tuple(licence for licence, _ in licences.most_common()),
        )
