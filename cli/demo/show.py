"""What the demo prints: results on stdout, plain where that is no terminal."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from cli.demo.findings import Found
from cli.demo.planted import Line, Score
from cli.demo.team import SeenTo

PLAIN_WIDTH = 120


class Speed(NamedTuple):
    """Samples, and seconds from the first one sent until Kafka had all and until all was judged."""

    samples: int
    published: float
    detected: float


def console() -> Console:
    """Return where results go."""
    made = Console()
    return made if made.is_terminal else Console(width=PLAIN_WIDTH)


def comparison(out: Console, score: Score) -> None:
    """Print what was planted beside what was found, and the three counts."""
    table = Table(title="Planted and found", title_justify="left", expand=True)
    table.add_column("project", no_wrap=True)
    table.add_column("assumption")
    table.add_column("planted")
    table.add_column("found")
    table.add_column("", no_wrap=True)
    for line in score.lines:
        table.add_row(*_cells(line))
    out.print(table)
    out.print(
        f"found {score.found}, missed {score.missed}, false {score.false}"
        + ("" if score.perfect else ": this is NOT what the simulation planted"),
        style="bold green" if score.perfect else "bold red",
        highlight=False,
    )


def _cells(line: Line) -> tuple[str, str, str, str, str]:
    planted = line.planted
    expected = f"{planted.story}: {planted.finding}" if planted.finding else planted.story
    found = "; ".join(map(str, line.reported)) or "nothing"
    return planted.project, planted.assumption, expected, found, "ok" if line.agrees else "WRONG"


def one_in_full(out: Console, found: Found, seen_to: SeenTo, base_url: str) -> None:
    """Print a report, its cascade, the alert about it, what became of both, and the call that reads it."""
    report = dict(found.report)
    cascade = report.pop("cascade_analysis")
    _heading(out, f"The report: {found.company.slug}, {found.reported.project}")
    _json(out, report)
    _heading(out, "Its cascade: what rests on the assumption")
    _json(out, cascade)
    for alert in seen_to.received[:1]:
        _heading(out, "The alert, as the team's own channel received it (signature verified)")
        for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
            _plain(out, f"{name}: {alert.headers[name]}")
        _json(out, alert.body)
    _seen_to(out, seen_to)
    _heading(out, "The call that reads it")
    _plain(out, curl(found, base_url))


def _seen_to(out: Console, seen_to: SeenTo) -> None:
    _heading(out, "What happened to it (its timeline), and who was told (its deliveries)")
    for event in seen_to.timeline:
        who = "a person" if event["actor_kind"] == "user" else "the data"
        said = event["body"].get("reason", "")
        _plain(out, f"{event['at']}  {event['kind']:<14} by {who}  {said}".rstrip())
    for each in sorted(seen_to.deliveries, key=lambda delivery: str(delivery["created_at"])):
        when = each["sent_at"] or "-"
        _plain(out, f"{when:<27}  {each['kind']:<14} {each['status']} to channel {each['channel_id']}")


def curl(found: Found, base_url: str) -> str:
    """Return the shell command that reads the report."""
    company = found.company
    return (
        f'curl -H "Authorization: Bearer $(augentis token --user {company.admin} --org {company.slug})" \\\n'
        f"  {base_url}/v1/divergence-reports/{found.report['id']}"
    )


def wrong(out: Console, lines: Sequence[str]) -> None:
    """Print what is not as it should be."""
    for line in lines:
        out.print(line, style="bold red", markup=False)


def speed(out: Console, measured: Speed, total: float) -> None:
    """Print how fast it went."""
    _heading(out, "How fast")
    for what, seconds in (("in Kafka", measured.published), ("aggregated and judged", measured.detected)):
        rate = measured.samples / seconds
        _plain(out, f"{measured.samples:,} samples {what} in {seconds:.1f} s: {rate:,.0f} samples/s")
    _plain(out, f"the whole demo: {total:.0f} s")


def further(out: Console, lines: Sequence[str]) -> None:
    """Print where to look on."""
    _heading(out, "Where to look further")
    for line in lines:
        _plain(out, line)


def _heading(out: Console, text: str) -> None:
    out.print()
    out.print(text, style="bold", highlight=False)


def _json(out: Console, data: Any) -> None:
    out.print_json(json.dumps(data), indent=2)


def _plain(out: Console, text: str) -> None:
    """Print without markup or wrapping: what is to be copied must be whole."""
    out.print(text, markup=False, highlight=False, soft_wrap=True)
