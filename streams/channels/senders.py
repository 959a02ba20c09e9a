"""Every kind's sender behind one call."""

from aiokafka import AIOKafkaProducer

from settings import Settings
from streams.channels.parcel import Outcome, Parcel


class Senders:
    """Sends parcels of every kind. One for a process; many parcels may be on their way at once.

    Without a `producer` what is for Kafka is put off.
    """

    def __init__(self, settings: Settings, producer: AIOKafkaProducer | None) -> None:
        self._settings, self._producer = settings, producer

    async def send(self, parcel: Parcel) -> Outcome:
        """Send it once; what goes wrong is said by the outcome, and raises nothing."""
        return Outcome("retry", f"{parcel.kind}: not yet")

    async def close(self) -> None:
        """Close what was kept open."""
