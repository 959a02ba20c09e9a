"""What is told of one report: from what is known (`content`) to a message in words."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from detectors.cascade import Cascade
from detectors.divergence import subject
from routing.severity import severity
from storage.findings import Report
from streams.alerting import places, sureness, words
from streams.alerting.content import Content, Incident, Kind, Peer
from streams.alerting.inert import clean, shorten, web_address
from streams.alerting.message import TITLE, Link, Listed, Message, Subject, bounded, first_key

_NAME, _LONG, _SENTENCE = 100, 300, 500
"""Characters at most: of a name, of a text of a team's own, of the sentence."""
_THINGS = 8
"""Features or modules named at most."""
_PEERS = 10
_HEADLINES = {
    Kind.DETECTED: "{classification}: {sentence}",
    Kind.RECLASSIFIED: "Now {classification}: {sentence}",
    Kind.RESOLVED: "Resolved after {lasted}: {subject}: {changed}",
    Kind.REMINDER: "Open for {lasted}, {classification}: {sentence}",
    Kind.ESCALATED: "Open for {lasted}, acknowledged by nobody, {classification}: {sentence}",
    Kind.ACKNOWLEDGED: "Acknowledged after {lasted}, {classification}: {sentence}",
}
_LASTING = (Kind.REMINDER, Kind.ESCALATED, Kind.ACKNOWLEDGED)
"""What is told of a report that goes on as it was."""


def message(content: Content) -> Message:
    """Return what is told of a report, in words.

    Raises:
        KeyError: it is a storm, which is told of many reports (`storm.message`).
    """
    report, course = content.report, content.course
    sentence = clean(report.summary, _SENTENCE)
    headline = _HEADLINES[content.kind].format(
        classification=report.classification,
        lasted=words.lasted(_open_for(content)),
        sentence=sentence,
        subject=_measured(content),
        changed=_changed(content),
    )
    return Message(
        kind=content.kind,
        key=_key(content),
        at=course.at,
        severity=severity(report.classification, content.cascade.recommendation),
        subject=_subject(content),
        title=shorten(headline, TITLE),
        sentence=f"What was told: {sentence}" if content.kind is Kind.RESOLVED else sentence,
        facts=tuple(_facts(content)),
        lists=tuple(_lists(content)),
        links=tuple(_links(content)),
        note=f"Report {report.id}, artifact {content.artifact.id}; API: {places.report(report.id)}",
        over=content.kind is Kind.RESOLVED and not _lasts(content.incident),
        acknowledged=content.kind in _LASTING and course.acknowledged_at is not None,
    )


def _lasts(incident: Incident | None) -> bool:
    """Say whether the incident that the message is about goes on without this report."""
    return incident is not None and incident.told_as_one and incident.is_open


def _open_for(content: Content) -> timedelta:
    ended = content.course.resolved_at if content.kind is Kind.RESOLVED else None
    return (ended or content.course.at) - content.report.detected_at


def _key(content: Content) -> str:
    """Return what tells this message from others about the report; the same however often it is sent.

    What was over and is open again is told as detected once more: by when it is told.
    """
    kind, course = content.kind, content.course
    if kind is Kind.DETECTED and course.at == content.report.detected_at:
        return first_key()
    at = (course.resolved_at or course.at) if kind is Kind.RESOLVED else course.at
    return f"{kind}.{at:%Y%m%dT%H%M%SZ}"


def _subject(content: Content) -> Subject:
    report, incident = content.report, content.incident
    told_as_one = incident is not None and incident.told_as_one
    return Subject(
        id=report.id,
        thread=str(incident.id if incident and told_as_one else report.id),
        labels=tuple((name, said) for name, said in _labels(content).items() if said),
        org=clean(content.org, _NAME) or "-",
        project=clean(content.project, _NAME) or "-",
        kind=report.divergence_type,
        component=_artifact(content),
        began=report.detected_at,
        address=content.places.address(places.report(report.id)),
    )


def _labels(content: Content) -> dict[str, str]:
    report, incident = content.report, content.incident
    whose = {
        "alertname": "AssumptionBroken",
        "org": clean(content.org, _NAME),
        "project_id": str(report.project_id),
    }
    if incident and incident.told_as_one:
        return whose | {"incident_id": str(incident.id)}
    return whose | {
        "report_id": str(report.id),
        "artifact_id": str(report.artifact_id),
        "assumption": clean(content.assumption.key, _NAME),
        "metric": report.metric_name,
        "cohort": clean(report.cohort, _NAME),
        "feature": clean(report.feature, _NAME),
        "divergence_type": report.divergence_type,
    }


