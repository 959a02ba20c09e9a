"""Teams' workflow "post to a channel when a webhook request is received", whose address is its secret."""

from streams.channels.parcel import Parcel
from streams.channels.posting import Request, secret_of


def request(parcel: Parcel) -> Request:
    """Return the request.

    Raises:
        UnfitError: the channel has no address.
    """
    return Request(secret_of(parcel, "url"), parcel.body, {"content-type": "application/json"})
