"""Moments as people type them."""

from datetime import UTC, datetime

import typer


def moment(text: str) -> datetime:
    """Return the moment in an option; one without an offset is UTC.

    Raises:
        typer.BadParameter: it is none.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no date or time, such as 2026-11-01T10:00:00Z") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
