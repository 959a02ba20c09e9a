"""docker-compose.yml holds what it promises, as far as can be seen without a container engine."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from compose_spec import PyCompose

from cli.main import COMMANDS, LazyGroup, app
from settings import Settings

ROOT = Path(__file__).parents[2]
OURS = ("migrate", "worker", "relay", "receiver", "api")
WATCHING = ("prometheus", "grafana")
SECRET = re.compile(r"PASSWORD|SECRET|DATABASE_URL")
REQUIRED = re.compile(r"\$\{\w+:\?[^}]+\}")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    # YAML's merge keys belong to compose files but are unknown to the loader.
    merged = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    loaded = PyCompose.from_json(json.dumps(merged))
    loaded.validate()
    loaded.to_spec()
    specification: dict[str, Any] = loaded.to_dict()
    return specification


def services(compose: dict[str, Any], *names: str) -> list[tuple[str, dict[str, Any]]]:
    return [(name, compose["services"][name]) for name in names or compose["services"]]


def test_it_is_the_whole_system(compose):
    assert set(compose["services"]) == {"kafka", "postgres", *OURS, *WATCHING}
    asked_for = {name for name, service in services(compose) if service.get("profiles")}
    assert asked_for == set(WATCHING)
    assert compose["services"]["postgres"]["image"].startswith("postgres:15.")
    assert compose["services"]["kafka"]["image"].startswith("apache/kafka:4.")
    assert compose["services"]["worker"]["deploy"]["replicas"] >= 2
    assert "container_name" not in compose["services"]["worker"]


def test_no_secret_has_a_default(compose):
    secrets = 0
    for name, service in services(compose):
        for variable, value in service.get("environment", {}).items():
            if SECRET.search(variable):
                secrets += 1
                absent = value == f"${{{variable}:-}}"  # optional, and nothing where it is not given
                assert REQUIRED.search(value) or absent, f"{name}: {variable}"
    assert secrets > 8


def test_each_service_gets_its_own_login_only(compose):
    def urls(name: str) -> set[str]:
        return {key for key in compose["services"][name]["environment"] if key.startswith("DATABASE_URL")}

    assert urls("worker") == urls("relay") == urls("receiver") == {"DATABASE_URL_WORKER"}
    assert urls("api") == {"DATABASE_URL_API"}
    assert "DATABASE_URL" in urls("migrate")


def test_workers_know_what_alerts_are_written_with_and_the_relay_alone_what_they_are_sent_with(compose):
    written = {f"AUGENTIS_{name}" for name in ("WEBHOOK_URL", "WEBHOOK_SECRET", "PUBLIC_URL", "SMTP_FROM")}
    worker, relay, receiver = (
        compose["services"][name]["environment"] for name in ("worker", "relay", "receiver")
    )
    assert written <= set(worker)
    assert {name: relay[name] for name in worker} == worker
    assert {"AUGENTIS_SMTP_URL", "AUGENTIS_WEBHOOK_ALLOW"} <= set(relay) - set(worker)
    assert not (written | {"AUGENTIS_SMTP_URL"}) & set(receiver)


def test_servers_are_checked_and_waited_for(compose):
    for name, service in services(compose, "kafka", "postgres", "receiver", "api"):
        assert service["healthcheck"]["test"][0] == "CMD", name
    before = compose["services"]["migrate"]["depends_on"]
    assert {name: waited["condition"] for name, waited in before.items()} == {
        "kafka": "service_healthy",
        "postgres": "service_healthy",
    }
    for name, service in services(compose, "worker", "relay", "receiver", "api"):
        assert service["depends_on"]["migrate"]["condition"] == "service_completed_successfully", name
        assert service["restart"] == "unless-stopped"
    assert compose["services"]["migrate"]["restart"] == "no"


def test_the_health_check_of_the_api_is_a_route(compose):
    from api.app import application  # noqa: PLC0415  # heavy, for this test alone

    command = " ".join(compose["services"]["api"]["healthcheck"]["test"])
    path = re.search(r"http://127\.0\.0\.1:8000(/\w+)'", command)
    assert path
    assert path[1] in application().openapi()["paths"]


def test_the_health_check_of_the_receiver_is_a_route(compose):
    from streams.door import door  # noqa: PLC0415  # heavy, for this test alone

    command = " ".join(compose["services"]["receiver"]["healthcheck"]["test"])
    path = re.search(r"http://127\.0\.0\.1:4318(/\w+)'", command)
    assert path
    assert path[1] in door.HEALTH


def test_nothing_runs_as_root(compose):
    for name, service in services(compose, "kafka", "postgres"):
        assert service["user"].split(":")[0] not in ("", "0", "root"), name
    for name, service in services(compose, *OURS):
        assert service["cap_drop"] == ["ALL"], name
        assert service["read_only"] is True
        assert "user" not in service  # that of the image:
    last_stage = (ROOT / "Dockerfile").read_text().rpartition("\nFROM ")[2]
    user = re.search(r"^USER (\d+):(\d+)$", last_stage, re.MULTILINE)
    assert user
    assert int(user[1]) > 0


def test_data_are_in_named_volumes_that_exist(compose):
    named = set()
    for name, service in services(compose):
        for volume in service.get("volumes", []):
            source = volume["source"] if isinstance(volume, dict) else volume.split(":")[0]
            if source.startswith("."):
                assert (ROOT / source).exists(), name
            else:
                named.add(source)
    assert named == set(compose["volumes"]) == {"kafka", "postgres", "state", *WATCHING}


def test_prometheus_looks_where_worker_and_relay_show_their_numbers(compose):
    [*jobs] = yaml.safe_load((ROOT / "ops/prometheus/prometheus.yml").read_text())["scrape_configs"]
    [*looked] = [(job["job_name"], each) for job in jobs for each in job["dns_sd_configs"]]
    assert {name: each["names"] for name, each in looked} == {
        "augentis-worker": ["worker"],
        "augentis-relay": ["relay"],
    }
    for _, each in looked:
        environment = compose["services"][each["names"][0]]["environment"]
        assert environment["AUGENTIS_METRICS_PORT"] == str(each["port"])
        assert environment["AUGENTIS_METRICS_HOST"] not in ("", "127.0.0.1")


def test_ports_are_those_of_this_machine_alone(compose):
    for name, service in services(compose):
        for port in service.get("ports", []):
            assert str(port).startswith("127.0.0.1:") or port.get("host_ip") == "127.0.0.1", name


def test_commands_and_settings_are_those_of_the_product(compose):
    group = typer.main.get_command(app)
    assert isinstance(group, LazyGroup)
    known = {field.alias or name.upper() for name, field in Settings.model_fields.items()}
    assert re.search(r'^ENTRYPOINT \["augentis"\]$', (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    for name, service in services(compose, *OURS):
        command, *arguments = service["command"]
        assert command in COMMANDS, name
        context = group.get_command(None, command).make_context(command, list(arguments))
        assert context.params is not None
        assert set(service["environment"]) <= known, name


def test_the_owner_of_the_schema_is_no_superuser():
    script = (ROOT / "docker" / "postgres-init.sh").read_text()
    role = re.search(r"CREATE ROLE augentis_owner ([^;]+);", script)
    assert role
    assert {"LOGIN", "CREATEROLE", "NOSUPERUSER", "NOBYPASSRLS"} <= set(role[1].split())
    assert (ROOT / "docker" / "postgres-init.sh").stat().st_mode & 0o111
