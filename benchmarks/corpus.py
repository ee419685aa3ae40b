"""The corpus that everything here measures on: its manifest, its programmes, and what its recordings are.

A corpus is a folder with a ``MANIFEST.tsv`` (``path``, ``label``, ``source``, ``who``, ``kind``, ``style``,
``split``, …) and a folder ``programmes/`` of recordings with reference segments (``.tsv`` beside ``.opus``).
"""

from __future__ import annotations

import csv
import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from swishcli.audio import Samples, read_audio
from swishcli.files import atomic_path
from swishcli.formats import read_segments
from swishcli.segments import Segmentation

LABELS = ("speech", "music", "noise")
SAMPLE_RATE = 16_000

KINDS: dict[str, tuple[str, str]] = {
    "singing, unaccompanied": ("music", r"vocals=yes.*solo|\bsinging\b(?!.*accompanied)|humming|a cappella"),
    "singing, accompanied": ("music", r"vocals=yes(?!.*solo)|with accompaniment"),
    "rap and beatbox": ("music", r"\brap\b|beatbox"),
    "single instruments": ("music", r"vocals=no, solo|^(?!.*vocals=yes).*(\bsolo$|single notes|stems)"),
    "drums and hits": ("music", r"drum|percussion|one-shots|tabla|kanjira|djembe"),
    "electronic and game music": ("music", r"electronic|game|synth|chiptune|tracker|techno"),
    "drones and ambient": ("music", r"tanpura|drone|ambient"),
    "music from text": ("music", r"text-to-music"),
    "cough": ("noise", r"cough|throat"),
    "sneeze": ("noise", r"sneez"),
    "snoring and breathing": ("noise", r"snor|breath|yawn|pant(ing)?\b|sigh"),
    "crying": ("noise", r"\b(baby|c) cry|crying|^cry|\bcry "),
    "laughter": ("noise", r"laugh|giggl"),
    "babble and crowds": ("noise", r"babble|crowd|cheer|restaurant|\bcafe|applause|marathon|goal"),
    "engines and vehicles": ("noise", r"engine|\bcars?\b|truck|train|tractor|tank\b|motor|vehicle|traffic"),
    "propellers and drones": ("noise", r"propell?er|helicopter|rotor|plane\b|aircraft|drone|\bjet|turbine"),
    "hum and fans": (
        "noise",
        r"\bhum|\bfan\b|\bvents?\b|air.?condition|vacuum|dryer|dishwasher|风扇|hood|compressor",
    ),
    "tools": ("noise", r"drill|chainsaw|jackhammer|construction|leaf.?blower"),
    "alarms and sirens": ("noise", r"alarm|siren|buzzer|beep|\bhorn"),
    "bells": ("noise", r"\bbells?\b|doorbell|chime|phone.?ring"),
    "signals and modems": (
        "noise",
        r"dtmf|dial|modem|morse|packet|\baprs|p25 .*raw|psk31|sstv|signal|static",
    ),
    "birds": ("noise", r"bird|\bcrow\b|duck|seagull|pigeon|owl|rooster|chicken|raven|canary|jacamar"),
    "insects and frogs": ("noise", r"insect|cricket|cicada|\bbees?\b|frog"),
    "other animals": ("noise", r"animal|dog|bark|\bcats?\b|cow|sheep|lion|donkey|pig\b|whale"),
    "heart and lungs": ("noise", r"heart|lung|crackle|wheeze|stethoscope"),
    "rain, wind and water": ("noise", r"rain|wind\b|water|stream|ocean|\bsea|waves|river|storm|thunder"),
    "weapons and impacts": (
        "noise",
        r"gun|shot|shoot|explo|firearm|impact|sword|knock|\bdoors?\b|hit\b|glass",
    ),
    "footsteps": ("noise", r"step|walk"),
    "game effects": ("noise", r"\beffect|sfx|laser|game"),
    "read and studio speech": ("speech", r"\bread\b|studio|narration|storytelling"),
    "words and commands": ("speech", r"words?\b|command|syllables|letters|numbers|phrases"),
    "synthetic speech": ("speech", r"\btts\b|synthe|lpc"),
    "conversation and interview": ("speech", r"conversation|interview|podcast|debate|meeting|dialogue"),
    "telephone": ("speech", r"telephone|ivr|voip"),
    "radio and broadcast": ("speech", r"radio|broadcast|\bfm\b|archive"),
    "shouted, acted, emotional": ("speech", r"emotion|acted|shout|excited|sermon|preaching|commentary"),
    "far-field and noisy speech": ("speech", r"far-field|noisy|reverb|outdoor"),
    "whisper, pathological": ("speech", r"whisper|pathological|dysarthri|electrolaryn"),
}
"""Kinds of sound that models get wrong, or that people ask about: label, and a pattern of `Item.description`."""


@dataclass(frozen=True)
class Item:
    """A recording of one label, by its line in the manifest."""

    path: Path
    label: str
    source: str
    who: str
    kind: str
    style: str

    @property
    def description(self) -> str:
        """What it is in lower case: its own name, its kind where that is of this one recording, its style.

        The kinds of a source may list all that the source holds; then only names and what stands after ``|``
        tell which of them this is.
        """
        own = re.sub(r"\([^)]*\)", "", self.kind).rpartition("|")[2]
        kind = own if own.count(",") < 2 or self.label == "music" else ""
        who = Path(self.who)
        name = re.sub(r"[_\-]", " ", f"{who.parent.name} {who.stem}") if "." in who.name else ""
        return " ".join(f"{name} {kind} {self.style}".lower().split())

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """The `KINDS` it is of."""
        found = (
            kind
            for kind, (label, pattern) in KINDS.items()
            if label == self.label and re.search(pattern, self.description)
        )
        return tuple(found) or (f"other {self.label}",)


@dataclass(frozen=True)
class Programme:
    """A recording of several labels with its reference."""

    path: Path
    reference: Segmentation


@dataclass(frozen=True)
class Corpus:
    """A corpus, decoded once where there is a folder to keep samples in."""

    root: Path
    cache: Path | None = None

    @cached_property
    def val(self) -> tuple[Item, ...]:
        """The single-label recordings of the split ``val``."""
        with (self.root / "MANIFEST.tsv").open(encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file, delimiter="\t") if row["split"] == "val"]
        return tuple(
            Item(self.root / row["path"], row["label"], row["source"], row["who"], row["kind"], row["style"])
            for row in rows
        )

    @cached_property
    def programmes(self) -> tuple[Programme, ...]:
        """The programmes that have a reference."""
        return tuple(
            Programme(path.with_suffix(".opus"), read_segments(path))
            for path in sorted((self.root / "programmes").glob("*.tsv"))
        )

    def samples(self, path: Path) -> Samples:
        """A recording as samples ``[n]`` at `SAMPLE_RATE`."""
        if self.cache is None:
            return read_audio(path, SAMPLE_RATE)
        status = path.stat()
        key = f"{path.resolve()} {status.st_size} {status.st_mtime_ns} {SAMPLE_RATE}"
        kept = self.cache / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.s16"
        if not kept.exists():
            self.cache.mkdir(parents=True, exist_ok=True)
            decoded = np.round(read_audio(path, SAMPLE_RATE) * 32767).clip(-32768, 32767).astype("<i2")
            with atomic_path(kept) as temporary:
                decoded.tofile(temporary)
        return np.fromfile(kept, "<i2").astype(np.float32) / 32767
