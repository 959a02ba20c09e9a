"""A team's webhook: the product's JSON, signed (Standard Webhooks)."""

from datetime import datetime

from standardwebhooks import Webhook
from standardwebhooks.webhooks import EmptyWebhookSecretError

from streams.channels.parcel import Parcel
from streams.channels.posting import Request, UnfitError


def request(parcel: Parcel, now: datetime) -> Request:
    """Return the signed request: each secret that is live signs, so that one can be replaced by another.

    Raises:
        UnfitError: there is no address or secret, or a secret is none.
    """
    url, secrets = parcel.settings.get("url"), parcel.secrets.get("secrets")
    if not url or not secrets:
        raise UnfitError("the channel has no address or no secret: give it both")
    text, message_id = parcel.body.decode(), str(parcel.id)
    try:
        signatures = [Webhook(secret).sign(message_id, now, text) for secret in secrets]
    except (EmptyWebhookSecretError, RuntimeError, TypeError, ValueError):
        raise UnfitError("a secret of the channel is not whsec_ and base64: rotate it") from None
    headers = {
        "content-type": parcel.headers.get("content-type", "application/json"),
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
    return Request(url, parcel.body, headers)
