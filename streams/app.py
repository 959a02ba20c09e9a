"""The Faust app: its settings, each with the reason, and the two topics it reads."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import faust
from aiokafka.helpers import create_ssl_context
from faust import SASLCredentials, SSLCredentials
from faust.serializers.codecs import Codec
from faust.types.auth import SASLMechanism
from yarl import URL

from settings import Settings
from settings.kafka import client_options
from streams.chunks import Chunk
from streams.transport import LedgerTransport

GROUP = "augentis"
FETCH_BYTES = 4 << 20
"""Bytes a partition gives at once: samples a transaction decide the speed, and this bounds them.

2 MB is a tenth to a fifth slower (`make bench`), 8 MB hardly faster and 70 MB larger.
"""
BUFFERED_CHUNKS = 8
"""Chunks that wait for the agent: with `FETCH_BYTES` this bounds the memory of a slow database."""
CHUNK_RECORDS = {"telemetry_closed": 200}


class Untouched(Codec):
    """Passes a chunk through where Faust would decode a value."""

    def _loads(self, s: Any) -> Chunk:
        chunk: Chunk = s
        return chunk

    def _dumps(self, s: Any) -> bytes:
        raise TypeError(f"chunks are read, not written: {s!r}")


class LedgerApp(faust.App):
    """A Faust app whose consumer reads chunks from where the ledger stands."""

    ledger_transport: LedgerTransport | None = None

    def _new_transport(self) -> LedgerTransport:
        self.ledger_transport = LedgerTransport(self.conf.broker_consumer, self)
        self.ledger_transport.chunk_records = CHUNK_RECORDS
        return self.ledger_transport


def make_app(settings: Settings, name: str | None, topics: Iterable[str]) -> LedgerApp:
    """Return the app; `name` makes its membership static: a restart under it moves nobody's partitions.

    Kafka gives a static member that comes back what it had, whatever topics it asks for now: so with other
    `topics` it is another member.
    """
    options = client_options(settings)
    return LedgerApp(
        GROUP,
        broker=[URL(f"kafka://{server}") for server in options["bootstrap_servers"]],
        broker_credentials=_credentials(options),
        consumer_group_instance_id=f"{name}.{_digest(topics)}" if name else None,
        # No Faust tables, no web server for them, no topics made by accident.
        store="memory://",
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        # A rebalance must not wait for an agent in the middle of a transaction: the fence makes it safe.
        stream_wait_empty=False,
        stream_buffer_maxsize=BUFFERED_CHUNKS,
        # Every start is an explicit seek; an offset out of the log is an error, never a jump.
        consumer_auto_offset_reset="none",
        consumer_max_fetch_size=FETCH_BYTES,
        broker_max_poll_records=50_000,
        broker_session_timeout=6.0,
        broker_heartbeat_interval=1.5,
        broker_rebalance_timeout=10.0,
        broker_request_timeout=20.0,
    )


def chunk_topic(app: LedgerApp, name: str) -> Any:
    """Return a topic whose events are chunks; Kafka's committed offsets decide nothing (acks off)."""
    return app.topic(name, value_serializer=Untouched(), key_serializer="raw", acks=False)


def _digest(topics: Iterable[str]) -> str:
    return hashlib.sha256(",".join(sorted(topics)).encode()).hexdigest()[:8]


def _credentials(options: Mapping[str, Any]) -> Any:
    context = options.get("ssl_context")
    if options["security_protocol"].startswith("SASL_"):
        return SASLCredentials(
            username=options["sasl_plain_username"],
            password=options["sasl_plain_password"],
            mechanism=SASLMechanism(options["sasl_mechanism"]),
            ssl_context=context,
        )
    return SSLCredentials(context or create_ssl_context()) if options["security_protocol"] == "SSL" else None
