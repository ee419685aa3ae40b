"""Label tracks of Audacity."""

from __future__ import annotations

from swishcli.formats.base import Format, assemble_sparse, malformed, milliseconds_text, row_of, visible
from swishcli.formats.tables import without_tabs
from swishcli.segments import Segmentation


class Audacity(Format):
    """A label track: start, end and label between tabs. Tabs and line ends in a label become spaces.

    The reader takes any white space between the fields (``.lab`` files, in seconds), and passes over point
    labels and the frequency lines of spectral selections.
    """

    name = "audacity"
    extension = ".audacity.txt"

    def render(self, segmentation: Segmentation) -> str:
        return "".join(
            f"{milliseconds_text(start)}\t{milliseconds_text(end)}\t{without_tabs(s.label)}\n"
            for start, end, s in visible(segmentation)
        )

    def parse(self, text: str) -> Segmentation:
        rows = []
        for number, line in enumerate(text.split("\n"), 1):
            if not line.strip() or line.startswith("\\"):
                continue
            line = line.removesuffix("\r")
            fields = line.split("\t", 2) if line.count("\t") > 1 else line.split(None, 2)
            if len(fields) < 2:
                raise malformed(number, "not a line of start, end and label")
            rows.append(row_of(number, fields[0], fields[1], "".join(fields[2:])))
        return assemble_sparse(rows)
