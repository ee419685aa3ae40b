"""Write scores.json: made references and hypotheses, and what pyannote.metrics and sed_eval say of them.

    pip install pyannote.metrics sed_eval
    python tests/oracles/scores.py

Both bring more packages than a test should; their figures stand here instead (pyannote.metrics 4.2.0,
sed_eval 0.2.1).
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import dcase_util
import numpy as np
import sed_eval
from pyannote.core import Annotation, Segment, Timeline
from pyannote.metrics.detection import DetectionErrorRate

LABELS = ["speech", "music", "noise"]
Labelled = list[tuple[float, float, str]]


def made(generator: np.random.Generator, duration: float) -> Labelled:
    """Segments that tile the duration, in steps of 10 ms, no two neighbours alike."""
    cuts = np.unique(generator.integers(1, round(100 * duration), 14)) / 100
    edges = [0.0, *cuts.tolist(), duration]
    labels = [*LABELS, "silence"]
    segments: Labelled = []
    for start, end in pairwise(edges):
        others = [label for label in labels if not segments or label != segments[-1][2]]
        segments.append((start, end, str(generator.choice(others))))
    return segments


def shifted(generator: np.random.Generator, segments: Labelled) -> Labelled:
    """The same segments with inner boundaries up to 0.3 s off and some labels changed."""
    duration = segments[-1][1]
    inner = [start + generator.integers(-30, 31) / 100 for start, _, _ in segments[1:]]
    edges = [0.0, *sorted({round(float(np.clip(t, 0.01, duration - 0.01)), 2) for t in inner}), duration]
    labels = [
        label if generator.random() < 0.8 else str(generator.choice(LABELS)) for _, _, label in segments
    ]
    return [(s, e, label) for (s, e), label in zip(pairwise(edges), labels, strict=False)]


def main() -> None:
    generator = np.random.default_rng(0)
    pairs = []
    for _ in range(6):
        reference = made(generator, float(generator.integers(20, 40)))
        pairs.append((reference, shifted(generator, reference)))

    figures = {}
    for collar in (0.0, 0.25):
        metric = DetectionErrorRate(collar=2 * collar)
        for reference, hypothesis in pairs:
            extent = Timeline([Segment(0, reference[-1][1])])
            metric(_speech(reference), _speech(hypothesis), uem=extent)
        figures[f"detection_error_rate, collar {collar}"] = abs(metric)

    by_segment = sed_eval.sound_event.SegmentBasedMetrics(LABELS, time_resolution=1.0)
    by_event = sed_eval.sound_event.EventBasedMetrics(LABELS, t_collar=0.2, percentage_of_length=0.5)
    for number, (reference, hypothesis) in enumerate(pairs):
        for metric in (by_segment, by_event):
            metric.evaluate(_events(reference, number), _events(hypothesis, number))
    figures["segment_f1"] = by_segment.results_overall_metrics()["f_measure"]["f_measure"]
    figures["segment_error_rate"] = by_segment.results_overall_metrics()["error_rate"]["error_rate"]
    figures["event_f1"] = by_event.results_overall_metrics()["f_measure"]["f_measure"]

    path = Path(__file__).with_suffix(".json")
    path.write_text(json.dumps({"figures": figures, "pairs": pairs}) + "\n")


def _speech(segments: Labelled) -> Annotation:
    annotation = Annotation()
    for start, end, label in segments:
        if label == "speech":
            annotation[Segment(start, end)] = label
    return annotation.support()


def _events(segments: Labelled, number: int) -> dcase_util.containers.MetaDataContainer:
    return dcase_util.containers.MetaDataContainer(
        [
            {"filename": str(number), "event_label": label, "event_onset": start, "event_offset": end}
            for start, end, label in segments
            if label != "silence"
        ]
    )


if __name__ == "__main__":
    main()
