"""Lengths of time as people write them: a number and s, m, h or d."""

from datetime import timedelta

SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
"""Of each unit; the largest first."""


def spelt(span: timedelta) -> str:
    """Return a length of time in its largest whole unit, as in 90m."""
    seconds = span.total_seconds()
    unit = next((name for name, size in SECONDS.items() if seconds and seconds % size == 0), "s")
    return f"{seconds / SECONDS[unit]:.15g}{unit}"
