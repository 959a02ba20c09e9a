import json
import os
from datetime import timedelta
from pathlib import Path

import pytest

import settings
from settings import OidcProvider, SettingsError, parse_duration
from settings.smtp import SmtpServer, bare_address, smtp_server


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path) -> None:
    for name in list(os.environ):
        if name.startswith(("AUGENTIS_", "KAFKA_", "DATABASE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AUGENTIS_HOME", str(tmp_path))


def embedded(home: Path, **values: str) -> None:
    file = settings.embedded_env_file(home)
    file.parent.mkdir()
    file.write_text(json.dumps(values))


def provider(**changed: str | None) -> dict[str, str]:
    whole = {"issuer": "https://accounts.example", "audience": "us", "jwks": "/keys.json"} | changed
    fields = {name: value for name, value in whole.items() if value is not None}
    return {"AUGENTIS_OIDC_PROVIDERS": json.dumps({"google": fields})}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10m", 600), ("30s", 30), ("7d", 604800), ("1.5h", 5400), ("250ms", 0.25), (" 1s ", 1)],
)
def test_durations(text, seconds):
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["10", "m", "10 m", "-1s", "1w", "1h30m", "", "1e3s"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="write a number and ms, s, m, h or d"):
        parse_duration(text)


def test_defaults_are_those_of_the_interface(tmp_path):
    loaded = settings.load()
    assert loaded.home == tmp_path
    assert loaded.ingest_auth == "key"
    assert (loaded.grace, loaded.idle_after) == (timedelta(minutes=10), timedelta(seconds=30))
    assert (loaded.lateness, loaded.future_tolerance) == (timedelta(days=7), timedelta(minutes=5))


def test_history_is_kept_for_ever_unless_a_retention_of_35_days_or_more_is_set(monkeypatch):
    assert (settings.load().retention, settings.load().audit_retention) == (None, None)
    for name in ("AUGENTIS_RETENTION", "AUGENTIS_AUDIT_RETENTION"):
        for text in ("34.9d", "1", "0s"):
            monkeypatch.setenv(name, text)
            with pytest.raises(SettingsError, match=f"{name}: "):
                settings.load()
        monkeypatch.setenv(name, "35d")
    assert settings.load().retention == settings.load().audit_retention == timedelta(days=35)


def test_no_secret_has_a_default():
    loaded = settings.load()
    secrets = [name for name, field in settings.Settings.model_fields.items() if "Secret" in str(field)]
    assert {"secret_key", "webhook_secret", "database_url"} <= set(secrets)
    assert [name for name in secrets if getattr(loaded, name) is not None] == []


def test_the_embedded_stack_is_read_and_the_environment_wins(monkeypatch, tmp_path):
    embedded(tmp_path, KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1", AUGENTIS_INGEST_AUTH="open")
    assert settings.load().kafka_bootstrap_servers == "127.0.0.1:1"
    assert settings.load().ingest_auth == "open"
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:2")
    assert settings.load().kafka_bootstrap_servers == "127.0.0.1:2"
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "")  # set to nothing is not set
    assert settings.load().kafka_bootstrap_servers == "127.0.0.1:1"


