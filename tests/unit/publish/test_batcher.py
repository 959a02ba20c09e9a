from uuid import UUID

import msgspec
import pytest

from cli.publishing import batcher
from cli.publishing.batcher import Batcher, BatchIds, Limits, Message
from cli.publishing.messages import Flat, RefusedLineError, Tenant, Whole

ONE, TWO = Tenant(UUID(int=1), UUID(int=1)), Tenant(UUID(int=1), UUID(int=2))
FILE = BatchIds(b"digest", None)
ROOM = Limits(1_000_000, 10_000)


def flat(number: int, tenant: Tenant = ONE) -> Flat:
    return Flat(tenant, b'{"value":%d}' % number)


def batches(numbered, ids: BatchIds = FILE, size: int = 3, limits: Limits = ROOM) -> list[Message]:
    messages: list[Message] = []
    target = Batcher(ids, size, limits, messages.append)
    for number, entry in numbered:
        target.add(number, entry)
    target.flush()
    return messages


def body(message: Message):
    return msgspec.json.decode(message.value)


def values(message: Message) -> list[int]:
    return [sample["value"] for sample in body(message)["samples"]]


def ids_of(messages: list[Message]) -> list[str]:
    return [body(message)["batch_id"] for message in messages]


def test_a_message_holds_at_most_the_batch_size_and_the_rest_comes_last():
    messages = batches([(n, flat(n)) for n in range(7)])
    assert [values(message) for message in messages] == [[0, 1, 2], [3, 4, 5], [6]]
    assert [message.samples for message in messages] == [3, 3, 1]


def test_projects_are_apart_and_each_in_its_order():
    messages = batches([(n, flat(n, (ONE, TWO)[n % 2])) for n in range(8)])
    assert [(message.tenant, values(message)) for message in messages] == [
        (ONE, [0, 2, 4]),
        (TWO, [1, 3, 5]),
        (ONE, [6]),
        (TWO, [7]),
    ]
    assert all(body(m)["project_id"] == str(m.tenant.project_id) for m in messages)


def test_the_same_content_gets_the_same_ids():
    numbered = [(n, flat(n)) for n in range(7)]
    assert ids_of(batches(numbered)) == ids_of(batches(numbered))


@pytest.mark.parametrize(
    ("first", "second"),
    [(FILE, BatchIds(b"other", None)), (FILE, BatchIds(b"digest", "run")), (BatchIds(None, None),) * 2],
    ids=["content", "run", "stream"],
)
def test_other_content_another_run_and_streams_get_other_ids(first, second):
    numbered = [(n, flat(n)) for n in range(7)]
    assert not set(ids_of(batches(numbered, first))) & set(ids_of(batches(numbered, second)))


def test_a_named_run_of_a_stream_gets_the_same_ids_again():
    numbered = [(n, flat(n)) for n in range(7)]
    named = BatchIds(None, "monday")
    assert ids_of(batches(numbered, named)) == ids_of(batches(numbered, named))


def test_equal_samples_at_another_place_are_another_batch():
    ids = ids_of(batches([(n, flat(0)) for n in range(9)]))
    assert len(set(ids)) == 3


def test_another_batch_size_gives_no_id_to_other_samples():
    numbered = [(n, flat(n)) for n in range(7)]
    assert not set(ids_of(batches(numbered))) & set(ids_of(batches(numbered, size=4)))


def test_bytes_end_a_message_before_its_samples_do():
    limits = Limits(batcher.ENVELOPE_BYTES + 30, 10_000)
    messages = batches([(n, flat(n)) for n in range(5)], size=100, limits=limits)
    assert [values(message) for message in messages] == [[0, 1], [2, 3], [4]]
    assert all(len(message.value) <= limits.message_bytes for message in messages)


def test_a_message_of_its_own_keeps_its_id_and_comes_after_what_was_before_it():
    whole = Whole(ONE, UUID(int=9), [msgspec.Raw(b'{"value":1}')])
    messages = batches([(0, flat(0)), (1, whole), (2, flat(2))])
    assert [values(message) for message in messages] == [[0], [1], [2]]
    assert ids_of(messages)[1] == str(UUID(int=9))


def test_a_message_of_its_own_without_an_id_gets_a_derived_one():
    whole = Whole(ONE, None, [msgspec.Raw(b'{"value":1}')])
    assert ids_of(batches([(1, whole)])) == ids_of(batches([(1, whole)]))


@pytest.mark.parametrize("limits", [Limits(210, 10), Limits(1000, 2)], ids=["bytes", "samples"])
def test_a_message_that_no_worker_takes_is_refused(limits):
    whole = Whole(ONE, None, [msgspec.Raw(b'{"value":1}')] * 9)
    with pytest.raises(RefusedLineError, match="too_large"):
        batches([(1, whole)], limits=limits)


def test_a_sample_that_no_message_holds_is_refused():
    with pytest.raises(RefusedLineError, match="too_large"):
        batches([(1, flat(1))], limits=Limits(batcher.ENVELOPE_BYTES + 5, 10))


def test_any_number_of_projects_waits_in_bounded_memory(monkeypatch):
    monkeypatch.setattr(batcher, "WAITING_SAMPLES", 4)
    sent: list[Message] = []
    target = Batcher(FILE, 100, ROOM, sent.append)
    for number in range(9):
        target.add(number, flat(number, Tenant(UUID(int=1), UUID(int=number))))
    assert len(sent) == 8
