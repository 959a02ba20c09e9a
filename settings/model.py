import ipaddress
import json
import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, Self

from platformdirs import user_data_path
from pydantic import Field, HttpUrl, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from settings.domains import EmailDomains
from settings.durations import Duration
from settings.oidc import Algorithm, OidcProviders
from settings.rates import RateLimit
from settings.smtp import SmtpFrom, SmtpUrl

IngestAuth = Literal["open", "key", "topic"]
SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]


class SettingsError(Exception):
    """A setting is missing or wrong."""


def default_home() -> Path:
    """Where state is kept unless `AUGENTIS_HOME` says otherwise: a system path for root, else the user's."""
    if os.geteuid() == 0:
        return Path("/var/lib/augentis")
    return user_data_path("augentis", appauthor=False)


def embedded_env_file(home: Path) -> Path:
    """The file in which the running embedded stack of `home` names its addresses and secrets."""
    return home / "stack" / "env.json"


class Settings(BaseSettings):
    """All settings. A field's description is its help text (`augentis settings`)."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, env_ignore_empty=True)

    kafka_bootstrap_servers: str | None = Field(
        None, description="host:port, comma-separated; unset: the embedded stack's"
    )
    kafka_security_protocol: SecurityProtocol = Field("PLAINTEXT", description="how to talk to the brokers")
    kafka_security_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="SASL mechanism, with SASL_* protocols"
    )
    kafka_security_username: str | None = Field(None, description="SASL user")
    kafka_security_password: SecretStr | None = Field(None, description="SASL password")
    kafka_security_cafile: Path | None = Field(
        None, description="CA certificates for SSL; unset: the system's"
    )

    database_url: SecretStr | None = Field(
        None, description="owner of the schema (migrate, init, apply); unset: the embedded stack's"
    )
    database_url_api: SecretStr | None = Field(None, description="login of the API, a role of its own")
    database_url_worker: SecretStr | None = Field(
        None, description="login of worker and relay, a role of its own"
    )

    home: Path = Field(
        default_factory=default_home, alias="AUGENTIS_HOME", description="state of this machine"
    )
    secret_key: SecretStr | None = Field(
        None,
        alias="AUGENTIS_SECRET_KEY",
        min_length=32,
        description="32 or more characters: seals dead letters, signs sessions and claims, hashes user ids",
    )

    grace: Duration = Field(
        timedelta(minutes=10), alias="AUGENTIS_GRACE", description="an hour closes this long after its end"
    )
    idle_after: Duration = Field(
        timedelta(seconds=30),
        alias="AUGENTIS_IDLE_AFTER",
        description="a project silent this long, in a partition read to its end, holds no hour open",
    )
    lateness: Duration = Field(
        timedelta(days=7), alias="AUGENTIS_LATENESS", description="samples older than this are too late"
    )
    future_tolerance: Duration = Field(
        timedelta(minutes=5),
        alias="AUGENTIS_FUTURE_TOLERANCE",
        description="samples further ahead are refused",
    )
    ingest_auth: IngestAuth = Field(
        "key",
        alias="AUGENTIS_INGEST_AUTH",
        description="whose data a message is: `open` believes it (embedded stack only, its default), "
        "`key` asks for an ingest key (default elsewhere), `topic` believes bound topics alone",
    )
    max_samples: int = Field(
        10_000, alias="AUGENTIS_MAX_SAMPLES", ge=1, description="samples a message at most"
    )
    max_message_bytes: int = Field(
        1_000_000, alias="AUGENTIS_MAX_MESSAGE_BYTES", ge=1000, description="bytes a message at most"
    )
    max_series: int = Field(
        10_000,
        alias="AUGENTIS_MAX_SERIES",
        ge=1,
        description="series (metric, cohort, feature) a project may have; more are refused",
    )
    topic_partitions: int = Field(
        8,
        alias="AUGENTIS_TOPIC_PARTITIONS",
        ge=1,
        le=1000,
        description="partitions of topics that migrate makes",
    )
    topic_replication: int = Field(
        1, alias="AUGENTIS_TOPIC_REPLICATION", ge=1, le=9, description="replicas of topics that migrate makes"
    )
    topic_retention: Duration = Field(
        timedelta(days=14),
        alias="AUGENTIS_TOPIC_RETENTION",
        description="retention of topics that migrate makes",
    )
    retention: Duration | None = Field(
        None,
        alias="AUGENTIS_RETENTION",
        ge=timedelta(days=35),
        description="months of telemetry and partials wholly further back are dropped, at least 35d; "
        "unset: kept for ever",
    )
    audit_retention: Duration | None = Field(
        None,
        alias="AUGENTIS_AUDIT_RETENTION",
        ge=timedelta(days=35),
        description="months of the audit log wholly further back are dropped, at least 35d; unset: never",
    )
    invitation_retention: Duration = Field(
        timedelta(days=90),
        alias="AUGENTIS_INVITATION_RETENTION",
        ge=timedelta(days=30),
        description="invitations are forgotten this long after they ended, at least 30d",
    )
    execution_retention: Duration | None = Field(
        None,
        alias="AUGENTIS_EXECUTION_RETENTION",
        ge=timedelta(days=30),
        description="error messages of agents are forgotten this long after, at least 30d, what they cost is "
        "not; unset: never",
    )
    execution_timeout: Duration = Field(
        timedelta(hours=1),
        alias="AUGENTIS_EXECUTION_TIMEOUT",
        ge=timedelta(seconds=1),
        description="an agent's execution has failed when its runner is silent this long",
    )
    dead_letter_rate: float = Field(
        0.05,
        alias="AUGENTIS_DEAD_LETTER_RATE",
        gt=0,
        le=1,
        description="a project is noticed of which so much of an hour's samples is refused, as a share",
    )
    retry_for: Duration = Field(
        timedelta(seconds=60),
        alias="AUGENTIS_RETRY_FOR",
        description="a worker gives up (exit 75) when Kafka or PostgreSQL is away this long",
    )

    jwt_issuer: str | None = Field(
        None, alias="AUGENTIS_JWT_ISSUER", description="iss of accepted tokens; unset: the development issuer"
    )
    jwt_audience: str = Field("augentis", alias="AUGENTIS_JWT_AUDIENCE", description="aud of accepted tokens")
    jwt_jwks: str | None = Field(
        None, alias="AUGENTIS_JWT_JWKS", description="file or https address of the issuer's public keys"
    )
    jwt_alg: Algorithm = Field("ES256", alias="AUGENTIS_JWT_ALG", description="the one algorithm accepted")
    session_life: Duration = Field(
        timedelta(hours=1),
        alias="AUGENTIS_SESSION_LIFE",
        ge=timedelta(minutes=1),
        le=timedelta(hours=12),
        description="how long a token of POST /v1/sessions is good, 1m to 12h",
    )
    oidc_providers: OidcProviders = Field(
        default_factory=dict,
        alias="AUGENTIS_OIDC_PROVIDERS",
        description="who may sign in: JSON, supabase, google or github to issuer, audience, jwks (file or "
        "https address) and alg (RS256)",
    )

    rate_limit: RateLimit = Field(
        "1200/minute",
        alias="AUGENTIS_RATE_LIMIT",
        description="requests that a person or key may send to one API process, as in 20/second",
    )

    trusted_proxies: str | None = Field(
        None,
        alias="AUGENTIS_TRUSTED_PROXIES",
        description="addresses or networks of proxies whose X-Forwarded-For the API believes, with commas"
        " between; unset: none, and the audit log has the address that connects",
    )

    public_url: HttpUrl | None = Field(
        None,
        alias="AUGENTIS_PUBLIC_URL",
        description="address that people reach the API at: links in alerts begin with it; unset: no links",
    )
    webhook_url: HttpUrl | None = Field(
        None,
        alias="AUGENTIS_WEBHOOK_URL",
        description="the operator's own: where alerts of all organisations are posted (Standard Webhooks)",
    )
    webhook_secret: SecretStr | None = Field(
        None, alias="AUGENTIS_WEBHOOK_SECRET", description="whsec_...: signs alerts; needed with a webhook"
    )
    webhook_allow: str | None = Field(
        None,
        alias="AUGENTIS_WEBHOOK_ALLOW",
        description="what may be reached beside the public internet, by alerts and for issuers' keys: hosts, "
        "host:port and networks, with commas between; unset: nothing",
    )
    smtp_url: SmtpUrl | None = Field(
        None,
        alias="AUGENTIS_SMTP_URL",
        description="smtp://user:password@host:587 (STARTTLS; on loopback only where it is offered) or smtps:"
        "//...: the server that mails are handed to; unset: none is sent",
    )
    smtp_from: SmtpFrom | None = Field(
        None,
        alias="AUGENTIS_SMTP_FROM",
        description="whom mails are from, as in Augentis <alerts@example.org>; needed with a mail server",
    )
    pagerduty_url: HttpUrl | None = Field(
        None,
        alias="AUGENTIS_PAGERDUTY_URL",
        description="address that events for PagerDuty are posted to; unset: PagerDuty's own, by region",
    )
    delivery_timeout: Duration = Field(
        timedelta(seconds=10),
        alias="AUGENTIS_DELIVERY_TIMEOUT",
        ge=timedelta(milliseconds=100),
        le=timedelta(minutes=1),
        description="an alert's receiver has answered within this time, 100ms to 1m, or is asked again later",
    )
    delivery_give_up: Duration = Field(
        timedelta(days=1),
        alias="AUGENTIS_DELIVERY_GIVE_UP",
        ge=timedelta(seconds=1),
        description="an alert that its receiver did not take in this time is given up (and may be replayed)",
    )
    delivery_retention: Duration = Field(
        timedelta(days=90),
        alias="AUGENTIS_DELIVERY_RETENTION",
        ge=timedelta(days=15),
        description="deliveries of alerts that were sent or given up are forgotten this long after they were "
        "made, at least 15d: the weekly digest looks at the last one",
    )
    email_domains: EmailDomains | None = Field(
        None,
        alias="AUGENTIS_EMAIL_DOMAINS",
        description="domains that alerts may be mailed to, with commas between; unset: any",
    )
    cache_bytes: int = Field(
        128 << 20,
        alias="AUGENTIS_CACHE_BYTES",
        ge=1 << 20,
        description="memory a worker keeps open windows in, about; the rest is read back when it is needed",
    )
    metrics_port: int | None = Field(
        None,
        alias="AUGENTIS_METRICS_PORT",
        ge=1,
        le=65535,
        description="where worker and relay serve /metrics for Prometheus; unset: nowhere",
    )
    metrics_host: str = Field(
        "127.0.0.1", alias="AUGENTIS_METRICS_HOST", description="the address that /metrics is served at"
    )
    log_format: Literal["text", "json"] = Field(
        "text", alias="AUGENTIS_LOG_FORMAT", description="logs as lines for people, or a JSON object a line"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", alias="AUGENTIS_LOG_LEVEL", description="how much the long-running commands say"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the environment, and below it what the embedded stack says of itself."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, _EmbeddedStack(settings_cls)

    @model_validator(mode="after")
    def _open_ingest_stays_on_loopback(self) -> Self:
        if self.ingest_auth == "open" and not _is_loopback(self.kafka_bootstrap_servers):
            raise ValueError(
                "AUGENTIS_INGEST_AUTH=open believes every message: only for a broker on loopback; use key"
            )
        return self

    @model_validator(mode="after")
    def _webhooks_are_signed(self) -> Self:
        if self.webhook_url and not self.webhook_secret:
            raise ValueError(
                "AUGENTIS_WEBHOOK_URL needs AUGENTIS_WEBHOOK_SECRET: whsec_ and base64 of 24 to 64 bytes"
            )
        return self

    @model_validator(mode="after")
    def _mail_has_a_sender(self) -> Self:
        if self.smtp_url and not self.smtp_from:
            raise ValueError("AUGENTIS_SMTP_URL needs AUGENTIS_SMTP_FROM: whom mails are from")
        return self

    @model_validator(mode="after")
    def _an_issuer_has_keys(self) -> Self:
        if (self.jwt_issuer is None) != (self.jwt_jwks is None):
            raise ValueError("AUGENTIS_JWT_ISSUER and AUGENTIS_JWT_JWKS go together: set both or none")
        return self

    def need(self, name: str) -> str:
        """Return the setting `name` as text, or say how to provide it.

        Raises:
            SettingsError: it is not set.
        """
        value = getattr(self, name)
        if value is None:
            field = type(self).model_fields[name]
            raise SettingsError(
                f"{field.alias or name.upper()} is not set ({field.description}). "
                "Set it, or start the embedded stack with `augentis stack up`."
            )
        return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


class _EmbeddedStack(EnvSettingsSource):
    """What `augentis stack up` wrote for this `AUGENTIS_HOME`."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        home = Path(os.environ.get("AUGENTIS_HOME") or default_home())
        try:
            env: dict[str, Any] = json.loads(embedded_env_file(home).read_text())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise SettingsError(f"{embedded_env_file(home)} cannot be read: {error}") from error
        brokers = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
        if brokers and brokers != env.get("KAFKA_BOOTSTRAP_SERVERS"):
            env.pop("AUGENTIS_INGEST_AUTH", None)  # `open` is for the embedded broker alone
        return {name.lower(): str(value) for name, value in env.items()}


def _is_loopback(servers: str | None) -> bool:
    return all(_loopback_host(server) for server in (servers or "localhost").split(","))


def _loopback_host(server: str) -> bool:
    host = server.strip().rpartition(":")[0].strip("[]") or server.strip()
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def load() -> Settings:
    """Return the settings of this process's environment.

    Raises:
        SettingsError: one readable line for each wrong value, without the value of a secret.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError("; ".join(_readable(item) for item in error.errors())) from None


def _readable(item: Any) -> str:
    names = [str(part) for part in item["loc"]]
    fields = Settings.model_fields
    name = ".".join((fields[part].alias or part).upper() if part in fields else part for part in names)
    message = item["msg"].removeprefix("Value error, ")
    return f"{name}: {message}" if name else message
