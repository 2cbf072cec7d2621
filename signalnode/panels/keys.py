"""The keys of the terminal panel: what is pressed in, what is to be shown out. Pure; nothing here waits."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

FILTER_CHARS_MAX = 64
NEED = "need"  # what is in trouble, then what is most interesting

View = Literal["board", "market", "decisions", "problems", "hosts"]

# What a terminal sends (ECMA-48; xterm's ctlseqs): both the cursor and the application form.
_NAMED = {
    b"\x1b[A": "up",
    b"\x1bOA": "up",
    b"\x1b[B": "down",
    b"\x1bOB": "down",
    b"\x1b[5~": "page up",
    b"\x1b[6~": "page down",
    b"\x1b[H": "home",
    b"\x1bOH": "home",
    b"\x1b[1~": "home",
    b"\x1b[F": "end",
    b"\x1bOF": "end",
    b"\x1b[4~": "end",
    b"\r": "enter",
    b"\n": "enter",
    b"\x7f": "backspace",
    b"\x08": "backspace",
    b"\x1b": "escape",
}
_SEQUENCE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|O[ -~])|\x1b|[\x00-\x1f\x7f]|[^\x00-\x1f\x7f]+")
_SCREENS: dict[str, View] = {"d": "decisions", "p": "problems", "h": "hosts"}
_LETTERS = {"k": "up", "j": "down", " ": "page down", "g": "home", "G": "end"}


def keys_in(data: bytes) -> list[str]:
    """The keys that `data` from a terminal stands for: names as above, or one character. Others are none."""
    keys: list[str] = []
    for part in _SEQUENCE.findall(data):
        if part in _NAMED:
            keys.append(_NAMED[part])
        elif part[0] >= 0x20 and part[0] != 0x7F:
            keys += [each for each in part.decode("utf-8", "ignore") if each.isprintable()]
    return keys


@dataclass(slots=True)
class Controls:
    """What the one before the terminal has chosen. `press` changes it; drawing reads it, and notes in
    `names`, `columns` and `page` what a key is about: what was seen when it was pressed.
    """

    has_keys: bool = False  # there is a keyboard
    shows: View = "board"
    sort: str = NEED  # a column
    is_turned: bool = False
    filter: str = ""
    is_typing: bool = False  # keys go into the filter
    selected: str = ""  # a market
    top: int = 0  # the first row or line shown
    page: int = 10  # rows or lines there was room for
    names: Sequence[str] = ()  # markets, as they are ordered and filtered
    columns: Sequence[str] = ()  # by which they may be sorted
    is_over: bool = False  # the panel is to end

    def press(self, key: str) -> None:
        """Take a key, named as by `keys_in`."""
        if self.is_typing:
            self._type(key)
        elif key == "q":
            self.is_over = True
        elif key == "/":
            self._show("board")
            self.is_typing = True
        elif key in _SCREENS:
            self._show(_SCREENS[key])
        elif key == "escape" or (key == "b" and self.shows != "board"):
            self._back()
        elif self.shows != "board":
            self._scroll(_LETTERS.get(key, key))
        elif key in ("s", "S"):
            ways = [NEED, *self.columns]
            at = ways.index(self.sort) if self.sort in ways else 0
            self.sort, self.is_turned = ways[(at + (1 if key == "s" else -1)) % len(ways)], False
            self._others()
        elif key == "r":
            self.is_turned = not self.is_turned
            self._others()
        elif key == "enter":
            self._open()
        else:
            self._select(_LETTERS.get(key, key))

    def window(self, count: int, room: int, at: int | None = None) -> tuple[int, int]:
        """From which to which of `count` rows are shown where there is room for so many; the one at `at` is
        kept in sight.
        """
        self.page = max(1, room)
        if at is not None:
            self.top = min(max(self.top, at - self.page + 1), at)
        self.top = max(0, min(self.top, count - self.page))
        return self.top, min(count, self.top + self.page)

    def _show(self, view: View) -> None:
        if self.shows != view:
            self.shows, self.top = view, 0

    def _back(self) -> None:
        if self.shows != "board":
            self._show("board")
        elif self.filter:
            self.filter = ""
        else:
            self.selected, self.top = "", 0

    def _type(self, key: str) -> None:
        if key == "escape":
            self.filter, self.is_typing = "", False
        elif key == "enter":
            self.is_typing = False
        elif key == "backspace":
            self.filter = self.filter[:-1]
            self._others()
        elif len(key) == 1:
            self.filter = (self.filter + key)[:FILTER_CHARS_MAX]
            self._others()
        else:
            self._select(key)

    def _others(self) -> None:
        """Other rows come, or others first: until they are seen there is nothing to choose from."""
        self.selected, self.top, self.names = "", 0, ()

    def _open(self) -> None:
        if self.selected not in self.names:
            self.selected = self.names[0] if self.names else ""
        if self.selected:
            self._show("market")

    def _select(self, key: str) -> None:
        steps = {"up": -1, "down": 1, "page up": -self.page, "page down": self.page}
        names, last = self.names, len(self.names) - 1
        if last < 0:
            return
        if key in ("home", "end"):
            self.selected = names[0 if key == "home" else last]
        elif key in steps:
            at = names.index(self.selected) if self.selected in names else -1
            self.selected = names[max(0, min(last, at + steps[key]))]

    def _scroll(self, key: str) -> None:
        """Lines; `window` holds them within what there is."""
        steps = {"up": -1, "down": 1, "page up": -self.page, "page down": self.page, "home": -self.top}
        self.top = max(0, self.top + (10**6 if key == "end" else steps.get(key, 0)))
