"""Review pages: a self-contained HTML file a recording, and an index that filters them.

Whatever a recording or a label is called reaches a page as data: through the template engine's escaping, or as
JSON whose angle brackets are escaped, and from there as the text of elements.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np

from swishcli.audio import Decoding
from swishcli.errors import DataError, MissingDependencyError, OutputError, display_path
from swishcli.evaluation.metrics import accuracy
from swishcli.evaluation.scoring import frame_confusion
from swishcli.files import write_text_atomically
from swishcli.formats import segmentation_to_dict
from swishcli.jobs.inputs import Input, check_output_names
from swishcli.pictures.overview import shares
from swishcli.pictures.palette import looks_of
from swishcli.review.media import EMBEDDED_S, MEDIA_SUFFIX, MEDIA_TYPE, Media, encode, keep, scratch
from swishcli.segments import SILENCE, Segmentation, tile

if TYPE_CHECKING:
    from jinja2 import Environment

PAGES = "pages"
"""Folder, within the one that is written, of the recordings' pages."""
INDEX = "index.html"
LABELS = ("speech", "music", "noise")
"""What can be said on a page whatever its segments say."""

_HERE = Path(__file__).parent
_RIBBON = 72
"""Columns of a recording in the index."""
Progress = Callable[[float, float | None], None]


@dataclass(frozen=True, slots=True)
class Page:
    """What a page shows: a recording, what was found in it, and what is right if that is known."""

    recording: str
    """The file to decode."""
    segmentation: Segmentation
    reference: Segmentation | None = None
    labels: tuple[str, ...] = LABELS
    """What segments can be corrected to, besides the labels that occur and silence."""
    model: str = ""
    """What found the segments, in a word or two."""

    @property
    def all_labels(self) -> tuple[str, ...]:
        """Every label of the page once, silence last."""
        sides = (self.segmentation, self.reference)
        occurring = [label for side in sides if side is not None for label in side.labels]
        return (*(x for x in dict.fromkeys([*self.labels, *occurring]) if x != SILENCE), SILENCE)


@dataclass(frozen=True, slots=True)
class Entry:
    """A recording in the index."""

    id: str
    """Of the page's segments: corrections are kept under it in the browser."""
    name: str
    href: str
    """The page, from the index."""
    duration: float
    shares: Mapping[str, float]
    """Of the time, by label."""
    sure: float | None
    """Mean confidence over the time that is not silent."""
    least_sure: float | None
    """Confidence of the most doubtful segment."""
    disagreement: float | None
    """Share of the reference's sounding time that has another label; None without a reference."""
    ribbon: tuple[str, ...]
    """The label that most of each column has."""


def write(
    segmentations: Iterable[Segmentation],
    folder: str | Path,
    references: Mapping[str, Segmentation] | None = None,
    labels: Sequence[str] = LABELS,
    model: str = "",
    embedded_s: float = EMBEDDED_S,
) -> Path:
    """Write a page for each segmentation, and an index if there are several; return what to open first.

    Parameters
    ----------
    segmentations : iterable of Segmentation
        Each with the `path` of its recording, as `Model.segment` gives it.
    folder : str or Path
        Made if it is not there.
    references : mapping, optional
        What is right, by the path of the recording, where it is known.
    labels : sequence of str
        What segments can be corrected to, besides the labels that occur and silence.
    model : str
        What found the segments, for the reader.
    embedded_s : float
        The sound of longer recordings lies beside their pages, as ``.webm``.

    Raises
    ------
    AudioError
        If a recording cannot be read.
    DataError
        If a segmentation has no path, or two recordings would have the same page.
    MissingDependencyError
        If Jinja2 is not installed.
    OutputError
        If something cannot be written.
    """
    folder = Path(folder)
    pages = [_page(s, references or {}, tuple(labels), model) for s in segmentations]
    inputs = [Input(page.recording, Path(Path(page.recording).name)) for page in pages]
    check_output_names(inputs, keep_suffix=True)
    entries = [
        write_page(page, folder, item.name, embedded_s, in_batch=len(pages) > 1)
        for page, item in zip(pages, inputs, strict=True)
    ]
    if len(entries) == 1:
        return page_path(folder, inputs[0].name)
    return write_index(entries, folder)


