"""Whether corrections of one recording make a model better on its siblings.

    python benchmarks/corrections.py ../shared/corpus                  # two minutes on two idle cores
    python benchmarks/corrections.py ../shared/corpus --series "Amiga" --epochs 20

A series is made of the recordings of one source that the model is often wrong about, between recordings of other
labels and sources. Half of them make one programme, whose labels are corrected, the other
half its sibling, of which nothing is learnt. What a person would do on a review page is done here from what is
known: the labels of the first are written as the page downloads them. Then

    swish train corrections/ --init-from slim -o mine.safetensors

and both models are judged: frame accuracy on the sibling, and on the corpus's own programmes of everything: what was
known before should not be forgotten.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile
import torch
from ablation import Quiet
from corpus import LABELS, SAMPLE_RATE, Corpus, Item

import swishcli
from swishcli.audio import Samples
from swishcli.evaluation.metrics import accuracy
from swishcli.evaluation.scoring import frame_confusion
from swishcli.formats import FORMATS
from swishcli.segments import Segment, Segmentation, merge_adjacent
from swishcli.training.cache import default_cache
from swishcli.training.recipe import Recipe
from swishcli.training.run import TrainingRun

SERIES = (
    "eddyflux/crate",
    "Blurrway/Beatboxing-Decomposition",
    "jonnyk21/motor-sounds-classifier",
    "Bubobubobubobubo/Dough-Amiga",
    "RakshakTeam/emospeech-dataset-v1",
)
"""Sources of the corpus that `slim` is often wrong about."""
PIECE_S = 6.0
"""The longest piece of a programme."""
LEVEL = 0.05
"""Root mean square of every piece."""


@dataclass(frozen=True)
class Programme:
    """A recording and what is right of it."""

    path: Path
    reference: Segmentation


def pieces_of(corpus: Corpus, items: Sequence[Item]) -> list[tuple[Samples, str]]:
    """Each recording's first seconds and its label."""
    return [(corpus.samples(item.path)[: round(PIECE_S * SAMPLE_RATE)], item.label) for item in items]


def programme(path: Path, pieces: Sequence[tuple[Samples, str]]) -> Programme:
    """Splice pieces into a recording."""
    sounds, segments, position = [], [], 0.0
    for samples, label in pieces:
        end = position + len(samples) / SAMPLE_RATE
        sounds.append(samples * np.float32(LEVEL / (np.sqrt(np.mean(np.square(samples))) + 1e-9)))
        segments.append(Segment(position, end, label))
        position = end
    soundfile.write(path, np.concatenate(sounds).clip(-1, 1), SAMPLE_RATE)
    return Programme(path, Segmentation(position, merge_adjacent(segments), str(path)))


def series(corpus: Corpus, source: str, folder: Path) -> tuple[Programme, Programme]:
    """A programme and its sibling, which share no recording, nor a source but the one they are about."""
    own = [item for item in corpus.val if item.source == source]
    generator = np.random.default_rng(0)
    others = [item for item in corpus.val if item.source not in SERIES and item.label != own[0].label]
    # Two sources apart, so that nothing but the series itself can be learnt from one for the other.
    sources = sorted({item.source for item in others})
    generator.shuffle(sources)
    made = []
    for half, name in enumerate(("corrected", "sibling")):
        between = [item for item in others if item.source in sources[half::2]]
        chosen = [between[i] for i in generator.permutation(len(between))[: len(own)]]
        mixed = [item for pair in zip(own[half::2], chosen, strict=False) for item in pair]
        made.append(programme(folder / f"{name}.flac", pieces_of(corpus, mixed)))
    return made[0], made[1]


def right(model: swishcli.Model, programmes: Sequence[Programme]) -> float:
    """Share of the 10-ms frames that are labelled right."""
    confusion = sum(frame_confusion(p.reference, model.segment(p.path), LABELS) for p in programmes)
    return accuracy(np.asarray(confusion))


def fine_tuned(corrected: Programme, folder: Path, model: str, epochs: int, teachers: Sequence[str]) -> Path:
    """A model that has learnt from corrections alone."""
    corrections = folder / "corrections"
    corrections.mkdir()
    (corrections / "corrected.json").write_text(FORMATS["json"].render(corrected.reference))
    recipe = Recipe()
    recipe = replace(recipe, training=replace(recipe.training, epochs=epochs))
    output = folder / "mine.safetensors"
    run = TrainingRun(
        corrections,
        output,
        recipe,
        device=torch.device("cpu"),
        workers=1,
        cache=default_cache(),
        observer=Quiet(),
        init_from=model,
        teachers=teachers,
    )
    run()
    return output


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--model", default="slim")
    parser.add_argument("--series", default="", help="only sources whose name holds this")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--teacher", action="store_true", help="the model also teaches what it was")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    corpus = Corpus(arguments.corpus)
    known = [Programme(p.path, p.reference) for p in corpus.programmes]
    before = swishcli.load(arguments.model)
    everywhere = right(before, known)
    print(
        "series                              corrected s  sibling: before  after   programmes: before  after"
    )
    for source in (s for s in SERIES if arguments.series in s):
        with tempfile.TemporaryDirectory() as folder:
            corrected, sibling = series(corpus, source, Path(folder))
            teachers = [arguments.model] if arguments.teacher else []
            after = swishcli.load(
                fine_tuned(corrected, Path(folder), arguments.model, arguments.epochs, teachers)
            )
            print(
                f"{source:<36}{corrected.reference.duration:>10.0f}"
                f"{right(before, [sibling]):>17.3f}{right(after, [sibling]):>7.3f}"
                f"{everywhere:>21.3f}{right(after, known):>7.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
