"""httpx over guarded sockets, with an end to how long an answer may take and how large it may be."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib.util import find_spec

import httpcore
import httpx

from guarded.sockets import Guard, GuardedNetwork
from guarded.urls import check

KEPT = 100
"""Connections that are kept open at most, of all hosts together."""

# httpcore asks for sniffio in each request, and Python does not remember that there is none: looking for it
# through all of its path was a fifth of what a webhook costs.
if "sniffio" not in sys.modules and find_spec("sniffio") is None:
    sys.modules["sniffio"] = None  # type: ignore[assignment]  # how a module is said not to be there

_FAILURES = (
    httpcore.NetworkError,
    httpcore.TimeoutException,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
)


def client(guard: Guard, seconds: float, most_bytes: int) -> httpx.AsyncClient:
    """Return a client that reaches what the guard lets through; close it after use.

    A request takes `seconds` at most, its answer's end included; an answer's body is `most_bytes` at most,
    and never unpacked. No redirects, no proxies, no .netrc, and no cookies, which one who is asked would
    leave for the next who asks there. TLS trusts certifi's authorities, or those of
    SSL_CERT_FILE. Requests raise RefusedError beside httpx's own errors, and httpx.InvalidURL for what
    `check` refuses first.
    """
    return httpx.AsyncClient(
        transport=GuardedTransport(guard, seconds, most_bytes),
        timeout=httpx.Timeout(seconds, connect=seconds / 2),
        headers={"Accept-Encoding": "identity"},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        follow_redirects=False,
        trust_env=False,
    )


class GuardedTransport(httpx.AsyncBaseTransport):
    """Sends requests over guarded sockets; it replaces nothing private of httpx, which might move."""

    def __init__(self, guard: Guard, seconds: float, most_bytes: int) -> None:
        self._guard, self._seconds, self._most_bytes = guard, seconds, most_bytes
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=httpx.create_ssl_context(),
            max_connections=512,
            max_keepalive_connections=KEPT,
            keepalive_expiry=5.0,
            network_backend=GuardedNetwork(guard),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request.

        Raises:
            RefusedError: its address is not connected to.
            httpx.TransportError: no answer, or none in time.
        """
        check(request.url, self._guard.allowed)
        until = asyncio.get_running_loop().time() + self._seconds
        with _in_httpx_words():
            async with asyncio.timeout_at(until):
                answer = await self._pool.handle_async_request(_for_httpcore(request))
        # What is packed stays packed: a few bytes could unpack to gigabytes, and nobody asked for it.
        headers = [(name, value) for name, value in answer.headers if name.lower() != b"content-encoding"]
        body = _Body(answer, until, self._most_bytes)
        return httpx.Response(answer.status, headers=headers, stream=body, extensions=answer.extensions)

    async def aclose(self) -> None:
        """Close the connections that were kept."""
        await self._pool.aclose()


class _Body(httpx.AsyncByteStream):
    """An answer's body, up to a time and a size."""

    def __init__(self, answer: httpcore.Response, until: float, most_bytes: int) -> None:
        self._answer, self._until, self._most_bytes = answer, until, most_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        chunks, size = aiter(self._answer.aiter_stream()), 0
        while (chunk := await self._next(chunks)) is not None:
            size += len(chunk)
            if size > self._most_bytes:
                raise httpx.ReadError(f"the answer is larger than {self._most_bytes} bytes")
            yield chunk

    async def _next(self, chunks: AsyncIterator[bytes]) -> bytes | None:
        with _in_httpx_words():
            async with asyncio.timeout_at(self._until):
                return await anext(chunks, None)

    async def aclose(self) -> None:
        await self._answer.aclose()


def _for_httpcore(request: httpx.Request) -> httpcore.Request:
    url = httpcore.URL(
        scheme=request.url.raw_scheme,
        host=request.url.raw_host,
        port=request.url.port,
        target=request.url.raw_path,
    )
    return httpcore.Request(
        request.method,
        url,
        headers=request.headers.raw,
        content=request.stream,
        extensions=request.extensions,
    )


@contextmanager
def _in_httpx_words() -> Iterator[None]:
    """Raise httpcore's errors, and the end of the time, as httpx's errors of the same name."""
    try:
        yield
    except TimeoutError:
        raise httpx.ReadTimeout("the whole answer did not come in time") from None
    except _FAILURES as error:
        raise getattr(httpx, type(error).__name__)(str(error)) from error
