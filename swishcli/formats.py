"""Segmentations as files: the one list of output formats, each with its writer and its reader.

==========  ==================  ===========================================================================
name        extension           specification
==========  ==================  ===========================================================================
json        ``.json``           one object on one line, see `segmentation_to_dict`
csv         ``.csv``            RFC 4180 with a header: ``path,[channel,]start,end,label,confidence``
tsv         ``.tsv``            the project's references: header ``start_s``, ``end_s``, ``label``, no quoting
rttm        ``.rttm``           Rich Transcription Time Marked, NIST RT-09 evaluation plan, appendix A
textgrid    ``.TextGrid``       Praat manual, "TextGrid file formats", long text format
audacity    ``.audacity.txt``   Audacity manual, "Importing and Exporting Labels", standard format
srt         ``.srt``            SubRip subtitles: a cue a segment, silence left out
vtt         ``.vtt``            WebVTT (W3C): likewise
==========  ==================  ===========================================================================

Times are seconds, in the fewest decimals that read back as the same float, and are never rounded (but to
milliseconds in subtitles): a boundary is the same text on both its sides, and a file tiles as exactly as what
was written. Confidences have three decimals. RTTM, Audacity and subtitle files may leave time unlabelled; a
reader calls it `SILENCE`. They also do not say how long the recording is: it is taken to end with the last
label (`swishcli.segments.tile` lengthens it).
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path, PurePath
from typing import ClassVar, Literal, NamedTuple

from swishcli.errors import DataError, display_path
from swishcli.segments import SILENCE, Segment, Segmentation, tile

SNAP_S = 1e-6
"""Boundaries no further apart than this, in seconds, are read as one: other programs round."""


class Format(ABC):
    """A way to write one segmentation down, and to read it back."""

    name: ClassVar[str]
    extension: ClassVar[str]
    """Put after the recording's name; no two formats share one, so that all fit into one folder."""

    @abstractmethod
    def render(self, segmentation: Segmentation) -> str:
        """The whole text of the file."""

    @abstractmethod
    def parse(self, text: str) -> Segmentation:
        """Read `text` back. Raises ValueError, with the line and the reason, where it is malformed."""


class Json(Format):
    """The only format that keeps everything: path, channel, duration, confidences."""

    name = "json"
    extension = ".json"

    def render(self, segmentation: Segmentation) -> str:
        # ASCII only, so that a path with undecodable bytes can be written and comes back the same.
        return json.dumps(segmentation_to_dict(segmentation), ensure_ascii=True) + "\n"

    def parse(self, text: str) -> Segmentation:
        try:
            data = json.loads(text)
        except json.JSONDecodeError as error:
            raise _malformed(error.lineno, f"not one JSON object: {error.msg}") from None
        except RecursionError:
            raise ValueError("nested too deeply") from None
        return segmentation_from_dict(data)


class Csv(Format):
    """A table for spreadsheets and data frames; labels are quoted where they need it."""

    name = "csv"
    extension = ".csv"

    def render(self, segmentation: Segmentation) -> str:
        return "".join(map(_csv_line, [table_header(segmentation), *table_rows(segmentation)]))

    def parse(self, text: str) -> Segmentation:
        return _parse_table(text, ",", csv.QUOTE_MINIMAL)


class Tsv(Format):
    """The project's reference files. Tabs and line ends in a label become spaces."""

    name = "tsv"
    extension = ".tsv"

    def render(self, segmentation: Segmentation) -> str:
        return "start_s\tend_s\tlabel\n" + _tabbed(segmentation)

    def parse(self, text: str) -> Segmentation:
        return _parse_table(text, "\t", csv.QUOTE_NONE)