def require_templates() -> None:
    """Raise MissingDependencyError if Jinja2 is not installed."""
    _environment()


def page_path(folder: Path, name: Path) -> Path:
    """Where the page of a recording is written that is called `name`."""
    return folder / PAGES / f"{name}.html"


def write_page(
    page: Page,
    folder: Path,
    name: Path,
    embedded_s: float = EMBEDDED_S,
    in_batch: bool = True,
    on_progress: Progress = lambda *_: None,
) -> Entry:
    """Write one page, as ``folder/pages/<name>.html``, and return its entry for the index.

    `name` is that of the recording, with its suffix, below the folder it was found in: ``sub/a.wav``.

    Raises AudioError, MissingDependencyError, OutputError.
    """
    path = page_path(folder, name)
    environment = _environment()
    _make_folder(path.parent)
    segmentation = page.segmentation
    if segmentation.partial:
        found = [(s.start, s.end, s.label) for s in segmentation]
        whole = tile(segmentation.duration, found, SILENCE)
        page = replace(page, segmentation=replace(segmentation, segments=whole, partial=False))
    with scratch() as file:
        media = encode(page.recording, file, _decoding_of(page.segmentation), on_progress)
        embedded = media.duration_s <= embedded_s
        if embedded:
            file.seek(0)
            sound = base64.b64encode(file.read()).decode("ascii")
        else:
            sound = ""
            keep(file, path.with_name(name.name + MEDIA_SUFFIX))
    source = "" if embedded else _href(name.name + MEDIA_SUFFIX)
    depth = len(PurePosixPath(PAGES, name.as_posix()).parents) - 1
    text = environment.get_template("recording.html").render(
        title=display_path(Path(page.recording).name),
        index="../" * depth + INDEX if in_batch else None,
        data=_data(page, media, Input(page.recording, name).output_name().name, source),
        sound=sound,
    )
    write_text_atomically(path, text)
    return _entry(page, _href(PurePosixPath(PAGES, name.as_posix() + ".html")), display_path(name))


def write_index(entries: Sequence[Entry], folder: Path) -> Path:
    """Write the index of pages and return its path. Raises MissingDependencyError, OutputError."""
    _make_folder(folder)
    labels = dict.fromkeys([*LABELS, *(label for entry in entries for label in entry.shares)])
    used = {label for entry in entries for label, share in entry.shares.items() if share}
    shown = [*(x for x in labels if x in used and x != SILENCE), *([SILENCE] if SILENCE in used else [])]
    place = {label: i for i, label in enumerate(shown)}
    rows = [
        asdict(entry)
        | {
            "shares": [round(entry.shares.get(label, 0.0), 4) for label in shown],
            "ribbon": [place[label] for label in entry.ribbon],
        }
        for entry in entries
    ]
    data = {"labels": _looks(shown), "entries": rows}
    text = _environment().get_template("index.html").render(data=data, n=len(entries))
    path = folder / INDEX
    write_text_atomically(path, text)
    return path


def _page(
    segmentation: Segmentation, references: Mapping[str, Segmentation], labels: tuple[str, ...], model: str
) -> Page:
    if segmentation.path is None:
        raise DataError("a segmentation without a path cannot be reviewed: its recording is unknown")
    return Page(segmentation.path, segmentation, references.get(segmentation.path), labels, model)


def _decoding_of(segmentation: Segmentation) -> Decoding:
    """What of the recording the segments are of."""
    return Decoding(
        segmentation.channel,
        start_s=segmentation.offset,
        duration_s=segmentation.duration - segmentation.offset,
    )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(folder, error.strerror or str(error)) from None


