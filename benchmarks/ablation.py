"""What each part of the training recipe gives: `slim` trained without it, and judged.

    python benchmarks/ablation.py ../shared/corpus --tagger YAMNET.onnx
    python benchmarks/ablation.py ../shared/corpus --tagger YAMNET.onnx --folds 3

Every case is the recipe of weights/recipe.toml with something changed, over `--epochs` epochs and `--seeds`
seeds. Judged are macro-averaged recall on 1-s windows and frame accuracy on the programmes of the
validation split. With ``--folds`` the validation split stays aside: the training sources are dealt into so
many folds, each is left out in turn, and the recall on what was left out is averaged. That is the fairest
judge of what generalises, since nothing was ever chosen on those sources.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accuracy import listener, measure_programmes
from corpus import Corpus

import swishcli
from swishcli.evaluation.metrics import accuracy
from swishcli.training.cache import default_cache
from swishcli.training.loop import EpochResult
from swishcli.training.recipe import Recipe, network_of_size, read_config
from swishcli.training.run import TrainingRun

RECIPE = Path(__file__).parents[1] / "weights/recipe.toml"

Tables = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Case:
    """A recipe with something changed."""

    name: str
    changes: Tables
    taught: bool = True
    """Whether the tagger teaches."""
    size: str = "slim"


CASES = (
    Case("the recipe", {}),
    Case("convolutions over time alone", {}, size="classic"),
    Case("no teacher", {}, taught=False),
    Case("teacher's opinion alone", {"distillation": {"score_weight": 0.0}}),
    Case("teacher's scores alone", {"distillation": {"weight": 0.0}}),
    Case("no made music", {"mixing": {"composed": 0.0, "sung": 0.0}}),
    Case("no made noise", {"mixing": {"synthetic": 0.0}}),
    Case("kinds alike", {"mixing": {"kind_weights": {}}}),
    Case("two fresh epochs", {"training": {"fresh_epochs": 2}}),
)


class Quiet:
    """Watches a run without a word."""

    def on_decoded(self) -> None: ...
    def on_start(self, *_: object) -> None: ...
    def on_batch(self, *_: object) -> None: ...
    def on_epoch(self, result: EpochResult, best: bool) -> None: ...


def manifests(corpus: Path, folds: int, folder: Path) -> Iterator[Path]:
    """The corpus's own manifest, or one for each fold of its training sources."""
    if not folds:
        yield corpus / "MANIFEST.tsv"
        return
    with (corpus / "MANIFEST.tsv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["split"] == "train"]
    sources = sorted({(row["label"], row["source"]) for row in rows})
    for fold in range(folds):
        out = {source for i, source in enumerate(sources) if i % folds == fold}
        path = folder / f"fold-{fold}.tsv"
        with path.open("w", encoding="utf-8") as file:
            print("path", "label", "source", "split", sep="\t", file=file)
            for row in rows:
                split = "val" if (row["label"], row["source"]) in out else "train"
                print(
                    (corpus / row["path"]).resolve(), row["label"], row["source"], split, sep="\t", file=file
                )
        yield path


def train(manifest: Path, case: Case, arguments: argparse.Namespace, seed: int, output: Path) -> EpochResult:
    """Train a case; its model is at `output`, its last epoch is returned: choosing one would flatter."""
    recipe = Recipe(network=network_of_size(case.size)).overridden(read_config(RECIPE), RECIPE.name)
    changes = {part: dict(values) for part, values in case.changes.items()}
    changes.setdefault("training", {}).update(epochs=arguments.epochs, seed=seed)
    run = TrainingRun(
        manifest,
        output,
        recipe.overridden(changes, case.name),
        device=torch.device("cpu"),
        workers=arguments.workers,
        cache=arguments.cache,
        observer=Quiet(),
        rooms=arguments.corpus / "rir",
        teachers=[str(arguments.tagger)] if case.taught else [],
    )
    run()
    return run.trainer.history[-1]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--tagger", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--folds", type=int, default=0)
    parser.add_argument("--case", type=int, action="append", help="number of a case, from 0; by default all")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--cache", type=Path, default=default_cache())
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for number in arguments.case or range(len(CASES)):
        case, recalls, frames = CASES[number], [], []
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder, "model.safetensors")
            for manifest in manifests(arguments.corpus, arguments.folds, Path(folder)):
                for seed in range(arguments.seeds):
                    recalls.append(train(manifest, case, arguments, seed, output).recalls)
                    if not arguments.folds:
                        programmes = measure_programmes(
                            listener(swishcli.load(output)), Corpus(arguments.corpus)
                        )
                        frames.append(accuracy(programmes.frames))
        by_class = "/".join(f"{recall:.3f}" for recall in np.mean(recalls, axis=0))
        spread = np.ptp(np.mean(recalls, axis=1)) / 2
        line = f"{case.name:<32} windows {by_class}  macro {np.mean(recalls):.4f} ± {spread:.4f}"
        print(line + (f"  programmes {np.mean(frames):.4f}" if frames else ""), flush=True)


if __name__ == "__main__":
    main()
