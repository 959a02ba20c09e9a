"""Every kind's sender behind one call."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

from aiokafka import AIOKafkaProducer

from guarded import Allowed, Guard, RefusedError, its_own
from settings import Settings, SettingsError
from streams.channels import alertmanager, pagerduty, slack, teams, webhook
from streams.channels.email import MailSender
from streams.channels.kafka import KafkaSender
from streams.channels.parcel import Outcome, Parcel
from streams.channels.posting import Poster, UnfitError

log = logging.getLogger(__name__)

Sending = Callable[[Parcel], Awaitable[Outcome]]
_SLACK_SECONDS = 1.0
"""What a sender may take beyond its own time to say how it ended."""


class Senders:
    """Sends parcels of every kind. One for a process; many parcels may be on their way at once.

    Without a `producer` what is for Kafka is put off, and without AUGENTIS_SMTP_URL mails are.

    Raises:
        SettingsError: an address that is allowed, or PagerDuty's, is none.
    """

    def __init__(self, settings: Settings, producer: AIOKafkaProducer | None) -> None:
        self._seconds = settings.delivery_timeout.total_seconds()
        self._pager_url = str(settings.pagerduty_url) if settings.pagerduty_url else None
        self._poster = Poster(Guard(_allowed(settings)), self._seconds)
        # PagerDuty's address is the operator's to set: no team names it, and its own host needs no entry.
        self._pager = Poster(Guard(_pagers(settings)), self._seconds) if self._pager_url else self._poster
        self._ways: Mapping[str, Sending] = {
            "webhook": self._webhook,
            "email": _mails(settings).send,
            "slack": lambda parcel: self._poster.post(slack.request(parcel)),
            "teams": lambda parcel: self._poster.post(teams.request(parcel)),
            "pagerduty": lambda parcel: self._pager.post(pagerduty.request(parcel, self._pager_url)),
            "alertmanager": lambda parcel: self._poster.post(alertmanager.request(parcel)),
            "kafka": KafkaSender(settings, producer).send,
        }

    async def send(self, parcel: Parcel) -> Outcome:
        """Send it once; what goes wrong is said by the outcome, and raises nothing."""
        way = self._ways.get(parcel.kind)
        if way is None:
            return Outcome("refused", f"nothing is sent to a channel of kind {parcel.kind!r}")
        try:
            async with asyncio.timeout(self._seconds + _SLACK_SECONDS):
                return await way(parcel)
        except TimeoutError:
            return Outcome("retry", "it did not answer in time")
        except (RefusedError, UnfitError) as error:
            return Outcome("refused", str(error))
        except Exception as error:  # noqa: BLE001  # one parcel's fault is not to end what sends the others
            # Its text may quote an address or a body.
            log.error("a %s channel could not be sent to: %s", parcel.kind, type(error).__name__)  # noqa: TRY400
            return Outcome("retry", f"it could not be sent ({type(error).__name__})")

    async def close(self) -> None:
        """Close what was kept open."""
        await self._poster.close()
        if self._pager is not self._poster:
            await self._pager.close()

    async def _webhook(self, parcel: Parcel) -> Outcome:
        return await self._poster.post(webhook.request(parcel, datetime.now(UTC)))


def _mails(settings: Settings) -> MailSender:
    try:
        return MailSender(settings)
    except RefusedError as error:
        raise SettingsError(f"AUGENTIS_SMTP_URL: {error}") from error


def _allowed(settings: Settings) -> Allowed:
    try:
        return Allowed.parse(settings.webhook_allow)
    except ValueError as error:
        raise SettingsError(f"AUGENTIS_WEBHOOK_ALLOW: {error}") from error


def _pagers(settings: Settings) -> Allowed:
    try:
        return its_own(str(settings.pagerduty_url))
    except RefusedError as error:
        raise SettingsError(f"AUGENTIS_PAGERDUTY_URL: {error}") from error
