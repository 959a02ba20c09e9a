"""Bodies that requests send: JSON (RFC 8259) that PostgreSQL can keep, at most 1 MiB."""

import math
from collections.abc import Iterator
from email.message import Message
from typing import Any

from fastapi import Request
from pydantic_core import from_json

from api import problems
from api.problems import FieldError, ProblemError

MAX_BYTES = 1024 * 1024


class JsonRequest(Request):
    """A request whose body is read strictly; of duplicate keys the last wins."""

    async def json(self) -> Any:
        """Return the body; what is wrong with it is kept, until it is known who asks."""
        try:
            value = from_json(await self.body(), allow_inf_nan=False)
        except ValueError as error:
            self.state.fault = FieldError(path="body", message=f"this is not JSON: {error}")
            return None
        self.state.fault = next(_faults(value, "body"), None)
        return value


def _faults(value: Any, path: str) -> Iterator[FieldError]:
    if isinstance(value, str) and "\0" in value:
        yield FieldError(path=path, message="a NUL character is in no text of ours")
    elif isinstance(value, float) and not math.isfinite(value):
        yield FieldError(path=path, message="the number is too large")
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _faults(key, path)
            yield from _faults(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _faults(inner, f"{path}.{index}")


async def json_is_sent(request: Request) -> None:
    """Refuse a body that does not say it is JSON, or is none that we can keep."""
    kind = request.headers.get("content-type")
    if kind is None:
        if await request.body():
            raise ProblemError(problems.UNSUPPORTED_MEDIA_TYPE, "send Content-Type: application/json")
    elif not _is_json(kind):
        raise ProblemError(problems.UNSUPPORTED_MEDIA_TYPE, f"{kind} is not application/json in UTF-8")
    fault: FieldError | None = getattr(request.state, "fault", None)
    if fault:
        raise problems.invalid(fault.path, fault.message)


def _is_json(kind: str) -> bool:
    said = Message()
    said["content-type"] = kind
    charset = str(said.get_param("charset", "utf-8")).lower()
    return said.get_content_type() == "application/json" and charset in {"utf-8", "utf8"}
