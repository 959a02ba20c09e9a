from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from detectors.assumptions import Assumption
from detectors.exclusions import Exclusions, Window
from detectors.readings import day_batch
from detectors.series import HourRow
from metrics.cell import Cell

START = datetime(2026, 3, 1, tzinfo=UTC)
ZONE = ZoneInfo("UTC")


@pytest.mark.parametrize("unit", ["%", "share"])
def test_hours_that_are_taken_out_count_for_nothing_in_a_day_not_even_as_samples(unit: str):
    item = Assumption.model_validate(
        {
            "key": "a",
            "metric_name": "user_adoption",
            "cohort": "a",
            "operator": ">=",
            "value": 60,
            "unit": unit,
        }
    )
    rows = [
        HourRow(START + timedelta(hours=hour), 1, Cell(value_micro=6, of_micro=10, samples=10), "a")
        for hour in range(24)
    ]
    window = Window(START + timedelta(hours=6), START + timedelta(hours=9))
    whole, part = (
        day_batch(item, START.date(), rows, Exclusions(ZONE, windows), ZONE) for windows in ((), (window,))
    )
    assert (len(whole.hours), whole.samples, whole.excluded) == (24, 240, frozenset())
    assert (len(part.hours), part.samples) == (21, 210)
    assert part.excluded == {START + timedelta(hours=hour) for hour in (6, 7, 8)}
