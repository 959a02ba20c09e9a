"""From what is to be told to what is sent: reads what messages say, in bulk, and renders them."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from routing.matchers import NoticeKind
from routing.standing import NOTICE, Look, Subject
from routing.tells import Tell
from settings import Settings
from storage import alert_facts, alert_standing, detection
from storage.alert_facts import Facts, Line
from storage.alert_standing import Receiver
from storage.deliveries import New
from storage.ledger import Connection
from storage.reading.past import Tried
from streams.alerting import chart, event, making, notice, storm, telling
from streams.alerting.content import Incident, Kind
from streams.alerting.drawing import png
from streams.alerting.mail import Envelope, Picture
from streams.alerting.message import Message
from streams.alerting.places import Places
from streams.alerting.render import rendered
from streams.alerting.storm import Storm

_KINDS = {
    "detected": Kind.DETECTED,
    "reclassified": Kind.RECLASSIFIED,
    "resolved": Kind.RESOLVED,
    "reminder": Kind.REMINDER,
    "escalated": Kind.ESCALATED,
    "acknowledged": Kind.ACKNOWLEDGED,
    "refresh": Kind.REMINDER,
}


@dataclass(frozen=True, slots=True)
class Said:
    """A message, its event, and the report that its chart is about."""

    message: Message
    event: dict[str, Any]
    charted: Facts | None = None


class Messages:
    """Makes the messages of one look at an organisation."""

    def __init__(
        self, connection: Connection, org_id: UUID, look: Look, receivers: Mapping[UUID, Receiver]
    ) -> None:
        self._connection, self._org_id, self._look, self._receivers = connection, org_id, look, receivers
        self._subjects = {subject.id: subject for subject in look.subjects}
        self._facts: dict[UUID, Facts] = {}
        self._peers: dict[UUID, list[Line]] = {}
        self._pictures: dict[UUID, Picture | None] = {}

    async def made(self, tells: Sequence[Tell], settings: Settings) -> list[New]:
        """Return what is to be put; of reports that are gone meanwhile there is nothing."""
        base = settings.public_url
        places = Places(str(base).rstrip("/") if base else None)
        sender = settings.smtp_from or f"Augentis <alerts@{places.host}>"
        await self._read(tells)
        news = []
        for tell in tells:
            said = await self._said(tell, places)
            if said:
                news.append(await self._new(tell, said, places, sender))
        return news

    async def _read(self, tells: Sequence[Tell]) -> None:
        leads = {tell.subjects[0] for tell in tells if not self._is_many(tell)}
        reports = [self._subjects[lead] for lead in leads if self._subjects[lead].kind != NOTICE]
        if not reports:
            return
        ids = [subject.id for subject in reports]
        self._facts = await alert_facts.facts(self._connection, self._org_id, ids)
        incidents = {subject.incident_id for subject in reports if subject.incident_id}
        self._peers = await alert_facts.peers(self._connection, self._org_id, incidents)

    def _is_many(self, tell: Tell) -> bool:
        return tell.thread.kind == "storm"

    async def _said(self, tell: Tell, places: Places) -> Said | None:
        lead = self._subjects[tell.subjects[0]]
        if lead.kind == NOTICE:
            return await self._notice(lead, places)
        if self._is_many(tell):
            return await self._storm(tell, places)
        facts = self._facts.get(lead.id)
        return await self._report(tell, lead, facts, places) if facts else None

    async def _report(self, tell: Tell, lead: Subject, facts: Facts, places: Places) -> Said:
        kind, at = _KINDS[tell.kind], self._look.at
        course = making.course(facts, kind, at, tell.before)
        if kind is Kind.DETECTED and (tell.channel_id, lead.id) in self._look.told:
            # Open again, and told again: not the message that was sent before.
            course = replace(course, at=at)
        content = making.content(facts, kind, course, places, await self._incident(tell, lead))
        message = telling.message(content)
        return Said(message, event.render(message, content), facts)

    async def _incident(self, tell: Tell, lead: Subject) -> Incident | None:
        lines = self._peers.get(lead.incident_id, []) if lead.incident_id else []
        if tell.thread.kind != "incident":
            peers = [making.peer(line) for line in lines]
            return Incident(lead.incident_id, peers) if lead.incident_id and peers else None
        peers = [making.peer(line) for line in lines]
        if tell.over:
            # It is over for who was told of these: others of the incident were never told there.
            known = await alert_standing.members(self._connection, self._org_id, tell.key)
            peers = [replace(peer, is_open=False) for peer in peers if peer.report_id in known]
        return Incident(tell.thread.id, peers, told_as_one=True)

    async def _storm(self, tell: Tell, places: Places) -> Said | None:
        known = await alert_standing.members(self._connection, self._org_id, tell.key)
        ids = {each for each, lasts in known.items() if lasts or tell.over}
        if tell.before or not ids:
            ids = set(tell.subjects)
        lines = await alert_facts.lines(self._connection, self._org_id, ids)
        if not lines:
            return None
        org = await self._connection.fetchval("SELECT slug FROM organization WHERE id = $1", self._org_id)
        began = all(each not in self._look.told for each in ((tell.channel_id, one) for one in tell.subjects))
        about = Storm(
            *(self._org_id, org, self._look.at, [making.brief(line) for line in lines], places),
            id=tell.thread.id,
            again=not began,
            over=tell.over,
            before=self._before(tell) if tell.before else (),
        )
        message = storm.message(about)
        if tell.kind == "acknowledged":
            message = replace(message, acknowledged=True)
        return Said(message, event.render_storm(message, about))

    def _before(self, tell: Tell) -> list[str]:
        """Return as what the channel was told last of what became worse."""
        known = [self._look.told[tell.channel_id, subject].classification for subject in tell.subjects]
        return [classification for classification in known if classification]

    async def _notice(self, lead: Subject, places: Places) -> Said | None:
        row = await self._connection.fetchrow(
            """SELECT o.slug, n.project_id, p.name, n.kind, n.cohort, n.opened_at, n.ended_at, n.detail
               FROM alert_notice AS n
               JOIN project AS p ON p.org_id = n.org_id AND p.id = n.project_id
               JOIN organization AS o ON o.id = n.org_id
               WHERE n.org_id = $1 AND n.id = $2""",
            self._org_id,
            lead.id,
        )
        if row is None:
            return None
        about = notice.Notice(
            *(self._org_id, row["slug"], row["project_id"], row["name"], lead.id, NoticeKind(row["kind"])),
            *(row["cohort"], row["opened_at"], row["ended_at"], json.loads(row["detail"])),
            *(self._look.at, places),
        )
        message = notice.message(about)
        return Said(message, notice.render(message, about))

    async def _new(self, tell: Tell, said: Said, places: Places, sender: str) -> New:
        receiver = self._receivers[tell.channel_id]
        picture, envelope = None, None
        if receiver.channel.kind == "email":
            envelope = Envelope(sender, ", ".join(json.loads(receiver.settings)["to"]))
            picture = await self._picture(said)
        sent = rendered(receiver.channel.kind, said.message, said.event, picture, envelope, places)
        lead = self._subjects[tell.subjects[0]]
        many = self._is_many(tell)
        return New(
            self._org_id,
            tell.channel_id,
            None if many else lead.project_id,
            None if many or lead.kind == NOTICE else lead.id,
            tell.thread.id,
            tell.kind,
            sent.body,
            sent.headers,
        )

    async def _picture(self, said: Said) -> Picture | None:
        facts = said.charted
        if facts is None:
            return None
        if facts.report.id not in self._pictures:
            self._pictures[facts.report.id] = await self._drawn(facts, said.message.at)
        return self._pictures[facts.report.id]

    async def _drawn(self, facts: Facts, at: datetime) -> Picture | None:
        now = self._look.at
        hours = making.charted(facts, at, now)
        if hours is None:
            return None
        about = Tried(self._org_id, facts.report.project_id, facts.assumption)
        shown = making.chart(facts, at, now, await detection.series(self._connection, about, *hours))
        # Drawing takes tens of milliseconds: others go on sending meanwhile.
        return Picture(await asyncio.to_thread(png, shown), chart.alt(shown)) if shown else None
