"""Alert channels over HTTP: seven kinds, judged by what each takes; secrets that go in and never come out."""

import base64
import json
import logging
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest

from api.app import create_app
from settings import Settings
from storage import channel_secrets
from storage.tables import Base
from tests.databases import SECRET, Database
from tests.integration.conftest import open_client
from tests.integration.teams import Team, founded, slug
from tests.world import World

Json = dict[str, Any]
MARK = "Zx81Spectrum48k"
"""In every secret that is sent here, and in nothing else."""
SIGNING = "whsec_" + base64.b64encode(MARK.encode() * 2).decode()
NEW: dict[str, Json] = {
    "webhook": {"settings": {"url": "https://receiver.example/alerts"}, "secrets": {"secret": SIGNING}},
    "email": {"settings": {"to": ["team@acme.example", "Lead+x@acme.example"]}},
    "slack": {"secrets": {"url": f"https://hooks.slack.com/services/T0/B0/{MARK}"}},
    "teams": {"secrets": {"url": f"https://prod-01.westeurope.logic.azure.com/workflows/1?sig={MARK}"}},
    "pagerduty": {"settings": {"region": "eu"}, "secrets": {"routing_key": f"{MARK:0<32}"}},
    "alertmanager": {
        "settings": {"url": "https://alertmanager.example"},
        "secrets": {"username": "us", "password": f"{MARK}!"},
    },
    "kafka": {},
}
SHOWN: dict[str, Json] = {
    "slack": {"host": "hooks.slack.com"},
    "teams": {"host": "prod-01.westeurope.logic.azure.com"},
    "kafka": {},
}
KEPT: dict[str, Json] = {"webhook": {"secrets": [SIGNING]}}


@pytest.fixture
def database(changing_world: World) -> Database:
    return changing_world.database


@pytest.fixture
async def team(database: Database, settings: Settings) -> AsyncIterator[Team]:
    allowed = {
        "AUGENTIS_WEBHOOK_ALLOW": "hooks.corp:8443,10.0.0.0/8",
        "AUGENTIS_EMAIL_DOMAINS": "acme.example",
    }
    app = create_app(database.settings(settings.home, **allowed))
    async with open_client(app) as http:
        yield await founded(http, settings, database)


async def made(team: Team, kind: str, **more: Any) -> Json:
    return await team.made("alert-channels", "ann", **{"kind": kind, "name": kind, **NEW[kind], **more})


async def sealed(database: Database, channel: Json) -> Json:
    async with database.superuser() as connection:
        query = "SELECT sealed FROM alert_channel WHERE id = $1"
        return channel_secrets.opened(SECRET, await connection.fetchval(query, UUID(channel["id"])))


async def whole(database: Database) -> str:
    """Return all rows of all tables, as text, and what of them is bytes as the text that it is."""
    async with database.superuser() as connection:
        found = [
            row[0]
            for table in Base.metadata.tables
            for row in await connection.fetch(f"SELECT to_jsonb(t)::text FROM {table} AS t")
        ]
        connection_bytes = [
            bytes(row[0] or b"").decode(errors="replace")
            for column in ("idempotency_key.sealed", "alert_channel.sealed", "outbox.value")
            for row in await connection.fetch("SELECT {1} FROM {0}".format(*column.split(".")))
        ]
    return "\n".join((*found, *connection_bytes))


def traces(secret: str) -> set[str]:
    """Return what a secret looks like where somebody has kept it without sealing it."""
    raw = secret.encode()
    return {secret, raw.hex(), base64.b64encode(raw).decode().rstrip("=")[:-2], json.dumps(secret)[1:-1]}


async def test_each_kind_is_made_shown_without_its_secrets_and_listed(team: Team, database: Database):
    for kind, sent in NEW.items():
        channel = await made(team, kind)
        assert channel.pop("secret") is None
        assert channel["settings"] == SHOWN.get(kind, sent.get("settings"))
        assert (channel["secret_changed_at"] is None) == (kind in {"email", "kafka"})
        assert await team.read(f"alert-channels/{channel['id']}") == channel
        assert await sealed(database, channel) == KEPT.get(kind, sent.get("secrets", {}))
    listed = await team.read("alert-channels", sort="name")
    assert [row["name"] for row in listed["items"]] == sorted(NEW)
    assert [row["kind"] for row in (await team.read("alert-channels", kind="slack"))["items"]] == ["slack"]
    assert (
        slug(await team.ask("ann", "POST", "alert-channels", json={"kind": "kafka", "name": "KAFKA"}), 409)
        == "name-taken"
    )


