"""The work on one recording: analyse it, write its files. Picklable, so that any process can do it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path

from swishcli import __version__
from swishcli.analysis import Analysis
from swishcli.audio import STDIN, Decoding
from swishcli.checkpoint import find_model, load_checkpoint
from swishcli.engines import Device, default_threads
from swishcli.errors import AudioError, SwishError
from swishcli.evaluation.pairing import References
from swishcli.files import make_folder, path_within, write_text_atomically
from swishcli.formats import FORMATS
from swishcli.inference import FrameScores
from swishcli.jobs.clips import Clip, ClipConfig, clips_of, write_clips
from swishcli.jobs.executors import Deferred, Progress
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
    clips: ClipConfig | None = None
    """Segments that become audio files."""

    def paths_of(self, item: Input, channel: str = "") -> list[Path]:
        """The files of a recording, or of one of its channels."""
        name = item.output_name(self.keep_suffix)
        extensions = (f".{f}" if f in PICTURES else FORMATS[f].extension for f in self.formats)
        return [self.folder / f"{name}{channel}{extension}" for extension in extensions]


@dataclass(frozen=True)
class Selection:
    """What is kept of the segments; everything, unless something is asked for."""

    label: str | None = None
    """The one class whose segments are kept."""
    pad_s: float = 0.0
    """Seconds that each is longer for on both sides."""
    clean: str | None = None
    """A class whose segments are cut where another one can be heard beneath."""
    layers: bool = False
    """Whether it is the layers that are kept: where each class can be heard."""

    def of(self, answer: Analysis) -> Analysis:
        """An answer of which only this is left; layers have had their part in it then."""
        segmentation = answer.segmentation
        if answer.layers is not None and self.layers:
            segmentation = answer.layers
        elif answer.layers is not None and self.clean is not None:
            others = [s for s in answer.layers if s.label != self.clean]
            segmentation = segmentation.without(replace(answer.layers, segments=tuple(others)))
        if self.label is not None:
            segmentation = segmentation.only(self.label, self.pad_s)
        return replace(answer, segmentation=segmentation, layers=None)


@dataclass(frozen=True, slots=True)
class FileState:
    """What tells a file from itself after a change."""

    size: int
    """Bytes."""
    mtime_ns: int
    """Nanoseconds, as the file system keeps them."""

    @classmethod
    def of(cls, path: str) -> FileState | None:
        """The state of a file; None for standard input, and where there is nothing."""
        try:
            found = None if path == STDIN else Path(path).stat()
        except (OSError, ValueError):  # no file can have that name
            return None
        return None if found is None else cls(found.st_size, found.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class Done:
    """What the work on one recording has given."""

    answers: tuple[Analysis, ...]
    """One, or one for each channel."""
    source: FileState | None = None
    """The recording as it was when the work began."""
    outputs: tuple[tuple[str, int], ...] = ()
    """The files that were written: paths below the folder of the outputs, and bytes."""


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
    selection: Selection = Selection()
    with_layers: bool = False
    """Whether it is found where each class can be heard, alone or beneath others."""
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

    def digest(self) -> str:
        """Of all that decides what the answers and the files are: the model's content, options, this version.

        Where the work is done, and with how many threads, does not.
        """
        model = hashlib.sha256(find_model(self.model).read_bytes()).hexdigest()
        options = asdict(replace(self, model=model, device="auto", threads=1))
        if self.destination is not None:
            del options["destination"]["folder"], options["destination"]["skip_existing"]
        text = json.dumps([__version__, options], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def is_done(self, item: Input) -> bool:
        """Whether all files are there already and may stay."""
        destination = self.destination
        if destination is None or not destination.skip_existing:
            return False
        return all(path.exists() for path in self.expected_outputs(item))

    def expected_outputs(self, item: Input) -> list[Path]:
        """The files that will be written, of the first channel where each has its own."""
        channel = ".channel0" if self.decoding.channel == "split" else ""
        return [] if self.destination is None else self.destination.paths_of(item, channel)

    def clips_of(self, item: Input, answers: Sequence[Analysis]) -> list[Clip]:
        """The audio files that are made of a recording, channel by channel."""
        destination = self.destination
        if destination is None or destination.clips is None:
            return []
        name = item.output_name(destination.keep_suffix)
        return [
            clip
            for answer in answers
            for clip in clips_of(
                Path(f"{name}{self._channel_of(answer)}"), answer.segmentation, destination.clips
            )
        ]

    def __call__(self, item: Input, on_progress: Progress) -> Done | Deferred[Done]:
        """Raises SwishError."""
        source = FileState.of(item.path)
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
            with_layers=self.with_layers,
        )
        warnings = answers[0].segmentation.warnings
        if self.strict and warnings:
            raise AudioError(item.path, "; ".join(warnings))
        answers = [self.selection.of(answer) for answer in answers]
        if self.frames is not None:
            checkpoint = model.checkpoint
            position_s = checkpoint.position_samples / checkpoint.front_end.sample_rate
            write_frames(self.frames, scores, model.classes, position_s, self.decoding.start_s)
        if self.sorting is not None:
            self.sorting.place(item, answers[0].classification.label)
        overviews = sketch.finish() if sketch else [None] * len(answers)
        if self.plot is not None:
            self._draw(item, answers[0].segmentation, overviews[0], self.plot)
        done = Done(tuple(answers), source)
        if self.destination is None:
            return done
        # Before the labels, so that where they are all is there.
        clips = write_clips(self.destination.folder, self.clips_of(item, answers), item.path, self.decoding)
        done = replace(done, outputs=tuple(_output(path, self.destination) for path in clips))
        write = partial(self._write, item, done, overviews, self.destination)
        # Drawing is work for the processor, and not for several threads at once.
        return write() if self._draws else Deferred(write)

    @property
    def _draws(self) -> bool:
        formats = self.destination.formats if self.destination else ()
        return self.plot is not None or any(name in PICTURES for name in formats)

    def _draw(self, item: Input, segmentation: Segmentation, overview: Overview | None, path: Path) -> None:
        reference = self.references.of(item.name) if self.references else None
        save(draw_recording(segmentation, overview, reference), path)

    def _write(
        self, item: Input, done: Done, overviews: list[Overview] | list[None], destination: Destination
    ) -> Done:
        outputs = list(done.outputs)
        for answer, overview in zip(done.answers, overviews, strict=True):
            paths = destination.paths_of(item, self._channel_of(answer))
            for name, path in zip(destination.formats, paths, strict=True):
                path_within(destination.folder, path.relative_to(destination.folder))
                make_folder(path.parent)
                if name in PICTURES:
                    self._draw(item, answer.segmentation, overview, path)
                else:
                    write_text_atomically(path, FORMATS[name].render(answer.segmentation))
                outputs.append(_output(path, destination))
        return replace(done, outputs=tuple(outputs))

    def _channel_of(self, answer: Analysis) -> str:
        """What stands after a recording's name in those of its outputs, where each channel has its own.

        After the name of a mono recording too, or it could be that of another one's channel.
        """
        return f".channel{answer.segmentation.channel}" if self.decoding.channel == "split" else ""


def _output(path: Path, destination: Destination) -> tuple[str, int]:
    """A file that was written, as `Done` has it."""
    return path.relative_to(destination.folder).as_posix(), path.stat().st_size


@lru_cache(maxsize=1)
def _model(name: str, device: Device, threads: int, smoothing: tuple[tuple[str, float], ...]) -> Model:
    checkpoint = load_checkpoint(find_model(name))
    try:
        changed = replace(checkpoint.smoothing, **dict(smoothing))
    except ValueError as error:
        raise SwishError(str(error)) from None
    return Model(checkpoint, device, threads, changed)