class Rttm(Format):
    """SPEAKER lines with the label as the speaker's name; silence is left out.

    Fields end at white space, so a run of it in a label or in the recording's name becomes ``_``. Channels
    count from 1, and the mean of all channels is written as channel 1. Confidences are written, not read.
    """

    name = "rttm"
    extension = ".rttm"

    def render(self, segmentation: Segmentation) -> str:
        head = f"SPEAKER {_field(PurePath(segmentation.path or '').stem)} {1 + (segmentation.channel or 0)}"
        lines = []
        for s in segmentation.segments:
            if s.label != SILENCE:
                # Subtracted as decimals: 1.3 - 1.2 is 0.1, and start + duration is exactly the end again.
                duration = _number(Decimal(_number(s.end)) - Decimal(_number(s.start)))
                confidence = _confidence(s) or "<NA>"
                times = f"{_number(s.start)} {duration}"
                lines.append(f"{head} {times} <NA> <NA> {_field(s.label)} {confidence} <NA>\n")
        return "".join(lines)

    def parse(self, text: str) -> Segmentation:
        rows, recordings = [], set()
        for number, line in enumerate(text.split("\n"), 1):
            fields = line.split()
            if not fields or line.startswith(";;"):
                continue
            if len(fields) < 8 or not fields[0].isupper():
                raise _malformed(number, "not a line of RTTM")
            if fields[0] != "SPEAKER":
                continue  # words, sentence units, regions not to score: none is a segment
            recordings.add((fields[1], fields[2]))
            if len(recordings) > 1:
                raise _malformed(number, "a second recording or channel, and a segmentation is of one")
            try:
                end = str(Decimal(fields[3]) + Decimal(fields[4]))
            except ArithmeticError:
                raise _malformed(number, "start or duration is not a number") from None
            rows.append(_row(number, fields[3], end, fields[7]))
        return _assemble(rows, sparse=True)


class TextGrid(Format):
    """One interval tier; when read, the first of however many, in the long or the short text format.

    An interval without text is `SILENCE`: Praat marks pauses so.
    """

    name = "textgrid"
    extension = ".TextGrid"

    def render(self, segmentation: Segmentation) -> str:
        end = _number(segmentation.duration)
        # Praat refuses an empty interval, and one that is missing.
        segments = [s for s in _without_gaps(segmentation) if s.duration > 0]
        intervals = "".join(
            f"        intervals [{number}]:\n"
            f"            xmin = {_number(s.start)}\n"
            f"            xmax = {_number(s.end)}\n"
            f"            text = {_praat_text(s.label)}\n"
            for number, s in enumerate(segments, 1)
        )
        return (
            'File type = "ooTextFile"\nObject class = "TextGrid"\n\n'
            f"xmin = 0.0\nxmax = {end}\ntiers? <exists>\nsize = 1\nitem []:\n"
            '    item [1]:\n        class = "IntervalTier"\n        name = "swish"\n'
            f"        xmin = 0.0\n        xmax = {end}\n        intervals: size = {len(segments)}\n"
        ) + intervals

    def parse(self, text: str) -> Segmentation:
        tokens = _praat_tokens(text)
        line = 1

        def take(kind: str) -> str:
            nonlocal line
            line, found, value = next(tokens, (line, "end of file", ""))
            if found != kind:
                raise _malformed(line, f"not a TextGrid in text format: {found} in place of a {kind}")
            return value

        def take_count() -> int:
            count = take("number")
            if not re.fullmatch("[0-9]{1,9}", count):
                raise _malformed(line, "not a TextGrid in text format: a count is not a whole number")
            return int(count)

        if not (take("text") == "ooTextFile" and take("text").startswith("TextGrid")):
            raise _malformed(line, "not a TextGrid in text format")
        _xmin, _xmax = take("number"), take("number")
        for _ in range(take_count()):
            tier, _name, _xmin, xmax = take("text"), take("text"), take("number"), take("number")
            tier_line, rows = line, []
            for _ in range(take_count()):
                if tier != "IntervalTier":
                    _time, _mark = take("number"), take("text")
                    continue
                start, end, label = take("number"), take("number"), take("text")
                rows.append(_row(line, start, end, label or SILENCE))
            if tier == "IntervalTier":
                grid = _assemble(rows)
                if abs(grid.duration - float(xmax)) > SNAP_S:
                    raise _malformed(
                        tier_line, f"intervals end at {grid.duration} s, but their tier at {xmax} s"
                    )
                return grid
        raise _malformed(line, "no interval tier")