def _facts(content: Content) -> Iterator[tuple[str, str]]:
    report, cascade, item = content.report, content.cascade, content.assumption
    yield from _news(content)
    yield "Assumed", words.assumed(item)
    yield "Actual then" if content.kind is Kind.RESOLVED else "Actual", words.actual(report)
    yield "Since", _since(content)
    sure = sureness.in_numbers(report)
    yield "How sure", sureness.in_words(report) + (f": {sure}" if sure else "")
    yield "Evidence", words.tiers(report)
    yield "Artifact", _artifact(content)
    yield "Owner", clean(content.owner, _NAME) or "nobody is named"
    yield "Data", _data(report)
    yield "Classification", f"{report.classification} ({words.TYPES[report.divergence_type]})"
    yield "Severity", str(severity(report.classification, cascade.recommendation))
    yield (
        "Recommendation",
        words.advice(cascade.recommendation, cascade.reexecution_scope_days, cascade.full_redesign_days),
    )
    yield "Rests on it", _rests(cascade)
    yield "Project", clean(content.project, _NAME)
    statement = clean(item.statement, _LONG)
    yield "Assumption", clean(item.key, _NAME) + (f": {statement}" if statement else "")


def _news(content: Content) -> Iterator[tuple[str, str]]:
    """Yield what is new since the message before."""
    course = content.course
    if content.kind is Kind.RECLASSIFIED and course.before:
        yield "Was", course.before
    if content.kind is Kind.RESOLVED:
        yield "What changed", _changed(content)
        yield "It lasted", words.lasted(_open_for(content))
    if content.kind in _LASTING:
        yield "Open for", words.lasted(_open_for(content))
        yield "Acknowledged", _acknowledged(content)
    if content.kind is Kind.ESCALATED:
        yield "Why it comes here", "nobody has acknowledged it in time"


def _changed(content: Content) -> str:
    course = content.course
    said = course.resolution or ""
    if said == "person":
        who = clean(course.resolved_by or "", _NAME) or "somebody who has left"
        return f"{who} resolved it: {clean(course.why or '', _LONG) or 'nobody said why'}"
    return words.RESOLUTIONS.get(said) or clean(said, _LONG) or "nobody said why"


def _measured(content: Content) -> str:
    item = content.assumption
    return clean(subject(item.metric_name, cohort=item.cohort, feature=item.feature), _NAME)


def _acknowledged(content: Content) -> str:
    course = content.course
    if course.acknowledged_at is None:
        return "by nobody yet"
    who = clean(course.acknowledged_by or "", _NAME) or "somebody who has left"
    return f"by {who}, {words.moment(course.acknowledged_at)}"


def _since(content: Content) -> str:
    report = content.report
    detected = f"detected {words.moment(report.detected_at)}"
    return f"{words.moment(report.actual_since)} ({detected})" if report.actual_since else detected


def _data(report: Report) -> str:
    people = f"{report.user_count:,} users, " if report.user_count else ""
    days = f" in {report.days:,} days" if report.days else ""
    return f"{people}{report.sample_count:,} samples{days}"


def _artifact(content: Content) -> str:
    artifact = content.artifact
    place = artifact.type + (f" {clean(artifact.key, _NAME)}" if artifact.key else "")
    title = clean(artifact.title, _NAME)
    return f"{place}, version {artifact.version}" + (f": {title}" if title else "")


def _rests(cascade: Cascade) -> str:
    features, modules = _named(cascade.affected_features), _named(cascade.affected_code_modules)
    said = [f"features {features}"] if features else []
    said += [f"modules {modules}"] if modules else []
    return "; ".join(said) or "nothing but the artifact itself"


def _named(things: Sequence[str]) -> str:
    more = len(things) - _THINGS
    named = ", ".join(clean(thing, 60) for thing in things[:_THINGS])
    return f"{named} and {more} more" if more > 0 else named


def _lists(content: Content) -> Iterator[Listed]:
    incident = content.incident
    if incident and len(incident.peers) > 1:
        heading = f"One incident, {len(incident.peers)} reports, what the others rest on first"
        yield Listed(heading, _peers(incident))


def _peers(incident: Incident) -> tuple[str, ...]:
    ordered = sorted(incident.peers, key=lambda peer: not peer.is_root)  # stable: else in the given order
    return bounded([_peer(peer) for peer in ordered], _PEERS)


def _peer(peer: Peer) -> str:
    state = "" if peer.is_open else ", ended"
    root = "root, " if peer.is_root else ""
    return f"{root}{peer.classification}{state}: {clean(peer.summary, _LONG)}"


def _links(content: Content) -> Iterator[Link]:
    report = content.report
    for name, path in (
        ("Report", places.report(report.id)),
        ("Acknowledge", places.acknowledge(report.id)),
        ("Artifact", places.artifact(content.artifact.id)),
    ):
        address = content.places.address(path)
        if address and not (name == "Acknowledge" and content.kind is Kind.RESOLVED):
            yield Link(name, address)
    runbook = web_address(content.assumption.runbook_url)
    if runbook:
        yield Link("Runbook", runbook)
