"""Who sent a request: the person of a token, or the machine of a key."""

import logging
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api import problems
from api.auth.signed import BadTokenError
from api.problems import ProblemError
from api.services import Services, of
from storage.entities import keys
from storage.entities.keys import KeyLogin
from storage.tenancy import Claims

_KEY = "agk_"
_REALM = 'Bearer realm="augentis"'
_bearer = HTTPBearer(
    auto_error=False,
    bearerFormat="JWT",
    description="a token of a session (`POST /v1/sessions`) or of the configured issuer (`augentis token` in "
    "development); for reading one project also a machine key with scope `read`",
)

log = logging.getLogger(__name__)


async def _asker(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Claims | KeyLogin:
    try:
        if len(request.headers.getlist("Authorization")) > 1:
            raise BadTokenError("there are several headers")  # noqa: TRY301  # one way out for all
        if credentials is not None:
            return await _believed(of(request), credentials.credentials)
    except BadTokenError as error:
        raise refused(request, error) from error
    # Another scheme is no token either (RFC 6750, 3.1).
    raise ProblemError(
        problems.NO_TOKEN, "send the header `Authorization: Bearer <token>`", {"WWW-Authenticate": _REALM}
    )


async def _believed(services: Services, text: str) -> Claims | KeyLogin:
    if not text.startswith(_KEY):
        return await services.tokens.verify(text)
    login = await keys.login(services.sessions, text)
    if login is None:
        raise BadTokenError("the key is unknown, revoked or expired")
    return login


def refused(request: Request, error: BadTokenError) -> ProblemError:
    """Return the one answer to every bad token, to be raised; why it is bad goes to the log alone."""
    # Quoted: parts of the reason were chosen by a stranger.
    log.info("request %s: the token is refused: %r", request.scope.get("request_id"), str(error))
    return ProblemError(problems.BAD_TOKEN, headers={"WWW-Authenticate": f'{_REALM}, error="invalid_token"'})


Asker = Annotated[Claims | KeyLogin, Depends(_asker)]