class Audacity(Format):
    """A label track: start, end and label between tabs. Tabs and line ends in a label become spaces.

    The reader takes any white space between the fields (``.lab`` files, in seconds), and passes over point
    labels and the frequency lines of spectral selections.
    """

    name = "audacity"
    extension = ".audacity.txt"

    def render(self, segmentation: Segmentation) -> str:
        return _tabbed(segmentation)

    def parse(self, text: str) -> Segmentation:
        rows = []
        for number, line in enumerate(text.split("\n"), 1):
            if not line.strip() or line.startswith("\\"):
                continue
            line = line.removesuffix("\r")
            fields = line.split("\t", 2) if line.count("\t") > 1 else line.split(None, 2)
            if len(fields) < 2:
                raise _malformed(number, "not a line of start, end and label")
            rows.append(_row(number, fields[0], fields[1], "".join(fields[2:])))
        return _assemble(rows, sparse=True)


class Subtitles(Format):
    """Cues with the label as their text; silence is left out. Line ends in a label become spaces."""

    head: ClassVar[str] = ""
    decimal: ClassVar[str]

    def render(self, segmentation: Segmentation) -> str:
        cues = (s for s in segmentation.segments if s.label != SILENCE)
        return self.head + "".join(
            f"{number}\n{self._clock(s.start)} --> {self._clock(s.end)}\n{_one_line(s.label)}\n\n"
            for number, s in enumerate(cues, 1)
        )

    def parse(self, text: str) -> Segmentation:
        rows, lines = [], text.replace("\r\n", "\n").split("\n")
        for number, line in enumerate(lines, 1):
            if "-->" not in line:
                continue
            times = re.match(r"\s*([\d:.,]+)\s*-->\s*([\d:.,]+)", line)
            if times is None:
                raise _malformed(number, "not a line of two times")
            start, end = (_seconds(time, number) for time in times.groups())
            words = []
            for following in lines[number:]:
                if not following.strip():
                    break
                words.append(following.strip())
            rows.append(_row(number, start, end, " ".join(words)))
        return _assemble(rows, sparse=True)

    def _clock(self, seconds: float) -> str:
        minutes, ms = divmod(round(seconds * 1000), 60_000)
        clock = f"{minutes // 60:02}:{minutes % 60:02}:{ms // 1000:02}"
        return f"{clock}{self.decimal}{ms % 1000:03}"


class Srt(Subtitles):
    """SubRip."""

    name = "srt"
    extension = ".srt"
    decimal = ","


class Vtt(Subtitles):
    """WebVTT."""

    name = "vtt"
    extension = ".vtt"
    head = "WEBVTT\n\n"
    decimal = "."


FORMATS: dict[str, Format] = {
    f.name: f for f in (Json(), Csv(), Tsv(), Rttm(), TextGrid(), Audacity(), Srt(), Vtt())
}
"""Every format by its name, in the order in which a person is shown them."""

_BY_SUFFIX = {PurePath("x" + f.extension).suffix.lower(): f for f in FORMATS.values()}
_BY_SUFFIX[".lab"] = FORMATS["audacity"]


