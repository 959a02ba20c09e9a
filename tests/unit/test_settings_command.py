import json

import pytest

from cli.main import run
from settings import Settings


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("AUGENTIS_HOME", str(tmp_path))
    monkeypatch.setenv("AUGENTIS_SECRET_KEY", "correct horse battery staple 123")
    monkeypatch.setenv("AUGENTIS_GRACE", "90s")


def test_every_setting_is_listed_with_meaning_default_and_value(capsys):
    assert run(["settings", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert len(rows) == len(Settings.model_fields)
    assert all(row["meaning"] for row in rows.values())
    assert (rows["AUGENTIS_GRACE"]["default"], rows["AUGENTIS_GRACE"]["value"]) == ("10m", "90s")
    assert rows["AUGENTIS_LATENESS"]["value"] == "7d"
    assert rows["AUGENTIS_MAX_SAMPLES"]["value"] == 10_000


def test_providers_are_shown_as_they_are_written(capsys, monkeypatch):
    run(["settings"])
    assert "AUGENTIS_OIDC_PROVIDERS = -\n" in capsys.readouterr().out
    google = {"issuer": "https://a.example", "audience": "us", "jwks": "/keys.json", "alg": "RS256"}
    monkeypatch.setenv("AUGENTIS_OIDC_PROVIDERS", json.dumps({"google": google}))
    run(["settings", "--json"])
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert json.loads(rows["AUGENTIS_OIDC_PROVIDERS"]["value"]) == {"google": google}
    assert rows["AUGENTIS_SESSION_LIFE"]["value"] == "1h"


@pytest.mark.parametrize("arguments", [["settings"], ["settings", "--json"]])
def test_secrets_are_set_or_not_set(capsys, arguments):
    assert run(arguments) == 0
    shown = capsys.readouterr().out
    assert "correct horse" not in shown
    assert "not set" in shown


def test_the_text_has_what_was_changed(capsys):
    run(["settings"])
    assert "AUGENTIS_GRACE = 90s  (default 10m)\n" in capsys.readouterr().out


def test_a_wrong_value_is_one_line_and_exit_code_2(capsys, monkeypatch):
    monkeypatch.setenv("AUGENTIS_GRACE", "soon")
    assert run(["settings"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("augentis: AUGENTIS_GRACE: 'soon' is not a duration")
