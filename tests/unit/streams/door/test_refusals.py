import json
from http import HTTPStatus

import pytest
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from hypothesis import example, given
from hypothesis import strategies as st

from streams.door.refusals import Form, Refusal


@given(st.text())
@example("x" * 300)
def test_the_protobuf_body_is_a_status(message):
    response = Refusal(HTTPStatus.BAD_REQUEST, message).response(Form.PROTOBUF)
    read = Status.FromString(response.body)
    assert (read.code, read.message) == (3, message.encode("utf-8", "replace").decode())


@pytest.mark.parametrize(
    ("status", "code"), [(400, 3), (401, 16), (403, 7), (413, 3), (415, 3), (429, 8), (503, 14), (418, 2)]
)
def test_codes(status, code):
    response = Refusal(HTTPStatus(status), "x").response(Form.JSON)
    assert (response.status_code, json.loads(bytes(response.body))) == (
        status,
        {"code": code, "message": "x"},
    )


@pytest.mark.parametrize(("again", "said"), [(0.2, "1"), (5.0, "5"), (59.1, "60")])
def test_retry_after_is_whole_seconds(again, said):
    assert (
        Refusal(HTTPStatus.TOO_MANY_REQUESTS, "x", again).response(Form.JSON).headers["retry-after"] == said
    )


def test_what_will_never_do_has_no_retry_after():
    assert "retry-after" not in Refusal(HTTPStatus.BAD_REQUEST, "x").response(Form.JSON).headers


def test_a_problem():
    response = Refusal.away("later").response(Form.PROBLEM)
    assert response.media_type == "application/problem+json"
    assert json.loads(bytes(response.body)) == {
        "type": "urn:augentis:problem:service-unavailable",
        "title": "Service Unavailable",
        "detail": "later",
        "status": 503,
    }
