"""Idempotency-Key: a POST that is sent again is answered again, and done once.

The answer is kept in the transaction of what was done: both are there or neither. It is sealed, since it may
hold a secret that is shown once. A refused request leaves nothing: it may be sent again under its key.
"""

import base64
import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from typing import Annotated

from cryptography.fernet import InvalidToken
from fastapi import Header, Request, Response
from pydantic import AfterValidator, Field

from api import problems
from api.caller import Editor, PersonCaller
from api.problems import ProblemError
from api.services import of
from storage.entities import idempotency
from storage.entities.idempotency import Earlier
from storage.secrets import answer_seal, request_key

REPLAYED = "Idempotency-Replayed"
_KEPT = ("content-type", "etag", "location")
_STATE = "idempotency"
_KEY = re.compile(r"[\x21-\x7e]{1,200}")


@dataclass(frozen=True)
class _Pending:
    caller: PersonCaller
    key: str


class Replayed(Exception):  # noqa: N818  # nothing went wrong
    """Ends a request that was answered before, with that answer."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


def _visible(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise ValueError("send 1 to 200 visible ASCII characters")
    return key


async def idempotent(
    request: Request,
    caller: Editor,
    key: Annotated[
        Annotated[str, AfterValidator(_visible), Field(json_schema_extra={"pattern": f"^{_KEY.pattern}$"})]
        | None,
        Header(
            alias="Idempotency-Key",
            description="chosen by the caller, 1 to 200 visible ASCII characters: the request may be sent "
            "again, and is done once",
            examples=["0b8a4f7e-5b0e-4f60-9a52-3d1f0c6f2a11"],
        ),
    ] = None,
) -> None:
    """Take the key of this request, or answer with what its key was answered before.

    Raises:
        Replayed: the same request was answered before.
        ProblemError: the key belongs to another request.
    """
    if key is None:
        return
    digest = await _digest(request, caller)
    earlier = await idempotency.begin(caller.session, caller.claims, key, digest)
    if earlier is None:
        setattr(request.state, _STATE, _Pending(caller, key))
    elif earlier.request_sha256 != digest:
        raise ProblemError(problems.IDEMPOTENCY_CONFLICT, "send another request under another key")
    else:
        raise Replayed(_opened(of(request).sessions.secret, earlier))


async def kept(request: Request, response: Response) -> Response:
    """Keep the answer to a request that took a key."""
    pending: _Pending | None = getattr(request.state, _STATE, None)
    if pending:
        sealed = _sealed(of(request).sessions.secret, response)
        claims = pending.caller.claims
        await idempotency.finish(pending.caller.session, claims, pending.key, response.status_code, sealed)
    return response


async def _digest(request: Request, caller: PersonCaller) -> bytes:
    # As whom, too: who may do less by now must not be shown what was answered when they might.
    asker = f"{caller.role} {caller.claims.workspace_id}"
    asked = f"{request.method} {request.url.path}?{request.url.query}\n{asker}\n".encode()
    # With a key: a body may hold a password, and of a weak one a plain hash would tell.
    return hmac.digest(request_key(of(request).sessions.secret), asked + await request.body(), hashlib.sha256)


def _sealed(secret: str, response: Response) -> bytes:
    headers = {name: response.headers[name] for name in _KEPT if name in response.headers}
    body = base64.b64encode(bytes(response.body)).decode()
    return answer_seal(secret).encrypt(json.dumps({"headers": headers, "body": body}).encode())


def _opened(secret: str, earlier: Earlier) -> Response:
    try:
        kept = json.loads(answer_seal(secret).decrypt(earlier.sealed))
    except InvalidToken as error:
        raise ProblemError(
            problems.IDEMPOTENCY_CONFLICT, "it was answered, under another AUGENTIS_SECRET_KEY"
        ) from error
    return Response(base64.b64decode(kept["body"]), earlier.status, {**kept["headers"], REPLAYED: "true"})
