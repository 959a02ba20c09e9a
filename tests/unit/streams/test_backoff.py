"""When something is tried again: bounds and growth, whatever chance says."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settings import Settings
from storage.delivering import Head, Lane
from storage.tables.channels import CHANNEL_KINDS
from streams.backoff import FIRST, LONGEST, TRIES, Bucket, Circuit, asked, patience, wait
from streams.channels.parcel import Outcome
from streams.fates import AT_ONCE, allowed, fate, standing
from streams.trials import said

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY, ZERO = timedelta(days=1), timedelta(0)
CHANCES = st.floats(0, 1, exclude_max=True)
FAILURES = st.sampled_from(["retry", "refused"])
FAILED = Outcome("retry", "status 503")
REFUSED = Outcome("refused", "status 404")
TAKEN = Outcome("accepted", "status 204")


def lane(**more: Any) -> Lane:
    plain = Lane(
        org_id=UUID(int=1),
        channel_id=UUID(int=2),
        lease=UUID(int=3),
        at=NOW,
        failures=0,
        tokens=0.0,
        tokens_at=None,
        org_slug="acme",
        version=1,
        kind="webhook",
        name="on call",
        settings={},
        sealed=None,
        rate_per_minute=60,
        closed=None,
    )
    return replace(plain, **more)


def head(kind: str = "detected", attempts: int = 0) -> Head:
    return Head(uuid4(), uuid4(), kind, b"{}", {}, attempts, NOW, NOW)


@given(failure=FAILURES, attempts=st.integers(1, 10**6), chance=CHANCES)
def test_a_wait_is_any_part_of_what_doubles_up_to_an_hour(failure, attempts, chance):
    most = min(FIRST[failure] * 2 ** min(attempts - 1, 30), LONGEST)
    assert ZERO <= wait(failure, attempts, chance) <= most
    assert wait(failure, attempts, 0.5) == most / 2
    assert wait(failure, attempts, 0.0) == ZERO


@given(asked_for=st.timedeltas(-DAY, DAY))
def test_what_a_receiver_asks_for_is_kept_to_up_to_an_hour(asked_for):
    kept = asked(asked_for)
    assert ZERO <= kept <= LONGEST
    assert kept == asked_for or asked_for < ZERO or asked_for > LONGEST
    told = fate(head(), Outcome("retry", "status 429", asked_for), ZERO, DAY, 0.0)
    assert told.wait is not None
    assert told.wait >= kept


def test_what_is_refused_is_tried_more_slowly_and_not_for_so_long():
    for attempts in range(1, 8):
        assert wait("refused", attempts, 0.9) > wait("retry", attempts, 0.9)
    assert patience("refused", DAY) == timedelta(hours=2) < patience("retry", DAY) == DAY


@pytest.mark.parametrize(("outcome", "longest"), [(FAILED, DAY), (REFUSED, timedelta(hours=2))])
def test_the_last_attempt_is_when_patience_ends(outcome, longest):
    minute = timedelta(minutes=1)
    before = fate(head(attempts=60), outcome, longest - minute, DAY, 0.99)
    assert (before.status, before.wait) == ("PENDING", minute)
    after = fate(head(attempts=60), outcome, longest, DAY, 0.99)
    assert (after.status, after.error) == ("DEAD", f"given up after 61 attempts: {outcome.said}")


def test_a_test_is_tried_once():
    assert fate(head("test"), FAILED, ZERO, DAY, 0.5).status == "DEAD"
    assert fate(head("test"), TAKEN, ZERO, DAY, 0.5).status == "SENT"


@pytest.mark.parametrize("kind", CHANNEL_KINDS)
def test_what_a_test_says_is_the_same_however_often_it_is_made(kind, tmp_path):
    to = lane(kind=kind, name="on\ncall", settings={"to": ["team@acme.example"]})
    asked_for, settings = head("test"), Settings(AUGENTIS_HOME=tmp_path)
    made = [said(to, asked_for, settings) for _ in range(2)]
    assert made[0] == made[1]
    assert b"on call" in made[0].body
    assert made[0].headers["content-type"]


def test_a_circuit_opens_after_failures_in_a_row_and_closes_by_one_that_is_taken():
    circuit = Circuit(0)
    for _ in range(TRIES - 1):
        circuit = circuit.after(0, 1)
        assert circuit.open_for(0.9) is None
    circuit = circuit.after(0, 1)
    assert circuit.tries_one
    spans = []
    for _ in range(30):
        least, most = circuit.open_for(0.0), circuit.open_for(0.5)
        assert least
        assert most == least * 1.5
        spans.append(least)
        circuit = circuit.after(0, 1)
    assert spans == sorted(spans)
    assert spans[-1] == LONGEST / 2
    assert Circuit(TRIES + 3).after(1, 9) == Circuit(0)
    assert Circuit(3).after(0, 0) == Circuit(3)
    # Fifty that fail at once are one failure of the receiver.
    assert Circuit(0).after(0, 50) == Circuit(TRIES)
    assert Circuit(TRIES).after(0, 50) == Circuit(TRIES + 1)


@given(rate=st.integers(1, 6000), seconds=st.lists(st.floats(0, 60), min_size=1, max_size=50))
def test_a_bucket_lets_through_its_rate_and_a_burst(rate, seconds):
    bucket, now, sent = Bucket(rate, 0.0, None), NOW, 0
    for step in seconds:
        now += timedelta(seconds=step)
        bucket = bucket.filled(now)
        taken = int(bucket.tokens)
        bucket, sent = bucket.spent(taken), sent + taken
        assert bucket.tokens < 1
        refilled = bucket.filled(now + bucket.wait + timedelta(microseconds=1))
        assert int(refilled.tokens + 1e-6) >= 1
    assert sent <= max(1, rate / 6) + (now - NOW).total_seconds() * rate / 60 + 1e-6


def test_how_many_go_out_at_once():
    assert allowed(lane(rate_per_minute=6000)) == AT_ONCE
    assert allowed(lane()) == 10
    assert allowed(lane(tokens=0.4, tokens_at=NOW)) == 0
    assert allowed(lane(failures=TRIES)) == 1
    assert allowed(lane(closed="the channel was deleted")) == 0


def test_what_waits_too_long_is_given_up_where_the_circuit_is_open_alone():
    tried = [(head(), FAILED), (head(), REFUSED)]
    below = standing(lane(failures=TRIES - 3), tried, 2, DAY, 0.5)
    assert (below.failures, below.open_for, below.given_up_before) == (TRIES - 1, None, None)
    opened = standing(lane(failures=TRIES - 2), tried, 2, DAY, 0.5)
    assert opened.open_for
    assert opened.given_up_before == NOW - DAY
    refused = standing(lane(failures=TRIES), [(head(), REFUSED)], 1, DAY, 0.5)
    assert refused.given_up_before == NOW - timedelta(hours=2)
    mixed = standing(lane(failures=99), [*tried, (head(), TAKEN)], 3, DAY, 0.5)
    assert (mixed.failures, mixed.open_for, mixed.given_up_before) == (0, None, None)


def test_a_channel_that_is_gone_or_closed_is_told_with_the_reason():
    gone = standing(lane(), [(head(), Outcome("gone", "status 410")), (head(), TAKEN)], 2, DAY, 0.5)
    assert (gone.gone, gone.given_up_before) == ("status 410", None)
    closed = standing(lane(closed="the channel was deleted"), [], 0, DAY, 0.5)
    assert closed.why == "the channel was deleted"
    assert closed.given_up_before
    assert closed.given_up_before > NOW


def test_a_lane_rests_for_as_long_as_a_receiver_asks():
    slow = [(head(), Outcome("retry", "status 429", timedelta(seconds=s))) for s in (3, 30, 9)]
    stands = standing(lane(), slow, 3, DAY, 0.5)
    assert stands.rest == timedelta(seconds=30)
    assert (stands.tokens, stands.refill) == (7.0, ZERO)
    assert standing(lane(tokens=0.25, tokens_at=NOW), [], 0, DAY, 0.5).refill == timedelta(seconds=0.75)
