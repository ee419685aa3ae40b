"""Frame scores in, answers out: what a recording is and where, known at its end or while it runs.

    whole:  recording ─ audio.py ─ inference.py ─→ frame scores ─ Analyser, one a channel ─→ Analysis
    live:   blocks of samples ─ Stream ─→ frame scores ─ Analyser ─→ segments as they are decided

Both ways give the same segments: the network sees as many frames on both sides, and smoothing decides what
nothing to come can change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import soxr

from swishcli.audio import AudioStream, Samples, float_samples
from swishcli.checkpoint import Checkpoint
from swishcli.engines import Engine
from swishcli.errors import AudioError
from swishcli.features import MfccStream
from swishcli.inference import ChunkRunner, FrameScores, frame_scores
from swishcli.layers import LayerAnalyser
from swishcli.segments import SILENCE, Classification, Segment, Segmentation
from swishcli.smoothing import SmoothingConfig, log_softmax

EVERY_S = 0.32
"""Seconds of a stream from one call of the network to the next: longer saves work, shorter answers sooner."""

Progress = Callable[[float, float | None], None]
"""Told the seconds done and the seconds expected, None if unknown."""
ScoresTaker = Callable[[FrameScores], None]
"""Given the frame scores that answers are made from, one stretch after the other."""
SamplesTaker = Callable[[Samples], None]
"""Given the samples ``[rows, n]`` that answers are made from, one block after the other."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """Both answers about a recording, or about one of its channels."""

    classification: Classification
    segmentation: Segmentation
    layers: Segmentation | None = None
    """Where each class can be heard, alone or beneath others; None where nobody asked."""


class Analyser:
    """The answers about one channel while its frame scores come in.

    Parameters
    ----------
    checkpoint : Checkpoint
    smoothing : SmoothingConfig, optional
        Instead of the checkpoint's own.
    offset_s : float
        Time of the first position in seconds of the recording.
    """

    def __init__(
        self, checkpoint: Checkpoint, smoothing: SmoothingConfig | None = None, offset_s: float = 0.0
    ) -> None:
        self._classes = checkpoint.classes
        self._gate_db = (smoothing or checkpoint.smoothing).silence_dbfs
        self._smoother = checkpoint.smoother(smoothing, offset_s)
        self._seconds = dict.fromkeys((*self._classes, SILENCE), 0.0)
        self._posteriors: npt.NDArray[np.float64] = np.zeros(len(self._classes))
        self._sounding = 0

    def push(self, logits: npt.NDArray[np.float32], level_db: npt.NDArray[np.float32]) -> list[Segment]:
        """Take logits ``[P, K]`` and levels ``[P]``; return the segments that are decided with them."""
        sounding = level_db >= self._gate_db
        self._posteriors += np.exp(log_softmax(logits[sounding])).sum(axis=0, dtype=np.float64)
        self._sounding += int(sounding.sum())
        return self._counted(self._smoother.push(logits, level_db))

    def finish(self, duration: float) -> list[Segment]:
        """Return what is left; the last segment ends at `duration` seconds of the recording."""
        return self._counted(self._smoother.finish(duration))

    def classification(self) -> Classification:
        """What all segments returned so far are together."""
        duration = sum(self._seconds.values())
        shares = {label: seconds / (duration or 1) for label, seconds in self._seconds.items()}
        label = max(self._classes, key=lambda name: shares[name])
        if shares[label] == 0:
            return Classification(duration, SILENCE, 1.0, shares)
        total = float(self._posteriors[self._classes.index(label)])
        return Classification(duration, label, total / self._sounding, shares)

    def _counted(self, segments: Iterable[Segment]) -> list[Segment]:
        decided = list(segments)
        for segment in decided:
            self._seconds[segment.label] += segment.duration
        return decided


def analyse(
    stream: AudioStream,
    checkpoint: Checkpoint,
    engine: Engine,
    smoothing: SmoothingConfig | None = None,
    threads: int = 1,
    on_progress: Progress | None = None,
    on_scores: ScoresTaker | None = None,
    on_samples: SamplesTaker | None = None,
    with_layers: bool = False,
) -> list[Analysis]:
    """Both answers about a recording, one for every row of `stream`; and what can be heard, `with_layers`.

    With several `threads` it may be another one that calls `on_samples`.

    Raises AudioError if the recording cannot be read, CheckpointError if the model has no layers.
    """
    rows = [Analyser(checkpoint, smoothing, stream.offset_s) for _ in range(stream.rows)]
    layers = [LayerAnalyser(checkpoint, smoothing, stream.offset_s) for _ in rows] if with_layers else []
    segments: list[list[Segment]] = [[] for _ in rows]
    blocks = stream if on_samples is None else _told(stream, on_samples)
    for scores in frame_scores(blocks, stream.rows, checkpoint, engine, threads=threads):
        for row, decided, logits, level_db in zip(
            rows, segments, scores.logits, scores.level_db, strict=True
        ):
            decided += row.push(logits, level_db)
        if layers:
            assert scores.audible is not None
            for layer, audible, level_db in zip(layers, scores.audible, scores.level_db, strict=True):
                layer.push(audible, level_db)
        if on_scores:
            on_scores(scores)
        if on_progress:
            on_progress(stream.duration, stream.expected_duration)
    answers = []
    for i, (row, decided) in enumerate(zip(rows, segments, strict=True)):
        decided += row.finish(stream.duration)
        # Complete only now that all has been decoded.
        warnings = tuple(stream.warnings)
        segmentation = Segmentation(stream.duration, tuple(decided), warnings=warnings)
        classification = replace(row.classification(), warnings=warnings)
        heard = None
        if layers:
            heard = replace(layers[i].finish(stream.duration), warnings=warnings)
            audible = {name: heard.total(name) / classification.duration for name in checkpoint.classes}
            classification = replace(classification, audible=audible)
        answers.append(Analysis(classification, segmentation, heard))
    return answers


def _told(blocks: Iterable[Samples], on_samples: SamplesTaker) -> Iterator[Samples]:
    """The same blocks, each told before it is used."""
    for block in blocks:
        on_samples(block)
        yield block


class Stream:
    """Segments of sound that is still coming in.

        stream = model.stream(sample_rate=48000)
        for block in microphone:            # samples [n], blocks of any size
            for segment in stream.push(block):
                print(segment)
        for segment in stream.finish():
            print(segment)

    A causal model (``[network] causal = true``) answers soonest: it looks at little or nothing of what is still
    to come.

    Parameters
    ----------
    checkpoint : Checkpoint
    engine : Engine
    smoothing : SmoothingConfig, optional
        Instead of the checkpoint's own.
    sample_rate : int, optional
        Of the blocks, in Hz; by default the model's own.
    every_s : float
        Seconds from one call of the network to the next.
    on_scores : callable, optional
        Given the frame scores of each call, before the segments are decided that come from them.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        engine: Engine,
        smoothing: SmoothingConfig | None = None,
        sample_rate: int | None = None,
        every_s: float = EVERY_S,
        on_scores: ScoresTaker | None = None,
    ) -> None:
        front_end = checkpoint.front_end
        self._sample_rate = sample_rate or front_end.sample_rate
        self._n_samples = 0
        self._resampler = None
        if self._sample_rate != front_end.sample_rate:
            self._resampler = soxr.ResampleStream(
                self._sample_rate, front_end.sample_rate, 1, dtype="float32"
            )
        self._mfcc = MfccStream(front_end)
        every = max(1, round(every_s / front_end.hop_s))
        self._runner = ChunkRunner(checkpoint, 1, engine, every)
        self._analyser = Analyser(checkpoint, smoothing)
        self._on_scores = on_scores
        self.latency_s = every * front_end.hop_s + checkpoint.latency_s
        """Seconds after which a sound has had its part in the scores, the resampler's few ms apart.

        A segment comes out when the next has lasted for the minimum duration since then.
        """

    def push(self, samples: npt.NDArray[Any]) -> list[Segment]:
        """Take mono samples ``[n]`` or ``[n, 1]``; return the segments that are decided with them.

        Floats have full scale at ±1; integers of 16 or 32 bits are taken too. Raises AudioError for samples that
        are neither, or no finite numbers.
        """
        block = float_samples(np.atleast_1d(samples))
        if block.size != block.shape[0]:
            raise AudioError("samples", f"must be mono, [n], not of the shape {list(block.shape)}")
        block = block.reshape(-1)
        self._n_samples += len(block)
        if self._resampler is not None:
            block = self._resampler.resample_chunk(block)
        return self._analysed(self._runner.push(*self._mfcc.push(block[None])))

    def finish(self, duration: float | None = None) -> list[Segment]:
        """Return what is left; the last segment ends at `duration` seconds, by default the last sample's."""
        segments: list[Segment] = []
        if self._resampler is not None:
            rest: Samples = self._resampler.resample_chunk(np.zeros(0, np.float32), last=True)
            segments += self._analysed(self._runner.push(*self._mfcc.push(rest[None])))
        segments += self._analysed(self._runner.push(*self._mfcc.finish()))
        segments += self._analysed(self._runner.finish())
        return segments + self._analyser.finish(
            self._n_samples / self._sample_rate if duration is None else duration
        )

    def classification(self) -> Classification:
        """What the segments that have come out so far are together."""
        return self._analyser.classification()

    def _analysed(self, chunks: Iterable[FrameScores]) -> list[Segment]:
        segments: list[Segment] = []
        for chunk in chunks:
            if self._on_scores:
                self._on_scores(chunk)
            segments += self._analyser.push(chunk.logits[0], chunk.level_db[0])
        return segments
