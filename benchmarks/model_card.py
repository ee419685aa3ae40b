"""Write the card of a shipped model, weights/NAME.md, from its checkpoint and from measurements.

python benchmarks/model_card.py ../shared/corpus wide slim
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line does, before NumPy is imported

import argparse
import csv
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from accuracy import (
    Results,
    kind_table,
    listener,
    measure,
    measure_clips,
    report,
    source_table,
    worst_table,
)
from corpus import Corpus

import swishcli
from swishcli.checkpoint import Checkpoint, Source


def data_table(sources: Iterable[Source]) -> list[str]:
    """Minutes by class, source and licence as a Markdown table; a source's licences share a row."""
    minutes: dict[tuple[str, str], float] = defaultdict(float)
    licences: dict[tuple[str, str], set[str]] = defaultdict(set)
    for entry in sources:
        key = entry.label, entry.source or "unknown"
        minutes[key] += entry.seconds / 60
        licences[key].add(entry.licence or "unknown")
    rows = ["| class | source | minutes | licence |", "|---|---|---|---|"]
    for (label, source), amount in sorted(minutes.items()):
        listed = "; ".join(sorted(licences[label, source])).replace("|", "/")
        rows.append(f"| {label} | {source} | {amount:.1f} | {listed} |")
    return rows


def room_lines(corpus: Path, command: str) -> list[str]:
    """Sources and licences of the measured impulse responses, if training had any."""
    if "--rir" not in command:
        return ["No measured impulse responses: the rooms were synthetic."]
    with (corpus / "rir/MANIFEST.tsv").open(encoding="utf-8") as file:
        rows = {(row["source"], row["licence"]) for row in csv.DictReader(file, delimiter="\t")}
    return [
        "Measured impulse responses:",
        "",
        *(f"- {source}: {licence}" for source, licence in sorted(rows)),
    ]


def description(name: str, checkpoint: Checkpoint) -> list[str]:
    """What the model is and how it came about."""
    network, front_end, provenance = checkpoint.network, checkpoint.front_end, checkpoint.provenance
    hop_s = front_end.hop_s
    versions = ", ".join(f"{package} {version}" for package, version in provenance.versions.items())
    return [
        f"# {name}",
        "",
        f"SwishNet that tells {', '.join(checkpoint.classes)} apart in recordings of any length.",
        "",
        f"- {network.n_parameters:,} parameters, {network.macs_per_second(hop_s) / 1e6:.2f} million "
        "multiply–accumulates per second of audio",
        f"- sees {network.look_back * hop_s:.2f} s back and {network.look_ahead * hop_s:.2f} s ahead; "
        f"an answer every {network.output_stride * hop_s * 1000:.0f} ms",
        f"- front end: {front_end.n_mfcc} MFCC of {front_end.n_mels} mel bands, "
        f"{front_end.f_min:g}–{front_end.f_max:g} Hz, a frame every {hop_s * 1000:g} ms at {front_end.sample_rate} Hz",
        f"- trained with `{provenance.command}` ({provenance.epochs_run} epochs, seed {provenance.seed}; {versions})",
        *([f"- taught by {', '.join(provenance.teachers)} beside the labels"] if provenance.teachers else []),
        f"- data: SHA-256 `{provenance.data.sha256}`",
        "- licence of the weights: MIT, as far as the licences of the recordings below let us",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path)
    parser.add_argument("names", nargs="+", metavar="NAME")
    parser.add_argument("--cache", type=Path, help="folder for the decoded recordings")
    arguments = parser.parse_args()
    corpus = Corpus(arguments.corpus, arguments.cache)
    for name in arguments.names:
        model = swishcli.load(name)
        checkpoint = model.checkpoint
        results = measure(listener(model), corpus)
        results.clips = measure_clips(model, corpus)
        lines = [
            *description(name, checkpoint),
            "",
            "## Results on recordings of sources it was not trained on",
            "",
            "By `benchmarks/accuracy.py`, which says what each figure means. The smoothing, the epoch and the "
            "calibration were chosen on these recordings; expect a few points less on yours.",
            "",
            "```",
            report(results),
            "",
            kind_table(results),
            "",
            source_table(results),
            "```",
            "",
            *failures(results),
            "",
            "## Training data",
            "",
            *data_table(checkpoint.provenance.data.train),
            "",
            *room_lines(arguments.corpus, checkpoint.provenance.command),
            "",
            "## Validation data",
            "",
            *data_table(checkpoint.provenance.data.val),
        ]
        card = swishcli.shipped_models()[name].with_suffix(".md")
        card.write_text("\n".join(lines) + "\n", encoding="utf-8")
        print(card)


def failures(results: Results) -> list[str]:
    """The recordings with most windows wrong."""
    return [
        "## Where it fails",
        "",
        "The recordings with most seconds wrong, and what they were taken for:",
        "",
        "```",
        worst_table(results, 30),
        "```",
        "",
        "Looked at as spectrograms, those of the weights before these were of few sorts. Labels that a listener "
        "might not give: text-to-music that came out as hiss, glissandi and glitches called music, single bells and "
        "alarms that ring like chords called noise, field recordings with music in the distance. Regular beats: "
        "heart sounds are taken for drums, beatboxing, tambourine and castanets for knocks. Pitches that move as a "
        "machine's do: bent drum drones, and Beijing opera whose vibrato looks like a siren. Bright bell-like tones: "
        "music boxes and glockenspiels are taken for noise. Rap over a beat is taken for speech over music, owls "
        "for a voice.",
        "",
        "YAMNet, which taught the models, is Google's and under Apache-2.0.",
    ]


if __name__ == "__main__":
    main()
