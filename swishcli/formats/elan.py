"""Annotation files of ELAN."""

from __future__ import annotations

import re
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from swishcli.formats.base import (
    Format,
    Row,
    assemble_sparse,
    malformed,
    missing_tier,
    row_of,
    tiers,
    visible,
)
from swishcli.segments import Segmentation

_SCHEMA = "{http://www.w3.org/2001/XMLSchema-instance}noNamespaceSchemaLocation"


class Elan(Format):
    """A tier of annotations with times, or one for each label of layers; when read, the first that has some. White space around labels goes.

    Annotations that refer to others, as translations do, have no times and are passed over.
    """

    name = "elan"
    extension = ".eaf"

    def __init__(self, tier: str | None = None) -> None:
        self.tier = tier
        """Name of the tier to read, None for the first that has annotations with times."""

    def render(self, segmentation: Segmentation) -> str:
        document = Element(
            "ANNOTATION_DOCUMENT",
            {
                "AUTHOR": "",
                "DATE": "1970-01-01T00:00:00Z",
                "FORMAT": "3.0",
                "VERSION": "3.0",
                _SCHEMA: "http://www.mpi.nl/tools/elan/EAFv3.0.xsd",
            },
        )
        ElementTree.SubElement(document, "HEADER", {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"})
        times = ElementTree.SubElement(document, "TIME_ORDER")
        number = 0
        for name, tier in tiers(segmentation).items():
            element = ElementTree.SubElement(
                document, "TIER", {"LINGUISTIC_TYPE_REF": "default-lt", "TIER_ID": _printable(name)}
            )
            for start, end, segment in visible(tier):
                number += 1
                slots = f"ts{2 * number - 1}", f"ts{2 * number}"
                for slot, time in zip(slots, (start, end), strict=True):
                    ElementTree.SubElement(
                        times, "TIME_SLOT", {"TIME_SLOT_ID": slot, "TIME_VALUE": str(time)}
                    )
                annotation = ElementTree.SubElement(
                    ElementTree.SubElement(element, "ANNOTATION"),
                    "ALIGNABLE_ANNOTATION",
                    {"ANNOTATION_ID": f"a{number}", "TIME_SLOT_REF1": slots[0], "TIME_SLOT_REF2": slots[1]},
                )
                ElementTree.SubElement(annotation, "ANNOTATION_VALUE").text = _printable(segment.label)
        ElementTree.SubElement(
            document,
            "LINGUISTIC_TYPE",
            {"GRAPHIC_REFERENCES": "false", "LINGUISTIC_TYPE_ID": "default-lt", "TIME_ALIGNABLE": "true"},
        )
        ElementTree.indent(document)
        text = ElementTree.tostring(document, encoding="unicode")
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'

    def parse(self, text: str) -> Segmentation:
        try:
            document = ElementTree.fromstring(text)
        except ElementTree.ParseError as error:
            raise malformed(error.position[0], f"not XML: {error}") from None
        if document.tag != "ANNOTATION_DOCUMENT":
            raise ValueError("not a document of ELAN")
        times = {slot.get("TIME_SLOT_ID"): slot.get("TIME_VALUE") for slot in document.iter("TIME_SLOT")}
        names = []
        for tier in document.iter("TIER"):
            name = tier.get("TIER_ID", "")
            names.append(name)
            rows = (
                [_row(a, times) for a in tier.iter("ALIGNABLE_ANNOTATION")]
                if self.tier in (None, name)
                else []
            )
            if rows:
                return assemble_sparse(rows)
        if self.tier is not None and self.tier not in names:
            raise missing_tier(self.tier, names)
        return assemble_sparse([])


def _row(annotation: Element, times: dict[str | None, str | None]) -> Row:
    start, end = (times.get(annotation.get(f"TIME_SLOT_REF{side}")) or "" for side in (1, 2))
    name = annotation.get("ANNOTATION_ID")
    if not all(re.fullmatch("[0-9]{1,12}", time) for time in (start, end)):
        raise ValueError(f"the annotation {name!r} has no times in milliseconds")
    label = (annotation.findtext("ANNOTATION_VALUE") or "").strip()
    return row_of(0, str(int(start) / 1000), str(int(end) / 1000), label)


def _printable(label: str) -> str:
    """Without the characters that XML cannot hold."""
    return "".join(c if c in "\t\n\r" or (c >= " " and not "\ud800" <= c <= "\udfff") else "�" for c in label)
