"""How a class looks, the same everywhere: in pictures, on pages and in the terminal.

The colours are those of Okabe & Ito 2008, *Color Universal Design*, which people with any common colour vision
deficiency tell apart. No class is known by its colour alone: each also has a pattern and a letter of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from swishcli.segments import SILENCE


class Pattern(StrEnum):
    """What an area of a class is filled with besides its colour."""

    plain = "plain"
    rising = "rising"
    dots = "dots"
    falling = "falling"
    crossed = "crossed"
    horizontal = "horizontal"
    vertical = "vertical"

    @property
    def hatch(self) -> str:
        """As matplotlib writes it."""
        return _HATCHES[self]


_HATCHES = {
    Pattern.plain: "",
    Pattern.rising: "//",
    Pattern.dots: "..",
    Pattern.falling: "\\\\",
    Pattern.crossed: "xx",
    Pattern.horizontal: "--",
    Pattern.vertical: "||",
}
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


@dataclass(frozen=True, slots=True)
class Look:
    """How one class looks."""

    color: str
    """``#rrggbb``."""
    ansi: str
    """The nearest of the sixteen colours that every terminal has, as rich calls it."""
    pattern: Pattern
    letter: str = "?"
    """One capital letter or digit, different from those of the other classes; a dash for silence."""

    @property
    def ink(self) -> str:
        """``#rrggbb`` of text on top of `color`: black or white, whichever is easier to read (WCAG 2.1)."""
        red, green, blue = (int(self.color[i : i + 2], 16) / 255 for i in (1, 3, 5))
        luminance = 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2
        return "#000000" if luminance > 0.179 else "#ffffff"


_SPEECH = Look("#0072b2", "bright_blue", Pattern.plain)
_MUSIC = Look("#e69f00", "yellow", Pattern.rising)
_NOISE = Look("#009e73", "green", Pattern.dots)
_KNOWN = {
    "speech": _SPEECH,
    "music": _MUSIC,
    "noise": _NOISE,
    SILENCE: Look("#cccccc", "bright_black", Pattern.plain, "-"),
}
_FREE = (
    Look("#cc79a7", "magenta", Pattern.falling),
    Look("#56b4e9", "cyan", Pattern.horizontal),
    Look("#d55e00", "red", Pattern.crossed),
    Look("#f0e442", "bright_yellow", Pattern.vertical),
    _SPEECH,
    _MUSIC,
    _NOISE,
)
WRONG = "#d55e00"
"""``#rrggbb`` of what is wrong (vermilion)."""


def looks_of(labels: Iterable[str]) -> dict[str, Look]:
    """The look of each label, in their order. The same set of labels always looks the same.

    Colours come again where there are more than seven classes; patterns then come in another order.

    >>> looks = looks_of(["speech", "music", "siren", "silence"])
    >>> [look.letter for look in looks.values()], looks["speech"].color
    (['S', 'M', 'I', '-'], '#0072b2')
    """
    names = list(dict.fromkeys(labels))
    known = {name: look for name, look in _KNOWN.items() if name in names}
    free = [look for look in _FREE if look not in known.values()]
    chosen = dict(known)
    for i, name in enumerate(sorted(name for name in names if name not in known)):
        turn, place = divmod(i, len(free))
        chosen[name] = replace(free[place], pattern=_turned(free[place].pattern, turn))
    letters: dict[str, str] = {}
    for name in chosen:
        letters[name] = chosen[name].letter if name == SILENCE else _letter(name, letters.values())
    return {name: replace(chosen[name], letter=letters[name]) for name in names}


def in_order(labels: Iterable[str]) -> list[str]:
    """Labels as people are shown them: the usual ones first, then the others as they come, silence last.

    >>> in_order(["music", "silence", "siren", "speech"])
    ['speech', 'music', 'siren', 'silence']
    """
    known = list(_KNOWN)
    places = {name: known.index(name) if name in known[:-1] else len(known) for name in labels}
    return sorted(places, key=lambda name: (name == SILENCE, places[name]))


def _turned(pattern: Pattern, turn: int) -> Pattern:
    """The pattern that comes `turn` places later, in a circle."""
    patterns = list(Pattern)
    return patterns[(patterns.index(pattern) + turn) % len(patterns)]


def _letter(name: str, taken: Collection[str]) -> str:
    """The first letter or digit of a name that no other class has, else of the alphabet."""
    own = (c for c in name.upper() if c in _LETTERS)
    return next((c for c in (*own, *_LETTERS) if c not in taken), "?")
