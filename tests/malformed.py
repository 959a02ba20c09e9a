"""Messages that nobody should send, by a seed: each has to be a dead letter, and none may count."""

import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

RATES = ("retention", "crash_rate", "error_rate", "user_adoption")
ODD: tuple[Any, ...] = (
    None,
    True,
    [],
    {},
    "x",
    -1,
    1.5,
    "\ud800",
    "\0",
    [[[]]],
    {"a": {"b": None}},
    10**30,
    "",
)
HUGE = ("1e400", "-1e400", "9" * 400, "9" * 5000, "1e99999999999", "-" + "1" * 300, "123456789e300")
NO_UTF8 = (b"\xff", b"\xc3\x28", b"\xe2\x82", b"\xf5\x80\x80\x80")
FIELDS = ("org_id", "project_id", "samples", "batch_id")
Maker = Callable[[Random, bytes], bytes]


def valid(org_id: str, project_id: str, at: float, random: Random) -> bytes:
    """Return a small message that would count."""
    sample = {"metric_name": random.choice(RATES), "value": 1, "of": 2, "timestamp": at, "cohort": "c"}
    return json.dumps({"org_id": org_id, "project_id": project_id, "samples": [sample]}).encode()


def _truncated(random: Random, message: bytes) -> bytes:
    return message[: random.randrange(len(message))]


def _random_bytes(random: Random, message: bytes) -> bytes:
    return b"\xfe" + random.randbytes(random.randrange(2 * len(message)))


def _invalid_utf8(random: Random, message: bytes) -> bytes:
    at = message.index(b'"c"') + 1
    return (
        message[:at] + random.choice([b"\xff", b"\xc3\x28", b"\xe2\x82", b"\xf5\x80\x80\x80"]) + message[at:]
    )


def _wrong_head(random: Random, message: bytes) -> bytes:
    """Return it with a field of the head missing, or of another type."""
    body = json.loads(message)
    name = random.choice(FIELDS)
    if random.random() < 0.3 and name != "batch_id":
        del body[name]
    else:
        body[name] = random.choice([odd for odd in ODD if odd is not None or name != "batch_id"])
    return json.dumps(body).encode()


def _wrong_sample(random: Random, message: bytes) -> bytes:
    body = json.loads(message)
    name = random.choice(("metric_name", "value", "timestamp"))
    body["samples"][0][name] = random.choice([odd for odd in ODD if odd != 1.5])
    return json.dumps(body).encode()


def _huge_number(random: Random, message: bytes) -> bytes:
    name = random.choice((b'"value": 1', b'"of": 2'))
    return message.replace(name, name[:-1] + random.choice(HUGE).encode())


def _deep(random: Random, message: bytes) -> bytes:
    depth = random.choice((100, 1_500, 20_000))
    opening, closing = random.choice(((b"[", b"]"), (b'{"a":', b"}")))
    nest = opening * depth + b"1" + closing * depth * random.randrange(2)
    return random.choice((nest, message.replace(b'"value": 1', b'"value": ' + nest)))


def _not_a_message(random: Random, message: bytes) -> bytes:
    del message
    return random.choice((b"", b" ", b"null", b"NaN", b"[]", b"{}", b'""', b"0", b"{}{}", b"\xef\xbb\xbf{}"))


def _swapped(random: Random, message: bytes) -> bytes:
    """Return it with a byte of its braces, quotes or colons replaced: no JSON any more."""
    places = [at for at, byte in enumerate(message) if byte in b'{}":[]']
    at = random.choice(places)
    return message[:at] + b"\x00" + message[at + 1 :]


MAKERS: tuple[Maker, ...] = (
    _truncated,
    _random_bytes,
    _invalid_utf8,
    _wrong_head,
    _wrong_sample,
    _huge_number,
    _deep,
    _not_a_message,
    _swapped,
)
WEIGHTS = (20, 15, 10, 15, 15, 10, 1, 5, 9)


def messages(random: Random, base: bytes) -> Iterator[bytes]:
    """Yield malformed forms of `base`, a message that would count, for ever."""
    while True:
        for make in random.choices(MAKERS, WEIGHTS, k=1000):
            yield make(random, base)


def large(base: bytes, size: int) -> Iterator[bytes]:
    """Yield malformed messages of `size` bytes, for ever."""
    sample = json.dumps(json.loads(base)["samples"][0]).encode()
    wrong = sample.replace(b'"value": 1', b'"value": "x"')
    while True:
        yield b"[" * size
        yield b'{"samples": [' + (sample + b",") * (size // (len(sample) + 1))
        yield b"\xff" * size
        yield base.replace(sample, b",".join([wrong] * (size // (len(wrong) + 1))))
        yield base.replace(b'"c"', b'"' + b"c" * size + b'"')
