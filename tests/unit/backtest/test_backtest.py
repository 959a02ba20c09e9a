"""`augentis backtest` on files: the fold of production, day by day, and errors that say which row."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from cli.main import run
from detectors.assumptions import Assumption
from detectors.days import DayBatch, Hour
from detectors.local_days import ONE_DAY, day_of, day_start
from detectors.sequential import Status, Test, fold

ZONE = ZoneInfo("Europe/Berlin")
# Both changes of the clocks lie within.
FIRST, DAYS = date(2026, 3, 1), 260
ADOPTION = {"key": "adoption", "metric_name": "user_adoption", "operator": ">=", "value": 60.0}


def telemetry(series: int = 3) -> pd.DataFrame:
    """Series on their bound until day 120; then the second falls for 60 days, and the third is silent."""
    random = np.random.default_rng(7)
    begin, end = day_start(FIRST, ZONE), day_start(FIRST + timedelta(days=DAYS), ZONE)
    hours = pd.date_range(begin, end, freq="h", inclusive="left")
    day = np.array([(day_of(hour.to_pydatetime(), ZONE) - FIRST).days for hour in hours])
    frames = []
    for number in range(series):
        level = np.where((number == 1) & (day >= 120) & (day < 180), 0.5, 0.63)
        users = random.poisson(150, len(hours))
        frame = pd.DataFrame({"timestamp": hours, "series": f"s{number}", "sample_count": users})
        frame["metric_value"] = 100 * random.binomial(users, level) / users
        there = random.random(len(hours)) < 0.98
        frames.append(frame[there & ~((number == 2) & (day >= 120) & (day < 125))])
    return pd.concat(frames)


def expected(frame: pd.DataFrame, name: str) -> list[tuple[str, str, str]]:
    """What the fold of one series says, day by day."""
    test = Test.of(Assumption.model_validate(ADOPTION), 0.1)
    state, before, found = test.start(), Status.LEARNING, []
    mine = frame[frame["series"] == name]
    days = dict(list(mine.groupby(mine["timestamp"].dt.tz_convert(ZONE).dt.date)))
    for number in range(DAYS):
        day = FIRST + timedelta(days=number)
        rows = days.get(day, mine[:0])
        columns = (rows["timestamp"].dt.to_pydatetime(), rows["metric_value"], rows["sample_count"])
        hours = tuple(Hour(*each) for each in zip(*columns, strict=True))
        batch = DayBatch(day, day_start(day + ONE_DAY, ZONE), hours, 0, int(rows["sample_count"].sum()))
        state, verdict = fold(test, state, batch)
        events = {"notify": verdict.notify, "resolve": verdict.resolve}
        events["no_data"] = verdict.status is Status.NO_DATA is not before
        events["watch"] = verdict.status is Status.WATCH is not before
        before = verdict.status
        at = f"{verdict.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        found += [(at, event, str(verdict.status)) for event, there in events.items() if there]
    return found


class Backtest:
    """The command on files of this test's."""

    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._home, self._capsys = home, capsys
        self.err = ""

    def __call__(
        self, frame: pd.DataFrame | str, item: object = ADOPTION, *more: str
    ) -> list[dict[str, Any]]:
        assumption, rows = self._home / "a.json", self._home / "t.csv"
        assumption.write_text(json.dumps(item))
        if isinstance(frame, str):
            rows.write_text(frame)
        else:
            frame.to_csv(rows, index=False)
        files = ("--assumption", str(assumption), "--telemetry", str(rows))
        self.code = run(["backtest", *files, "--format", "json", "--timezone", "Europe/Berlin", *more])
        out, self.err = self._capsys.readouterr()
        return [json.loads(line) for line in out.splitlines()]


@pytest.fixture
def backtest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Backtest:
    return Backtest(tmp_path, capsys)


