"""How to reach the brokers, in the words aiokafka uses; producers, consumers and admin clients share it."""

import ssl
from pathlib import Path
from typing import Any

from settings.model import Settings, SettingsError


def client_options(settings: Settings) -> dict[str, Any]:
    """Return the connection arguments of aiokafka's producer, consumer and admin client.

    Raises:
        SettingsError: no broker is named, SASL lacks its user or password, or the CA file cannot be read.
    """
    protocol = settings.kafka_security_protocol
    options: dict[str, Any] = {
        "bootstrap_servers": [
            server.strip() for server in settings.need("kafka_bootstrap_servers").split(",")
        ],
        "security_protocol": protocol,
    }
    if protocol.startswith("SASL_"):
        options |= _sasl(settings)
    if protocol.endswith("SSL"):
        options["ssl_context"] = _tls(settings.kafka_security_cafile)
    return options


def _sasl(settings: Settings) -> dict[str, str]:
    return {
        "sasl_mechanism": settings.kafka_security_mechanism,
        "sasl_plain_username": settings.need("kafka_security_username"),
        "sasl_plain_password": settings.need("kafka_security_password"),
    }


def _tls(cafile: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=cafile)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            f"KAFKA_SECURITY_CAFILE: {cafile} cannot be read as CA certificates: {error}"
        ) from error
