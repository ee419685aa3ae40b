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
from swishcli.evaluation.pairing import References
from swishcli.files import path_within, write_text_atomically
from swishcli.formats import FORMATS
from swishcli.inference import FrameScores
from swishcli.jobs.frames import write_frames
from swishcli.jobs.inputs import Input
from swishcli.jobs.sorting import Sorting
from swishcli.model import Model
from swishcli.pictures.drawing import PICTURES, save
from swishcli.pictures.overview import Overview, OverviewBuilder
from swishcli.pictures.recording import draw_recording
from swishcli.segments import Segmentation


@dataclass(frozen=True)
class Destination:
    """Where files are written, and in which formats: of labels (`FORMATS`) or of pictures (`PICTURES`)."""

    folder: Path
    formats: tuple[str, ...]
    keep_suffix: bool = False
    """Whether a recording's own suffix stays in the names of its files."""
    skip_existing: bool = False

    def paths_of(self, item: Input, channel: str = "") -> list[Path]:
        """The files of a recording, or of one of its channels."""
        name = item.output_name(self.keep_suffix)
        extensions = (f".{f}" if f in PICTURES else FORMATS[f].extension for f in self.formats)
        return [path_within(self.folder, Path(f"{name}{channel}{extension}")) for extension in extensions]


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
    plot: Path | None = None
    """File for a picture of the recording, if there is one recording."""
    references: References | None = None
    """Drawn beside what was found."""

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
        sketch = OverviewBuilder.of(model.checkpoint, self.decoding.start_s) if self._draws else None
        takers = [*([scores.append] if self.frames else []), *([sketch.push_scores] if sketch else [])]

        def on_scores(part: FrameScores) -> None:
            for take in takers:
                take(part)

        answers = model.analyse(
            item.path,
            self.decoding,
            on_progress=on_progress,
            on_scores=on_scores,
            on_samples=sketch.push if sketch else None,
        )
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
        overviews = sketch.finish() if sketch else [None] * len(answers)
        if self.plot is not None:
            self._draw(item, answers[0].segmentation, overviews[0], self.plot)
        if self.destination is not None:
            self._write(item, answers, overviews, self.destination)
        return answers

    @property
    def _draws(self) -> bool:
        formats = self.destination.formats if self.destination else ()
        return self.plot is not None or any(name in PICTURES for name in formats)

    def _draw(self, item: Input, segmentation: Segmentation, overview: Overview | None, path: Path) -> None:
        reference = self.references.of(item.name) if self.references else None
        save(draw_recording(segmentation, overview, reference), path)

    def _write(
        self,
        item: Input,
        answers: list[Analysis],
        overviews: list[Overview] | list[None],
        destination: Destination,
    ) -> None:
        for answer, overview in zip(answers, overviews, strict=True):
            segmentation = answer.segmentation
            # After the name of a mono recording too, or it could be that of another one's channel.
            channel = f".channel{segmentation.channel}" if self.decoding.channel == "split" else ""
            for name, path in zip(destination.formats, destination.paths_of(item, channel), strict=True):
                path_within(destination.folder, path.relative_to(destination.folder))
                try:
                    path.parent.mkdir(parents=True, exist_ok=True)
                except OSError as error:
                    raise OutputError(path.parent, error.strerror or str(error)) from None
                if name in PICTURES:
                    self._draw(item, segmentation, overview, path)
                else:
                    write_text_atomically(path, FORMATS[name].render(segmentation))


@lru_cache(maxsize=1)
def _model(name: str, device: Device, threads: int, smoothing: tuple[tuple[str, float], ...]) -> Model:
    checkpoint = load_checkpoint(find_model(name))
    try:
        changed = replace(checkpoint.smoothing, **dict(smoothing))
    except ValueError as error:
        raise SwishError(str(error)) from None
    return Model(checkpoint, device, threads, changed)
