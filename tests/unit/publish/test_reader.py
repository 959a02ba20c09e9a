from uuid import UUID

import msgspec
import pytest

from cli.exits import CommandError
from cli.publishing.messages import Defaults, Flat, RefusedLineError
from cli.publishing.reader import read_csv, read_jsonl

GIVEN = Defaults(UUID(int=1), UUID(int=2))
GOOD = b'{"metric_name":"a","value":1,"timestamp":1}'
HEADER = b"timestamp,metric_name,value"


def entries(reader, text: bytes, limit: int = 1000) -> list[tuple[int, object]]:
    """Each line's number with its sample or its reason of refusal."""
    return [
        (number, content.reason if isinstance(content, RefusedLineError) else sample(content))
        for number, content in reader(text.split(b"\n"), GIVEN, limit)
    ]


def sample(content) -> object:
    assert isinstance(content, Flat)
    return msgspec.json.decode(content.sample)


def test_jsonl_numbers_lines_as_an_editor_does():
    found = entries(read_jsonl, b"\n".join([GOOD, b"", b"x", b"  ", GOOD]))
    assert [(number, content == "not_json") for number, content in found] == [
        (1, False),
        (3, True),
        (5, False),
    ]


def test_jsonl_takes_windows_line_ends_and_a_byte_order_mark():
    assert [number for number, _ in entries(read_jsonl, b"\xef\xbb\xbf" + GOOD + b"\r\n" + GOOD)] == [1, 2]


def test_jsonl_refuses_what_no_message_can_hold():
    assert entries(read_jsonl, GOOD, limit=len(GOOD) - 1) == [(1, "too_large")]


def test_csv_reads_all_columns_in_any_order_and_empty_means_absent():
    text = (
        b"user_id,value,metric_name,timestamp,cohort,feature,of,unit\n"
        b"u1,1,user_adoption,2026-11-01T10:00:00Z,mainstream,,,\n"
        b",3,error_rate,1762000000.5,,F12,200,%"
    )
    assert entries(read_csv, text) == [
        (
            2,
            {
                "metric_name": "user_adoption",
                "value": 1.0,
                "timestamp": "2026-11-01T10:00:00Z",
                "cohort": "mainstream",
                "user_id": "u1",
            },
        ),
        (
            3,
            {
                "metric_name": "error_rate",
                "value": 3.0,
                "timestamp": 1762000000.5,
                "of": 200.0,
                "unit": "%",
                "feature": "F12",
            },
        ),
    ]


def test_csv_rows_may_name_their_tenant():
    org = str(UUID(int=7))
    text = HEADER + b",org_id,project_id\n1,a,1," + org.encode() + b",\n1,a,1,acme,"
    first, second = read_csv(text.split(b"\n"), GIVEN, 1000)
    assert isinstance(first.content, Flat)
    assert first.content.tenant == (UUID(int=7), UUID(int=2))
    assert isinstance(second.content, RefusedLineError)


def test_csv_quotes_hold_commas_quotes_and_line_ends():
    text = HEADER + b',cohort\r\n1,a,1,"x,""y""\r\nz"\r\n2,a,1,\r\n'
    found = entries(read_csv, text)
    assert [number for number, _ in found] == [2, 4]
    assert found[0][1]["cohort"] == 'x,"y"\r\nz'  # type: ignore[index]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"1,a", "bad_schema"),
        (b"1,a,1,2", "bad_schema"),
        (b"1,a,", "bad_schema"),
        (b",a,1", "bad_schema"),
        (b"1,a,one", "bad_value"),
        (b"1,a,nan", "bad_value"),
        (b"1,a,inf", "bad_value"),
        (b"1,\xff,1", "bad_schema"),
        (b'1,"a"b,1', "bad_schema"),
    ],
)
def test_csv_rows_that_cannot_be_read_are_refused_and_the_next_one_is_not(row, reason):
    found = entries(read_csv, HEADER + b"\n" + row + b"\n2,b,2")
    assert [content if isinstance(content, str) else "" for _, content in found] == [reason, ""]


def test_csv_lines_swallowed_by_an_open_quote_are_each_named():
    text = HEADER + b'\n1,a,"1\n2,a,2\n3,a,3'
    assert entries(read_csv, text) == [(2, "bad_schema"), (3, "bad_schema"), (4, "bad_schema")]


def test_csv_refuses_a_record_that_no_message_can_hold():
    found = entries(read_csv, HEADER + b"\n1," + b"a" * 60 + b",1\n2,b,2", limit=50)
    assert [content if isinstance(content, str) else "" for _, content in found] == ["bad_schema", ""]


@pytest.mark.parametrize(
    ("header", "says"),
    [
        (b"timestamp,value", "metric_name"),
        (HEADER + b",cohorts", "cohorts"),
        (HEADER + b",value", "twice"),
        (b'"timestamp', "line 1"),
        (GOOD, "line 1"),
    ],
)
def test_csv_without_its_header_is_unreadable(header, says):
    with pytest.raises(CommandError, match=says):
        entries(read_csv, header + b"\n1,a,1")
