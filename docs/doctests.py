"""Shows the examples in docstrings as code, those too that stand there without a heading, as doctest reads them."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object


class DoctestSections(Extension):
    """Puts a heading before the first of them before anything else reads the docstring."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Called with every module, class, function and attribute."""
        if obj.docstring is not None and not re.search(r"(?m)^Examples$", obj.docstring.value):
            obj.docstring.value = re.sub(
                r"(?m)^>>> ", "Examples\n--------\n>>> ", obj.docstring.value, count=1
            )
