"""Subtitles, which any player shows over the recording: SubRip and WebVTT."""

from __future__ import annotations

import html
import re
from abc import abstractmethod
from collections.abc import Iterator
from typing import ClassVar

from swishcli.formats.base import Format, assemble_sparse, malformed, row_of, visible
from swishcli.segments import SILENCE, Segmentation

_TIME = r"(?:[0-9]+:)?[0-9]{1,2}:[0-9]{1,2}(?:[.,][0-9]{1,3})?"
_TIMES = re.compile(rf"\s*({_TIME})\s*-->\s*({_TIME})(?!\S)")


class _Subtitles(Format):
    """Cues with the label as their text; silence is left out. White space in a label becomes one space."""

    _head: ClassVar[str]
    _decimal_mark: ClassVar[str]

    @abstractmethod
    def _escaped(self, label: str) -> str:
        """The label as the text of a cue."""

    @abstractmethod
    def _unescaped(self, text: str) -> str:
        """The label of a cue's text."""

    def render(self, segmentation: Segmentation) -> str:
        cues = [row for row in visible(segmentation) if row[2].label != SILENCE]
        return self._head + "\n".join(
            f"{number}\n{self._clock(start)} --> {self._clock(end)}\n{self._escaped(_one_line(s.label))}\n"
            for number, (start, end, s) in enumerate(cues, 1)
        )

    def parse(self, text: str) -> Segmentation:
        rows = []
        for number, times, words in _cues(text):
            match = _TIMES.match(times)
            if match is None:
                raise malformed(number, "not two times")
            start, end = map(_seconds, match.groups())
            rows.append(row_of(number, start, end, self._unescaped(_one_line(words))))
        return assemble_sparse(rows)

    def _clock(self, time: int) -> str:
        seconds, ms = divmod(time, 1000)
        minutes, hours = seconds // 60 % 60, seconds // 3600
        return f"{hours:02}:{minutes:02}:{seconds % 60:02}{self._decimal_mark}{ms:03}"


class Srt(_Subtitles):
    """SubRip. It has no escapes: an arrow as between times loses its length."""

    name = "srt"
    extension = ".srt"
    _head = ""
    _decimal_mark = ","

    def _escaped(self, label: str) -> str:
        return re.sub("--+>", "->", label)

    def _unescaped(self, text: str) -> str:
        return text


class Vtt(_Subtitles):
    """WebVTT. When read, markup within a cue is dropped."""

    name = "vtt"
    extension = ".vtt"
    _head = "WEBVTT\n\n"
    _decimal_mark = "."

    def parse(self, text: str) -> Segmentation:
        if not re.match(r"WEBVTT(?!\S)", text):
            raise malformed(1, "not WEBVTT")
        return super().parse(text)

    def _escaped(self, label: str) -> str:
        return html.escape(label, quote=False)

    def _unescaped(self, text: str) -> str:
        return html.unescape(re.sub("<[^>]*>", "", text))


def _cues(text: str) -> Iterator[tuple[int, str, str]]:
    """Of each block that has times in its first two lines: their line's number, the times, the words below.

    What has none is no cue: headers, notes, styles.
    """
    number = 1
    for block in re.split(r"(?m)^[^\S\n]*\n", re.sub(r"\r\n?", "\n", text) + "\n"):
        lines = block.split("\n")
        for at, line in enumerate(lines[:2]):
            if "-->" in line:
                yield number + at, line, "\n".join(lines[at + 1 :])
                break
        number += len(lines)


def _seconds(clock: str) -> str:
    """A time of day as seconds.

    >>> _seconds("1:02:03,456"), _seconds("00:00.5")
    ('3723.456', '0.5')
    """
    *hours, minutes, seconds = clock.split(":")
    whole, _, fraction = seconds.replace(",", ".").partition(".")
    total = 3600 * int(hours[0] if hours else 0) + 60 * int(minutes) + int(whole)
    return f"{total}.{fraction or 0}"


def _one_line(text: str) -> str:
    return " ".join(text.split())
