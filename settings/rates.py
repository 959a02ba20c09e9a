from typing import Annotated

from limits import parse
from pydantic import AfterValidator


def _readable(value: str) -> str:
    try:
        item = parse(value)
    except ValueError:
        raise ValueError(f"{value!r} is not a rate such as 1200/minute") from None
    if item.amount < 1:
        raise ValueError("a rate allows at least one request")
    return value


RateLimit = Annotated[str, AfterValidator(_readable)]
"""So many requests in so much time: `1200/minute`, `20 per second`."""
