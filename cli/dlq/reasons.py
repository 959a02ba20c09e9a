"""What each reason of refusal means, and what to do about it (docs/dead-letters.md has the same)."""

from typing import NamedTuple

from streams.wire import Reason


class Words(NamedTuple):
    """A reason in words, and the way out."""

    means: str
    do: str


_BYTES = "Mend the app and let it send the data again: a replay of these bytes is refused again."

REASONS = {
    Reason.NOT_JSON: Words("the record is not JSON, or no request that can be read", _BYTES),
    Reason.BAD_SCHEMA: Words("a field is missing, has another type, or goes with no other", _BYTES),
    Reason.UNKNOWN_ORG: Words(
        "there is no such organisation", "Make the organisation with that id, or mend the app; then replay."
    ),
    Reason.UNKNOWN_PROJECT: Words(
        "the organisation has no such project, or it is archived",
        "Make the project or take it out of the archive; then replay.",
    ),
    Reason.UNKNOWN_METRIC: Words("metric_name is none of the six", _BYTES),
    Reason.BAD_VALUE: Words("the value, or `of`, is outside of what its metric allows", _BYTES),
    Reason.BAD_UNIT: Words("the unit is not that of the metric", _BYTES),
    Reason.BAD_TIMESTAMP: Words("the timestamp is neither RFC 3339 nor epoch seconds", _BYTES),
    Reason.FUTURE: Words(
        "the sample lay further ahead than AUGENTIS_FUTURE_TOLERANCE when the broker had it",
        "Set the app's clock right. When the time has come, or the tolerance is raised, replay.",
    ),
    Reason.TOO_LATE: Words(
        "the sample lay further behind its project than AUGENTIS_LATENESS, or than what is kept",
        "Replay with --to backfill_metrics: history is counted however old, and pages nobody.",
    ),
    Reason.TOO_LARGE: Words(
        "the message has more bytes or samples than AUGENTIS_MAX_MESSAGE_BYTES and _MAX_SAMPLES allow",
        "Let the app send smaller batches; or raise the setting for workers and this command, and replay.",
    ),
    Reason.TOO_MANY_SERIES: Words(
        "the project has as many series as it may: often a cohort or feature made of user ids",
        "Mend the app, or raise AUGENTIS_MAX_SERIES; then replay.",
    ),
    Reason.TENANT_MISMATCH: Words(
        "the body names another tenant than the ingest key, the stamp or the topic",
        "Find out whose it is. If the body is right, replay with --project.",
    ),
    Reason.BAD_KEY: Words(
        "the ingest key is missing, unknown, revoked or expired, or may not publish",
        "Give the app a key that is good. If you know that the data is the project's, replay with --project.",
    ),
    Reason.OVER_QUOTA: Words("the key's quota was used up", "Raise the key's quota; then replay."),
    Reason.UNMAPPED: Words(
        "no rule of the project's mapping is about anything in the OTLP request",
        "Add a rule to the project's mapping; then replay.",
    ),
}
"""By reason; the closed list of interfaces.md."""

CAUSES = {
    "unproven": "nothing but the bytes says whose it is: vouch for it with --project",
    "no_tenant": "the bytes name no organisation and project: say whose it is with --project",
    "otlp_history": "backfill_metrics takes raw messages, no OTLP requests",
    "not_in_kafka": "the letter is not in its topic: not sent there yet (is a relay running?), or expired",
}
"""Why a letter cannot be replayed, beside the reasons of refusal that would meet it again."""


def in_words(cause: str) -> str:
    """Return why a letter cannot be replayed."""
    return CAUSES.get(cause) or f"it would be refused again: {REASONS[Reason(cause)].means}"
