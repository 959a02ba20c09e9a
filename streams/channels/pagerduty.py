"""PagerDuty's Events API, version 2."""

import json

from streams.channels.parcel import Parcel
from streams.channels.posting import Request, UnfitError, secret_of

REGIONS = {
    "us": "https://events.pagerduty.com/v2/enqueue",
    "eu": "https://events.eu.pagerduty.com/v2/enqueue",
}


def request(parcel: Parcel, url: str | None) -> Request:
    """Return the event with the channel's routing_key in it; `url` takes the place of PagerDuty's own.

    Raises:
        UnfitError: the channel has no routing_key, or a region that there is not.
    """
    region = parcel.settings.get("region", "us")
    if region not in REGIONS:
        raise UnfitError(f"PagerDuty's regions are {' and '.join(REGIONS)}")
    event = json.loads(parcel.body) | {"routing_key": secret_of(parcel, "routing_key")}
    body = json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()
    return Request(url or REGIONS[region], body, {"content-type": "application/json"})
