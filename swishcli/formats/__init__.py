"""Segmentations as files: the one list of formats, each with its writer and its reader.

==========  ==================  ===========================================================================
name        extension           specification
==========  ==================  ===========================================================================
json        ``.json``           one object on one line, see `segmentation_to_dict`
csv         ``.csv``            RFC 4180 with a header: ``path,[channel,]start,end,label,confidence``
tsv         ``.tsv``            the project's references: header ``start_s``, ``end_s``, ``label``, no quoting
rttm        ``.rttm``           Rich Transcription Time Marked, NIST RT-09 evaluation plan, appendix A
textgrid    ``.TextGrid``       Praat manual, "TextGrid file formats", long text format
audacity    ``.audacity.txt``   Audacity manual, "Importing and Exporting Labels", standard format
srt         ``.srt``            SubRip: a numbered cue for each segment
vtt         ``.vtt``            WebVTT, W3C Candidate Recommendation of 2019
elan        ``.eaf``            ELAN Annotation Format 3.0
==========  ==================  ===========================================================================

Times are seconds with three decimals, except in JSON, which does not round them. A boundary is the same text
on both its sides, so that a file tiles as exactly as what was written; a segment that is shorter than the
rounding has the same start and end in a table, and is missing elsewhere. Confidences have three decimals.

RTTM, Audacity, ELAN and subtitle files may leave time unlabelled; a reader calls it `SILENCE`. They also do not say
how long the recording is: it is taken to end with the last label (`swishcli.segments.tile` lengthens it).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePath
from typing import TypeVar

from swishcli.errors import DataError, display_path
from swishcli.formats.audacity import Audacity
from swishcli.formats.base import ROUNDING_S, SNAP_S, Format, malformed
from swishcli.formats.elan import Elan
from swishcli.formats.json import (
    Json,
    JsonLines,
    segment_to_dict,
    segmentation_from_dict,
    segmentation_to_dict,
)
from swishcli.formats.rttm import Rttm
from swishcli.formats.subtitles import Srt, Vtt
from swishcli.formats.tables import PATH_COLUMNS, Csv, Tsv, csv_line, has_times, table_header, table_rows
from swishcli.formats.textgrid import TextGrid
from swishcli.segments import SILENCE, Segmentation, merge_adjacent

__all__ = [
    "FORMATS",
    "LABEL_SUFFIXES",
    "LINES_SUFFIX",
    "PATH_COLUMNS",
    "SNAP_S",
    "Format",
    "csv_line",
    "has_times",
    "losses",
    "read_all_segments",
    "read_segments",
    "segment_to_dict",
    "segmentation_from_dict",
    "segmentation_to_dict",
    "table_header",
    "table_rows",
    "without_label_suffixes",
]

Result = TypeVar("Result")

FORMATS: dict[str, Format] = {
    f.name: f for f in (Json(), Csv(), Tsv(), Rttm(), TextGrid(), Audacity(), Srt(), Vtt(), Elan())
}
"""Every format by its name, in the order in which a person is shown them."""

_BY_SUFFIX = {PurePath("x" + f.extension).suffix.lower(): f for f in FORMATS.values()}
_BY_SUFFIX[".lab"] = FORMATS["audacity"]
LABEL_SUFFIXES = tuple(_BY_SUFFIX)
"""Suffixes of the files that `read_segments` reads, in lower case."""
LINES_SUFFIX = JsonLines.extension
"""Suffix of files that hold segmentations of many recordings, one a line; `read_all_segments` reads them."""
_READERS = {**_BY_SUFFIX, LINES_SUFFIX: JsonLines()}


def without_label_suffixes(path: PurePath) -> PurePath:
    """A path of a file of labels without all the suffixes that say so.

    >>> str(without_label_suffixes(PurePath("a.v2.audacity.txt")))
    'a.v2'
    """
    while path.suffix.lower() in (*LABEL_SUFFIXES, ".audacity"):
        path = path.with_suffix("")
    return path


def read_segments(path: str | Path, tier: str | None = None) -> Segmentation:
    """Read a segmentation in any of `FORMATS`, told apart by the file's extension.

    ``.txt`` and ``.lab`` are read as Audacity labels. Text is UTF-8, or UTF-16 with a byte order mark, which
    Praat likes to write. Only JSON and CSV give the segmentation a path and a channel. `tier` names the tier of
    a TextGrid or an ELAN file; by default the first one is read.

    Raises
    ------
    DataError
        If the file cannot be read, has an unknown extension or is malformed: one sentence with its name and,
        where there is one, the line.
    """
    return _read(path, tier, lambda reader, text: reader.parse(text))


def read_all_segments(path: str | Path, tier: str | None = None) -> list[Segmentation]:
    """As `read_segments`, of a file that may be of many recordings: JSON Lines, RTTM and tables; each has a path."""
    return _read(path, tier, lambda reader, text: reader.parse_all(text))


def _read(path: str | Path, tier: str | None, parse: Callable[[Format, str], Result]) -> Result:
    reader = _READERS.get(PurePath(path).suffix.lower())
    if tier is not None and isinstance(reader, TextGrid | Elan):
        reader = type(reader)(tier)
    try:
        if reader is None:
            raise ValueError(f"not a file of segments by its extension (known: {', '.join(_READERS)})")
        return parse(reader, _decoded(Path(path).read_bytes()))
    except OSError as error:
        raise DataError(f"{display_path(path)}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise DataError(f"{display_path(path)}: {error}") from error


def losses(segmentation: Segmentation, format_: Format) -> list[str]:
    """What of a segmentation a format has no room for, in words: found by reading what it writes."""
    lost = []
    if not format_.keeps_confidences and any(s.confidence is not None for s in segmentation):
        lost.append("confidences")
    if not format_.keeps_channel and segmentation.channel is not None:
        lost.append("the channel")
    try:
        kept = format_.parse(format_.render(segmentation))
    except ValueError:  # a table of some segments alone
        return [*lost, "what lies between the segments"]
    if segmentation.duration - kept.duration > 2 * ROUNDING_S:
        lost.append("silence at the end")
    wanted = {s.label for s in merge_adjacent(segmentation) if s.duration > 2 * ROUNDING_S}
    if wanted - {s.label for s in kept} - {SILENCE}:
        lost.append("white space or quotes in labels")
    return lost


def _decoded(data: bytes) -> str:
    encoding = "UTF-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "UTF-8"
    try:
        return data.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise malformed(1 + data.count(b"\n", 0, error.start), f"not {encoding} text") from None
