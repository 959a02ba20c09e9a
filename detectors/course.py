"""The course of an assumption through days: what the daily test says, and what becomes of the breaches.

Pure, and the same in production, at a refold and in a back-test. `advance` takes one complete day; where a
fold stands is a value, and can be kept: folded on from there, the same comes out as from the first day.

A breach found on a day into which history came is historical: nobody is told. The first day without any ends
it and starts to look anew, so that a breach that lasts is told once, on the evidence of live days. One found
in the shadow of an assumption was found on live days: if it lasts, the first day after the shadow tells it,
on the evidence there was.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from detectors.days import DayBatch
from detectors.lanes import WINDOWS
from detectors.local_days import ONE_DAY, ONE_HOUR, day_start
from detectors.rows import join, pick
from detectors.sequential import Days, State, Status, Test, Tests, Verdict, fold_many, glance_many
from detectors.series import POOLED_DAYS
from detectors.verdicts import Lane

SETTLING = POOLED_DAYS * ONE_DAY
"""How long after it was told a breach may still turn out to be worse."""
GROSS_SPAN = WINDOWS[-1] * ONE_HOUR
"""The hours by which a gross breach is told within its day."""
_SAYS_NOTHING = frozenset({Status.NO_DATA, Status.EXCLUDED})


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a verdict rests on, beside its telemetry; by default that of an estimate, which is no test.

    `interval` is a 95 % confidence sequence for the value, in the metric's unit; `days` are the complete
    days behind the verdict; `configuration` is the hash of the test's.
    """

    e_value: float | None = None
    threshold: float | None = None
    interval: tuple[float, float] | None = None
    days: int = 0
    lane: str = "estimate"
    configuration: str | None = None


ESTIMATED = Evidence()


@dataclass(frozen=True, slots=True)
class Breach:
    """A breach: found on `day`, said to be so from `detected_at` on, which it is known by.

    It is clearest from `since` on, roughly when it began; None where the test does not tell. `resolution` is
    what ended it at `ended_at`: None while it lasts.
    """

    day: date
    detected_at: datetime
    evidence: Evidence
    historical: bool = False
    since: datetime | None = None
    ended_at: datetime | None = None
    resolution: str | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """What a course must know beside telemetry.

    `history` are the local days into which some came, `told` the breaches of whom somebody heard before it
    came; up to `shadow_until` nobody hears of any.
    """

    zone: ZoneInfo
    history: frozenset[date] = frozenset()
    told: frozenset[datetime] = frozenset()
    shadow_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a course stands after the day `through`.

    `verdict` is the last that said something; `days` are those that did, `revisions` the sum of the
    revisions of all Telemetry folded. `breaches` are the one that lasts, and those that ended
    on that day. `configuration` is the hash of the test's that made the state: what another test, or another
    method, remembers is nothing to go on from.
    """

    through: date
    state: State
    status: Status = Status.LEARNING
    verdict: Verdict | None = None
    days: int = 0
    revisions: int = 0
    breaches: tuple[Breach, ...] = ()
    configuration: str = ""

    @classmethod
    def before(cls, first: date, test: Test) -> "Standing":
        """Return where a course stands before its first day."""
        return cls(first - ONE_DAY, test.start(), configuration=test.configuration)

    @property
    def open(self) -> Breach | None:
        """The breach that lasts."""
        return next((breach for breach in self.breaches if breach.ended_at is None), None)

    def shown(self) -> dict[str, Any] | None:
        """Return the last verdict that said something as a JSON object, for people."""
        return shown(self.verdict)

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object; floats keep every bit."""
        made: dict[str, Any] = _STANDING.dump_python(self, mode="json")
        return made

    @classmethod
    def from_json(cls, data: Any) -> "Standing":
        """Return the standing that `to_json` gave.

        Raises:
            pydantic.ValidationError: it is another version's, or none at all; fold again from the start.
        """
        return _STANDING.validate_python(data)


_STANDING = TypeAdapter(Standing)
_VERDICT = TypeAdapter(Verdict | None)


def shown(verdict: Verdict | None) -> dict[str, Any] | None:
    """Return a verdict as a JSON object, for people."""
    found: dict[str, Any] | None = _VERDICT.dump_python(verdict, mode="json")
    return found


class Step(NamedTuple):
    """One complete day of one course: the one after `standing.through`, or a later one.

    `revisions` is the sum of the revisions of its Telemetry rows.
    """

    test: Test
    standing: Standing
    batch: DayBatch
    revisions: int
    setting: Setting


def advance(test: Test, standing: Standing, batch: DayBatch, revisions: int, setting: Setting) -> Standing:
    """Take one complete day.

    Raises:
        ValueError: the day is not after the last one folded.
    """
    return advance_many([Step(test, standing, batch, revisions, setting)])[0]


def advance_many(steps: Sequence[Step]) -> list[Standing]:
    """Take one complete day of each of some courses, at least one: the same, to the bit, as one by one.

    Raises:
        ValueError: a day is not after the last one folded.
    """
    stood = [_ready(step) for step in steps]
    days = Days.of([step.batch for step in steps])
    state, verdicts = fold_many(_tests(steps), join([each.state for each in stood]), days)
    return [
        _advanced(step, standing, pick(state, [row]), verdicts.of(row))
        for row, (step, standing) in enumerate(zip(steps, stood, strict=True))
    ]


