from fastapi import Request

from api import problems
from api.problems import ProblemError

_JSON = {"application/json", "application/problem+json", "application/*", "*/*"}


async def json_is_accepted(request: Request) -> None:
    """Refuse a request whose Accept header leaves no room for JSON (RFC 9110, 12.5.1)."""
    accept = request.headers.get("accept", "*/*")
    ranges = [part.strip().split(";") for part in accept.split(",") if part.strip()]
    wanted = {kind.strip().lower() for kind, *parameters in ranges if not _is_refusal(parameters)}
    if ranges and not wanted & _JSON:
        raise ProblemError(problems.NOT_ACCEPTABLE, f"Accept: {accept} leaves no room for application/json")


def _is_refusal(parameters: list[str]) -> bool:
    weights = [part.strip()[2:] for part in parameters if part.strip().lower().startswith("q=")]
    return any(weight.rstrip("0").rstrip(".") in {"", "0"} for weight in weights)