def read_segments(path: str | Path) -> Segmentation:
    """Read a segmentation in any of `FORMATS`, told apart by the file's extension.

    ``.txt`` and ``.lab`` are read as Audacity labels. Text is UTF-8, or UTF-16 with a byte order mark, which
    Praat likes to write. Only JSON gives the segmentation a path and a channel.

    Raises
    ------
    DataError
        If the file cannot be read, has an unknown extension or is malformed: one sentence with its name and,
        where there is one, the line.
    """
    reader = _BY_SUFFIX.get(PurePath(path).suffix.lower())
    try:
        if reader is None:
            raise ValueError(f"not a file of segments by its extension (known: {', '.join(_BY_SUFFIX)})")
        return reader.parse(_decoded(Path(path).read_bytes()))
    except OSError as error:
        raise DataError(f"{display_path(path)}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise DataError(f"{display_path(path)}: {error}") from error


def segmentation_to_dict(segmentation: Segmentation) -> dict[str, object]:
    """The JSON object of a segmentation; times in seconds, ``channel`` only where there is one.

    >>> segmentation_to_dict(Segmentation(1.5, (Segment(0.0, 1.5, "music", 0.9),), "a.wav"))["segments"]
    [{'start': 0.0, 'end': 1.5, 'label': 'music', 'confidence': 0.9}]
    """
    segments = [segment_to_dict(s) for s in segmentation.segments]
    channel = {} if segmentation.channel is None else {"channel": int(segmentation.channel)}
    warnings = {"warnings": list(segmentation.warnings)} if segmentation.warnings else {}
    partial = {"partial": True} if segmentation.partial else {}
    duration = float(segmentation.duration)
    return {
        "path": segmentation.path,
        **channel,
        "duration": duration,
        **partial,
        "segments": segments,
        **warnings,
    }


def table_header(segmentation: Segmentation) -> list[str]:
    """Names of the columns of a segmentation as a table."""
    channel = [] if segmentation.channel is None else ["channel"]
    return ["path", *channel, "start", "end", "label", "confidence"]


def table_rows(segmentation: Segmentation) -> list[list[str]]:
    """The segments as rows under `table_header`."""
    channel = [] if segmentation.channel is None else [str(segmentation.channel)]
    return [
        [segmentation.path or "", *channel, _number(s.start), _number(s.end), s.label, _confidence(s)]
        for s in segmentation.segments
    ]


def segment_to_dict(segment: Segment) -> dict[str, object]:
    """The JSON object of one segment."""
    # float(): whoever made the segment may have left NumPy's float32 in it, which json refuses.
    return {
        "start": float(segment.start),
        "end": float(segment.end),
        "label": segment.label,
        "confidence": None if segment.confidence is None else round(float(segment.confidence), 3),
    }


def segmentation_from_dict(data: object) -> Segmentation:
    """The inverse of `segmentation_to_dict`. Raises ValueError, with the reason, for any other object."""
    try:
        if not isinstance(data, dict):
            raise TypeError
        segments = tuple(
            Segment(
                _json_float(s["start"]),
                _json_float(s["end"]),
                _json_text(s["label"]),
                None if s.get("confidence") is None else _json_float(s["confidence"]),
            )
            for s in data["segments"]
        )
        path, channel = data.get("path"), data.get("channel")
        return Segmentation(
            _json_float(data["duration"]),
            segments,
            None if path is None else _json_text(path),
            None if channel is None else int(_json_float(channel)),
            tuple(map(_json_text, data.get("warnings", ()))),
            partial=data.get("partial") is True,
        )
    except (AttributeError, KeyError, OverflowError, TypeError):
        raise ValueError(
            "not an object with duration and segments of start, end, label and confidence"
        ) from None


class _Row(NamedTuple):
    line: int
    start: float
    end: float
    label: str
    confidence: float | None


def _malformed(line: int, reason: str) -> ValueError:
    return ValueError(f"line {line}: {reason}")


def _row(line: int, start: str, end: str, label: str, confidence: str = "") -> _Row:
    try:
        row = _Row(line, float(start), float(end), label, float(confidence) if confidence else None)
        if not math.isfinite(row.confidence or 0.0):
            raise ValueError
    except ValueError:
        raise _malformed(line, "start, end or confidence is not a number") from None
    if not 0 <= row.start <= row.end < math.inf:
        raise _malformed(line, f"a segment cannot run from {row.start} s to {row.end} s")
    return row


def _assemble(rows: Iterable[_Row], sparse: bool = False) -> Segmentation:
    """Order, snap and check what was read; time that a sparse file leaves unlabelled becomes silence."""
    segments: list[Segment] = []
    position = 0.0
    for row in sorted(rows, key=lambda r: (r.start, r.end)):
        if sparse and row.start == row.end:
            continue  # a point label
        start = position if abs(row.start - position) <= SNAP_S else row.start
        if start < position:
            raise _malformed(row.line, f"overlaps the segment before it, which ends at {position} s")
        if start > position and not sparse:
            raise _malformed(row.line, f"leaves a gap from {position} s to {start} s")
        position = max(start, row.end)
        segments.append(Segment(start, position, row.label, row.confidence))
    if sparse:
        return Segmentation(position, tile(position, ((s.start, s.end, s.label) for s in segments), SILENCE))
    return Segmentation(position, tuple(segments))


def _parse_table(text: str, delimiter: str, quoting: Literal[0, 3]) -> Segmentation:
    """Read rows under a header that names the columns, in any order and with any others beside them."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting, strict=True)
    rows = []
    try:
        header = [column.strip().lower().removesuffix("_s") for column in next(reader, [])]
        if not {"start", "end", "label"} <= set(header):
            raise _malformed(1, "not a header with start, end and label")
        for fields in filter(None, reader):
            if len(fields) != len(header):
                raise _malformed(reader.line_num, f"{len(fields)} fields under {len(header)} columns")
            cell = dict(zip(header, fields, strict=True))
            confidence = cell.get("confidence", "")
            rows.append(_row(reader.line_num, cell["start"], cell["end"], cell["label"], confidence))
    except csv.Error as error:
        raise _malformed(reader.line_num, str(error)) from None
    return _assemble(rows)


def _decoded(data: bytes) -> str:
    encoding = "UTF-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "UTF-8"
    try:
        return data.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise _malformed(1 + data.count(b"\n", 0, error.start), f"not {encoding} text") from None


def _number(value: float | Decimal) -> str:
    """Fewest decimals that read back as `value`, never with an exponent.

    >>> _number(2), _number(0.1), _number(1e-7)
    ('2.0', '0.1', '0.0000001')
    """
    return format(value if isinstance(value, Decimal) else Decimal(repr(float(value))), "f")


def _without_gaps(segmentation: Segmentation) -> Iterator[Segment]:
    """The segments, and ones without a label where stretches are left out."""
    position = 0.0
    for s in segmentation.segments:
        if s.start > position:
            yield Segment(position, s.start, "")
        yield s
        position = s.end
    if position < segmentation.duration:
        yield Segment(position, segmentation.duration, "")


def _confidence(segment: Segment) -> str:
    """Three decimals; nothing where there is none."""
    return "" if segment.confidence is None else f"{segment.confidence:.3f}"


def _seconds(clock: str, line: int) -> str:
    """``h:mm:ss.mmm`` or ``mm:ss,mmm`` as seconds."""
    try:
        parts = [Decimal(part) for part in clock.replace(",", ".").split(":")]
        if not 2 <= len(parts) <= 3:
            raise ArithmeticError
    except ArithmeticError:
        raise _malformed(line, f"{clock!r} is not a time") from None
    hours, minutes, seconds = [Decimal(0), *parts][-3:]
    return str(hours * 3600 + minutes * 60 + seconds)


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text.replace("-->", "->")).strip()


def _csv_line(fields: Iterable[str]) -> str:
    buffer = io.StringIO(newline="")
    # Written with its own line end, \r\n: given \n, it would leave a label with a \r in it unquoted.
    csv.writer(buffer).writerow(fields)
    return buffer.getvalue().removesuffix("\r\n") + "\n"


def _tabbed(segmentation: Segmentation) -> str:
    rows = (
        (_number(s.start), _number(s.end), re.sub(r"[\t\r\n]", " ", s.label)) for s in segmentation.segments
    )
    return "".join("\t".join(row) + "\n" for row in rows)


def _field(text: str) -> str:
    return re.sub(r"\s+", "_", text) or "<NA>"


def _praat_text(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


_PRAAT_TOKEN = re.compile(
    r'"(?P<text>(?:[^"]|"")*)"|(?<!\S)(?P<number>[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)(?!\S)'
)


def _praat_tokens(text: str) -> Iterator[tuple[int, str, str]]:
    """Line, kind (``text`` or ``number``) and value of each token.

    Praat itself reads quoted texts and numbers that stand free, and passes over all words and signs between.
    """
    line, position = 1, 0
    for match in _PRAAT_TOKEN.finditer(text):
        line += text.count("\n", position, match.start())
        position = match.start()
        if match["number"] is not None:
            yield line, "number", match["number"]
        else:
            yield line, "text", match["text"].replace('""', '"')


def _json_float(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError
    return float(value)


def _json_text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