def _tests(steps: Sequence[Step]) -> Tests:
    return steps[0].test.alone if len(steps) == 1 else Tests.of([step.test for step in steps])


def _ready(step: Step) -> Standing:
    """Return where a course stands as its next day begins."""
    lasting = tuple(each for each in step.standing.breaches if each.ended_at is None)
    standing = replace(step.standing, breaches=lasting, configuration=step.test.configuration)
    return _out_of_history(step.test, standing, step.batch, step.setting)


def _advanced(step: Step, standing: Standing, state: State, verdict: Verdict) -> Standing:
    batch, setting = step.batch, step.setting
    spoke = verdict.status not in _SAYS_NOTHING
    breaches = standing.breaches
    if verdict.notify:
        breaches = (*breaches, _breach(step.test, batch, verdict, standing.days, setting))
    elif verdict.resolve:
        breaches = _ended(standing, batch.ends_at, "data")
    elif spoke:
        breaches = _out_of_shadow(standing, batch, setting)
    return replace(
        standing,
        through=batch.day,
        state=state,
        status=verdict.status,
        verdict=verdict if spoke else standing.verdict,
        days=standing.days + spoke,
        revisions=standing.revisions + step.revisions,
        breaches=breaches,
    )


class Ahead(NamedTuple):
    """A breach that the hours so far of a day show, and the verdict that says so."""

    breach: Breach
    verdict: Verdict


def ahead(test: Test, standing: Standing, batch: DayBatch, setting: Setting) -> Ahead | None:
    """Return the breach that the hours so far of the next day show, None where they show none.

    Gross breaches alone are found so. The day itself, once it is complete, gives the same breach.

    Raises:
        ValueError: the day is not after the last one folded.
    """
    return ahead_many([Step(test, standing, batch, 0, setting)])[0]


def ahead_many(steps: Sequence[Step]) -> list[Ahead | None]:
    """Return what `ahead` does for each of some courses: the same, to the bit."""
    stood = [_out_of_history(step.test, step.standing, step.batch, step.setting) for step in steps]
    seeking = [row for row, standing in enumerate(stood) if not standing.open]
    found: list[Ahead | None] = [None] * len(steps)
    if not seeking:
        return found
    asked = [steps[row] for row in seeking]
    state = join([stood[row].state for row in seeking])
    verdicts = glance_many(_tests(asked), state, Days.of([step.batch for step in asked]))
    for row, verdict in zip(seeking, verdicts, strict=True):
        if verdict:
            step = steps[row]
            found[row] = Ahead(
                _breach(step.test, step.batch, verdict, stood[row].days, step.setting), verdict
            )
    return found


def _breach(test: Test, batch: DayBatch, verdict: Verdict, before: int, setting: Setting) -> Breach:
    """Return the breach that a verdict tells; `before` days were folded before its own."""
    evidence = Evidence(
        e_value=verdict.e_value,
        threshold=verdict.threshold,
        interval=verdict.interval,
        days=before + (verdict.lane is Lane.DAILY),
        lane=str(verdict.lane),
        configuration=test.configuration,
    )
    historical = batch.day in setting.history and verdict.at not in setting.told
    return Breach(batch.day, verdict.at, evidence, historical, _since(verdict, batch, setting.zone))


def _since(verdict: Verdict, batch: DayBatch, zone: ZoneInfo) -> datetime:
    if verdict.lane is Lane.FAST:
        return verdict.at - GROSS_SPAN
    return day_start(batch.day - (max(verdict.interval_days, 1) - 1) * ONE_DAY, zone)


def _ended(standing: Standing, at: datetime, resolution: str) -> tuple[Breach, ...]:
    return tuple(
        replace(each, ended_at=at, resolution=resolution) if each.ended_at is None else each
        for each in standing.breaches
    )


def _out_of_history(test: Test, standing: Standing, batch: DayBatch, setting: Setting) -> Standing:
    lasting = standing.open
    if not (lasting and lasting.historical and batch.hours) or batch.day in setting.history:
        return standing
    breaches = _ended(standing, day_start(batch.day, setting.zone), "live days")
    return replace(standing, state=test.again(standing.state), breaches=breaches)


def _out_of_shadow(standing: Standing, batch: DayBatch, setting: Setting) -> tuple[Breach, ...]:
    lasting, until = standing.open, setting.shadow_until
    if not (lasting and until and lasting.detected_at <= until < batch.ends_at) or lasting.historical:
        return standing.breaches
    ended = _ended(standing, day_start(batch.day, setting.zone), "shadow ended")
    return (*ended, Breach(batch.day, batch.ends_at, lasting.evidence, since=lasting.since))


def checkpoints(first: date, through: date) -> Iterator[date]:
    """Yield the days, oldest first, after which a standing is kept for a course from `first` to `through`.

    The older, the sparser, two for each doubling of the age: a correction of what is n days old costs a fold
    of at most 1.5 n days. What is kept is a function of the two days alone, and no day once dropped is
    wanted again.
    """
    for number in range(first.toordinal(), through.toordinal() + 1):
        if number % _spacing(through.toordinal() - number) == 0:
            yield date.fromordinal(number)


def _spacing(age: int) -> int:
    """Return every how many days, a power of two, a standing of this age is kept."""
    return 1 << max((age // 2).bit_length() - 1, 0)
