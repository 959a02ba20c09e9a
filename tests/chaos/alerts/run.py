"""Reports that open, get worse, end and come back while what tells of them is killed; then the verdict."""

import asyncio
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.chaos.alerts import verdict
from tests.chaos.alerts.cast import GROUP_WAIT, STAGES, Team, batches, ends, new_secret, teams
from tests.chaos.alerts.inbox import Received, received
from tests.chaos.alerts.people import People
from tests.chaos.storm.fleet import Keeper
from tests.streaming import RAW, System, eventually

PATIENT = 600.0
TIMEOUT = "2s"
"""Of a delivery: what the receiver keeps silent about is sent again after that."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """How much of it: `pause` is the mean of seconds between two kills, and between two acts of people."""

    seed: int
    kills: int
    teams: int
    projects: int
    assumptions: int
    pause: float
    trouble: float = 0.2


@dataclass
class Result:
    """What it was, and what did not hold."""

    faults: dict[str, list[str]] = field(default_factory=dict)
    reports: int = 0
    states: Counter[str] = field(default_factory=Counter)
    deliveries: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    repeated: int = 0
    killed: Counter[str] = field(default_factory=Counter)
    people: Counter[str] = field(default_factory=Counter)

    @property
    def right(self) -> bool:
        return not any(self.faults.values())


async def storm(system: System, home: Path, plan: Plan, say: Say) -> Result:
    """Run it, and judge."""
    secret, record, result = new_secret(), home / f"inbox-{plan.seed}.jsonl", Result()
    with inbox(record, secret, plan) as port:
        address = f"http://127.0.0.1:{port}"
        made = await teams(system, home, plan.teams, plan.projects, plan.assumptions, address, secret)
        say(f"{plan.teams * plan.projects * plan.assumptions} assumptions, two workers and two relays")
        people = People(system, made, plan.seed, plan.pause)
        async with fleet(system, f"127.0.0.1:{port}") as keepers:
            monkey = Monkey(keepers, plan, say)
            await _course(system, made, monkey, people)
            await _settled(system, made)
        result.faults["processes"] = [line for keeper in keepers for line in keeper.odd]
    result.killed, result.people = monkey.killed, people.done
    await _judge(system, made, received(record), result)
    return result


@contextmanager
def inbox(record: Path, secret: str, plan: Plan) -> Iterator[int]:
    """Run the receiver for the length of a block; yield its port."""
    arguments = [str(record), "--secret", secret, "--trouble", str(plan.trouble), "--seed", str(plan.seed)]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.chaos.alerts.inbox", *arguments], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


@asynccontextmanager
async def fleet(system: System, allowed: str) -> AsyncIterator[list[Keeper]]:
    """Run two workers and two relays, each started again whenever it ends."""
    more = {
        "AUGENTIS_WEBHOOK_ALLOW": allowed,
        "AUGENTIS_DELIVERY_TIMEOUT": TIMEOUT,
        # Days end by the samples of the next: what is sent after a pause is not late.
        "AUGENTIS_IDLE_AFTER": "2h",
    }
    workers = [Keeper(system, name, ["worker", "--name", name], "", more) for name in ("w1", "w2")]
    keepers = [*workers, *(Keeper(system, name, ["relay"], "", more) for name in ("r1", "r2"))]
    tasks = [asyncio.create_task(keeper.run()) for keeper in keepers]
    try:
        yield keepers
    finally:
        for keeper in keepers:
            keeper.end()
        _, late = await asyncio.wait(tasks, timeout=15)
        for keeper in keepers if late else []:
            keeper.send(signal.SIGKILL)
        await asyncio.gather(*tasks)


class Monkey:
    """Kills one process after the other, at random."""

    def __init__(self, keepers: Sequence[Keeper], plan: Plan, say: Say) -> None:
        self._keepers, self._plan, self._say = keepers, plan, say
        self._random = Random(plan.seed)
        self.killed: Counter[str] = Counter()

    async def run(self, stage: int) -> None:
        """Do a stage's share of the kills."""
        share = self._plan.kills * (stage + 1) // len(STAGES) - self._plan.kills * stage // len(STAGES)
        for _ in range(share):
            await asyncio.sleep(self._random.uniform(0, 2 * self._plan.pause))
            await eventually(lambda: any(each.pid for each in self._keepers))
            keeper = self._random.choice([each for each in self._keepers if each.pid])
            keeper.send(signal.SIGKILL)
            self.killed[keeper.name] += 1
        self._say(f"stage {stage + 1} of {len(STAGES)}: {self.killed.total()} killed so far")


async def _course(system: System, made: Sequence[Team], monkey: Monkey, people: People) -> None:
    over = [False]
    acting = asyncio.create_task(people.run(lambda: over[-1]))
    try:
        for stage in range(len(STAGES)):
            await _send(system, made, stage)
            await asyncio.gather(monkey.run(stage), _folded(system, made, stage))
            assert not acting.done(), acting.exception()
            # What opened in this stage stands open for longer than the group wait.
            await asyncio.sleep(2 * GROUP_WAIT.total_seconds())
    finally:
        over.append(True)
        await acting


async def _send(system: System, made: Sequence[Team], stage: int) -> None:
    """Send the days of a stage; a project keeps to its partition, so that its days follow each other."""
    projects = [(team, project) for team in made for project in team.projects]
    async with system.producer(enable_idempotence=True, linger_ms=20) as producer:
        for number, (team, project) in enumerate(projects):
            for message in batches(team, project, stage):
                await producer.send(RAW, message, partition=number % system.partitions)


async def _folded(system: System, made: Sequence[Team], stage: int) -> None:
    """Wait until detection has taken the last day of a stage for all assumptions."""
    count = sum(len(team.projects) * team.assumptions for team in made)

    async def done() -> bool:
        found: int = await system.value(
            "SELECT count(*) FROM detector_state WHERE org_id = ANY ($1) AND folded_through >= $2",
            *([team.org_id for team in made], ends(stage)),
        )
        return found == count

    await eventually(done, PATIENT, lambda: f"stage {stage}: detection does not come to its last day")


async def _settled(system: System, made: Sequence[Team]) -> None:
    """Wait until nothing is to be looked at now, and nothing waits to be sent."""
    orgs = [team.org_id for team in made]

    async def done() -> bool:
        left: int = await system.value(
            """SELECT (SELECT count(*) FROM alert_due WHERE org_id = ANY ($1) AND due_at <= now())
                    + (SELECT count(*) FROM alert_delivery WHERE org_id = ANY ($1) AND status = 'PENDING')""",
            orgs,
        )
        return left == 0

    await asyncio.sleep(2 * GROUP_WAIT.total_seconds())
    await eventually(done, PATIENT, lambda: "alerts wait that are due")


async def _judge(system: System, made: Sequence[Team], record: list[Received], result: Result) -> None:
    evidence = await verdict.gather(system, [team.org_id for team in made], record)
    result.faults |= verdict.judged(evidence)
    expected = sum(len(team.projects) * team.assumptions for team in made)
    result.reports = len(evidence.reports)
    if result.reports < expected:
        result.faults["reports"] = [f"{result.reports} opened, not {expected}"]
    result.states = Counter(row["state"] for row in evidence.reports.values())
    result.deliveries = Counter(row["kind"] for row in evidence.deliveries)
    result.requests, result.answers = len(record), Counter(each.answer for each in record)
    result.repeated = sum(count > 1 for count in Counter(each.id for each in record).values())
