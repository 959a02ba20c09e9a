"""Around every request: its id and limits, headers that every response carries, the last word on failures."""

import re
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems, rates
from api.bodies import MAX_BYTES
from api.failures import unexpected
from api.problems import respond

HEADER = "X-Request-ID"
_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


class Envelope:
    """Takes the caller's X-Request-ID (1 to 128 of A-Z a-z 0-9 . _ -) or makes one, and sends it back."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; what nobody has handled becomes a problem of its own."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        given = request.headers.get(HEADER, "")
        scope["request_id"] = given if _ID.fullmatch(given) else str(uuid4())
        rates.prepare(request)
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                headers.update(_headers(request))
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            refused = _too_large(request)
            await (refused or self._app)(scope, receive, send_with_headers)
        except Exception as error:
            if started:
                raise
            response = await unexpected(request, error)
            await response(scope, receive, send_with_headers)


def _headers(request: Request) -> dict[str, str]:
    limits = rates.spent(request).headers() if request.url.path.startswith("/v1/") else {}
    return {
        HEADER: request.scope["request_id"],
        "X-Content-Type-Options": "nosniff",
        **limits,
    }


def _too_large(request: Request) -> Response | None:
    """Refuse a body by the length it says it has; one that says none is counted while it is read."""
    said = Headers(scope=request.scope).get("content-length", "")
    if said.isdecimal() and int(said) > MAX_BYTES:
        return respond(request, problems.TOO_LARGE, f"at most {MAX_BYTES} bytes are taken")
    return None
