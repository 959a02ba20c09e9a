"""DataModel.md 7: what a gate's decision comes to, which gate it is of, and where the project stands then."""

import json
import random
from fractions import Fraction
from math import floor

import pytest
from sqlalchemy.exc import DBAPIError

from tests.databases import Database
from tests.rules.gates import AT, CHECKED, INSERT, SIZES, STATUS, Site, run
from tests.world import indicators

HALF = Fraction(1, 2)
NEXT = {"VRC": "DEFINE", "VCD": "DESIGN", "DSP": "DEVELOP", "MDP": "DEPLOY"}


def looked_at(count: int, total: int, chance: random.Random) -> list[dict[str, object]]:
    """Return `count` indicators whose scores come to `total`, scattered."""
    scores = [0] * count
    for _ in range(total):
        free = [n for n in range(count) if scores[n] < 100]
        scores[chance.choice(free)] += 1
    return [{"name": f"i{n}", "score": score} for n, score in enumerate(scores)]


@pytest.mark.parametrize("phase", SIZES)
async def test_every_mean_there_is_is_rounded_half_up(shared: Database, phase: str):
    size, chance = SIZES[phase], random.Random(7)
    cases = [indicators(size, total) for total in range(100 * size + 1)]
    cases += [looked_at(size, chance.randrange(100 * size + 1), chance) for _ in range(50)]
    means = [Fraction(sum(int(str(i["score"])) for i in case), size) for case in cases]
    query = "SELECT gate_score($1, i::jsonb) FROM unnest($2::text[]) WITH ORDINALITY AS c (i, n) ORDER BY n"
    async with shared.superuser() as connection:
        found = await connection.fetch(query, phase, [json.dumps(case) for case in cases])
    assert [row[0] for row in found] == [floor(mean + HALF) for mean in means]


# At each gate the sums about each bound: an exact half counts up, the sum below it does not.
BOUNDS = [
    *(("VRC", 1510, 76, "PASS"), ("VRC", 1509, 75, "CONDITIONAL"), ("VRC", 2000, 100, "PASS")),
    *(("VRC", 990, 50, "CONDITIONAL"), ("VRC", 989, 49, "FAIL"), ("VRC", 0, 0, "FAIL")),
    *(("VCD", 745, 75, "PASS"), ("VCD", 744, 74, "CONDITIONAL")),
    *(("VCD", 495, 50, "CONDITIONAL"), ("VCD", 494, 49, "FAIL")),
    *(("DSP", 636, 80, "PASS"), ("DSP", 635, 79, "CONDITIONAL")),
    *(("DSP", 396, 50, "CONDITIONAL"), ("DSP", 395, 49, "FAIL")),
    *(("MDP", 507, 85, "PASS"), ("MDP", 506, 84, "CONDITIONAL")),
    *(("MDP", 297, 50, "CONDITIONAL"), ("MDP", 296, 49, "FAIL")),
]


async def test_a_decision_follows_from_its_score_and_the_project_from_the_decision(site: Site):
    thresholds = {"VRC": 76, "VCD": 75, "DSP": 80, "MDP": 85}
    for phase, total, score, decision in BOUNDS:
        await site.put(AT[phase])
        made = await site.decide(phase, total)
        case = (phase, total)
        assert (made.score, made.target_threshold, made.decision) == (score, thresholds[phase], decision), (
            case
        )
        assert made.decided_by == site.team.people["eva"]
        assert (made.override_by, made.override_at, made.version) == (None, None, 1)
        reached = NEXT[phase] if decision == "PASS" else AT[phase]
        assert await site.stands() == (reached, STATUS[decision]), case


async def test_decisions_of_a_project_come_one_after_the_other(site: Site):
    made = [await site.decide("VRC", 1200) for _ in range(3)]
    moments = [each.decided_at for each in made]
    assert moments == sorted(set(moments))
    # Even if the clock stood still, or went back.
    far = "UPDATE phase_gate_decision SET decided_at = '2100-01-01Z' WHERE id = $1"
    async with site.database.superuser() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(far, made[2].id)
    last = await site.decide("VRC", 1200)
    assert (last.decided_at.year, last.decided_at.microsecond) == (2100, 1)


def one(**changed: object) -> list[dict[str, object]]:
    """Return good indicators of VRC, of which one is changed."""
    first, *others = indicators(20, 1200)
    return [{**first, **changed}, *others]


BAD: dict[str, object] = {
    "19": indicators(19, 1200),
    "21": indicators(21, 1200),
    "none": [],
    "an object": {"indicators": indicators(20, 1200)},
    "null": None,
    "a text": "many",
    "numbers": [60] * 20,
    "lists": [["a", 60]] * 20,
    "below": one(score=-1),
    "above": one(score=101),
    "far above": one(score=10**30),
    "a fraction": one(score=60.5),
    "a whole number as a fraction": one(score=60.0),
    "a score as text": one(score="60"),
    "a score that is true": one(score=True),
    "a score that is null": one(score=None),
    "no score": [{"name": str(n)} for n in range(20)],
    "no name": [{"score": 60} for _ in range(20)],
    "an empty name": one(name=""),
    "a long name": one(name="ä" * 101),
    "a name that is a number": one(name=1),
    "a name that is null": one(name=None),
    "the same name twice": one(name="indicator_1"),
    "more than name and score": one(weight=2),
}
GOOD: dict[str, object] = {
    "as it is": one(),
    "the least": one(score=0),
    "the most": one(score=100),
    "a short name": one(name="x"),
    "a name of 100": one(name="ä" * 100),
    "names that differ by their case": one(name="INDICATOR_1"),
    "in any order": [{"score": 60, "name": str(n)} for n in range(20)],
}


async def test_indicators_are_as_many_as_the_gate_takes_each_a_name_and_a_whole_score(site: Site):
    async with site.sessions.open(site.team.claims("eva")) as session:
        for case, sent in (GOOD | BAD).items():
            named = site.named(indicators=json.dumps(sent))
            assert await run(session, INSERT, **named) == (CHECKED if case in BAD else None), case
        named = site.named(phase="MDP")
        assert await run(session, INSERT, **{**named, "phase": "XXX"}) == CHECKED
        await session.rollback()


@pytest.mark.parametrize("stands", [*AT.values(), "DEPLOY"])
async def test_the_gate_is_that_of_the_projects_phase(site: Site, stands: str):
    await site.put(stands)
    refused = {phase: await site.tried(phase, 0) for phase in SIZES}
    assert refused == {phase: None if AT[phase] == stands else "AG016" for phase in SIZES}


async def test_who_is_at_another_gate_is_told_which_one(site: Site):
    with pytest.raises(
        DBAPIError, match="the project is in DISCOVER, and VCD is the gate of DEFINE: decide on VRC"
    ):
        await site.decide("VCD", 0)
    await site.put("DEPLOY")
    with pytest.raises(DBAPIError, match="no gate is ahead of it"):
        await site.decide("MDP", 0)


async def test_an_archived_project_is_decided_on_no_more(site: Site):
    archive = "UPDATE project SET is_archived = $2 WHERE id = $1"
    decision = await site.decide("VRC", 1200)
    await site.team.fetch(archive, site.team.project, True)
    assert await site.tried("VRC", 1200) == "AG018"
    assert await site.refused(decision.id) == "AG018"
    await site.team.fetch(archive, site.team.project, False)
    assert await site.tried("VRC", 1200) is None
