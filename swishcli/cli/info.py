"""``swish info``: what a model is, or what a recording contains and how it is read; ``swish models``."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from swishcli.cli.console import print_error
from swishcli.cli.exit_codes import ExitCode
from swishcli.errors import display_path

if TYPE_CHECKING:
    from swishcli.checkpoint import Checkpoint

Facts = dict[str, Any]


def info(
    things: Annotated[
        list[str], typer.Argument(metavar="MODEL|FILE...", help="Models by name or file, and recordings.")
    ],
    json: Annotated[bool, typer.Option("--json", help="JSON Lines, an object each.")] = False,
) -> None:
    """Say what a model is and was made from, or what a recording contains and how swish reads it.

    A recording is decoded to its end, so that its length is the one found and damage is told.

    Example:  swish info slim interview.m4a
    """
    from swishcli.checkpoint import SUFFIX, find_model, load_checkpoint, named_models
    from swishcli.errors import SwishError

    failed = False
    for thing in things:
        is_model = thing in named_models() or Path(thing).suffix == SUFFIX
        try:
            facts = _of_model(load_checkpoint(find_model(thing))) if is_model else _of_recording(thing)
        except SwishError as error:
            print_error(error)
            failed = True
            continue
        if json:
            print(json_module.dumps({"name": thing, **facts}), flush=True)
        else:
            print(display_path(thing))
            _print(facts)
    raise typer.Exit(ExitCode.SOME_FAILED if failed else ExitCode.OK)


def models(json: Annotated[bool, typer.Option("--json", help="JSON Lines, an object each.")] = False) -> None:
    """List the models that can be named: those that come with swish, and those in the user's folder.

    That folder is SWISH_MODELS, by default ~/.swish/models: what lies there is known by its name.

    Example:  swish models
    """
    from swishcli.checkpoint import load_checkpoint, named_models
    from swishcli.errors import SwishError

    failed = False
    for name, path in named_models().items():
        try:
            facts = _of_model(load_checkpoint(path))
        except SwishError as error:
            print_error(error)
            failed = True
            continue
        if json:
            print(json_module.dumps({"name": name, "path": str(path), **facts}))
        else:
            labels = ", ".join(map(display_path, facts["labels"]))
            effort = f"{facts['macs_per_second'] / 1e6:.2f} million multiply–accumulates a second"
            print(f"{display_path(name):<12} {labels:<24} {facts['parameters']:>9,} parameters, {effort}")
    raise typer.Exit(ExitCode.SOME_FAILED if failed else ExitCode.OK)


def _of_model(checkpoint: Checkpoint) -> Facts:
    """The card in short; times in seconds."""
    network, front_end, provenance = checkpoint.network, checkpoint.front_end, checkpoint.provenance
    position_s = checkpoint.position_samples / front_end.sample_rate
    minutes: dict[str, float] = {}
    for source in provenance.data.train:
        minutes[source.label] = minutes.get(source.label, 0.0) + source.seconds / 60
    result = provenance.validation_1s_windows
    return {
        "labels": list(checkpoint.classes),
        "parameters": network.n_parameters,
        "macs_per_second": round(network.macs_per_second(front_end.hop_s)),
        "sample_rate": front_end.sample_rate,
        "features": f"{front_end.n_mfcc} MFCC of {front_end.n_mels} mel bands, "
        f"{front_end.f_min:g} to {front_end.f_max:g} Hz",
        "answer_every_s": position_s,
        "looks_back_s": round(network.look_back * front_end.hop_s, 3),
        "looks_ahead_s": round(network.look_ahead * front_end.hop_s, 3),
        "causal": network.causal,
        "training_minutes": {label: round(value, 1) for label, value in minutes.items()},
        "training_sources": len({s.source for s in provenance.data.train}),
        "training_licences": sorted({s.licence or "unknown" for s in provenance.data.train}),
        "teachers": list(provenance.teachers),
        "validation_macro_recall": None if result is None else round(result.macro_recall, 4),
        "validation_recall": {} if result is None else {k: round(v, 4) for k, v in result.recall.items()},
        "command": provenance.command,
    }


def _of_recording(path: str) -> Facts:
    """What is in it; decodes it to its end. Raises AudioError."""
    from swishcli.decoding import BLOCK_VALUES, open_recording

    recording = open_recording(path)
    samples = 0
    for block in recording.blocks(BLOCK_VALUES // recording.channels):
        samples += len(block)
    return {
        "container": recording.container,
        "codec": recording.codec,
        "sample_rate": recording.sample_rate,
        "channels": recording.channels,
        "expected_s": None if recording.expected_s is None else round(recording.expected_s, 3),
        "found_s": round(samples / recording.sample_rate, 3),
        "warnings": list(recording.warnings),
    }


_LISTED = 8
"""Entries of a list that people are shown; ``--json`` has all."""
_TITLES = {
    "macs_per_second": "multiply–accumulates a second",
    "answer_every_s": "seconds from answer to answer",
    "looks_back_s": "seconds it looks back",
    "looks_ahead_s": "seconds it looks ahead",
    "expected_s": "seconds as its header says",
    "found_s": "seconds found",
    "sample_rate": "sample rate in Hz",
}


def _print(facts: Facts) -> None:
    for name, value in facts.items():
        if isinstance(value, dict):
            text = ", ".join(f"{display_path(str(k))} {v}" for k, v in value.items())
        elif isinstance(value, list):
            told = value if len(value) <= _LISTED else [*value[:_LISTED], f"and {len(value) - _LISTED} more"]
            text = ", ".join(display_path(str(v)) for v in told)
        elif isinstance(value, bool):
            text = "yes" if value else "no"
        else:
            text = (
                "" if value is None else f"{value:,}" if isinstance(value, int) else display_path(str(value))
            )
        if text:
            print(f"  {_TITLES.get(name, name.replace('_', ' '))}: {text}")
