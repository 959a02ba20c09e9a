"""Plain SVG charts: axes, lines, bands, dots, words. Few enough shapes that no library is needed for them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from math import log10
from pathlib import Path

import numpy as np

from benchmarks.detection.noise import Floats

INK, GREY, BLUE, RED, GREEN = "#333333", "#9a9a9a", "#2f6db5", "#c0392b", "#3a8f5c"


@dataclass(frozen=True)
class Axis:
    """Values from `low` to `high`, with a mark at each of `ticks`."""

    low: float
    high: float
    ticks: Sequence[float]
    title: str = ""
    logarithmic: bool = False

    def share(self, value: float) -> float:
        """Return where a value lies, 0..1; what is outside lies on the edge."""
        low, high, at = (self._scaled(each) for each in (self.low, self.high, value))
        return min(max((at - low) / (high - low), 0.0), 1.0)

    def _scaled(self, value: float) -> float:
        return log10(max(value, self.low)) if self.logarithmic else value


@dataclass
class Panel:
    """A chart in a box of the page: `left`, `top`, `width` and `height` are those of the plotting area."""

    left: float
    top: float
    width: float
    height: float
    across: Axis
    up: Axis
    shapes: list[str] = field(default_factory=list)

    def line(self, xs: Floats, ys: Floats, colour: str, *, dashed: bool = False, width: float = 1.4) -> None:
        """Draw a line; it breaks where a value is missing."""
        begun, path = False, []
        for x, y in zip(xs.tolist(), ys.tolist(), strict=True):
            if y == y:  # noqa: PLR0124 - NaN is missing
                path.append(f"{'L' if begun else 'M'}{self._at(x, y)}")
            begun = y == y  # noqa: PLR0124 - the same
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self.shapes.append(
            f'<path d="{"".join(path)}" fill="none" stroke="{colour}" stroke-width="{width}"{dash}/>'
        )

    def level(self, y: float, colour: str, words: str = "") -> None:
        """Draw a dashed level with its name at the left."""
        self.line(np.array([self.across.low, self.across.high]), np.array([y, y]), colour, dashed=True)
        self.words(self.across.low, y, words, colour, dx=6, dy=-5)

    def moment(self, x: float, colour: str, words: str, dy: float = 12) -> None:
        """Draw an upright line with its name at its top."""
        self.line(np.array([x, x]), np.array([self.up.low, self.up.high]), colour, dashed=True)
        self.words(x, self.up.high, words, colour, dx=5, dy=dy)

    def dots(self, xs: Floats, ys: Floats, colour: str, size: float = 2.0) -> None:
        """Draw dots, as one path of lines without length: a few bytes each."""
        there = ~np.isnan(ys)
        points = zip(xs[there].tolist(), ys[there].tolist(), strict=True)
        path = "".join(f"M{self._at(x, y)}h0" for x, y in points)
        self.shapes.append(
            f'<path d="{path}" stroke="{colour}" stroke-width="{2 * size:g}" stroke-linecap="round"/>'
        )

    def band(self, xs: Floats, low: Floats, high: Floats, colour: str) -> None:
        """Shade between two lines, where both are known."""
        there = ~(np.isnan(low) | np.isnan(high))
        up, down = (list(zip(xs[there], ends[there], strict=True)) for ends in (high, low))
        points = " ".join(self._at(float(x), float(y)) for x, y in [*up, *reversed(down)])
        self.shapes.append(f'<polygon points="{points}" fill="{colour}" fill-opacity="0.15"/>')

    def words(
        self, x: float, y: float, said: str, colour: str = INK, *, dx: float = 0, dy: float = 0
    ) -> None:
        across, up = (float(each) for each in self._at(x, y).split())
        self.shapes.append(
            f'<text x="{across + dx:.1f}" y="{up + dy:.1f}" fill="{colour}">{escape(said)}</text>'
        )

    def __str__(self) -> str:
        box = (
            f'<rect x="{self.left}" y="{self.top}" width="{self.width}" height="{self.height}"'
            f' fill="none" stroke="{GREY}"/>'
        )
        return "\n".join([box, *self._across(), *self._up(), *self.shapes])

    def _at(self, x: float, y: float) -> str:
        across = self.left + self.width * self.across.share(x)
        return f"{across:.1f} {self.top + self.height * (1 - self.up.share(y)):.1f}"

    def _across(self) -> list[str]:
        under = self.top + self.height
        marks = [
            f'<text x="{self.left + self.width * self.across.share(tick):.1f}" y="{under + 15}"'
            f' text-anchor="middle">{tick:g}</text>'
            for tick in self.across.ticks
        ]
        middle = self.left + self.width / 2
        return [
            *marks,
            f'<text x="{middle}" y="{under + 31}" text-anchor="middle">{escape(self.across.title)}</text>',
        ]

    def _up(self) -> list[str]:
        marks = [
            f'<text x="{self.left - 6}" y="{self.top + self.height * (1 - self.up.share(tick)) + 4:.1f}"'
            f' text-anchor="end">{tick:g}</text>'
            for tick in self.up.ticks
        ]
        return [*marks, f'<text x="{self.left}" y="{self.top - 7}">{escape(self.up.title)}</text>']


def write(path: Path, width: int, height: int, panels: Sequence[Panel]) -> None:
    """Write panels as one picture."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
        f' font-family="sans-serif" font-size="12" fill="{INK}">'
    )
    body = [head, f'<rect width="{width}" height="{height}" fill="#ffffff"/>', *map(str, panels), "</svg>"]
    path.write_text("\n".join(body) + "\n", encoding="utf-8")
