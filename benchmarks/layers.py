"""How well models hear what lies beneath: mixtures of validation recordings, known by construction.

    python benchmarks/layers.py ../shared/corpus                       # every model in weights/
    python benchmarks/layers.py ../shared/corpus --peers ../shared/peers --model FILE

Two recordings of different classes are mixed, the first so many decibels above the second; both levels are those
of their sounding frames. In each second a class is there if it sounds, within 25 dB of the whole, for half of
the second at least. Scores are segment-based F1 of each class over seconds, as in DCASE and sed_eval, for each
level, and on the corpus's programmes, where the reference says one class at a time. Models answer with their
layers as ``swish segment --layers`` writes them; peers with scores, cut at the threshold that is best for them
on these very seconds, one for each class.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line does, before NumPy is imported

import argparse
import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
from corpus import LABELS, SAMPLE_RATE, Corpus

import swishcli
from swishcli.audio import Samples
from swishcli.pictures.overview import shares
from swishcli.segments import Segmentation
from swishcli.training.activity import active_frames, audible_parts

LEVELS_DB = (-5, 0, 5, 10, 15, 20, 25)
MIXTURES = 24
"""Of each pair of classes; the same recordings at every level."""
MIXTURE_S = 8
_HOP, _HOP_S = 160, 0.01
_SEED = 20_261_125

Shares = npt.NDArray[np.floating[Any]]
"""Of each second, or a score for it: ``[seconds, K]``."""
Listener = Callable[[Samples], Shares]


@dataclass(frozen=True)
class Sound:
    """Samples, and which classes are in each of its seconds."""

    group: str
    samples: Samples
    present: npt.NDArray[np.bool_]
    """``[seconds, K]``."""
    counted: npt.NDArray[np.bool_]
    """``[seconds]``."""


def mixtures(corpus: Corpus) -> Iterator[Sound]:
    """Pairs of recordings at every level."""
    generator = np.random.default_rng(_SEED)
    for first, second in combinations(range(len(LABELS)), 2):
        for _ in range(MIXTURES):
            parts = np.zeros((len(LABELS), MIXTURE_S * SAMPLE_RATE), np.float32)
            for label in (first, second):
                parts[label] = _stretch(generator, corpus, LABELS[label])
            for level_db in LEVELS_DB:
                mixed = parts.copy()
                mixed[second] *= np.float32(10 ** (-level_db / 20))
                mixed *= np.float32(0.5 / max(1e-9, np.abs(mixed.sum(axis=0)).max()))
                heard = audible_parts(mixed, None, None, _HOP, _HOP_S)
                seconds = heard.reshape(len(LABELS), MIXTURE_S, -1).mean(axis=2).T
                yield Sound(f"{level_db:+d} dB", mixed.sum(axis=0), seconds >= 0.5, np.ones(MIXTURE_S, bool))


def _stretch(generator: np.random.Generator, corpus: Corpus, label: str) -> Samples:
    """Some seconds of a recording, repeated if it is shorter, with an RMS of 1 where it sounds."""
    items = [item for item in corpus.val if item.label == label]
    sources = sorted({item.source for item in items})
    source = sources[generator.integers(len(sources))]
    of_source = [item for item in items if item.source == source]
    samples = corpus.samples(of_source[generator.integers(len(of_source))].path)
    n = MIXTURE_S * SAMPLE_RATE
    start = generator.integers(max(1, len(samples) - n + 1))
    samples = np.resize(samples[start : start + n], n)
    active = active_frames(samples * np.float32(32768), _HOP, _HOP_S)
    sounding = samples.reshape(-1, _HOP)[active] if active.any() else samples
    return samples / np.float32(np.sqrt(np.mean(np.square(sounding)) + 1e-12))


def programmes(corpus: Corpus) -> Iterator[Sound]:
    """The programmes with their references, by seconds that one label fills; those of silence do not count."""
    for programme in corpus.programmes:
        samples = corpus.samples(programme.path)
        filled = seconds_of(programme.reference, len(samples) // SAMPLE_RATE)
        yield Sound("programmes", samples, filled >= 0.5, filled.max(axis=1) > 0.99)


def seconds_of(segmentation: Segmentation, n: int) -> Shares:
    """Share of each of `n` seconds that each class has."""
    return shares(segmentation, LABELS, np.arange(n + 1.0))


def model_listener(model: swishcli.Model) -> Listener:
    """The layers of one of our models."""
    return lambda samples: seconds_of(model.layers(samples, SAMPLE_RATE), len(samples) // SAMPLE_RATE)


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def peer_listeners(folder: Path) -> dict[str, Listener]:
    """Scores of the peers by seconds; FireRedVAD knows no noise."""
    yamnet, firered = _module(folder / "yamnet.py"), _module(folder / "firered_aed.py")
    yamnet_session, firered_session = yamnet.session(), firered.session()

    def by_yamnet(samples: Samples) -> Shares:
        scores = yamnet.grouped(yamnet.scores(yamnet_session, samples))[:, :3]
        middles = (np.arange(len(scores)) * yamnet.HOP + yamnet.WINDOW / 2) / SAMPLE_RATE
        return _by_seconds(scores, middles, len(samples) // SAMPLE_RATE)

    def by_firered(samples: Samples) -> Shares:
        speech, singing, music = firered.posteriors(firered_session, samples).T
        scores = np.stack([speech, np.maximum(singing, music), np.zeros_like(speech)], axis=1)
        return _by_seconds(scores, np.arange(len(scores)) * 0.01 + 0.0125, len(samples) // SAMPLE_RATE)

    return {"YAMNet": by_yamnet, "FireRedVAD": by_firered}


def _by_seconds(scores: Shares, middles: npt.NDArray[np.float64], n: int) -> Shares:
    """The mean over those windows whose middles lie in a second, or that are nearest to its own."""
    answer = np.zeros((n, scores.shape[1]))
    for second in range(n):
        inside = (middles >= second) & (middles < second + 1)
        if not inside.any():
            inside = np.arange(len(middles)) == np.abs(middles - second - 0.5).argmin()
        answer[second] = scores[inside].mean(axis=0)
    return answer


def f1(present: npt.NDArray[np.bool_], said: npt.NDArray[np.bool_]) -> float:
    """2 TP / (2 TP + FP + FN); 0 where there is nothing."""
    hits = np.sum(present & said)
    return float(2 * hits / max(1, present.sum() + said.sum()))


def best_threshold(present: npt.NDArray[np.bool_], scores: Shares) -> float:
    """The threshold of the largest F1."""
    candidates = np.unique(np.quantile(scores, np.linspace(0, 1, 200)))
    return float(max(candidates, key=lambda threshold: f1(present, scores >= threshold)))


def report(name: str, listener: Listener, sounds: list[Sound], tuned: bool) -> None:
    """Print a system's F1 by group and class."""
    heard = [listener(sound.samples) for sound in sounds]
    groups = list(dict.fromkeys(sound.group for sound in sounds))
    print(f"\n{name:<14}" + "".join(f"{label:>9}" for label in (*LABELS, "mean")))
    thresholds: dict[bool, list[float]] = {}
    for mixed in (True, False):  # a threshold for the mixtures, one for the programmes
        part = [(s, x) for s, x in zip(sounds, heard, strict=True) if (s.group != "programmes") == mixed]
        present = np.concatenate([s.present[s.counted] for s, _ in part])
        scores = np.concatenate([x[s.counted] for s, x in part])
        thresholds[mixed] = [
            best_threshold(present[:, k], scores[:, k]) if tuned else 0.5 for k in range(len(LABELS))
        ]
    for group in groups:
        part = [(s, x) for s, x in zip(sounds, heard, strict=True) if s.group == group]
        present = np.concatenate([s.present[s.counted] for s, _ in part])
        said = np.concatenate([x[s.counted] for s, x in part]) >= thresholds[group != "programmes"]
        values = [f1(present[:, k], said[:, k]) for k in range(len(LABELS))]
        print(f"{group:<14}" + "".join(f"{value:9.3f}" for value in (*values, np.mean(values))), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--model", action="append", help="a name or a file; by default every shipped model")
    parser.add_argument("--peers", type=Path, help="folder of yamnet.py and firered_aed.py")
    parser.add_argument("--cache", type=Path, help="folder for decoded recordings")
    arguments = parser.parse_args()
    corpus = Corpus(arguments.corpus, arguments.cache)
    sounds = [*mixtures(corpus), *programmes(corpus)]
    print(f"{len(sounds)} sounds, {sum(len(s.samples) for s in sounds) / SAMPLE_RATE / 3600:.1f} h")
    for name in arguments.model or swishcli.shipped_models():
        report(Path(name).stem, model_listener(swishcli.load(name, "cpu")), sounds, tuned=False)
    for name, listener in peer_listeners(arguments.peers).items() if arguments.peers else ():
        report(name, listener, sounds, tuned=True)


if __name__ == "__main__":
    main()
