"""How soon silence is noticed, and how often there is none where it is: simulated products, seeded.

    python -m benchmarks.silence

Each rhythm stops 50 times, at any hour of the sixth week; then it goes on for ten years without a stop.
"""

import math
import random
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from detectors.silence import ONE_HOUR, REST, WINDOW, Habit, hours_between, learned

BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(2026, 1, 5, tzinfo=UTC)
STOPS, YEARS = 50, 10
Chance = Callable[[datetime], float]
"""How probable it is that something comes in an hour (of local time)."""


def _few_people(hour: datetime) -> float:
    """About 20 visits a day, most by day, half as many at weekends."""
    rate = (1.3 if 8 <= hour.hour < 22 else 0.1) * (0.5 if hour.weekday() > 4 else 1)
    return 1 - math.exp(-rate)


RHYTHMS: dict[str, Chance] = {
    "always": lambda _: 1,
    "by day, 8 to 22": lambda hour: 8 <= hour.hour < 22,
    "on weekdays, 9 to 18": lambda hour: hour.weekday() < 5 and 9 <= hour.hour < 18,
    "few visits, about 20 a day": _few_people,
    "in 30 % of hours, at random": lambda _: 0.3,
    "a job once a day": lambda hour: hour.hour == 2,
}


def alarms(hours: Iterable[datetime], chance: Chance, rng: random.Random) -> Iterator[timedelta]:
    """Yield, of each silence that is told, how long it had lasted then."""
    came: list[datetime] = []
    missed: list[datetime] = []
    habit: Habit | None = None
    told = False
    for hour in hours:
        if rng.random() < chance(hour.astimezone(BERLIN)):
            came.append(hour)
            missed, habit, told = [], None, False
            continue
        missed.append(hour)
        if told or not came or hour - came[-1] < REST:
            continue
        habit = habit or learned(came[-WINDOW // ONE_HOUR :], BERLIN)
        if habit and habit.is_broken(missed):
            told = True
            yield hour - came[-1]


def false_alarms(chance: Chance, weeks: int, rng: random.Random) -> int:
    """Return how often a product that goes on as ever was taken for silent."""
    return len(list(alarms(hours_between(START, START + timedelta(weeks=weeks)), chance, rng)))


def delay(chance: Chance, rng: random.Random) -> timedelta:
    """Return how long after its last hour it was noticed that a product stopped, in the sixth week."""
    stop = START + timedelta(weeks=5, hours=rng.randrange(168))
    hours = hours_between(START, stop + timedelta(days=28))
    return list(alarms(hours, lambda hour: hour < stop and chance(hour), rng))[-1]


def main() -> None:
    """Print a table."""
    rng = random.Random(20261124)
    print(
        f"{'rhythm':30} {'noticed after, median':>22} {'at worst':>18} {f'false alarms in {YEARS} years':>26}"
    )
    for name, chance in RHYTHMS.items():
        found = [delay(chance, rng).total_seconds() for _ in range(STOPS)]
        usual, worst = timedelta(seconds=median(found)), timedelta(seconds=max(found))
        print(f"{name:30} {usual!s:>22} {worst!s:>18} {false_alarms(chance, 52 * YEARS, rng):>26}")


if __name__ == "__main__":
    main()