async def test_no_secret_is_in_any_answer_table_or_log(
    team: Team, database: Database, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    answers: list[httpx.Response] = []

    async def ask(method: str, path: str, **request: Any) -> Json:
        answers.append(await team.ask("ann", method, path, **request))
        return dict(answers[-1].json()) if answers[-1].content else {}

    for number, (kind, body) in enumerate(NEW.items()):
        once = {"Idempotency-Key": f"{kind} {number}".replace(" ", "-")}
        sent = {"kind": kind, "name": kind, **body}
        channel = await ask("POST", "alert-channels", json=sent, headers=once)
        assert answers[-1].status_code == 201, answers[-1].text
        assert await ask("POST", "alert-channels", json=sent, headers=once) == channel
        path = f"alert-channels/{channel['id']}"
        await ask("POST", "alert-channels", json=sent)  # the name is taken
        await ask("POST", "alert-channels", json={**sent, "secrets": {"url": MARK, "secret": MARK}})
        await ask("PATCH", path, headers={"If-Match": "*"}, json={"secrets": body.get("secrets")})
        await ask("PATCH", path, headers={"If-Match": "*"}, json={"secrets": {"url": f"{MARK}://{MARK}"}})
        await ask(
            "PATCH", path, headers={"If-Match": "*"}, json={"settings": {"url": "https://other.example"}}
        )
        for step in ("rotate-secret", "retire-secret", "enable"):
            await ask("POST", f"{path}/{step}")
        await ask("GET", path)
        if number % 2:
            await ask("DELETE", path, headers={"If-Match": "*"})
    await ask("GET", "alert-channels")
    log = await ask("GET", "audit-log", params={"resource_type": "AlertChannel", "limit": 200})
    assert len(log["items"]) > len(NEW), "changes of channels are told"
    rotated = [
        answer.json()["secret"]
        for answer in answers
        if answer.url.path.endswith("rotate-secret") and answer.is_success
    ]
    assert len(rotated) == 1
    told = "\n".join(
        f"{answer.text} {answer.headers}" for answer in answers if "rotate" not in answer.url.path
    )
    everywhere = await whole(database) + caplog.text
    for trace in (*traces(MARK), *traces(SIGNING), MARK.upper()):
        assert trace not in told
        assert trace not in everywhere
    for trace in traces(rotated[0]):
        assert trace not in told + everywhere
    # What is hunted for is found where it is.
    assert "receiver.example" in everywhere
    assert MARK in str(
        await sealed(database, (await ask("GET", "alert-channels", params={"kind": "slack"}))["items"][0])
    )


async def test_a_secret_that_we_made_is_in_one_answer_and_again_under_its_key(team: Team, database: Database):
    body = {"kind": "webhook", "name": "made", "settings": {"url": "https://receiver.example"}}
    once = {"Idempotency-Key": "once"}
    first = await team.ask("ann", "POST", "alert-channels", json=body, headers=once)
    again = await team.ask("ann", "POST", "alert-channels", json=body, headers=once)
    channel = first.json()
    assert again.json() == channel
    assert await sealed(database, channel) == {"secrets": [channel["secret"]]}
    assert len(base64.b64decode(channel["secret"].removeprefix("whsec_"))) == 32
    assert channel["secret"] not in (await team.ask("ann", "GET", f"alert-channels/{channel['id']}")).text


async def test_a_webhooks_secret_is_rotated_and_the_older_retired(team: Team, database: Database):
    channel = await made(team, "webhook")
    path = f"alert-channels/{channel['id']}"
    rotated = (await team.ask("ann", "POST", f"{path}/rotate-secret", match=channel["version"])).json()
    assert await sealed(database, channel) == {"secrets": [rotated["secret"], SIGNING]}
    assert rotated["secret_rotated_at"] == rotated["secret_changed_at"] > channel["secret_changed_at"]
    assert slug(await team.ask("ann", "POST", f"{path}/rotate-secret"), 409) == "conflict"
    stale = await team.ask("ann", "POST", f"{path}/retire-secret", match=channel["version"])
    assert slug(stale, 412) == "stale"
    for _ in range(2):
        retired = (await team.ask("ann", "POST", f"{path}/retire-secret")).json()
        assert retired["secret_rotated_at"] is None
        assert await sealed(database, channel) == {"secrets": [rotated["secret"]]}
    # One that is sent holds alone, however many there were.
    await team.ask("ann", "POST", f"{path}/rotate-secret")
    mine = {"secrets": {"secret": SIGNING}}
    changed = (await team.ask("ann", "PATCH", path, headers={"If-Match": "*"}, json=mine)).json()
    assert changed["secret_rotated_at"] is None
    assert await sealed(database, channel) == {"secrets": [SIGNING]}


async def test_what_is_changed_and_what_stays(team: Team, database: Database):
    channel = await made(team, "slack")
    path = f"alert-channels/{channel['id']}"
    other = {"name": "Renamed", "secrets": {"url": "https://hooks.slack-gov.com/services/x"}}
    changed = (await team.ask("ann", "PATCH", path, match=1, json={**other, "heartbeat_every": "90m"})).json()
    assert changed["settings"] == {"host": "hooks.slack-gov.com"}
    assert (changed["name"], changed["heartbeat_every"], changed["version"]) == ("Renamed", "90m", 2)
    assert await sealed(database, channel) == other["secrets"]
    kept = (await team.ask("ann", "PATCH", path, match=2, json={"heartbeat_every": None})).json()
    assert kept["heartbeat_every"] is None
    assert await sealed(database, channel) == other["secrets"]


async def test_who_changes_the_address_sends_what_opens_it_again(team: Team, database: Database):
    channel = await made(team, "alertmanager")
    path, anyhow = f"alert-channels/{channel['id']}", {"If-Match": "*"}
    moved = {"settings": {"url": "https://mine.example"}}
    assert slug(await team.ask("ann", "PATCH", path, headers=anyhow, json=moved), 409) == "conflict"
    told = {**moved, "secrets": {"bearer": "another"}}
    assert (await team.ask("ann", "PATCH", path, headers=anyhow, json=told)).status_code == 200
    none = {"settings": {"url": "https://mine2.example"}, "secrets": None}
    open_to_all = (await team.ask("ann", "PATCH", path, headers=anyhow, json=none)).json()
    assert open_to_all["secret_changed_at"] is None
    assert await sealed(database, channel) == {}
    free = {"settings": {"url": "https://mine3.example"}}
    assert (await team.ask("ann", "PATCH", path, headers=anyhow, json=free)).status_code == 200


async def test_a_removed_channel_is_gone_with_its_secrets_and_its_name_is_free(
    team: Team, database: Database
):
    channel = await made(team, "pagerduty")
    path = f"alert-channels/{channel['id']}"
    assert slug(await team.ask("ann", "DELETE", path), 428) == "if-match-required"
    assert (await team.ask("ann", "DELETE", path, match=1)).status_code == 204
    for method, more in (("GET", ""), ("DELETE", ""), ("POST", "/enable"), ("POST", "/rotate-secret")):
        answer = await team.ask("ann", method, path + more, headers={"If-Match": "*"})
        assert slug(answer, 404) == "not-found"
    assert await sealed(database, channel) == {}
    await made(team, "pagerduty")


async def test_a_disabled_channel_is_enabled_again(team: Team, database: Database):
    channel = await made(team, "email")
    async with database.superuser() as connection:
        await connection.execute(
            "UPDATE alert_channel SET disabled_at = now(), disabled_reason = 'it answered 410 Gone'"
            " WHERE id = $1",
            UUID(channel["id"]),
        )
    path = f"alert-channels/{channel['id']}"
    assert (await team.read(path))["disabled_reason"] == "it answered 410 Gone"
    assert (await team.ask("ann", "POST", f"{path}/enable")).json()["disabled_at"] is None


LONG = "a" * 65
REFUSED: list[tuple[str, Json, str]] = [
    *(
        ("webhook", {"settings": {"url": url}}, "body.settings.url")
        for url in (
            "http://receiver.example",
            "https://169.254.169.254/latest",
            "https://[::1]",
            "https://0x7f.1",
            "https://user:secret@receiver.example",
            "https://receiver.example:22",
            "https://receiver.example/#part",
            "ftp://receiver.example",
            "receiver.example",
        )
    ),
    ("webhook", {"settings": {}}, "body.settings.url"),
    ("webhook", {"settings": {"url": "https://receiver.example", "method": "GET"}}, "body.settings.method"),
    *(
        ("webhook", {"secrets": {"secret": secret}}, "body.secrets.secret")
        for secret in ("whsec_", "MfKQ", f"whsec_{base64.b64encode(bytes(23)).decode()}", SIGNING + "\n", 7)
    ),
    *(
        ("email", {"settings": {"to": [address]}}, "body.settings.to.0")
        for address in (
            "team",
            "Team <team@acme.example>",
            "team@acme.example\r\nBcc: all@acme.example",
            "team@acme.example\n",
            "team@acme.example,all@acme.example",
            "team @acme.example",
            f"{LONG}@acme.example",
            "te..am@acme.example",
            "team@[10.0.0.1]",
            "team@other.example",
            "team@sub.acme.example",
            "t\u00e9am@acme.example",
            "=?x?=@acme.example",
        )
    ),
    ("email", {"settings": {"to": []}}, "body.settings.to"),
    ("email", {"settings": {"to": [f"a{n}@acme.example" for n in range(51)]}}, "body.settings.to"),
    ("email", {"settings": {"to": ["a@acme.example", "A@acme.example"]}}, "body.settings.to"),
    ("email", {"secrets": {"password": "x"}}, "body.secrets.password"),
    *(
        ("slack", {"secrets": {"url": url}}, "body.secrets.url")
        for url in (
            "https://hooks.slack.com.evil.example/x",
            "https://hooks.slack.com:8443/x",
            "http://hooks.slack.com/x",
            "https://evil.example/hooks.slack.com",
            "https://slack.com/x",
        )
    ),
    ("slack", {"settings": {"host": "hooks.slack.com"}}, "body.settings.host"),
    ("teams", {"secrets": {"url": "https://logic.azure.com.evil.example"}}, "body.secrets.url"),
    ("teams", {"secrets": {"url": "https://evillogic.azure.com"}}, "body.secrets.url"),
    ("pagerduty", {"secrets": {"routing_key": "short"}}, "body.secrets.routing_key"),
    ("pagerduty", {"settings": {"region": "asia"}}, "body.settings.region"),
    ("alertmanager", {"settings": {"url": "https://am.example/?x=1"}}, "body.settings.url"),
    ("alertmanager", {"secrets": {"username": "us"}}, "body.secrets"),
    ("alertmanager", {"secrets": {"username": "u:s", "password": "x"}}, "body.secrets.username"),
    ("alertmanager", {"secrets": {"bearer": "x\r\nHost: evil.example"}}, "body.secrets.bearer"),
    ("alertmanager", {"secrets": {"username": "u", "password": "x", "bearer": "y"}}, "body.secrets"),
    ("kafka", {"settings": {"topic": "raw_metrics"}}, "body.settings.topic"),
    ("kafka", {"name": "two\nlines"}, "body.name"),
    ("kafka", {"rate_per_minute": 0}, "body.rate_per_minute"),
    ("kafka", {"rate_per_minute": 6001}, "body.rate_per_minute"),
    ("kafka", {"heartbeat_every": "59s"}, "body.heartbeat_every"),
    ("kafka", {"heartbeat_every": "32d"}, "body.heartbeat_every"),
    ("kafka", {"heartbeat_every": 60}, "body.heartbeat_every"),
    ("sms", {}, "body.kind"),
]


async def test_what_is_refused_is_named_by_its_path(team: Team):
    wrong = []
    for kind, body, path in REFUSED:
        sent = {"kind": kind, "name": kind, **NEW.get(kind, {}), **body}
        answer = await team.ask("ann", "POST", "alert-channels", json=sent)
        found = {each["path"] for each in answer.json().get("errors", ())}
        if answer.status_code != 422 or found != {path}:
            wrong.append((kind, body, answer.status_code, answer.text[:300]))
    assert wrong == []
    assert (await team.read("alert-channels"))["items"] == []


ALLOWED: list[tuple[str, Json]] = [
    ("webhook", {"settings": {"url": "http://10.1.2.3:9000/alerts"}}),
    ("webhook", {"settings": {"url": "http://hooks.corp:8443"}}),
    ("alertmanager", {"settings": {"url": "http://10.0.0.9:9093/prefix"}, "secrets": {}}),
    ("slack", {"secrets": {"url": "https://hooks.corp:8443/mattermost"}}),
    ("teams", {"secrets": {"url": "https://x.api.powerplatform.com:443/workflows"}}),
]


async def test_what_the_operator_allows_is_taken(team: Team):
    for number, (kind, body) in enumerate(ALLOWED):
        await made(team, kind, name=f"{kind} {number}", **body)
    for url in ("http://hooks.corp", "http://11.0.0.1"):
        other = {"kind": "webhook", "name": "not", "settings": {"url": url}}
        assert slug(await team.ask("ann", "POST", "alert-channels", json=other), 422) == "invalid-request"
