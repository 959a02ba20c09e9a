"""What schemathesis finds and is right none the less, each with its reason; loaded by schemathesis itself."""

import itertools
import os
import re
from typing import Any

import schemathesis

# What is valid by the document and refused none the less: what the problem names and how its message begins.
RIGHTLY_REFUSED = (
    # A cursor is what a page before handed out for this list in this order: JSON Schema cannot say so.
    ("query.cursor", "this is no `next_cursor` of this list in this order"),
    # A format is all that JSON Schema knows of times: neither their range nor the present.
    ("query.since", "a year from 1900 to 8999 is meant"),
    ("query.until", "a year from 1900 to 8999 is meant"),
    ("body.expires_at", "this is in the past"),
    ("body.until", "send a time from now on, at most 90 days ahead"),
    ("body.until", "a year from 1900 to 8999 is meant"),
    ("body.expires_at", "a year from 1900 to 8999 is meant"),
    ("body.timezone", "this is no IANA time zone"),
    # The format of an address does not know that nobody can have one at a reserved name.
    ("body.email", "value is not a valid email address"),
    *((f"body.{name}", "a year from 1900 to 8999 is meant") for name in ("starts_at", "ends_at", "since")),
    ("body.days.", "a year from 2000 to 2100 is meant"),
    ("query.since", "two years at most are looked back"),
    ("body.since", "two years at most are looked back"),
    # What an assumption may say depends on its metric and its operator.
    ("body.assumption", ""),
    # What two fields say together.
    ("query", "send tier_delta or telemetry_tier, not both"),
    ("body.ends_at", "a time after starts_at is meant"),
    *(("body", f"{source} needs a url_or_reference") for source in ("market_research", "analyst_report")),
    ("body.ends_at", "a window has 90 days at most"),
    ("body.public.last_year", "first_year or later is meant"),
    ("body.days", "a day is named once"),
    # Of 250 countries a list in the document would say no more than ISO 3166-1.
    ("body.public.country", "no holidays are known of this country"),
    # What a rule of a mapping may hold depends on its metric: JSON Schema would need a case for each.
    *(("body.rules.", f"{field}: ") for field in ("metric_name", "as", "match.kind", "numerator_if")),
    # An address is judged by where it leads, a recipient as an address, a secret as what its kind has.
    *((f"body.{part}", "") for part in ("settings", "secrets")),
    # A pattern does not say how long 0h is.
    *(
        (f"body.{name}", "Input should be ")
        for name in ("heartbeat_every", "repeat_every", "escalate_after", "group_wait")
    ),
    ("body.last_day", ""),
    ("body.weekdays", ""),
    # A list of projects that a route names is no project: how calls follow each other is guessed by names.
    ("path.project_id", "Input should be a valid UUID"),
    # How many indicators a decision has depends on its gate, and none of their names comes twice.
    ("body", "a value is not allowed (indicators: "),
    # For JSON Schema 74.0 is an integer, too.
    ("body.", "Input should be a valid integer"),
    # An id of nothing, or of another organisation's thing.
    ("body.", "there is no such "),
    # Who is told when nobody acknowledges is told after some time: what two fields say together.
    ("body.escalate_after", "say after how long `escalate` is told"),
    # Which providers there are is a setting; the test has none, since no id_token can be made up.
    ("body.provider", "this provider is not configured here"),
)

# What DELETE ends and keeps: an archived project, a key that was revoked, a membership that has ended, hours
# that count again.
KEPT = re.compile(r"DELETE /v1/((projects|keys|members)|projects/[^/]+/exclusions)/[^/]+")


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Return whether a failure stands."""
    del context
    if type(failure).__name__ == "UseAfterFree":
        return not KEPT.fullmatch(failure.free)
    # A new project has no calendar: that is what 404 says of it.
    if type(failure).__name__ == "EnsureResourceAvailability":
        return not str(failure.not_available_with).endswith("/holidays")
    return not (type(failure).__name__ == "RejectedPositiveData" and _rightly(case, response))


def _rightly(case: Any, response: Any) -> bool:
    # What it takes for an optional If-Match in a pinch, whatever the pattern.
    if (case.headers or {}).get("If-Match") == "0":
        return True
    if response.status_code == 412:  # an ETag is what a response before carried
        return True
    return response.status_code == 422 and all(map(_is_excused, response.json()["errors"]))


def _is_excused(error: dict[str, str]) -> bool:
    return any(
        error["path"].startswith(path) and error["message"].startswith(message)
        for path, message in RIGHTLY_REFUSED
    )


# What is there (tests/world), by the parameter that names it: without it every path would end in 404.
THERE = {
    "workspace_id": ("WORKSPACE",),
    "project_id": ("PROJECT",),
    "artifact_id": ("DRAFT", "APPROVED"),
    "assumption_id": ("ASSUMPTION",),
    "report_id": ("REPORT",),
    "key_id": ("KEY",),
    "user_id": ("MEMBER",),
    "exclusion_id": ("EXCLUSION",),
    "decision_id": ("DECISION",),
    "evidence_id": ("IN_REVIEW", "EVIDENCE"),
    "execution_id": ("EXECUTION",),
    "channel_id": ("CHANNEL",),
    "route_id": ("ROUTE",),
    "delivery_id": ("DELIVERY",),
    "silence_id": ("SILENCE",),
    "window_id": ("WINDOW",),
}
STRAYS = 5
"""One in so many calls keeps the ids that were made up, or drawn from elsewhere."""
_calls = itertools.count()


def _aim(case: Any, number: int) -> None:
    """Name what is there, in its version as it is; a sequence of calls names what it has made itself."""
    if case.meta.phase.name.value == "stateful" or number % STRAYS == 0:
        return
    # A channel, a route or a window that is removed is gone for all calls that follow.
    gone = {"channel_id", "route_id", "window_id"} & (case.path_parameters or {}).keys()
    if case.method == "DELETE" and gone:
        return
    for name in (case.path_parameters or {}).keys() & THERE.keys():
        case.path_parameters[name] = os.environ[THERE[name][number % len(THERE[name])]]
    if "If-Match" not in (case.headers or {}):
        return
    if case.method == "PUT" and number % 2:  # what it makes has no version yet
        del case.headers["If-Match"]
    else:
        case.headers["If-Match"] = "*"


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Keep a right request from being in its own way; a wrong one is sent as it is."""
    del context, kwargs
    if not case.meta.generation.mode.is_positive:
        return
    number = next(_calls)
    _aim(case, number)
    # Under the document's example of a key only the first POST would be done.
    if "Idempotency-Key" in (case.headers or {}):
        case.headers["Idempotency-Key"] = f"call-{number}"
    # Who ends their own membership learns nothing more.
    if case.path.startswith("/v1/members/") and case.path_parameters["user_id"] == os.environ["CALLER"]:
        case.path_parameters["user_id"] = os.environ["MEMBER"]