def _data(page: Page, media: Media, stem: str, source: str) -> dict[str, Any]:
    """What the page's script works on; times in seconds of the recording. Downloads are called `stem`."""
    labels, segmentation = page.all_labels, page.segmentation
    place = {label: i for i, label in enumerate(labels)}
    reference = page.reference
    return {
        "id": _id(page),
        "path": segmentation.path,
        "stem": display_path(stem),
        "channel": segmentation.channel,
        "offset": float(segmentation.offset),
        "duration": float(segmentation.duration),
        "model": page.model,
        "warnings": segmentation.warnings,
        "labels": _looks(labels),
        "silence": place[SILENCE],
        "segments": [
            [float(s.start), float(s.end), place[s.label], _rounded(s.confidence)] for s in segmentation
        ],
        "reference": None
        if reference is None
        else [[float(s.start), float(s.end), place[s.label]] for s in reference],
        "sound": {"type": MEDIA_TYPE, "source": source},
        "peaks": {"column": media.column_s, "data": _base64(media.peaks.tobytes())},
        "spectra": {
            "column": media.spectrum_s,
            "bands": media.spectra.shape[1],
            "hz": [round(hz) for hz in media.mel_hz],
            "data": _base64(zlib.compress(media.spectra.tobytes(), 9)),
        },
    }


def _entry(page: Page, href: str, name: str) -> Entry:
    segmentation, labels = page.segmentation, page.all_labels
    edges = np.linspace(segmentation.offset, segmentation.duration, _RIBBON + 1)
    columns = shares(segmentation, labels, edges).argmax(axis=1)
    sounding = [s for s in segmentation if s.label != SILENCE and s.confidence is not None and s.duration > 0]
    seconds = sum(s.duration for s in sounding)
    total = segmentation.duration - segmentation.offset
    return Entry(
        _id(page),
        name,
        href,
        float(total),
        {label: segmentation.total(label) / total if total else 0.0 for label in labels},
        _rounded(sum(s.duration * float(s.confidence or 0) for s in sounding) / seconds) if seconds else None,
        _rounded(min((float(s.confidence or 0) for s in sounding), default=None)),
        _disagreement(page),
        tuple(labels[k] for k in columns),
    )


def _disagreement(page: Page) -> float | None:
    if page.reference is None:
        return None
    labels = [label for label in page.all_labels if label != SILENCE]
    confusion = frame_confusion(page.reference, page.segmentation, labels)
    return _rounded(1 - accuracy(confusion)) if confusion.sum() else None


def _id(page: Page) -> str:
    """Of what a page starts from: corrections of something else are none of it."""
    text = json.dumps([page.all_labels, segmentation_to_dict(page.segmentation)])
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _looks(labels: Sequence[str]) -> list[dict[str, str]]:
    return [
        {
            "name": label,
            "shown": display_path(label),
            "color": look.color,
            "ink": look.ink,
            "letter": look.letter,
        }
        for label, look in looks_of(labels).items()
    ]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), 4)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _href(path: str | PurePosixPath) -> str:
    """A relative path as a link: whatever bytes its name holds, and no scheme."""
    return "./" + quote(os.fsencode(str(path)))


@cache
def _environment() -> Environment:
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError:
        raise MissingDependencyError("review needs Jinja2: pip install 'swishcli[review]'") from None
    environment = Environment(
        autoescape=True,
        loader=FileSystemLoader(_HERE / "templates"),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.globals.update(inlined=_inlined, digest=_digest)
    return environment


def _inlined(name: str) -> Any:
    """A script or style sheet of the package, as it is."""
    from markupsafe import Markup

    return Markup(_asset(name))


def _digest(name: str) -> str:
    """What a content security policy knows a script by: all others are refused."""
    return "sha256-" + _base64(hashlib.sha256(_asset(name).encode()).digest())


@cache
def _asset(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")
