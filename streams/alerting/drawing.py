"""A chart as a PNG, readable at 600 by 240 and in grey: drawn twice as large, for dense screens."""

from datetime import timedelta
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

from streams.alerting import words
from streams.alerting.chart import Chart, allowed
from streams.alerting.inert import clean, shorten

SIZE = (1200, 480)
_RIGHT, _TOP, _BOTTOM, _GAP = 34, 66, 54, 12
_WHITE, _INK, _GREY, _LINE = (255, 255, 255), (24, 24, 24), (96, 96, 96), (210, 210, 210)
_BAND, _BOUND, _MISS = (216, 232, 244), (0, 84, 140), (176, 32, 24)
# In grey the three differ by lightness, and by form: a filled band, a dashed line, larger dots.
_SMALL, _BIG = 24, 26
_DASH = 14
_LONGEST = 250
_LAST_LETTER = 0x17F
"""The font has the letters of Latin alphabets up to this one."""

Point = tuple[float, float]


def png(chart: Chart) -> bytes:
    """Return the picture; its text needs no font of the system."""
    image = Image.new("RGB", SIZE, _WHITE)
    sheet = _Sheet(chart, ImageDraw.Draw(image))
    sheet.draw()
    out = BytesIO()
    # Few colours, so that a palette of 64 keeps them and a third of the bytes.
    image.quantize(64, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()


class _Sheet:
    """Places days and values on the sheet, and draws what is on it from back to front."""

    def __init__(self, chart: Chart, draw: ImageDraw.ImageDraw) -> None:
        self._chart, self._draw = chart, draw
        self._fonts = {size: ImageFont.load_default(size) for size in (_SMALL, _BIG)}
        self._low, self._high = _range(chart)
        self._right, self._floor = SIZE[0] - _RIGHT, SIZE[1] - _BOTTOM
        self._ticks = {value: words.value(value, chart.unit) for value in _ticks(self._low, self._high)}
        self._left = 2 * _GAP + max(self._width(said, _SMALL) for said in self._ticks.values())

    def draw(self) -> None:
        """Draw all of it."""
        self._band()
        self._scale()
        self._days()
        self._bounds()
        self._moment()
        self._values()
        self._title()

    def _x(self, day: int) -> float:
        return self._left + (self._right - self._left) * (day + 0.5) / max(len(self._chart.values), 1)

    def _y(self, value: float) -> float:
        share = (value - self._low) / (self._high - self._low)
        return self._floor - (self._floor - _TOP) * min(max(share, 0.0), 1.0)

    def _band(self) -> None:
        bounds = self._chart.bounds
        top, bottom = self._y(min(bounds.upper, self._high)), self._y(max(bounds.lower, self._low))
        self._draw.rectangle([(self._left, top), (self._right, bottom)], fill=_BAND)

    def _scale(self) -> None:
        for value, said in self._ticks.items():
            y = self._y(value)
            self._draw.line([(self._left, y), (self._right, y)], fill=_LINE, width=1)
            self._text((self._left - _GAP, y), said, "rm", _GREY)

    def _days(self) -> None:
        count = len(self._chart.values)
        step = max(7 * round(count / 28), 1) if count > 10 else 1  # noqa: PLR2004
        for day in range(count - 1, -1, -step):
            shown = self._chart.first + timedelta(days=day)
            x = self._x(day)
            self._draw.line([(x, self._floor), (x, self._floor + 8)], fill=_GREY, width=2)
            self._text((x, self._floor + 14), f"{shown.day} {shown:%b}", "ma", _GREY)
        self._draw.line([(self._left, self._floor), (self._right, self._floor)], fill=_GREY, width=2)

    def _bounds(self) -> None:
        for side in self._chart.lines:
            self._dashed((self._left, self._y(side)), (self._right, self._y(side)), _BOUND)

    def _moment(self) -> None:
        day = (self._chart.detected - self._chart.first).days
        if not 0 <= day < len(self._chart.values):
            return
        x = self._x(day)
        self._dashed((x, _TOP), (x, self._floor), _INK)
        anchor, shift = ("rm", -10) if x > SIZE[0] / 2 else ("lm", 10)
        self._text((x + shift, self._floor - 18), "detected", anchor, _INK)

    def _values(self) -> None:
        row: list[Point] = []
        for day, value in enumerate([*self._chart.values, None]):
            if value is not None:
                row.append((self._x(day), self._y(value)))
                continue
            if len(row) > 1:
                self._draw.line(row, fill=_INK, width=4, joint="curve")
            row = []
        for day, value in enumerate(self._chart.values):
            if value is not None:
                self._dot(day, value)

    def _dot(self, day: int, value: float) -> None:
        kept = self._chart.bounds.lower <= value <= self._chart.bounds.upper
        x, y, radius = self._x(day), self._y(value), 5 if kept else 9
        box = [(x - radius, y - radius), (x + radius, y + radius)]
        self._draw.ellipse(box, fill=_INK if kept else _MISS, outline=_WHITE, width=2)

    def _title(self) -> None:
        assumed = f"assumed: {allowed(self._chart)}"
        room = self._right - self._left - self._width(assumed, _BIG) - 3 * _GAP
        self._text((self._left, 30), self._name(room), "lm", _INK, _BIG)
        self._text((self._right, 30), assumed, "rm", _BOUND, _BIG)
        if not self._chart.known:
            self._text((SIZE[0] / 2, SIZE[1] / 4), "no data", "mm", _GREY, _BIG)

    def _name(self, room: float) -> str:
        """Return what is shown, in so many pixels; its words are in the message where the font lacks them."""
        named = clean(self._chart.subject, _LONGEST)
        if max(map(ord, named), default=0) > _LAST_LETTER:
            named = "the value"
        for length in range(len(named), 1, -1):
            said = f"{shorten(named, length)}, each day"
            if self._width(said, _BIG) <= room:
                return said
        return ""

    def _width(self, said: str, size: int) -> float:
        return float(self._fonts[size].getlength(said))

    def _dashed(self, start: Point, end: Point, colour: tuple[int, int, int]) -> None:
        (x, y), (right, bottom) = start, end
        while x < right or y < bottom:
            step = min(x + _DASH, right), min(y + _DASH, bottom)
            self._draw.line([(x, y), step], fill=colour, width=3)
            x, y = min(step[0] + _DASH / 2, right), min(step[1] + _DASH / 2, bottom)

    def _text(
        self, place: Point, said: str, anchor: str, colour: tuple[int, int, int], size: int = _SMALL
    ) -> None:
        self._draw.text(place, said, fill=colour, font=self._fonts[size], anchor=anchor)


def _range(chart: Chart) -> tuple[float, float]:
    """Return the lowest and highest value on the sheet: all days and bounds, with some air around."""
    shown = [*chart.known, *chart.lines]
    low, high = min(shown), max(shown)
    air = 0.15 * (high - low) or abs(high) * 0.1 or 1.0
    return (0.0 if low >= 0 > low - air else low - air), high + air


def _ticks(low: float, high: float) -> list[float]:
    """Return four to eight round values within the range."""
    step = 10.0 ** _power((high - low) / 5)
    for factor in (1, 2, 5, 10):
        if (high - low) / (step * factor) <= 6:  # noqa: PLR2004
            step *= factor
            break
    first = -(-low // step)
    return [round((first + number) * step, 12) for number in range(int((high - first * step) / step) + 1)]


def _power(size: float) -> int:
    """Return the power of ten at or below a size."""
    return int(f"{size:e}".split("e")[1])