def test_it_says_what_the_fold_of_each_series_says(backtest: Backtest):
    frame = telemetry()
    found = backtest(frame.sample(frac=1, random_state=1))
    assert backtest.code == 0
    assert [(each["at"], each["series"]) for each in found] == sorted(
        (each["at"], each["series"]) for each in found
    )
    for name in ("s0", "s1", "s2"):
        mine = [(each["at"], each["event"], each["state"]) for each in found if each["series"] == name]
        assert mine == expected(frame, name)
    assert {each["event"] for each in found if each["series"] == "s1"} >= {"notify", "resolve"}
    assert [each["event"] for each in found if each["series"] == "s2"] == ["no_data"]
    (notify,) = (each for each in found if each["event"] == "notify")
    assert notify["gap"] == pytest.approx(-1 / 6, abs=0.02)  # of the days since the break alone
    assert notify["e_value"] > 1000


def test_a_watch_is_told_once_whatever_days_are_silent_in_it(backtest: Backtest):
    frame = telemetry(1)
    frame["metric_value"] -= 4.6
    watches = [each["at"] for each in backtest(frame) if each["event"] == "watch"]
    day = frame["timestamp"].dt.tz_convert(ZONE).dt.date
    began = datetime.fromisoformat(watches[0]).astimezone(ZONE).date()
    silent = backtest(frame[day != began])
    assert [(each["at"], each["event"]) for each in silent[:2]] == [
        (watches[0], "watch"),
        (f"{day_start(began + ONE_DAY, ZONE):%Y-%m-%dT%H:%M:%SZ}", "no_data"),
    ]
    assert [each["at"] for each in silent if each["event"] == "watch"][:2] == watches[:2]


def test_cohorts_of_an_hour_are_one_and_can_be_told_apart(backtest: Backtest):
    frame = telemetry(2)
    merged = backtest(frame.rename(columns={"series": "cohort"}))
    alone = backtest(frame.rename(columns={"series": "cohort"}), ADOPTION | {"cohort": "s1"})
    assert [each["event"] for each in alone] == [e for _, e, _ in expected(frame, "s1")]
    assert {each["series"] for each in merged + alone} == {""}
    assert merged != alone


def test_it_begins_with_what_is_effective_and_the_grace(backtest: Backtest):
    frame = telemetry(2)
    late = ADOPTION | {"effective_from": "2026-07-20T10:00:00+02:00", "launch_grace_days": 30}
    found = backtest(frame, late)
    # It fell at the end of June and is told on the first days that are folded.
    assert [each["at"][:7] for each in found if each["event"] == "notify"] == ["2026-08"]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("timestamp,metric_value\n2026-11-01T10:00:00Z,1\n", "column sample_count is missing"),
        ("timestamp,metric_value,sample_count\nyesterday,1,1\n", "row 1: timestamp 'yesterday' is no time"),
        ("timestamp,metric_value,sample_count\n2026-11-01T10:30:00Z,1,1\n", "not the start of an hour"),
        ("timestamp,metric_value,sample_count\n2026-11-01T10:00:00Z,much,1\n", "metric_value much is no"),
        ("timestamp,metric_value,sample_count\n2026-11-01T10:00:00Z,1,-1\n", "sample_count -1"),
        ("timestamp,metric_value,sample_count\n2026-11-01T10:00:00Z,1,1\n", "no day is complete"),
        ("timestamp,metric_value,sample_count\n", "there are no rows"),
        (
            "timestamp,metric_value,sample_count\n"
            + "2026-11-01T10:00:00Z,1,1\n" * 2
            + "2026-11-01T22:00:00Z,1,1\n",
            "row 2: timestamp '2026-11-01T10:00:00Z' is given twice",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_said_with_its_row(backtest: Backtest, rows: str, words: str):
    assert backtest(rows) == []
    assert backtest.code == 2
    assert words in backtest.err


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (ADOPTION | {"value": 160.0}, "assumption.value: 160 is outside"),
        (ADOPTION | {"unit": "elasticity"}, "an elasticity is estimated from prices"),
        (ADOPTION | {"unit": "share", "cohort": "mainstream"}, "share of users needs who they were"),
        (ADOPTION | {"valeu": 1}, "unknown field"),
    ],
)
def test_an_assumption_that_cannot_be_tested_is_said_with_its_path(
    backtest: Backtest, item: dict[str, object], words: str
):
    now = datetime(2026, 11, 2, 22, tzinfo=UTC)
    row = f"timestamp,metric_value,sample_count\n{now:%Y-%m-%dT%H:00:00Z},1,1\n"
    assert backtest(row, item) == []
    assert backtest.code == 2
    assert words in backtest.err
