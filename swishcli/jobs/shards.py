"""The part of a batch that one machine of several works on."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shard:
    """Part `index` of `count`, counted from 1.

    What belongs to it depends on names alone: neither other recordings nor the folder that all lie in change it, so
    that machines that find more or less than others leave nothing out and do nothing twice.

    >>> Shard.parse("2/3"), str(Shard(2, 3))
    (Shard(index=2, count=3), '2/3')
    """

    index: int = 1
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> Shard:
        """From ``I/N``. Raises ValueError for anything else."""
        match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text, re.ASCII)
        if match is None:
            raise ValueError(f"{text!r} is not of the form I/N, such as 3/16")
        index, count = map(int, match.groups())
        if not 1 <= index <= count:
            raise ValueError(f"of {count} shards there are 1 to {count}, not {index}")
        return cls(index, count)

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    @property
    def suffix(self) -> str:
        """What names of files are told apart by: ``-3-of-16``, nothing for the whole."""
        return "" if self.count == 1 else f"-{self.index}-of-{self.count}"

    def holds(self, name: str | os.PathLike[str]) -> bool:
        """Whether what has this name belongs to it.

        >>> names = [f"{number}.wav" for number in range(1000)]
        >>> parts = [[name for name in names if Shard(i, 4).holds(name)] for i in (1, 2, 3, 4)]
        >>> sorted(sum(parts, [])) == sorted(names), all(len(part) > 200 for part in parts)
        (True, True)
        """
        digest = hashlib.sha256(os.fsencode(name)).digest()
        return int.from_bytes(digest[:8], "big") % self.count == self.index - 1


WHOLE = Shard()
"""All of a batch."""
