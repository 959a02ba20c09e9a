"""Numbers as people read them."""

_FOUR_DIGITS, _HUGE = 9999.5, 1e9


def number(value: float) -> str:
    """Return a number in four digits, all of a whole part that has more: 0.1235, 1,234, 12,346, 1.2e+12."""
    if abs(value) < _FOUR_DIGITS:
        return f"{value:,.4g}"
    return f"{value:,.0f}" if abs(value) < _HUGE else f"{value:.1e}"
