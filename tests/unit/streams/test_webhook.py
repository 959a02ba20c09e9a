"""One signed POST, as a receiver with the reference library sees it."""

import base64
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from guarded import RefusedError
from streams.relay import LONGEST_WAIT, waits
from streams.webhook import MOST_BYTES, Answer, Webhook
from tests import web
from tests.web import serving

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
OTHER_SECRET = "whsec_" + base64.b64encode(b"t" * 32).decode()
URL = "http://team.example/alerts"
BODY = '{"summary":"60 % … größer"}'.encode()
Receiver = Callable[[httpx.Request], httpx.Response]
Posting = Callable[[Receiver], Webhook]


@pytest.fixture
async def posting() -> AsyncIterator[Posting]:
    made = []

    def to(receiver: Receiver) -> Webhook:
        webhook = Webhook(URL, SECRET)
        made.append(webhook._client)
        webhook._client = httpx.AsyncClient(transport=httpx.MockTransport(receiver))
        made.append(webhook._client)
        return webhook

    yield to
    for client in made:
        await client.aclose()


def answering(status: int, **headers: str) -> Receiver:
    return lambda _request: httpx.Response(
        status, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


async def test_the_signature_is_valid_for_this_body_and_this_secret_alone(posting):
    seen: list[httpx.Request] = []

    def receive(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(204)

    assert await posting(receive).post("report.detected", BODY) == Answer(accepted=True, said="status 204")
    (request,) = seen
    headers: dict[str, Any] = dict(request.headers)
    assert (request.method, str(request.url), request.content) == ("POST", URL, BODY)
    assert headers["content-type"] == "application/json"
    assert headers["webhook-id"] == "report.detected"
    Verifier(SECRET).verify(request.content, headers)
    for body, secret, changed in (
        (BODY + b" ", SECRET, {}),
        (BODY, OTHER_SECRET, {}),
        (BODY, SECRET, {"webhook-id": "another"}),
        (BODY, SECRET, {"webhook-timestamp": str(int(headers["webhook-timestamp"]) - 1)}),
    ):
        with pytest.raises(WebhookVerificationError):
            Verifier(secret).verify(body, headers | changed)


@pytest.mark.parametrize("status", [200, 201, 204, 299])
async def test_2xx_is_accepted(posting, status):
    assert (await posting(answering(status)).post("id", BODY)).accepted


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404, 410, 429, 500, 503])
async def test_nothing_else_is(posting, status):
    answer = await posting(answering(status, location="http://elsewhere.example/")).post("id", BODY)
    assert (answer.accepted, answer.said) == (False, f"status {status}")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        *(("30", 30), ("0", 1), ("-5", 1), ("999999", 3600), ("9" * 30, 3600)),
        *(("soon", None), ("", None), ("1.5", None), ("9" * 5000, None)),
    ],
)
async def test_retry_after_is_honoured_within_an_hour(posting, value, seconds):
    answer = await posting(answering(503, retry_after=value)).post("id", BODY)
    assert answer.retry_after == (None if seconds is None else timedelta(seconds=seconds))


def test_a_receiver_that_fails_for_days_is_asked_every_quarter_of_an_hour():
    waited = [waits(attempts) for attempts in range(1, 1001)]
    assert waited[0] == timedelta(seconds=2)
    assert waited == sorted(waited)
    assert waited[10] == waited[-1] == LONGEST_WAIT


async def test_a_receiver_that_is_not_there_is_said_without_the_body():
    webhook = Webhook("http://127.0.0.1:1/alerts", SECRET)
    answer = await webhook.post("id", BODY)
    await webhook._client.aclose()
    assert answer == Answer(accepted=False, said="ConnectError")


async def test_the_operators_own_receiver_may_be_on_loopback_and_where_it_redirects_to_is_not_asked():
    async with serving(web.answer("200 OK", "")) as elsewhere:
        moved = web.answer("307 Temporary Redirect", "", f"Location: http://127.0.0.1:{elsewhere.port}/")
        for answered, accepted in ((web.answer("204 No Content", ""), True), (moved, False)):
            async with serving(answered) as receiver:
                webhook = Webhook(f"http://localhost:{receiver.port}/alerts", SECRET)
                assert (await webhook.post("id", BODY)).accepted is accepted
                await webhook._client.aclose()
                assert receiver.heads[0].startswith("POST /alerts HTTP/1.1")
        assert elsewhere.connections == 0


async def test_the_status_counts_whatever_the_body_is():
    async with serving(web.answer("200 OK", " " * (MOST_BYTES + 1))) as receiver:
        webhook = Webhook(f"http://127.0.0.1:{receiver.port}/", SECRET)
        assert await webhook.post("id", BODY) == Answer(accepted=True, said="status 200")
        await webhook._client.aclose()


@pytest.mark.parametrize(
    "url", ["ftp://team.example/", "http://me:secret@team.example/", "http://a.example./"]
)
def test_what_is_no_address_of_a_receiver_is_refused_at_once(url):
    with pytest.raises(RefusedError):
        Webhook(url, SECRET)
