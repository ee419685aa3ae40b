"""The work on one recording: analyse it, write its files. Picklable, so that any process can do it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from swishcli.analysis import Analysis
from swishcli.audio import Decoding
from swishcli.checkpoint import find_model, load_checkpoint
from swishcli.engines import Device, default_threads
from swishcli.errors import AudioError, OutputError, SwishError
from swishcli.files import path_within, write_text_atomically
from swishcli.formats import FORMATS
from swishcli.inference import FrameScores
from swishcli.jobs.frames import write_frames
from swishcli.jobs.inputs import Input
from swishcli.jobs.sorting import Sorting
from swishcli.model import Model


@dataclass(frozen=True)
class Destination:
    """Where files are written, and in which formats."""

    folder: Path
    formats: tuple[str, ...]
    keep_suffix: bool = False
    """Whether a recording's own suffix stays in the names of its files."""
    skip_existing: bool = False

    def paths_of(self, item: Input, channel: str = "") -> list[Path]:
        """The files of a recording, or of one of its channels."""
        name = item.output_name(self.keep_suffix)
        return [
            path_within(self.folder, Path(f"{name}{channel}{FORMATS[f].extension}")) for f in self.formats
        ]


@dataclass(frozen=True)
class Selection:
    """Segments of one class alone."""

    label: str
    pad_s: float = 0.0
    """Seconds that each is longer for on both sides."""


@dataclass(frozen=True)
class AnalysisTask:
    """Both answers about a recording, and its files where there is a destination."""

    model: str
    device: Device = "auto"
    threads: int = field(default_factory=default_threads)
    """Of the CPU, for one recording."""
    decoding: Decoding = Decoding()
    smoothing: tuple[tuple[str, float], ...] = ()
    """Fields of a `SmoothingConfig` and values instead of the model's own."""
    strict: bool = False
    """Whether a recording with warnings is a failed one."""
    selection: Selection | None = None
    destination: Destination | None = None
    frames: Path | None = None
    """File for the frame scores of the recording, if there is one recording."""
    sorting: Sorting | None = None
    """Where recordings are put by their labels; not for channels of their own."""

    def open_model(self) -> Model:
        """The model, the same one for every recording. Raises SwishError where it cannot be used."""
        return _model(self.model, self.device, self.threads, self.smoothing)

    def is_done(self, item: Input) -> bool:
        """Whether all files are there already and may stay."""
        destination = self.destination
        if destination is None or not destination.skip_existing:
            return False
        channel = ".channel0" if self.decoding.channel == "split" else ""
        return all(path.exists() for path in destination.paths_of(item, channel))

    def __call__(self, item: Input, on_progress: Callable[[float, float | None], None]) -> list[Analysis]:
        """Raises SwishError."""
        model, scores = self.open_model(), list[FrameScores]()
        on_scores = scores.append if self.frames else None
        answers = model.analyse(item.path, self.decoding, on_progress=on_progress, on_scores=on_scores)
        warnings = answers[0].segmentation.warnings
        if self.strict and warnings:
            raise AudioError(item.path, "; ".join(warnings))
        if self.selection is not None:
            label, pad_s = self.selection.label, self.selection.pad_s
            answers = [replace(a, segmentation=a.segmentation.only(label, pad_s)) for a in answers]
        if self.frames is not None:
            checkpoint = model.checkpoint
            position_s = checkpoint.position_samples / checkpoint.front_end.sample_rate
            write_frames(self.frames, scores, model.classes, position_s, self.decoding.start_s)
        if self.sorting is not None:
            self.sorting.place(item, answers[0].classification.label)
        if self.destination is not None:
            self._write(item, answers, self.destination)
        return answers

    def _write(self, item: Input, answers: list[Analysis], destination: Destination) -> None:
        for answer in answers:
            segmentation = answer.segmentation
            # After the name of a mono recording too, or it could be that of another one's channel.
            channel = f".channel{segmentation.channel}" if self.decoding.channel == "split" else ""
            for name, path in zip(destination.formats, destination.paths_of(item, channel), strict=True):
                path_within(destination.folder, path.relative_to(destination.folder))
                try:
                    path.parent.mkdir(parents=True, exist_ok=True)
                except OSError as error:
                    raise OutputError(path.parent, error.strerror or str(error)) from None
                write_text_atomically(path, FORMATS[name].render(segmentation))


@lru_cache(maxsize=1)
def _model(name: str, device: Device, threads: int, smoothing: tuple[tuple[str, float], ...]) -> Model:
    checkpoint = load_checkpoint(find_model(name))
    try:
        changed = replace(checkpoint.smoothing, **dict(smoothing))
    except ValueError as error:
        raise SwishError(str(error)) from None
    return Model(checkpoint, device, threads, changed)
