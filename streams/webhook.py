"""One signed POST (Standard Webhooks: webhook-id, webhook-timestamp, webhook-signature)."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx
from standardwebhooks import Webhook as Signer

from guarded import Guard, client, its_own

TIMEOUT = 10.0
MOST_BYTES = 1 << 16
"""Of an answer that says more than its status."""
LONGEST_RETRY_AFTER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the receiver made of it; `said` is for logs and never holds a body."""

    accepted: bool
    said: str
    retry_after: timedelta | None = None


class Webhook:
    """A receiver and the secret it shares with us. The operator names it, so its own host may be anywhere."""

    def __init__(self, url: str, secret: str) -> None:
        """Take the address.

        Raises:
            RefusedError: it is no web address, or has a user or password in it.
        """
        self._url, self._signer = url, Signer(secret)
        self._client = client(Guard(its_own(url)), TIMEOUT, MOST_BYTES)

    async def post(self, message_id: str, body: bytes) -> Answer:
        """Post `body` under a stable id; only a 2xx counts as accepted."""
        now = datetime.now(UTC)
        headers = {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._signer.sign(message_id, now, body.decode()),
        }
        try:
            async with self._client.stream("POST", self._url, content=body, headers=headers) as response:
                with suppress(httpx.HTTPError):  # the status is the answer, whatever becomes of the rest
                    await response.aread()
        except httpx.HTTPError as error:
            return Answer(accepted=False, said=type(error).__name__)
        said = f"status {response.status_code}"
        return Answer(response.is_success, said, _retry_after(response.headers.get("retry-after")))


def _retry_after(value: str | None) -> timedelta | None:
    with suppress(TypeError, ValueError):
        # Bounded before it is a span of time: one of more than 2.7 million years is none.
        seconds = min(max(int(value or ""), 1), int(LONGEST_RETRY_AFTER.total_seconds()))
        return timedelta(seconds=seconds)
    return None