def test_a_broken_stack_file_is_named(tmp_path):
    embedded(tmp_path)
    settings.embedded_env_file(tmp_path).write_text("{")
    with pytest.raises(SettingsError, match=r"env\.json cannot be read"):
        settings.load()


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"AUGENTIS_GRACE": "soon"}, "AUGENTIS_GRACE: 'soon' is not a duration"),
        ({"AUGENTIS_MAX_SAMPLES": "0"}, "AUGENTIS_MAX_SAMPLES"),
        ({"AUGENTIS_INGEST_AUTH": "none"}, "AUGENTIS_INGEST_AUTH"),
        ({"KAFKA_SECURITY_PROTOCOL": "TLS"}, "KAFKA_SECURITY_PROTOCOL"),
        ({"AUGENTIS_JWT_ALG": "none"}, "AUGENTIS_JWT_ALG"),
        ({"AUGENTIS_RATE_LIMIT": "many"}, "AUGENTIS_RATE_LIMIT: 'many' is not a rate such as 1200/minute"),
        ({"AUGENTIS_RATE_LIMIT": "0/minute"}, "AUGENTIS_RATE_LIMIT: a rate allows at least one request"),
        ({"AUGENTIS_SESSION_LIFE": "13h"}, "AUGENTIS_SESSION_LIFE: Input should be less than or equal to 12"),
        ({"AUGENTIS_SESSION_LIFE": "30s"}, "AUGENTIS_SESSION_LIFE: Input should be greater than or equal"),
        ({"AUGENTIS_OIDC_PROVIDERS": "{"}, "AUGENTIS_OIDC_PROVIDERS: it is no JSON"),
        ({"AUGENTIS_OIDC_PROVIDERS": "[]"}, "write a JSON object"),
        (
            {"AUGENTIS_OIDC_PROVIDERS": '{"gitlab": {}}'},
            "there is no provider gitlab: supabase, google, github",
        ),
        (provider(issuer=None), "AUGENTIS_OIDC_PROVIDERS.google.issuer: Field required"),
        (provider(jwks=None), "AUGENTIS_OIDC_PROVIDERS.google.jwks: Field required"),
        (provider(audience=""), "AUGENTIS_OIDC_PROVIDERS.google.audience: String should have at least 1"),
        (
            provider(jwks="http://keys.example"),
            "google.jwks: http://keys.example: keys are read from a file or",
        ),
        (provider(alg="HS256"), "AUGENTIS_OIDC_PROVIDERS.google.alg: Input should be 'ES256', 'RS256' or"),
        (provider(secret="x"), "AUGENTIS_OIDC_PROVIDERS.google.secret: Extra inputs are not permitted"),
        ({"AUGENTIS_WEBHOOK_URL": "https://example.org/hook"}, "needs AUGENTIS_WEBHOOK_SECRET"),
        ({"AUGENTIS_JWT_ISSUER": "https://issuer.example"}, "go together"),
        (
            {"AUGENTIS_INGEST_AUTH": "open", "KAFKA_BOOTSTRAP_SERVERS": "kafka.example:9092"},
            "broker on loopback",
        ),
        (
            {"AUGENTIS_INGEST_AUTH": "open", "KAFKA_BOOTSTRAP_SERVERS": "localhost:1,10.0.0.1:1"},
            "broker on loopback",
        ),
    ],
)
def test_a_wrong_value_is_one_line_that_names_it(monkeypatch, variables, message):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as raised:
        settings.load()
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_the_message_does_not_tell_the_secret(monkeypatch):
    monkeypatch.setenv("AUGENTIS_SECRET_KEY", "hunter2")
    with pytest.raises(SettingsError) as raised:
        settings.load()
    assert "AUGENTIS_SECRET_KEY" in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_providers_are_read_from_json(monkeypatch):
    assert settings.load().oidc_providers == {}
    for name, value in provider(alg="ES256").items():
        monkeypatch.setenv(name, value)
    (google,) = settings.load().oidc_providers.items()
    assert google == (
        "google",
        OidcProvider(issuer="https://accounts.example", audience="us", jwks="/keys.json", alg="ES256"),
    )


@pytest.mark.parametrize("servers", ["localhost:9092", "127.0.0.1:1,127.0.0.2:2", "[::1]:9092"])
def test_open_ingest_is_for_loopback(monkeypatch, servers):
    monkeypatch.setenv("AUGENTIS_INGEST_AUTH", "open")
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", servers)
    assert settings.load().ingest_auth == "open"


def test_what_is_needed_and_missing_is_said_with_a_way_out(monkeypatch):
    with pytest.raises(SettingsError, match=r"DATABASE_URL_API is not set .*augentis stack up"):
        settings.load().need("database_url_api")
    monkeypatch.setenv("DATABASE_URL_API", "postgresql://u:p@h/d")
    assert settings.load().need("database_url_api") == "postgresql://u:p@h/d"


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example", SmtpServer("mail.example", 587, tls=False)),
        ("smtps://mail.example/", SmtpServer("mail.example", 465, tls=True)),
        (
            "smtp://me%40a.example:p%2Fw@[::1]:25",
            SmtpServer("::1", 25, tls=False, username="me@a.example", password="p/w"),
        ),
    ],
)
def test_a_mail_server_is_an_address(monkeypatch, url, server):
    monkeypatch.setenv("AUGENTIS_SMTP_URL", url)
    with pytest.raises(SettingsError, match="AUGENTIS_SMTP_URL needs AUGENTIS_SMTP_FROM"):
        settings.load()
    monkeypatch.setenv("AUGENTIS_SMTP_FROM", "Augentis <alerts@a.example>")
    assert settings.load().need("smtp_url") == url
    assert smtp_server(url) == server
    assert "p/w" not in repr(smtp_server(url))


@pytest.mark.parametrize(
    "url",
    ["mail.example:25", "https://me:hunter2@mail.example", "smtp://me:hunter2@", "smtp://me:hunter2@a:0",
     "smtp://me:hunter2@a:99999", "smtp://me:hunter2@a/path", "smtp://me:hunter2@a?tls=no"],
)  # fmt: skip
def test_what_is_no_mail_server_is_said_without_its_password(monkeypatch, url):
    monkeypatch.setenv("AUGENTIS_SMTP_URL", url)
    monkeypatch.setenv("AUGENTIS_SMTP_FROM", "alerts@a.example")
    with pytest.raises(SettingsError, match="AUGENTIS_SMTP_URL: write smtp://") as said:
        settings.load()
    assert "hunter2" not in str(said.value)


@pytest.mark.parametrize(
    "text",
    ["", "alerts", "a@b.example, c@d.example", "a@b.example\nBcc: e@e.example", "A <>", "A, B <a@b.example>"],
)
def test_mails_are_from_one_address(text):
    with pytest.raises(ValueError, match="write one address"):
        bare_address(text)
    assert bare_address('"Jörg, ops" <alerts@a.example>') == "alerts@a.example"
