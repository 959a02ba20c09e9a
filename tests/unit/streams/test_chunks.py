from collections.abc import Sequence

from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from streams.chunks import Chunk, cut
from tests.unit.streams.messages import Record

TOPIC = TP("raw_metrics", 3)


def chunk(start: int, end: int, offsets: Sequence[int]) -> Chunk:
    return Chunk(TOPIC, start, end, [Record(offset, b"") for offset in offsets], token=1, fetched_at=0.0)


@st.composite
def fetches(draw: st.DrawFn) -> tuple[int, int, list[Record]]:
    """Offsets [start, end) of which some are control records or compacted away."""
    start = draw(st.integers(0, 5))
    there = draw(st.lists(st.booleans(), min_size=1, max_size=30))
    return start, start + len(there), [Record(start + n, b"") for n, is_there in enumerate(there) if is_there]


@given(fetches(), st.integers(1, 10))
def test_pieces_cover_all_offsets_without_a_gap_and_hold_every_record_once(fetch, most):
    start, end, records = fetch
    pieces = list(cut(start, end, records, most))
    assert [first for first, _, _ in pieces] == [start, *(last for _, last, _ in pieces[:-1])]
    assert pieces[-1][1] == end
    assert [record for _, _, piece in pieces for record in piece] == records
    assert all(first <= record.offset < last for first, last, piece in pieces for record in piece)
    assert all(len(piece) <= most for *_, piece in pieces)
    assert all(piece for *_, piece in pieces) or not records


@given(fetches(), st.integers(0, 40))
def test_what_lies_after_a_position_is_the_rest(fetch, position):
    start, end, records = fetch
    rest = Chunk(TOPIC, start, end, records, 1, 0.0).after(position)
    if position >= end:
        assert rest is None
    else:
        assert rest is not None
        assert (rest.start, rest.end) == (max(start, position), end)
        assert rest.records == [record for record in records if record.offset >= position]


def test_a_chunk_of_control_records_alone_still_moves_on():
    rest = chunk(3, 5, []).after(4)
    assert rest is not None
    assert (rest.start, rest.end, list(rest.records)) == (4, 5, [])
    assert chunk(3, 5, []).after(5) is None


def test_faust_keeps_order_by_the_first_offset():
    assert chunk(3, 9, [4, 8]).offset == 3
