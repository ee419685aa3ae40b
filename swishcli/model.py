"""The model as people use it: a recording in, labels or segments out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from swishcli.analysis import EVERY_S, Analysis, Progress, SamplesTaker, ScoresTaker, Stream, analyse
from swishcli.audio import AudioStream, Decoding, Recording
from swishcli.checkpoint import Checkpoint, find_model, load_checkpoint
from swishcli.engines import Device, default_threads, make_engine
from swishcli.inference import FrameScores, frame_scores
from swishcli.segments import Classification, Segmentation
from swishcli.smoothing import SmoothingConfig

DEFAULT_MODEL = "wide"


class Model:
    """A trained model, ready to run. It can be pickled: another process opens an engine of its own.

    Parameters
    ----------
    checkpoint : Checkpoint
    device : "auto", "cpu", "cuda" or "mps"
    threads : int, optional
        CPU threads for the network; by default `swishcli.engines.default_threads`.
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
        self._device = device
        self._threads = threads or default_threads()
        self._engine = make_engine(checkpoint, device, self._threads)

    def __reduce__(self) -> tuple[Any, ...]:
        return Model, (self.checkpoint, self._device, self._threads, self.smoothing)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; segments may also be `silence`."""
        return self.checkpoint.classes

    def classify(
        self,
        recording: Recording,
        sample_rate: int | None = None,
        channel: int | None = None,
        decoding: Decoding = Decoding(),
    ) -> Classification:
        """Say what a recording is mostly, and how much of it is what.

        Parameters
        ----------
        recording : str, Path, binary file or array
            A file, one that is open, or samples: ``[n]``, ``[channels, n]`` or ``[n, channels]``, floats with
            full scale at ±1 or integers of 16 or 32 bits.
        sample_rate : int, optional
            Of samples, in Hz; by default the model's own (16 kHz). Files know theirs.
        channel : int, optional
            The channel to listen to, from 0; by default all of them mixed.
        decoding : Decoding
            What else may be said: the track, the part to listen to, the format of headerless files.

        Raises
        ------
        AudioError
            If the recording cannot be read.
        """
        return self.analyse(recording, _of_channel(decoding, channel), sample_rate)[0].classification

    def segment(
        self,
        recording: Recording,
        sample_rate: int | None = None,
        channel: int | None = None,
        decoding: Decoding = Decoding(),
    ) -> Segmentation:
        """Cut a recording into labelled segments that tile it; parameters as in `classify`."""
        return self.analyse(recording, _of_channel(decoding, channel), sample_rate)[0].segmentation

    def layers(
        self,
        recording: Recording,
        sample_rate: int | None = None,
        channel: int | None = None,
        decoding: Decoding = Decoding(),
    ) -> Segmentation:
        """Say where each class can be heard, alone or beneath others; parameters as in `classify`.

        Segments of one class follow each other, those of others may overlap them.

        Raises CheckpointError if the model does not say it.
        """
        (answer, *_) = self.analyse(recording, _of_channel(decoding, channel), sample_rate, with_layers=True)
        assert answer.layers is not None
        return answer.layers

    def analyse(
        self,
        recording: Recording,
        decoding: Decoding = Decoding(),
        sample_rate: int | None = None,
        on_progress: Progress | None = None,
        on_scores: ScoresTaker | None = None,
        on_samples: SamplesTaker | None = None,
        with_layers: bool = False,
    ) -> list[Analysis]:
        """Classify and segment in one pass; one answer, or with the channel "split" one for each channel.

        `on_progress` is called with the seconds done and the seconds expected (None if unknown), `on_scores`
        with the frame scores of one stretch after the other, `on_samples` with the samples ``[rows, n]`` at the
        model's rate, in case more than the answers is wanted. What can be heard beneath is found `with_layers`.
        """
        path = fspath(recording) if isinstance(recording, str | PathLike) else None
        source = Path(recording) if isinstance(recording, PathLike) else recording
        stream = AudioStream(source, self.checkpoint.front_end.sample_rate, decoding, sample_rate)
        answers = analyse(
            stream,
            self.checkpoint,
            self._engine,
            self.smoothing,
            self._threads,
            on_progress,
            on_scores,
            on_samples,
            with_layers,
        )
        channels = range(len(answers)) if decoding.channel == "split" else [decoding.channel]
        return [
            Analysis(
                replace(answer.classification, path=path, channel=channel),
                replace(answer.segmentation, path=path, channel=channel),
                None if answer.layers is None else replace(answer.layers, path=path, channel=channel),
            )
            for answer, channel in zip(answers, channels, strict=True)
        ]

    def stream(
        self,
        sample_rate: int | None = None,
        every_s: float = EVERY_S,
        on_scores: ScoresTaker | None = None,
    ) -> Stream:
        """Sound that is still coming in; see `swishcli.analysis.Stream`."""
        return Stream(self.checkpoint, self._engine, self.smoothing, sample_rate, every_s, on_scores)

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


def _of_channel(decoding: Decoding, channel: int | None) -> Decoding:
    return decoding if channel is None else replace(decoding, channel=channel)
