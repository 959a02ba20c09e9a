"""Reading a request's body: unpacked, within its limit, in bounded time."""

import asyncio
import zlib
from collections.abc import AsyncIterator
from http import HTTPStatus

from starlette.requests import ClientDisconnect, Request

from streams.door.refusals import Refusal

MAX_BYTES = 20 << 20
"""Of a body, packed or unpacked: the limit of OpenTelemetry's collector."""
READ_SECONDS = 30.0
_WINDOWS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


async def read(request: Request, limit: int = MAX_BYTES) -> bytes:
    """Return the unpacked body.

    Raises:
        Refusal: it is too long, packed in an unknown or broken way, or does not come.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {*_WINDOWS, "identity"}:
        raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Content-Encoding: gzip, deflate or none is taken")
    said = request.headers.get("content-length", "")
    if said.isdecimal() and int(said) > limit:
        raise _too_long(limit)
    try:
        async with asyncio.timeout(READ_SECONDS):
            if encoding == "identity":
                return await _plain(request.stream(), limit)
            return await _unpacked(request.stream(), _WINDOWS[encoding], limit)
    except TimeoutError:
        raise Refusal.away(f"the body did not come within {READ_SECONDS:.0f} s") from None
    except ClientDisconnect:
        raise Refusal(HTTPStatus.BAD_REQUEST, "the body ended early") from None
    except zlib.error as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, f"the body is not {encoding}: {error}") from None


async def _plain(stream: AsyncIterator[bytes], limit: int) -> bytes:
    body = bytearray()
    async for chunk in stream:
        body += chunk
        if len(body) > limit:
            raise _too_long(limit)
    return bytes(body)


async def _unpacked(stream: AsyncIterator[bytes], window: int, limit: int) -> bytes:
    """Unpack no more than `limit` bytes, however small they were packed."""
    body, packed = bytearray(), zlib.decompressobj(window)
    async for chunk in stream:
        rest = chunk
        while rest:
            if packed.eof:  # gzip allows several members, one behind the other
                packed = zlib.decompressobj(window)
            body += packed.decompress(rest, limit + 1 - len(body))
            if len(body) > limit:
                raise _too_long(limit)
            rest = packed.unused_data or packed.unconsumed_tail
    if not packed.eof:
        raise zlib.error("it ends early")
    return bytes(body)


def _too_long(limit: int) -> Refusal:
    return Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body has at most {limit} bytes, also unpacked")
