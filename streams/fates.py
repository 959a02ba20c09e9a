"""What becomes of deliveries after an attempt, and of the lane that they are in (docs/delivery.md). Pure."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from storage.delivering import EVER, Fate, Head, Lane, Standing
from streams.backoff import Bucket, Circuit, Failure, asked, patience, wait
from streams.channels.parcel import Outcome

Chance = Callable[[], float]
Attempt = tuple[Head, Outcome]
AT_ONCE = 50
"""Heads of one lane that are sent at once."""


def allowed(lane: Lane) -> int:
    """Return how many heads of a lane may be tried now: none of a channel that takes nothing any more."""
    if lane.closed is not None:
        return 0
    if Circuit(lane.failures).tries_one:
        return 1
    return min(AT_ONCE, int(_bucket(lane).tokens))


def fate(head: Head, outcome: Outcome, age: timedelta, give_up: timedelta, chance: float) -> Fate:
    """Return what becomes of a head that waits for `age`."""
    if outcome.verdict == "accepted":
        return Fate(head.id, "SENT")
    if outcome.verdict == "gone":
        return Fate(head.id, "PENDING", outcome.said, timedelta(0))
    if head.kind == "test":
        return Fate(head.id, "DEAD", outcome.said)
    left = patience(outcome.verdict, give_up) - age
    attempts = head.attempts + 1
    if left <= timedelta(0):
        return Fate(head.id, "DEAD", f"given up after {attempts} attempts: {outcome.said}")
    grown = min(wait(outcome.verdict, attempts, chance), left)
    return Fate(head.id, "PENDING", outcome.said, max(grown, asked(outcome.retry_after)))


def fates(lane: Lane, tried: Sequence[Attempt], give_up: timedelta, chance: Chance) -> list[Fate]:
    """Return what becomes of each."""
    return [fate(head, outcome, lane.at - head.pending_since, give_up, chance()) for head, outcome in tried]


def standing(lane: Lane, tried: Sequence[Attempt], taken: int, give_up: timedelta, chance: float) -> Standing:
    """Return where the lane stands after `tried`, of `taken` heads: what has no outcome cost a token too."""
    failed = [outcome for _, outcome in tried if outcome.verdict in ("retry", "refused")]
    accepted = sum(outcome.verdict == "accepted" for _, outcome in tried)
    circuit = Circuit(lane.failures).after(accepted, len(failed))
    bucket = _bucket(lane).spent(taken)
    open_for = circuit.open_for(chance) if failed and not accepted else None
    before, why = _given_up(lane, failed if open_for else [], give_up)
    return Standing(
        circuit.failures,
        open_for,
        bucket.tokens,
        lane.at,
        bucket.wait,
        max((asked(outcome.retry_after) for outcome in failed), default=timedelta(0)),
        before,
        why,
        next((outcome.said for _, outcome in tried if outcome.verdict == "gone"), None),
    )


def _given_up(lane: Lane, failed: Sequence[Outcome], give_up: timedelta) -> tuple[datetime | None, str]:
    """Return since before when what waits in the lane is given up untried, and why."""
    if lane.closed is not None:
        return lane.at + EVER, lane.closed
    if not failed:
        return None, ""
    failure: Failure = "retry" if any(each.verdict == "retry" for each in failed) else "refused"
    return lane.at - patience(failure, give_up), f"given up: its channel takes nothing: {failed[-1].said}"


def _bucket(lane: Lane) -> Bucket:
    return Bucket(lane.rate_per_minute, lane.tokens, lane.tokens_at).filled(lane.at)
