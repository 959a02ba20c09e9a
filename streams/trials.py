"""What a test of a channel says: who asks for it renders nothing, so the relay does, as it sends it."""

from settings import Settings
from storage.delivering import Head, Lane
from streams.alerting import pulse
from streams.alerting.mail import Envelope
from streams.alerting.places import Places
from streams.alerting.render import Rendered, rendered

_NOBODY = "nobody@localhost"
"""Without a mail server nothing is handed in, and no address is needed."""


def said(lane: Lane, head: Head, settings: Settings) -> Rendered:
    """Return what the channel is sent, the same however often it is asked for."""
    places = Places(str(settings.public_url) if settings.public_url else None)
    channel = pulse.Channel(lane.org_id, lane.org_slug, lane.channel_id, lane.name, places)
    message = pulse.test(channel, head.id, head.created_at)
    addressed = Envelope(settings.smtp_from or _NOBODY, ", ".join(lane.settings.get("to", ())))
    return rendered(lane.kind, message, pulse.render(message, channel), None, addressed, places)
