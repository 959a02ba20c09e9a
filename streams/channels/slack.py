"""Slack's incoming webhooks, whose address is their secret."""

from streams.channels.parcel import Parcel
from streams.channels.posting import Request, secret_of


def request(parcel: Parcel) -> Request:
    """Return the request.

    Raises:
        UnfitError: the channel has no address.
    """
    return Request(secret_of(parcel, "url"), parcel.body, {"content-type": "application/json"})
