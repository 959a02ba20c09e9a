"""`augentis demo`: the whole main job on a simulated product, on real Kafka and PostgreSQL."""

import asyncio
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple

import httpx
import typer
from rich.console import Console

import settings
from cli.demo import show
from cli.demo.bars import Bars, bars
from cli.demo.companies import Company, augentis, found_companies
from cli.demo.feed import feed
from cli.demo.findings import Found, gather
from cli.demo.planted import score
from cli.demo.processes import Check, services
from cli.demo.receiver import Receiver
from cli.demo.simulation import start_of
from cli.demo.site import Say, Site, free_port, lasting, passing
from cli.demo.team import SeenTo, join, see_to
from cli.demo.watch import until_detected, until_ready
from cli.exits import CommandError, Exit
from cli.stack.layout import Layout
from storage.channel_secrets import generated


class Outcome(NamedTuple):
    """What a run found and how fast, and what became of the gravest report."""

    found: list[Found]
    speed: show.Speed
    gravest: Found | None
    seen_to: SeenTo | None


def demo(
    *,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave stack, worker, relay and API up to look around.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Another seed, another noise; the same planted divergences.")] = 7,
) -> None:
    """Show the whole main job on a simulated product: six weeks of two organisations.

    Ends by itself and leaves nothing behind, unless asked to. Exit code 1 if what is found is not what was
    planted.
    """
    began = time.monotonic()
    now = datetime.now(UTC)
    stderr = Console(stderr=True)

    def say(text: str) -> None:
        stderr.print(f"{time.monotonic() - began:5.1f} s  {text}", markup=False, highlight=False)

    with (
        _terminated_like_interrupted(),
        (lasting if keep else passing)(say) as site,
        Receiver(site.provided["AUGENTIS_WEBHOOK_SECRET"]) as receiver,
        Receiver(team_secret := generated()) as team_inbox,
        site.entered(AUGENTIS_WEBHOOK_URL=receiver.url, AUGENTIS_WEBHOOK_ALLOW=team_inbox.host),
    ):
        say("making schema, roles and topics")
        augentis("migrate")
        port = free_port()
        with services(site.home, port, keep=keep) as check:
            say("making two organisations with their projects and assumptions")
            companies = found_companies(site.home, start_of(now))
            inboxes = _Inboxes(receiver, team_inbox, team_secret)
            run = _Run(f"http://127.0.0.1:{port}", companies, now, seed, inboxes, check)
            outcome = asyncio.run(run.main(stderr, say))
            code = _report(outcome, inboxes, run.base_url, site if keep else None, began)
    raise typer.Exit(code)


class _Inboxes(NamedTuple):
    """Who receives alerts: the operator's webhook, and the teams' channels, which share a secret."""

    operator: Receiver
    team: Receiver
    secret: str

    @property
    def refused(self) -> int:
        """How many webhooks had no valid signature."""
        return self.operator.refused + self.team.refused


class _Run(NamedTuple):
    """One run against services that are up, or coming up."""

    base_url: str
    companies: list[Company]
    now: datetime
    seed: int
    inboxes: _Inboxes
    check: Check

    async def main(self, stderr: Console, say: Say) -> Outcome:
        async with httpx.AsyncClient(base_url=self.base_url, timeout=30) as api:
            await until_ready(api, self.check)
            say("making each team a channel and a route for its alerts, over the API")
            await join(api, self.companies, self.inboxes.team.url, self.inboxes.secret)
            say("six weeks of traffic, at full speed")
            with bars(stderr) as shown:
                speed = await self._traffic(api, shown)
            say("reading what was found")
            found = await gather(api, self.companies, self.inboxes.operator, self.check)
            # Of equal ones, the last that was reported.
            ranked = sorted(found, key=lambda item: item.report["tier_delta"], reverse=True)
            gravest = ranked[0] if ranked else None
            if gravest is None:
                return Outcome(found, speed, None, None)
            say("a team acknowledges and resolves what its channel was told")
            seen_to = await see_to(api, gravest, self.inboxes.team, self.check)
            return Outcome(found, speed, gravest, seen_to)

    async def _traffic(self, api: httpx.AsyncClient, shown: Bars) -> show.Speed:
        began = time.monotonic()
        configured = settings.load()

        async def publish() -> tuple[int, float]:
            by_slug = {company.slug: company for company in self.companies}
            tally = await feed(configured, by_slug, self.now, self.seed, shown.published)
            shown.all_published(tally)
            return tally.published, time.monotonic() - began

        watching = until_detected(
            api,
            configured.need("database_url_worker"),
            self.companies,
            start_of(self.now),
            shown.reached,
            self.check,
        )
        try:
            async with asyncio.TaskGroup() as group:
                publishing = group.create_task(publish())
                group.create_task(watching)
        except* CommandError as failed:
            raise failed.exceptions[0] from None
        samples, published = publishing.result()
        return show.Speed(samples, published, time.monotonic() - began)


def _report(outcome: Outcome, inboxes: _Inboxes, base_url: str, kept: Site | None, began: float) -> Exit:
    out = show.console()
    compared = score(item.reported for item in outcome.found)
    show.comparison(out, compared)
    if outcome.gravest and outcome.seen_to:
        show.one_in_full(out, outcome.gravest, outcome.seen_to, base_url)
    wrong = _wrong(outcome, inboxes)
    show.wrong(out, wrong)
    show.speed(out, outcome.speed, time.monotonic() - began)
    show.further(out, _looking_around(kept, base_url))
    return Exit.DONE if compared.perfect and not wrong else Exit.NO


def _wrong(outcome: Outcome, inboxes: _Inboxes) -> list[str]:
    """Return what of the alerts is not as it should be."""
    told = {alert.report_id for alert in inboxes.team.alerts}
    due = [item.report["id"] for item in outcome.found if item.reported.finding.alerted]
    found = [f"report {id_} was not told to its team's channel" for id_ in due if id_ not in told]
    if inboxes.refused:
        found.append(f"{inboxes.refused} webhooks had no valid signature")
    if outcome.seen_to and not outcome.seen_to.complete:
        found.append("of the report that was seen to not all was told")
    return found


def _looking_around(kept: Site | None, base_url: str) -> list[str]:
    if kept is None:
        return [
            "make demo KEEP=1       leaves all of it up, so that the call above answers",
            "docs/wire-format.md    how apps send their metrics",
            "docs/apply.md          how a team writes down what it assumes",
            "docs/detection.md      how a divergence is found",
        ]
    return [
        f"export AUGENTIS_HOME={kept.home}   # then every augentis command works on this demo",
        f"{base_url}/docs   the API",
        f"{Layout(kept.home).log('worker').parent}   the logs of everything",
        "augentis stack down --purge   ends all of it and deletes its data",
    ]


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """Let SIGTERM clean up as Ctrl-C does."""

    def interrupt(*_: Any) -> None:
        # Not KeyboardInterrupt itself: asyncio turns the signal into an orderly cancellation.
        signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
