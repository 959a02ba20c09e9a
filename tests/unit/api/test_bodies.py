from typing import Any

import pytest
from fastapi import Request

from api.bodies import JsonRequest
from api.problems import FieldError


async def read(body: bytes) -> tuple[Any, FieldError | None]:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body}

    request: Request = JsonRequest({"type": "http", "headers": []}, receive)
    return await request.json(), request.state.fault


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": 1, "a": 2}', {"a": 2}),
        ('{"a": "ä\\u00e4\\ud83d\\ude00"}'.encode(), {"a": "ää😀"}),
        (b"[" * 150 + b"]" * 150, None),
        (b'{"a": 1e308, "b": -0.0, "c": 12345678901234567890123}', None),
    ],
)
async def test_what_is_json_is_read(body: bytes, value: object):
    found, fault = await read(body)
    assert fault is None
    assert value is None or found == value


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b'{"a": 1} x', "body"),
        (b"{'a': 1}", "body"),
        (b'{"a": NaN}', "body"),
        (b'{"a": Infinity}', "body"),
        (b'{"a": "\xff"}', "body"),
        (b'{"a": "\\ud800"}', "body"),
        (b'{"a": "\xed\xa0\x80"}', "body"),
        (b"\xef\xbb\xbf{}", "body"),
        (b"[" * 100_000 + b"]" * 100_000, "body"),
        (b'{"a":' * 100_000, "body"),
        (b'{"a": 1' + b"0" * 5000 + b"}", "body"),
        (b'{"a": [{"b": 1e400}]}', "body.a.0.b"),
        (b'{"a": {"b": ["x", "y\\u0000"]}}', "body.a.b.1"),
        (b'{"a": {"b\\u0000": 1}}', "body.a"),
    ],
)
async def test_what_is_not_says_where(body: bytes, path: str):
    _, fault = await read(body)
    assert fault
    assert (fault.path, bool(fault.message)) == (path, True)
