import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from standardwebhooks import Webhook

from cli.demo.receiver import Receiver

SECRET = "whsec_" + "A" * 32
BODY = json.dumps({"type": "divergence.detected", "data": {"id": "r1"}})


def headers(message_id: str, body: str = BODY, secret: str = SECRET, seconds_ago: int = 0) -> dict[str, str]:
    now = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(message_id, now, body),
    }


@pytest.fixture
def receiver():
    with Receiver(SECRET) as listening:
        yield listening


def post(receiver: Receiver, sent: dict[str, str], body: str = BODY) -> int:
    return httpx.post(receiver.url, content=body, headers=sent).status_code


def test_a_signed_alert_is_taken_once(receiver):
    assert [post(receiver, headers("m1", seconds_ago=ago)) for ago in (5, 0)] == [204, 204]
    (alert,) = receiver.alerts
    assert alert.report_id == "r1"
    assert alert.headers["webhook-id"] == "m1"
    assert receiver.refused == 0


@pytest.mark.parametrize(
    "sent",
    [headers("m1", body="{}"), headers("m1", secret="whsec_" + "B" * 32), {}],
    ids=["of another body", "by somebody else", "unsigned"],
)
def test_what_is_not_signed_for_this_receiver_is_refused(receiver, sent):
    assert post(receiver, sent) == 401
    assert receiver.alerts == []
    assert receiver.refused == 1
