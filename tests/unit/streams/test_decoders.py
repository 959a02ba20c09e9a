"""Whatever bytes come, a decoder answers with a message or `Refused`, and it reads what a slow one reads."""

import json
from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.wire import Message, Refused, decode
from tests import malformed

METRICS = {"feature_usage", "retention", "crash_rate", "latency_p50", "error_rate", "user_adoption"}
OPTIONAL = {"cohort": str, "feature": str, "user_id": str, "of": float, "unit": str}
MOST, ROOM = 50, 20_000
Read = dict[int, tuple[Any, ...]]


class BadError(Exception):
    """The slow decoder refuses the whole."""


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadError
    return float(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise BadError
    return value


def _one(item: Any) -> tuple[Any, ...]:
    if not isinstance(item, dict) or item.get("metric_name") not in METRICS:
        raise BadError
    at = item.get("timestamp")
    found = [item["metric_name"], _number(item.get("value")), at if isinstance(at, str) else _number(at)]
    for name, kind in OPTIONAL.items():
        value = item.get(name)
        found.append(value if value is None else (_number if kind is float else _text)(value))
    return tuple(found)


def _no_constant(text: str) -> float:
    raise ValueError(text)


def slowly(raw: bytes) -> tuple[Any, Read]:
    """Read a message in the plainest way: whose it is, and its samples by index; none if it is no message."""
    try:
        body = json.loads(raw.decode(), parse_constant=_no_constant, parse_int=float)
        items = [body] if body.get("samples") is None else body["samples"]
        head = (_text(body.get("org_id")), _text(body.get("project_id")), _batch_id(body.get("batch_id")))
    except (ValueError, AttributeError, RecursionError, BadError):
        return None, {}
    found: Read = {}
    for index, item in enumerate(items if isinstance(items, list) else []):
        try:
            found[index] = _one(item)
        except (BadError, TypeError):
            continue
    return head, found


def _batch_id(text: Any) -> UUID | None:
    return None if text is None else UUID(_text(text))


def quickly(raw: bytes) -> tuple[Any, Read]:
    """Read it as the worker does."""
    try:
        message = decode(raw, MOST, ROOM)
    except Refused:
        return None, {}
    return (message.org_id, message.project_id, message.batch_id), _samples(message)


def _samples(message: Message) -> Read:
    return {
        message.index(position): (
            *(s.metric_name, s.value, _timestamp(s.timestamp)),
            *(getattr(s, name) for name in OPTIONAL),
        )
        for position, s in enumerate(message.samples)
    }


def _timestamp(at: str | float) -> str | float:
    try:
        return at if isinstance(at, str) else float(at)
    except OverflowError:
        return float("inf")


def agree(raw: bytes) -> None:
    head, found = quickly(raw)
    must_head, must = slowly(raw)
    assert found == (must if len(raw) <= ROOM else {})
    assert head == must_head or not must


texts = st.text(max_size=8)
numbers = st.one_of(
    st.integers(-5, 10**6), st.floats(allow_nan=True), st.integers(), st.just(10**400), st.floats(0, 10)
)
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=6,
)


def mostly(good: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(good, good, good, good, anything)


names = st.sampled_from(sorted(METRICS))
samples = st.fixed_dictionaries(
    {"metric_name": mostly(names), "value": mostly(numbers), "timestamp": mostly(st.one_of(numbers, texts))},
    optional={
        **{name: mostly(texts if kind is str else numbers) for name, kind in OPTIONAL.items()},
        "else": anything,
    },
)
ids = st.one_of(st.uuids().map(str), st.uuids().map(str), texts, st.just("0" * 32))
heads = {"org_id": mostly(ids), "project_id": mostly(ids)}
batches = st.fixed_dictionaries(
    {**heads, "samples": mostly(st.lists(mostly(samples), max_size=4))}, optional={"batch_id": mostly(ids)}
)
flats = st.tuples(st.fixed_dictionaries(heads, optional={"batch_id": ids}), samples).map(
    lambda p: p[0] | p[1]
)
documents = st.one_of(batches, batches, flats, anything)


@st.composite
def encoded(draw: st.DrawFn) -> bytes:
    text = json.dumps(draw(documents), ensure_ascii=draw(st.booleans()))
    return text.encode("utf-8", "surrogatepass")


@settings(deadline=None, max_examples=300)
@given(encoded())
def test_a_document_is_read_as_a_slow_decoder_reads_it(raw):
    agree(raw)


@settings(deadline=None, max_examples=300)
@given(encoded(), st.randoms(use_true_random=False))
def test_a_broken_document_is_read_as_a_slow_decoder_reads_it(raw, random):
    agree(broken(raw, random))


BYTES = (b'"', b"{", b"}", b",", b"\\", b"\0", b"1", b"e9", b"\xff")


def broken(raw: bytes, random: Random) -> bytes:
    """Cut, overwrite, drop, double or insert."""
    body = bytearray(raw)
    for _ in range(random.randrange(1, 4)):
        at = random.randrange(len(body) + 1)
        match random.randrange(5):
            case 0:
                del body[at:]
            case 1:
                body[at : at + 1] = random.choice(
                    [b'"', b"{", b"}", b",", b"\\", b"\0", b"1", b"e9", b"\xff"]
                )
            case 2:
                del body[at : at + random.randrange(9)]
            case 3:
                body[at:at] = body[at : at + random.randrange(40)]
            case _:
                body[at:at] = random.randbytes(random.randrange(4))
    return bytes(body)


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=300))
def test_bytes_of_all_kinds_are_refused_or_read(raw):
    agree(raw)


def test_what_is_ignored_has_to_be_utf_8_too():
    """Found by atheris."""
    good = malformed.valid("o", "p", 1.0, Random(1))
    agree(good.replace(b'"of": 2', b'"o\xff": 2'))
    agree(good.replace(b'"of": 2', '"é": 2'.encode()))


@pytest.mark.parametrize("seed", range(3))
def test_what_the_malformed_million_is_made_of(seed):
    random = Random(seed)
    base = malformed.valid("o", "p", 1.0, random)
    made = malformed.messages(random, base)
    for _ in range(1000):
        raw = next(made)
        if b"[" * 100 not in raw and b'{"a":' * 100 not in raw:  # the slow one has not their depth
            agree(raw)
        quickly(raw)
