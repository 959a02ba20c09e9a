"""Dashboard and alert rules ask for what /metrics really shows, and each rule has its runbook."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from storage.measuring import Measured, Outbox
from streams import figures, gauges

ROOT = Path(__file__).parents[2]
DASHBOARD = json.loads((ROOT / "ops/grafana/augentis.json").read_text())
[GROUP] = yaml.safe_load((ROOT / "ops/prometheus/alerts.yml").read_text())["groups"]
JOBS = yaml.safe_load((ROOT / "ops/prometheus/prometheus.yml").read_text())["scrape_configs"]
MEASURED = Measured(
    at=datetime(2026, 11, 24, tzinfo=UTC),
    silence=7.0,
    unread=6.0,
    detection_lag=5.0,
    notifier_lag=4.0,
    deliveries_waiting=3,
    deliveries_dead=2,
    notices={"PROJECT_SILENT": 1},
    outbox={"kafka": Outbox(2, 8.5), "webhook": Outbox(0, 0.0)},
)
OWN = re.compile(r"\baugentis_\w+")


@pytest.fixture(scope="module")
def exported() -> dict[str, set[str]]:
    """The names of samples that a worker and a relay show, with their labels."""
    gauges.GAUGES.shown(MEASURED)
    held = figures.Held(lambda: [figures.Partition("raw_metrics", 0, 1, 1, 1)])
    labels: dict[str, set[str]] = {}
    for family in [*figures.REGISTRY.collect(), *held.collect()]:
        known = {name for sample in family.samples for name in sample.labels}
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(
            family.type, ("",)
        )
        labels |= {family.name + suffix: known for suffix in suffixes}
    return labels


def expressions() -> list[tuple[str, str]]:
    panels = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
    shown = [(panel["title"], target["expr"]) for panel in panels for target in panel["targets"]]
    return shown + [(rule["alert"], rule["expr"]) for rule in GROUP["rules"]]


@pytest.mark.parametrize(("where", "asked"), expressions())
def test_what_is_asked_for_is_exported(where: str, asked: str, exported: dict[str, set[str]]):
    names = set(OWN.findall(asked))
    assert names <= set(exported), where
    jobs = set(re.findall(r'job="([^"]+)"', asked))
    assert jobs <= {job["job_name"] for job in JOBS}
    assert names or jobs


def test_what_is_exported_by_gauges_is_what_was_measured(exported: dict[str, set[str]]):
    assert exported
    families = text_string_to_metric_families(generate_latest(figures.REGISTRY).decode())
    shown = {
        (sample.name, *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
        if sample.name in {each.name for each in gauges.GAUGES.collect()}
    }
    assert shown == {
        ("augentis_measured_timestamp_seconds",): MEASURED.at.timestamp(),
        ("augentis_silence_seconds",): 7.0,
        ("augentis_unread_seconds",): 6.0,
        ("augentis_detection_lag_seconds",): 5.0,
        ("augentis_notifier_lag_seconds",): 4.0,
        ("augentis_deliveries_waiting",): 3,
        ("augentis_deliveries_dead",): 2,
        ("augentis_notices", "PROJECT_SILENT"): 1,
        ("augentis_notices", "COHORT_SILENT"): 0,
        ("augentis_notices", "DEAD_LETTERS"): 0,
        ("augentis_notices", "DETECTION_BEHIND"): 0,
        ("augentis_outbox_letters", "kafka"): 2,
        ("augentis_outbox_letters", "webhook"): 0,
        ("augentis_outbox_oldest_seconds", "kafka"): 8.5,
        ("augentis_outbox_oldest_seconds", "webhook"): 0,
    }


def test_a_page_says_what_each_figure_means(exported: dict[str, set[str]]):
    rows = [row for page in (ROOT / "docs").glob("*.md") for row in page.read_text().splitlines()]
    said = {name for row in rows if row.startswith("| `augentis_") for name in OWN.findall(row.split("|")[1])}
    assert said == {re.sub("_(bucket|sum|count)$", "", name) for name in exported}


def test_no_label_names_a_tenant(exported: dict[str, set[str]]):
    assert not {"org", "org_id", "project", "project_id", "cohort"} & set().union(*exported.values())


def test_each_panel_has_a_place_and_an_id_of_its_own():
    places: list[tuple[int, int]] = []
    for panel in DASHBOARD["panels"]:
        at: dict[str, Any] = panel["gridPos"]
        cells = [(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])]
        places += cells
        assert at["x"] + at["w"] <= 24
    assert len(places) == len(set(places))
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_each_alert_has_a_runbook_and_each_runbook_an_alert():
    headings = re.findall(r"^### (Augentis\w+)$", (ROOT / "docs/watching.md").read_text(), re.MULTILINE)
    assert headings == [rule["alert"] for rule in GROUP["rules"]]
    for rule in GROUP["rules"]:
        assert rule["annotations"]["runbook"] == f"docs/watching.md#{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in {"critical", "error", "warning"}
