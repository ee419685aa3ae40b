"""Pages to look at, listen to and correct what was found, in any browser, from the disk, without a network.

    recording ─ media.py: Opus and an overview ─┐
    segmentation, reference ────────────────────┴─ pages.py ─→ a page a recording, and an index of them

>>> import swishcli
>>> from swishcli import review
>>> model = swishcli.load("slim")  # doctest: +SKIP
>>> review.write([model.segment("programme.flac")], "review")  # doctest: +SKIP
PosixPath('review/pages/programme.flac.html')
"""

from __future__ import annotations

from swishcli.review.media import EMBEDDED_S
from swishcli.review.pages import (
    LABELS,
    PAGES,
    Entry,
    Page,
    page_path,
    require_templates,
    write,
    write_index,
    write_page,
)

__all__ = [
    "EMBEDDED_S",
    "LABELS",
    "PAGES",
    "Entry",
    "Page",
    "page_path",
    "require_templates",
    "write",
    "write_index",
    "write_page",
]
