"""One POST through a guarded socket, and what its answer means."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpx

from guarded import Guard, client
from streams.channels.parcel import Outcome, Parcel

MOST_BYTES = 1 << 16
"""Of an answer that says more than its status."""
LONGEST_RETRY_AFTER = timedelta(hours=1)
_LAST_WORDS = 1.0
"""Seconds that are waited for the rest of an answer whose status is known: read, its connection is kept."""
_LATER = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.CONFLICT,
        HTTPStatus.LOCKED,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)
_FAILURES = (
    (httpx.ConnectTimeout, "it could not be connected to in time"),
    (httpx.ConnectError, "it could not be connected to"),
    (httpx.PoolTimeout, "too much is on its way to be sent in time"),
    (httpx.TimeoutException, "it did not answer in time"),
    (httpx.RemoteProtocolError, "it ended the connection, or answered what is no HTTP"),
    (httpx.NetworkError, "the connection broke"),
)


class UnfitError(Exception):
    """A parcel that cannot be sent as it is; the message says why, without secrets."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is posted where. The address may be a secret, and so may headers."""

    url: str = field(repr=False)
    body: bytes = field(repr=False)
    headers: dict[str, str] = field(repr=False)


class Poster:
    """Posts to what its guard lets through; one for many requests at once."""

    def __init__(self, guard: Guard, seconds: float) -> None:
        self._client = client(guard, seconds, MOST_BYTES)

    async def post(self, request: Request) -> Outcome:
        """Post once; only a 2xx counts as accepted, and redirects are not followed.

        Raises:
            RefusedError: the address is not connected to.
        """
        headers = {"user-agent": "Augentis", **request.headers}
        try:
            sending = self._client.stream("POST", request.url, content=request.body, headers=headers)
            async with sending as answer:
                with suppress(httpx.HTTPError, TimeoutError):  # the status is the answer, whatever else comes
                    async with asyncio.timeout(_LAST_WORDS):
                        await answer.aread()
        except httpx.HTTPError as error:
            return Outcome("retry", _words(error))
        return judged(answer.status_code, answer.headers.get("retry-after"), datetime.now(UTC))

    async def close(self) -> None:
        """Close the connections that were kept."""
        await self._client.aclose()


def judged(status: int, retry_after: str | None, now: datetime) -> Outcome:
    """Return what a status means."""
    said = f"status {status}"
    if HTTPStatus(200) <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Outcome("accepted", said)
    if status == HTTPStatus.GONE:
        return Outcome("gone", said)
    if status in _LATER or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Outcome("retry", said, wait_of(retry_after, now))
    if status < HTTPStatus.BAD_REQUEST:
        return Outcome("refused", f"{said}: redirects are not followed, name the address that it leads to")
    return Outcome("refused", said)


def wait_of(value: str | None, now: datetime) -> timedelta | None:
    """Return what a Retry-After asks for, in seconds or as a date, from a second to an hour; else None."""
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        asked = timedelta(seconds=min(int(text[:9]), LONGEST_RETRY_AFTER.total_seconds()))
    else:
        try:
            moment = parsedate_to_datetime(text)
        except (TypeError, ValueError):
            return None
        asked = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now
    return min(max(asked, timedelta(seconds=1)), LONGEST_RETRY_AFTER)


def secret_of(parcel: Parcel, name: str) -> str:
    """Return a secret of the channel's.

    Raises:
        UnfitError: it has none of this name.
    """
    secret = parcel.secrets.get(name)
    if not isinstance(secret, str) or not secret:
        raise UnfitError(f"the channel has no {name}: give it one")
    return secret


def _words(error: httpx.HTTPError) -> str:
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return "its TLS certificate is not trusted for its name"
    said = (words for kind, words in _FAILURES if isinstance(error, kind))
    return f"{next(said, 'it could not be sent')} ({type(error).__name__})"
