"""RTTM, by which diarization and speech activity detection are scored."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from pathlib import PurePath

from swishcli.formats.base import (
    Format,
    Row,
    assemble_sparse,
    confidence_text,
    malformed,
    milliseconds_text,
    of_one,
    row_of,
    visible,
)
from swishcli.segments import SILENCE, Segmentation


class Rttm(Format):
    """SPEAKER lines with the label as the speaker's name; silence is left out.

    Fields end at white space, so a run of it in a label or in the recording's name becomes ``_``; a double quote,
    which readers built on tables take for the start of a quotation, becomes a single one. Channels count from 1, and
    the mean of all channels is written as channel 1. Confidences are written, not read.
    """

    name = "rttm"
    extension = ".rttm"
    keeps_confidences = True
    keeps_channel = True

    def render(self, segmentation: Segmentation) -> str:
        head = f"SPEAKER {_field(PurePath(segmentation.path or '').stem)} {1 + (segmentation.channel or 0)}"
        return "".join(
            f"{head} {milliseconds_text(start)} {milliseconds_text(end - start)} "
            f"<NA> <NA> {_field(s.label)} {_field(confidence_text(s))} <NA>\n"
            for start, end, s in visible(segmentation)
            if s.label != SILENCE
        )

    def parse(self, text: str) -> Segmentation:
        _, rows = of_one(_recordings(text), ("", ""))
        return assemble_sparse(rows)

    def parse_all(self, text: str) -> list[Segmentation]:
        return [
            replace(assemble_sparse(rows), path=name, channel=_channel(channel))
            for (name, channel), rows in _recordings(text).items()
        ]


def _recordings(text: str) -> dict[tuple[str, str], list[Row]]:
    """The rows of each recording and channel."""
    found: dict[tuple[str, str], list[Row]] = {}
    for number, line in enumerate(text.split("\n"), 1):
        fields = line.split()
        if not fields or line.startswith(";;"):
            continue
        if len(fields) < 8 or not fields[0].isupper():
            raise malformed(number, "not a line of RTTM")
        if fields[0] != "SPEAKER":
            continue  # words, sentence units, regions not to score: none is a segment
        try:
            # Added as decimals: 1.2 + 0.1 is 1.3, where the next line starts.
            end = str(Decimal(fields[3]) + Decimal(fields[4]))
        except ArithmeticError:
            raise malformed(number, "start or duration is not a number") from None
        row = row_of(number, fields[3], end, fields[7])
        found.setdefault((fields[1], fields[2]), []).append(row)
    return found


def _channel(text: str) -> int | None:
    """A channel as we count; the first may be the mean of all as well."""
    return int(text) - 1 if re.fullmatch("[0-9]{1,9}", text) and int(text) > 1 else None


def _field(text: str) -> str:
    return re.sub(r"\s+", "_", text).replace('"', "'") or "<NA>"
