"""What each kind of channel may be told to be: settings, which are shown, and secrets, which are not.

Web addresses are judged as `guarded` does, within what the operator allows; whoever sends judges them again.
What is said of a secret that is refused never has any of it.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple, Self, cast

from fastapi.exceptions import RequestValidationError
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from guarded import Allowed, RefusedError
from guarded.urls import check_chosen

MOST_RECIPIENTS = 50
WITHOUT_SECRETS = ("email", "alertmanager", "kafka")
"""Kinds that are told without, or may be."""
SECRET_ADDRESSES = ("slack", "teams")
"""Kinds of which the address is the secret; its host is shown."""
SLACK_HOSTS = ("hooks.slack.com", "hooks.slack-gov.com")
TEAMS_HOSTS = (
    ".logic.azure.com",
    ".logic.azure.us",
    ".webhook.office.com",
    ".webhook.office365.us",
    ".powerplatform.com",
    ".powerplatform.us",
)
"""Where the workflows of Teams are, and the connectors that they replace."""
# Without =?, which begins an encoded word in a header: no mail is made to such an address.
_ADDRESS = re.compile(
    r"(?!.*=\?)(?=[^@]{1,64}@)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])"
)
_SECRET_BYTES = range(24, 65)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the operator lets channels be: addresses beside the public internet, domains of recipients.

    No domains: any.
    """

    allowed: Allowed
    email_domains: frozenset[str]


def _bounds(info: ValidationInfo) -> Bounds:
    return cast("Bounds", info.context)


def _reachable(url: str, info: ValidationInfo) -> str:
    check_chosen(url, _bounds(info).allowed)
    return url


def _base(url: str) -> str:
    if "?" in url:
        raise ValueError("send Alertmanager's own address, without what is behind a ?")
    return url


def _slack(url: str, info: ValidationInfo) -> str:
    return _unsaid(url, info, SLACK_HOSTS, "an incoming webhook begins with https://hooks.slack.com/")


def _teams(url: str, info: ValidationInfo) -> str:
    return _unsaid(url, info, TEAMS_HOSTS, "a workflow is at *.logic.azure.com or *.powerplatform.com")


def _unsaid(url: str, info: ValidationInfo, hosts: tuple[str, ...], form: str) -> str:
    try:
        check_chosen(url, _bounds(info).allowed, hosts)
    except RefusedError:
        raise ValueError(f"{form}; others only where AUGENTIS_WEBHOOK_ALLOW names them") from None
    return url


def _one_address(address: str, info: ValidationInfo) -> str:
    if not _ADDRESS.fullmatch(address):
        raise ValueError("send an address alone, as in team@acme.example")
    among = _bounds(info).email_domains
    if among and address.rpartition("@")[2].lower() not in among:
        raise ValueError(f"alerts are mailed to these domains only: {', '.join(sorted(among))}")
    return address


def _told_apart(addresses: list[str]) -> list[str]:
    if len({each.lower() for each in addresses}) < len(addresses):
        raise ValueError("an address is named once")
    return addresses


def _signing_secret(text: str) -> str:
    # As standardwebhooks reads it, but strictly: what it drops a receiver may not.
    try:
        size = len(base64.b64decode(text.removeprefix("whsec_"), validate=True))
    except binascii.Error:
        size = 0
    if size not in _SECRET_BYTES or not text.startswith("whsec_"):
        raise ValueError("send whsec_ and base64 of 24 to 64 bytes")
    return text


Url = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
_VISIBLE = StringConstraints(min_length=1, max_length=2000, pattern=r"^[\x21-\x7e]+$")
# In a header a colon ends it.
_USERNAME = StringConstraints(min_length=1, max_length=200, pattern=r"^[\x21-\x39\x3b-\x7e]+$")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class Nothing(_Part):
    """None of it."""


class WebhookSettings(_Part):
    """Where to."""

    url: Annotated[Url, AfterValidator(_reachable)] = Field(examples=["https://acme.example/hooks/alerts"])


class AlertmanagerSettings(_Part):
    """Alertmanager's own address; /api/v2/alerts is put behind it."""

    url: Annotated[Url, AfterValidator(_reachable), AfterValidator(_base)] = Field(
        examples=["https://alertmanager.acme.example"]
    )


class WebhookSecrets(_Part):
    """What signs (Standard Webhooks); left out: one is made."""

    secret: Annotated[str, StringConstraints(max_length=100), AfterValidator(_signing_secret)] | None = None


class EmailSettings(_Part):
    """Who is written to."""

    to: Annotated[
        list[Annotated[str, StringConstraints(max_length=254), AfterValidator(_one_address)]],
        Field(min_length=1, max_length=MOST_RECIPIENTS, examples=[["team@acme.example"]]),
        AfterValidator(_told_apart),
    ]


class SlackSecrets(_Part):
    """The address of an incoming webhook; whoever has it can post."""

    url: Annotated[Url, AfterValidator(_slack)]


class TeamsSecrets(_Part):
    """The address of a workflow; whoever has it can post."""

    url: Annotated[Url, AfterValidator(_teams)]


class PagerdutySettings(_Part):
    """Where the account is."""

    region: Literal["us", "eu"] = "us"


class PagerdutySecrets(_Part):
    """The integration key of a service (Events API v2)."""

    routing_key: Annotated[str, StringConstraints(pattern="^[A-Za-z0-9]{32}$")]


class AlertmanagerSecrets(_Part):
    """How to log in there, if at all."""

    username: (
        Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[\x21-\x39\x3b-\x7e]+$")]
        | None
    ) = None
    password: Annotated[str, _VISIBLE] | None = None
    bearer: Annotated[str, _VISIBLE] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password go together")
        if self.username is not None and self.bearer is not None:
            raise ValueError("send username and password, or bearer")
        return self


class Kind(NamedTuple):
    """What a kind takes."""

    settings: type[BaseModel]
    secrets: type[BaseModel]


KINDS: Mapping[str, Kind] = {
    "webhook": Kind(WebhookSettings, WebhookSecrets),
    "email": Kind(EmailSettings, Nothing),
    "slack": Kind(Nothing, SlackSecrets),
    "teams": Kind(Nothing, TeamsSecrets),
    "pagerduty": Kind(PagerdutySettings, PagerdutySecrets),
    "alertmanager": Kind(AlertmanagerSettings, AlertmanagerSecrets),
    "kafka": Kind(Nothing, Nothing),
}


def settings_of(kind: str, sent: Mapping[str, Any], bounds: Bounds) -> dict[str, Any]:
    """Return settings of a kind.

    Raises:
        RequestValidationError: they are not what the kind takes; it says what of them, by its path.
    """
    return _validated(KINDS[kind].settings, "settings", sent, bounds)


def secrets_of(kind: str, sent: Mapping[str, Any], bounds: Bounds) -> dict[str, Any]:
    """Return secrets of a kind, without those that were left out; fails as `settings_of` does."""
    return _validated(KINDS[kind].secrets, "secrets", sent, bounds)


def _validated(part: type[BaseModel], name: str, sent: Mapping[str, Any], bounds: Bounds) -> dict[str, Any]:
    try:
        return part.model_validate(sent, context=bounds, strict=True).model_dump(exclude_none=True)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        raise RequestValidationError(
            [{**fault, "loc": ("body", name, *fault["loc"])} for fault in faults]
        ) from None
