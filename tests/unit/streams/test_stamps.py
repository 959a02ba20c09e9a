"""A stamp opens the record that it was made for, and nothing else."""

from uuid import UUID, uuid4

import pytest

from streams import stamps
from streams.stamps import BATCH_HEADER, PARKED_HEADER, STAMP_HEADER, Stamp, StampError

KEY = stamps.key("a secret of the installation")
OURS = Stamp(UUID(int=1), UUID(int=2))
VALUE = b'{"samples": []}'
BATCH = UUID(int=7)


def test_a_stamp_says_whose_the_record_is() -> None:
    headers = [("other", b"x"), *stamps.sign(KEY, "raw_metrics", VALUE, OURS)]
    assert stamps.verify(KEY, "raw_metrics", VALUE, headers) == OURS


def test_a_record_without_a_stamp_says_nothing() -> None:
    assert stamps.verify(KEY, "raw_metrics", VALUE, [("augentis-key", b"agk_")]) is None


@pytest.mark.parametrize("parked", [False, True])
def test_what_was_parked_says_so(*, parked: bool) -> None:
    stamp = Stamp(OURS.org_id, OURS.project_id, parked)
    found = stamps.verify(KEY, "t", VALUE, stamps.sign(KEY, "t", VALUE, stamp))
    assert found is not None
    assert found.parked is parked


def test_a_batch_id_goes_in_a_header() -> None:
    headers = stamps.sign(KEY, "otlp_metrics", VALUE, OURS, BATCH)
    assert (BATCH_HEADER, str(BATCH).encode()) in headers
    assert stamps.verify(KEY, "otlp_metrics", VALUE, headers) == OURS


def _changed(name: str, content: bytes) -> list[tuple[str, bytes]]:
    headers = dict(stamps.sign(KEY, "raw_metrics", VALUE, OURS, BATCH))
    return list((headers | {name: content}).items())


@pytest.mark.parametrize(
    "headers",
    [
        _changed(PARKED_HEADER, b"1"),
        _changed(BATCH_HEADER, str(uuid4()).encode()),
        [each for each in _changed("x", b"") if each[0] != BATCH_HEADER],
        [*_changed("x", b""), (BATCH_HEADER, b"another")],
        [*_changed("x", b""), (STAMP_HEADER, b"v1,a,b,c")],
        _changed(STAMP_HEADER, b""),
        _changed(STAMP_HEADER, b"\xff"),
        _changed(STAMP_HEADER, f"v1,{OURS.org_id},{OURS.project_id},{'0' * 64}".encode()),
        _changed(STAMP_HEADER, f"v1,{OURS.org_id},{OURS.project_id},é".encode()),
        _changed(STAMP_HEADER, b"v1,not,ids,00"),
        _changed(STAMP_HEADER, dict(_changed("x", b""))[STAMP_HEADER].replace(b"v1", b"v2")),
        _changed(
            STAMP_HEADER,
            dict(_changed("x", b""))[STAMP_HEADER].replace(str(OURS.org_id).encode(), str(uuid4()).encode()),
        ),
    ],
)
def test_a_stamp_of_anything_else_is_refused(headers: list[tuple[str, bytes]]) -> None:
    assert stamps.verify(KEY, "raw_metrics", VALUE, _changed("x", b"")) == OURS
    with pytest.raises(StampError):
        stamps.verify(KEY, "raw_metrics", VALUE, headers)


def test_a_stamp_fits_one_topic_one_record_and_one_installation() -> None:
    headers = stamps.sign(KEY, "raw_metrics", VALUE, OURS)
    for key, topic, value in (
        (KEY, "otlp_metrics", VALUE),
        (KEY, "raw_metrics", VALUE + b" "),
        (stamps.key("another secret"), "raw_metrics", VALUE),
    ):
        with pytest.raises(StampError):
            stamps.verify(key, topic, value, headers)
