import re
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema

from api.channel_kinds import KINDS
from api.parameters import Name, OneOf, Span
from api.schemas.base import LEFT_OUT, Asked, Change, Versioned
from storage.tables.channels import CHANNEL_KINDS

_UNSEEN = "\u0001-\u001f\u007f-\u009f\u2028\u2029"
_SPANS = Field(ge=timedelta(minutes=1), le=timedelta(days=31))


def _one_line(name: str) -> str:
    if re.search(f"[{_UNSEEN}]", name):
        raise ValueError("a name has one line, and no control characters")
    return name


def _of_each_kind(schema: dict[str, Any]) -> None:
    schema["oneOf"] = [
        {
            "title": kind,
            "properties": {
                "kind": {"const": kind},
                "settings": taken.settings.model_json_schema(),
                "secrets": taken.secrets.model_json_schema(),
            },
            "required": [
                name
                for name, part in (("settings", taken.settings), ("secrets", taken.secrets))
                if any(field.is_required() for field in part.model_fields.values())
            ],
        }
        for kind, taken in KINDS.items()
    ]


ChannelKind = Annotated[str, OneOf(CHANNEL_KINDS)]
ChannelName = Annotated[
    Name,
    AfterValidator(_one_line),
    WithJsonSchema(
        {
            "type": "string",
            "minLength": 1,
            "maxLength": 100,
            "pattern": f"^[^{_UNSEEN}]*$",
            "examples": ["checkout, on call"],
        }
    ),
]
_RATE = "messages a minute, at most"
Rate = Annotated[int, Field(strict=True, ge=1, le=6000, description=_RATE, examples=[60])]
Heartbeat = Annotated[Span, _SPANS]
_HEARTBEAT = "a message so often that says that all is well; null: none"
_SETTINGS = "what the kind takes (docs/channels.md)"
_SECRETS = "what the kind takes (docs/channels.md); never shown again"


class AlertChannel(Versioned):
    """A place that alerts go to. Its secrets are shown to nobody."""

    id: UUID
    org_id: UUID
    name: str = Field(examples=["checkout, on call"])
    kind: ChannelKind
    settings: dict[str, Any] = Field(
        description="of Slack and Teams the host alone: the rest of the address is a secret",
        examples=[{"url": "https://acme.example/hooks/alerts"}],
    )
    secret_changed_at: datetime | None = Field(description="when its newest secret came; null: it has none")
    secret_rotated_at: datetime | None = Field(
        description="since when two secrets of a webhook are live; null: one is"
    )
    rate_per_minute: int = Field(description=_RATE, examples=[60])
    heartbeat_every: Span | None = Field(description=_HEARTBEAT)
    disabled_at: datetime | None = Field(description="since when nothing is sent to it; null: it is used")
    disabled_reason: str | None = Field(examples=["it answered 410 Gone"])
    created_by: UUID
    created_at: datetime
    updated_at: datetime
    version: int


class MadeAlertChannel(AlertChannel):
    """A channel with a secret that was just made."""

    secret: str | None = Field(
        description="signs what a webhook is sent; not shown again. null: you sent it, or its kind has none",
        examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )


class NewAlertChannel(Asked):
    """A channel to be."""

    model_config = ConfigDict(json_schema_extra=_of_each_kind)

    kind: ChannelKind
    name: ChannelName
    settings: dict[str, Any] = Field(
        default_factory=dict,
        description=_SETTINGS,
        examples=[{"url": "https://acme.example/hooks/alerts"}],
    )
    secrets: dict[str, Any] = Field(default_factory=dict, description=_SECRETS, repr=False)
    rate_per_minute: Rate = 60
    heartbeat_every: Heartbeat | None = Field(None, description=_HEARTBEAT)


class AlertChannelChange(Change):
    """What changes of a channel. Its kind does not: make another one."""

    model_config = ConfigDict(
        json_schema_extra={
            "minProperties": 1,
            "examples": [{"rate_per_minute": 120, "heartbeat_every": "4h"}],
        }
    )

    name: ChannelName = LEFT_OUT
    settings: dict[str, Any] = LEFT_OUT
    secrets: dict[str, Any] | None = LEFT_OUT
    rate_per_minute: Rate = LEFT_OUT
    heartbeat_every: Heartbeat | None = LEFT_OUT
