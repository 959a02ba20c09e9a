"""Logs tell where and what kind, and quote no payload."""

import json
import logging

import asyncpg
import pytest

from streams.errors import FencedError
from streams.logs import Json, Text, configure, told

SECRET = "user-whom-no-log-may-name"


def caught(raised: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        raise raised from cause
    except type(raised) as error:
        return error


def record(error: BaseException | None = None, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("streams.test", logging.ERROR, "x.py", 1, "counted %d", (3,), None)
    if error is not None:
        made.exc_info = (type(error), error, error.__traceback__)
    made.__dict__.update(extra)
    return made


@pytest.mark.parametrize(
    "error",
    [
        caught(asyncpg.DataError(f"invalid input for query argument $3: '{SECRET}'")),
        caught(asyncpg.PostgresError(f"DETAIL: Failing row contains ({SECRET})")),
        caught(ValueError(f"could not convert {SECRET!r}")),
        caught(KeyError(SECRET)),
        caught(UnicodeDecodeError("utf-8", SECRET.encode(), 0, 1, SECRET)),
        caught(RuntimeError("it broke"), caught(ValueError(SECRET))),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("formatter", [Text(), Json()])
def test_an_error_that_quotes_what_it_was_given_is_told_by_kind_and_place(
    error: BaseException, formatter: logging.Formatter
):
    line = formatter.format(record(error))
    assert SECRET not in line
    assert type(error).__name__ in line
    assert "test_logs.py" in line


def test_other_errors_are_told_in_their_words():
    assert told(caught(OSError("connection lost"))).endswith("OSError: connection lost")
    assert told(caught(RuntimeError("it broke"), caught(OSError("lost")))).count("lost") == 1


def test_json_has_a_line_a_record_with_its_coordinates():
    line = Json().format(
        record(org_id="an-org", topic="raw_metrics", partition=0, offset=7, other="not told")
    )
    found = json.loads(line)
    assert found.pop("at").endswith("+00:00")
    assert found == {
        "level": "error",
        "logger": "streams.test",
        "message": "counted 3",
        "org_id": "an-org",
        "topic": "raw_metrics",
        "partition": 0,
        "offset": 7,
    }
    assert "\n" not in Json().format(record(caught(OSError("two\nlines"))))


def test_what_ends_a_worker_is_told_once(capsys: pytest.CaptureFixture[str]):
    root = logging.getLogger()
    before = root.handlers[:], root.level
    root.handlers.clear()
    try:
        configure("info", "json")
        for error in (FencedError("held by another"), OSError("gone")):
            logging.getLogger("faust.crash").error("Crashed: %r", error, exc_info=caught(error))
    finally:
        root.handlers[:], root.level = before
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["message"] == "Crashed: OSError('gone')"
