"""The model as people use it: a recording in, labels or segments out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from os import PathLike, fspath

import numpy as np
import numpy.typing as npt

from swishcli.audio import AudioStream, Channel, Decoding, Recording
from swishcli.checkpoint import Checkpoint, find_model, load_checkpoint
from swishcli.engines import Device, Engine, default_threads, make_engine
from swishcli.inference import FrameScores, frame_scores
from swishcli.segments import SILENCE, Classification, Segment, Segmentation
from swishcli.smoothing import SmoothingConfig, log_softmax
from swishcli.streaming import EVERY_S, Stream

DEFAULT_MODEL = "slim"


@dataclass(frozen=True, slots=True)
class Analysis:
    """Both answers about a recording, or about one of its channels."""

    classification: Classification
    segmentation: Segmentation


class Model:
    """A trained model, ready to run.

    Parameters
    ----------
    checkpoint : Checkpoint
    device : "auto", "cpu", "cuda" or "mps"
    threads : int, optional
        CPU threads for the network; by default ``OMP_NUM_THREADS`` or all cores.
    smoothing : SmoothingConfig, optional
        Instead of the checkpoint's own.

    Examples
    --------
    >>> model = load("slim")  # doctest: +SKIP
    >>> model.classify("interview.mp3").label  # doctest: +SKIP
    'speech'
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        device: Device = "auto",
        threads: int | None = None,
        smoothing: SmoothingConfig | None = None,
    ) -> None:
        self.checkpoint = checkpoint
        self.smoothing = smoothing or checkpoint.smoothing
        self._threads = threads or default_threads()
        self._engine: Engine = make_engine(checkpoint, device, self._threads)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; segments may also be `silence`."""
        return self.checkpoint.classes

    def classify(
        self, recording: Recording, sample_rate: int | None = None, channel: int | None = None
    ) -> Classification:
        """Say what a recording is mostly, and how much of it is what.

        Parameters
        ----------
        recording : str, Path or array
            A file, or floating-point samples ``[n]`` or ``[channels, n]`` with full scale at ±1.
        sample_rate : int, optional
            Of samples, in Hz; by default the model's own (16 kHz). Files know theirs.
        channel : int, optional
            The channel to listen to, from 0; by default the mean of all.

        Raises
        ------
        AudioError
            If the recording cannot be read.
        """
        return self.analyse(recording, sample_rate, channel)[0].classification

    def segment(
        self, recording: Recording, sample_rate: int | None = None, channel: int | None = None
    ) -> Segmentation:
        """Cut a recording into labelled segments that tile it; parameters as in `classify`."""
        return self.analyse(recording, sample_rate, channel)[0].segmentation

    def analyse(
        self,
        recording: Recording,
        sample_rate: int | None = None,
        channel: Channel = None,
        on_progress: Callable[[float, float | None], None] | None = None,
        decoding: Decoding | None = None,
    ) -> list[Analysis]:
        """Classify and segment in one pass; with ``channel="split"`` one answer per channel, else one.

        `on_progress` is called with the seconds done and the seconds expected (None if unknown). A `decoding`
        says more than a channel and is taken instead of it.
        """
        path = fspath(recording) if isinstance(recording, str | PathLike) else None
        decoding = decoding or Decoding(channel)
        channel = decoding.channel
        stream = AudioStream(recording, self.checkpoint.front_end.sample_rate, decoding, sample_rate)
        channels = list(range(stream.rows)) if channel == "split" else [channel]
        rows = [_Row(self.checkpoint, self.smoothing) for _ in channels]
        for chunk in self.frame_scores(stream):
            for row, logits, level_db in zip(rows, chunk.logits, chunk.level_db, strict=True):
                row.add(logits, level_db)
            if on_progress:
                on_progress(stream.duration, stream.expected_duration)
        answers = [row.finish(stream.duration - stream.offset_s) for row in rows]
        warnings = tuple(stream.warnings)
        return [
            Analysis(
                replace(answer.classification, path=path, channel=number, warnings=warnings),
                replace(
                    answer.segmentation.shifted(stream.offset_s),
                    path=path,
                    channel=number,
                    warnings=warnings,
                ),
            )
            for answer, number in zip(answers, channels, strict=True)
        ]

    def stream(self, sample_rate: int | None = None, every_s: float = EVERY_S) -> Stream:
        """A recording that arrives in blocks of samples; see `swishcli.streaming`."""
        return Stream(self.checkpoint, self._engine, self.smoothing, sample_rate, every_s)

    def frame_scores(self, stream: AudioStream) -> Iterator[FrameScores]:
        """Logits and levels of a stream, chunk by chunk: what segments are made from."""
        return frame_scores(stream, stream.rows, self.checkpoint, self._engine, threads=self._threads)


def load(
    model: str | PathLike[str] = DEFAULT_MODEL, device: Device = "auto", threads: int | None = None
) -> Model:
    """Load a model that comes with swish by its name, or any checkpoint by its path.

    Raises
    ------
    CheckpointError
        If there is no such model, or the file is not one.
    DeviceError, MissingDependencyError
        If the device is not there, or what it needs is not installed.
    """
    return Model(load_checkpoint(find_model(fspath(model))), device, threads)


class _Row:
    """The answers about one row of samples while its frame scores come in."""

    def __init__(self, checkpoint: Checkpoint, smoothing: SmoothingConfig) -> None:
        self._classes = checkpoint.classes
        self._gate_db = smoothing.silence_dbfs
        self._smoother = checkpoint.smoother(smoothing)
        self._segments: list[Segment] = []
        self._posteriors: npt.NDArray[np.float64] = np.zeros(len(checkpoint.classes))
        self._sounding = 0

    def add(self, logits: npt.NDArray[np.float32], level_db: npt.NDArray[np.float32]) -> None:
        sounding = level_db >= self._gate_db
        posteriors = np.exp(log_softmax(logits[sounding]))
        self._posteriors += posteriors.sum(axis=0, dtype=np.float64)
        self._sounding += int(sounding.sum())
        self._segments += self._smoother.push(logits, level_db)

    def finish(self, duration: float) -> Analysis:
        self._segments += self._smoother.finish(duration)
        segmentation = Segmentation(duration, tuple(self._segments))
        return Analysis(self._classification(segmentation), segmentation)

    def _classification(self, segmentation: Segmentation) -> Classification:
        duration = segmentation.duration
        shares = {label: segmentation.total(label) / duration for label in (*self._classes, SILENCE)}
        if shares[SILENCE] == 1:
            return Classification(duration, SILENCE, 1.0, shares)
        label = max(self._classes, key=lambda name: shares[name])
        total = self._posteriors[self._classes.index(label)]
        return Classification(duration, label, float(total) / self._sounding, shares)
