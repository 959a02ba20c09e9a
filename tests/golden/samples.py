"""Reports as an alert may be about, the same each time."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from detectors.assumptions import Assumption
from detectors.cascade import Cascade
from detectors.divergence import Recommendation
from storage.findings import Report
from streams.alerting import pulse, storm, telling
from streams.alerting.chart import Chart
from streams.alerting.content import ArtifactVersion, Content, Course, Incident, Kind, Peer
from streams.alerting.message import Message
from streams.alerting.places import Places
from streams.alerting.storm import Brief, Storm

IDS = UUID("0b0e7b52-9f0f-4f0c-8a63-6f3b1f3d5c11")
ORG, PROJECT, ARTIFACT, ASSUMPTION, REPORT, INCIDENT = (
    uuid5(IDS, name) for name in ("org", "project", "artifact", "assumption", "report", "incident")
)
PLACES = Places("https://divergence.acme.example")
DETECTED = datetime(2026, 11, 4, 0, 0, tzinfo=UTC)
DAY = timedelta(days=1)
SENTENCE = (
    "We assumed that adoption of F12 among mainstream is at least 60 %; in production it is 45 %, 25 % lower."
)

ITEM = Assumption.model_validate(
    {
        "key": "one-page-checkout-adoption",
        "statement": "60 % of mainstream shoppers use the one-page checkout",
        "metric_name": "user_adoption",
        "cohort": "mainstream",
        "feature": "F12",
        "operator": ">=",
        "value": 60,
        "tolerance": 0.05,
        "tolerance_kind": "relative",
        "owner": "Checkout team",
        "runbook_url": "https://wiki.acme.example/runbooks/checkout?step=1",
    }
)
FOUND = Report(
    org_id=ORG,
    id=REPORT,
    project_id=PROJECT,
    artifact_id=ARTIFACT,
    assumption_id=ASSUMPTION,
    divergence_type="FEATURE_ADOPTION_MISS",
    metric_name="user_adoption",
    cohort="mainstream",
    feature="F12",
    assumed_value="60 %",
    actual_value="45 %",
    assumed_number=60.0,
    actual_number=45.0,
    unit="%",
    relative_gap=-0.25,
    assumption_evidence_tier="E1",
    telemetry_evidence_tier="E4",
    tier_delta=3,
    classification="MAJOR",
    summary=SENTENCE,
    e_value=912500.0,
    threshold=3650.0,
    actual_since=datetime(2026, 10, 31, tzinfo=UTC),
    interval_low=42.5,
    interval_high=47.25,
    confidence=0.95,
    days=22,
    lane="daily",
    configuration="c0ffee",
    telemetry_revisions=528,
    telemetry_digest="d1" * 32,
    sample_count=48211,
    user_count=12480,
    first_hour=datetime(2026, 10, 13, tzinfo=UTC),
    last_hour=datetime(2026, 11, 3, 23, tzinfo=UTC),
    detected_at=DETECTED,
    shadow=False,
    launch=False,
)
RESTS = Cascade(
    affected_features=["F12 One-page checkout", "F12 PRD", "F12 Wireframes"],
    affected_code_modules=["checkout_page", "address_form", "basket_summary"],
    reexecution_scope_days=5,
    full_redesign_days=17,
    recommendation=Recommendation.REEXECUTE,
    affected=[],
)
DETECTION = Content(
    kind=Kind.DETECTED,
    report=FOUND,
    cascade=RESTS,
    assumption=ITEM,
    artifact=ArtifactVersion(ARTIFACT, "PRD", "prd-one-page-checkout", 3, "One-page checkout"),
    project="Checkout",
    org="acme",
    owner="Checkout team",
    course=Course(DETECTED),
    places=PLACES,
)
PEERS = [
    Peer(uuid5(IDS, "peer"), "We assumed less.", "MINOR", is_root=False, is_open=True),
    Peer(REPORT, SENTENCE, "MAJOR", is_root=True, is_open=True),
    Peer(uuid5(IDS, "other"), "We assumed more.", "COSMETIC", is_root=False, is_open=False),
]
CONTENTS = {
    Kind.DETECTED: replace(DETECTION, incident=Incident(INCIDENT, PEERS)),
    Kind.RECLASSIFIED: replace(
        DETECTION, kind=Kind.RECLASSIFIED, course=Course(DETECTED + 2 * DAY, before="MINOR")
    ),
    Kind.RESOLVED: replace(
        DETECTION,
        kind=Kind.RESOLVED,
        course=Course(DETECTED + 9 * DAY, resolution="data", resolved_at=DETECTED + 9 * DAY),
    ),
    Kind.REMINDER: replace(
        DETECTION,
        kind=Kind.REMINDER,
        course=Course(
            DETECTED + 3 * DAY + timedelta(hours=4),
            acknowledged_by="Ada Lovelace",
            acknowledged_at=DETECTED + timedelta(hours=8),
        ),
    ),
}


def brief(number: int, **more: Any) -> Brief:
    classification = ("MAJOR", "MINOR", "MINOR", "COSMETIC")[number % 4]
    kind = ("LATENCY_MISS", "FEATURE_ADOPTION_MISS", "PERSONA_MISMATCH")[number % 3]
    sentence = f"We assumed that assumption {number} holds; in production it does not."
    project = f"Project {'ABCDEFGHIJKLMN'[number % 14]}"
    values = (uuid5(IDS, f"report {number}"), project, kind, classification, sentence, -(number % 90) / 100)
    return replace(Brief(*values, DETECTED + timedelta(seconds=number)), **more)


STORM = Storm(ORG, "acme", DETECTED + timedelta(hours=1), [brief(number) for number in range(500)], PLACES)
WORSE = replace(
    STORM,
    at=DETECTED + 2 * DAY,
    briefs=[brief(number, classification=("MAJOR", "MINOR")[number % 5 == 0]) for number in range(500)],
    id=uuid5(IDS, "worse"),
    again=True,
    before=["COSMETIC" if number % 5 == 0 else "MINOR" for number in range(500)],
)


CHANNEL = pulse.Channel(ORG, "acme", uuid5(IDS, "channel"), "Checkout on call", PLACES)
PULSES = {
    "test": pulse.test(CHANNEL, uuid5(IDS, "test"), DETECTED),
    "heartbeat": pulse.heartbeat(CHANNEL, timedelta(minutes=5), DETECTED),
}


def message(kind: Kind) -> Message:
    return storm.message(STORM) if kind is Kind.STORM else telling.message(CONTENTS[kind])


VALUES = (61.2, 62.8, 63.1, 60.9, 60.2, 61.7, 64.0, 62.2, 60.4, 59.1, 61.5, 62.6, 63.3, 61.0, 59.8, 62.1)
CHART = Chart(
    subject="adoption of F12 among mainstream",
    unit="%",
    first=date(2026, 10, 5),
    values=(*VALUES, 63.4, 61.9, 60.6, None, 62.3, 61.1, 60.0, 61.8, 62.4, 55.2, 46.1, 44.2, 45.5, 44.9),
    bounds=ITEM.bounds,
    detected=date(2026, 11, 3),
)
