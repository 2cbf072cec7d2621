"""Small drawings as inline SVG: one frame with its axes, and what stands in it. Colours are the page's.

Coordinates are whole units of the drawing, so that a picture takes half a kilobyte.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape

WIDTH, HEIGHT = 240, 130
LEFT, RIGHT, TOP, BOTTOM = 30, 6, 8, 18
ANGLES = (1.0, 2.0, 2.5, 5.0, 10.0)  # what steps between two marks are made of

Point = tuple[float, float]


class Frame:
    """A drawing from `x` and `y` ranges to the units of the picture; NaN points are left out."""

    def __init__(
        self,
        title: str,
        x: tuple[float, float],
        y: tuple[float, float],
        *,
        log_x: bool = False,
        width: int = WIDTH,
        height: int = HEIGHT,
    ) -> None:
        self.title, self._log = title, log_x
        self._x = tuple(map(self._scaled, x))
        low, high = y if math.isfinite(y[0]) and math.isfinite(y[1]) else (0.0, 1.0)
        self.y = (low, high) if high > low else (low - 1.0, high + 1.0)
        self._width, self._height = width, height
        self._parts: list[str] = []

    def across(self, value: float) -> int:
        """Where it stands from the left."""
        share = (self._scaled(value) - self._x[0]) / ((self._x[1] - self._x[0]) or 1.0)
        return round(LEFT + share * (self._width - LEFT - RIGHT))

    def up(self, value: float) -> int:
        """Where it stands from above; what is outside stands at the edge."""
        low, high = self.y
        share = (min(max(value, low), high) - low) / (high - low)
        return round(self._height - BOTTOM - share * (self._height - TOP - BOTTOM))

    def line(self, points: Iterable[Point], name: str = "l") -> None:
        """Through the points; a gap where one is NaN."""
        path, last = "", None
        for x, y in points:
            if not math.isfinite(y):
                last = None
                continue
            here = self.across(x), self.up(y)
            if last is None:
                path += f"M{here[0]} {here[1]}l"
            else:
                path += f"{here[0] - last[0]},{here[1] - last[1]} ".replace(",-", "-")
            last = here
        self._add(path.replace(" M", "M").rstrip(" l"), name)

    def band(self, points: Iterable[tuple[float, float, float]], name: str = "b") -> None:
        """Between low and high at each x."""
        known = [each for each in points if math.isfinite(each[1]) and math.isfinite(each[2])]
        if len(known) < 2:
            return
        way = [(x, high) for x, _, high in known] + [(x, low) for x, low, _ in reversed(known)]
        self._add("M" + "L".join(f"{self.across(x)} {self.up(y)}" for x, y in way) + "Z", name)

    def whiskers(self, points: Iterable[tuple[float, float, float]], name: str = "w") -> None:
        """An upright from low to high at each x."""
        known = [each for each in points if math.isfinite(each[1]) and math.isfinite(each[2])]
        self._add(
            "".join(f"M{self.across(x)} {self.up(low)}V{self.up(high)}" for x, low, high in known), name
        )

    def dots(self, points: Iterable[Point], name: str = "d") -> None:
        """A dot at each point: a stroke of no length with round ends."""
        known = [each for each in points if math.isfinite(each[1])]
        self._add("".join(f"M{self.across(x)} {self.up(y)}h0" for x, y in known), name)

    def bars(self, points: Iterable[Point], width: float, base: float = 0.0, name: str = "f") -> None:
        """Bars `width` wide about each x, from `base`."""
        half, path = 0.5 * width, ""
        for x, y in points:
            if math.isfinite(y):
                left, right = self.across(x - half), self.across(x + half)
                path += f"M{left} {self.up(base)}V{self.up(y)}H{right}V{self.up(base)}Z"
        self._add(path, name)

    def level(self, y: float, name: str = "z") -> None:
        """A line all the way across."""
        if self.y[0] <= y <= self.y[1]:
            self._add(f"M{LEFT} {self.up(y)}H{self._width - RIGHT}", name)

    def upright(self, x: float, name: str = "z") -> None:
        """A line all the way up."""
        self._add(f"M{self.across(x)} {TOP}V{self._height - BOTTOM}", name)

    def x_axis(self, marks: Iterable[tuple[float, str]]) -> None:
        """Words below the frame."""
        words = []
        for x, text in marks:
            spare = RIGHT + 5 * len(text) // 2
            words.append(_text(min(self.across(x), self._width - spare), self._height - 5, text))
        self._parts.append(f'<g class="m">{"".join(words)}</g>')

    def y_axis(self, form: str = "{:g}") -> None:
        """Round numbers at the left."""
        values = rounded(*self.y)
        self._add("".join(f"M{LEFT} {self.up(value)}H{self._width - RIGHT}" for value in values), "g")
        words = [_text(LEFT - 3, self.up(value) + 3, form.format(value)) for value in values]
        self._parts.append(f'<g class="e">{"".join(words)}</g>')

    def svg(self) -> str:
        """The whole drawing."""
        box = f'viewBox="0 0 {self._width} {self._height}"'
        caption = f"<figcaption>{escape(self.title)}</figcaption>"
        return f"<figure>{caption}<svg {box}>{''.join(self._parts)}</svg></figure>"

    def _scaled(self, value: float) -> float:
        return math.log(value) if self._log else value

    def _add(self, path: str, name: str) -> None:
        if path:
            self._parts.append(f'<path class="{name}" d="{path}"/>')


def _text(x: int, y: int, text: str) -> str:
    return f'<text x="{x}" y="{y}">{escape(text)}</text>'


def rounded(low: float, high: float, count: float = 3.0) -> list[float]:
    """Round numbers within a range, about `count` of them."""
    if not (math.isfinite(low) and math.isfinite(high) and high > low):
        return []
    raw = (high - low) / count
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * each for each in ANGLES if size * each >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(step * place, 12) + 0.0 for place in range(first, math.floor(high / step + 1e-9) + 1)]


def span_of(*columns: Sequence[float], about: float | None = None, least: float = 0.0) -> tuple[float, float]:
    """The range of all that is finite, a twentieth wider; with `about` in it, and at least so wide."""
    known = [value for column in columns for value in column if math.isfinite(value)]
    known += [] if about is None else [about]
    if not known:
        return 0.0, 1.0
    low, high = min(known), max(known)
    spare = max(0.05 * (high - low), 0.5 * (least - (high - low)), 1e-9)
    return low - spare, high + spare
