"""What is told through random histories."""

from collections import Counter
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from routing.standing import DIGEST, TOLD, gravity
from tests.unit.routing.desk import CHANNELS, DAY, PAGER, PROMETHEUS, TEAM
from tests.unit.routing.histories import ALL, STEPS, STORMY, STORMY_STEPS, History, Steps


@settings(max_examples=100, deadline=None)
@given(STEPS)
def test_no_opening_is_told_twice_and_no_end_without_one(steps: Steps) -> None:
    desk = History(steps).desk
    threads: dict[tuple[UUID, UUID], str] = {}
    heard: set[tuple[UUID, UUID]] = set()
    for _, tell in desk.sent:
        before = threads.get(tell.key, "untold")
        opening = {(tell.channel_id, subject) for subject in tell.subjects}
        if tell.kind == "detected":
            assert not opening & heard, "told twice"
        if tell.kind in ("resolved", "reminder", "reclassified", "acknowledged", "refresh"):
            assert before == "open", f"{tell.kind} of what is {before}"
        threads[tell.key] = "over" if tell.over else "open"
        if tell.over:
            heard -= {pair for pair in heard if desk.told[pair].thread.id == tell.thread.id}
        else:
            heard |= opening


@settings(max_examples=100, deadline=None)
@given(STEPS)
def test_in_the_end_all_know_what_is_open_and_not_held_and_nothing_else(
    steps: Steps,
) -> None:
    history = History(steps)
    history.held = None
    history.desk.channels = dict(CHANNELS)
    history.desk.again(history.now)
    history.pass_until(history.now + DAY)
    history._look()
    desk = history.desk
    open_now = {each.id for each in desk.subjects.values() if each.is_open}
    for channel in desk.route.notify:
        digest = desk.route.cosmetic == "digest"
        # What ended while it waited for a digest is dropped when that is told.
        knows = {
            subject
            for (at_, subject), told in desk.told.items()
            if at_ == channel and (told.state == TOLD or (told.state == DIGEST and subject in open_now))
        }
        assert knows == open_now
        assert digest or all(desk.told[channel, each].state == TOLD for each in open_now)
    # No ledger keeps a key open of which nothing is open.
    state = {tell.key: tell.over for _, tell in desk.sent}
    open_keys = {key for key, over in state.items() if not over}
    lasting = {(told.channel_id, told.thread.id) for told in desk.told.values() if told.state == TOLD}
    assert open_keys == lasting
    assert set(desk.due) == open_now


@settings(max_examples=100, deadline=None)
@given(STEPS, st.sets(st.integers(0, 3000), max_size=20))
def test_looking_more_often_changes_nothing(steps: Steps, extra: set[int]) -> None:
    seldom, often = History(steps).desk, History(steps, extra).desk
    assert often.sent == seldom.sent
    assert often.told == seldom.told


@settings(max_examples=100, deadline=None)
@given(STORMY_STEPS)
def test_in_the_end_all_know_how_bad_it_is_and_no_storm_outlasts_its_reports(steps: Steps) -> None:
    history = History(steps, routes=STORMY)
    history.held = None
    history.desk.channels = dict(CHANNELS)
    history.desk.again(history.now)
    history.pass_until(history.now + DAY)
    history._look()
    desk = history.desk
    lasting = {pair: told for pair, told in desk.told.items() if told.state == TOLD}
    for channel in desk.route.notify:
        assert {each.id for each in desk.subjects.values() if each.is_open} <= {
            subject for at_, subject in lasting if at_ == channel
        }
    for (channel, subject), told in lasting.items():
        assert desk.channels[channel].live
        assert gravity(told.classification) >= gravity(desk.subjects[subject].classification)
    over = {tell.key: tell.over for _, tell in desk.sent}
    members = {(told.channel_id, told.thread.id) for told in lasting.values()}
    storms = {(told.channel_id, told.thread.id) for told in desk.told.values() if told.thread.kind == "storm"}
    assert {key for key in storms if not over[key]} == storms & members
    ledgers = {key for key in over if key[0] in (PAGER, PROMETHEUS)}
    assert {key for key in ledgers if not over[key]} == {
        key for key in members if key[0] in (PAGER, PROMETHEUS)
    }


@settings(max_examples=100, deadline=None)
@given(STORMY_STEPS)
def test_at_one_look_a_channel_hears_less_than_a_storm_of_what_became_worse(steps: Steps) -> None:
    desk = History(steps, routes=STORMY).desk
    heard = Counter(at for at, tell in desk.sent if tell.before and tell.channel_id == TEAM)
    assert all(count < ALL for count in heard.values())


@settings(max_examples=100, deadline=None)
@given(STORMY_STEPS, st.sets(st.integers(0, 3000), max_size=20))
def test_looking_more_often_changes_nothing_of_storms(steps: Steps, extra: set[int]) -> None:
    seldom, often = History(steps, routes=STORMY).desk, History(steps, extra, STORMY).desk
    assert often.sent == seldom.sent
    assert often.told == seldom.told
