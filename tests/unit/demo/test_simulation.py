"""The simulation, told to the detector itself: what was planted is there to be found, and nothing else."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from statistics import median

import pytest

from cli.demo.planted import PLANTED, Planted
from cli.demo.product import product_files
from cli.demo.simulation import DAYS, HOURS, simulate, start_of
from cli.publishing.messages import Sample
from detectors.assumptions import Assumption, read_content
from detectors.cascade import Lineage, Node, analyse
from detectors.days import DayBatch, Hour
from detectors.divergence import classify, relative_gap
from detectors.sequential import Test, fold
from detectors.tiers import EvidenceTier, telemetry_tier, tier_delta
from metrics.names import KINDS, Kind, Metric

NOW = datetime(2026, 11, 23, 0, 35, tzinfo=UTC)
ALARMS_PER_YEAR = 1.0  # what an organisation accepts unless it says otherwise


@pytest.fixture(scope="module")
def chunks():
    return list(simulate(NOW, seed=7))


def second(sample: Sample) -> int:
    if isinstance(sample.timestamp, str):
        return int(datetime.fromisoformat(sample.timestamp).timestamp())
    return int(sample.timestamp)


def test_same_seed_same_samples_and_another_seed_others():
    first, again, other = (next(simulate(NOW, seed)) for seed in (7, 7, 8))
    assert first == again
    assert first != other


def test_ends_with_the_last_day_whose_hours_have_settled():
    assert start_of(NOW) == datetime(2026, 10, 11, tzinfo=UTC)
    assert start_of(datetime(2026, 11, 23, 1, 0, tzinfo=UTC)) == datetime(2026, 10, 12, tzinfo=UTC)


def test_spans_six_weeks_in_order_of_event_time_for_each_project(chunks):
    last: dict[str, int] = {}
    start = int(start_of(NOW).timestamp())
    for chunk in chunks:
        seconds = [second(sample) for sample in chunk.samples]
        assert seconds == sorted(seconds)
        assert seconds[0] >= last.get(chunk.project, start)
        last[chunk.project] = seconds[-1]
    assert max(last.values()) < start + HOURS * 3600
    assert max(last.values()) >= start + HOURS * 3600 - 3600
    assert len(last) == 5
    assert {chunk.org for chunk in chunks} == {"meridian", "harbor"}


def test_is_of_the_promised_size_and_variety(chunks):
    samples = [sample for chunk in chunks for sample in chunk.samples]
    assert 400_000 <= len(samples) <= 800_000
    assert {sample.metric_name for sample in samples} == set(Metric)
    assert {sample.cohort for sample in samples} == {"early_adopter", "mainstream", "enterprise"}
    assert len({sample.user_id for sample in samples}) > 5000
    assert {type(sample.timestamp) for sample in samples} == {str, int}


# Aggregation in the plainest way there is, as a reference.


class Cell:
    def __init__(self) -> None:
        self.samples = 0
        self.values: list[float] = []
        self.of = 0.0
        self.users: set[str] = set()
        self.positive: set[str] = set()

    def add(self, sample: Sample) -> None:
        self.samples += 1
        self.values.append(sample.value)
        self.of += sample.of or 0
        if sample.user_id:
            self.users.add(sample.user_id)
            if sample.value:
                self.positive.add(sample.user_id)

    def merge(self, other: "Cell") -> None:
        self.samples += other.samples
        self.values += other.values
        self.of += other.of
        self.users |= other.users
        self.positive |= other.positive

    def value(self, kind: Kind) -> float:
        if kind is Kind.MEDIAN:
            return median(self.values)
        if kind is Kind.SUM:
            return sum(self.values)
        if self.of:
            return 100 * sum(self.values) / self.of
        return 100 * len(self.positive) / len(self.users)

    def weight(self) -> float:
        return self.of or len(self.users) or self.samples


def cells_of(chunks, project: str, assumption: Assumption) -> dict[int, Cell]:
    cells: dict[int, Cell] = defaultdict(Cell)
    for chunk in chunks:
        if chunk.project != project:
            continue
        for sample in chunk.samples:
            if (
                sample.metric_name == assumption.metric_name
                and assumption.cohort in {"", sample.cohort}
                and assumption.feature in {"", sample.feature}
            ):
                cells[second(sample) // 3600].add(sample)
    return cells


def days_of(cells: dict[int, Cell], kind: Kind):
    start = start_of(NOW)
    for number in range(DAYS):
        begin = start + timedelta(days=number)
        first = int(begin.timestamp()) // 3600
        hours = {hour: cells[hour] for hour in range(first, first + 24) if hour in cells}
        users = set().union(*(cell.users for cell in hours.values()))
        yield DayBatch(
            day=date(begin.year, begin.month, begin.day),
            ends_at=begin + timedelta(days=1),
            hours=tuple(
                Hour(datetime.fromtimestamp(hour * 3600, UTC), cell.value(kind), cell.weight())
                for hour, cell in hours.items()
            ),
            users=len(users),
            samples=sum(cell.samples for cell in hours.values()),
        )


def assumptions() -> dict[tuple[str, str], tuple[Assumption, str]]:
    return {
        (project["name"], artifact["key"]): (item, artifact["evidence_tier"])
        for document in product_files()
        for project in document["projects"]
        for artifact in project["artifacts"]
        for item in read_content(artifact["content"]).assumptions
    }


def lineage(project: str) -> Lineage:
    artifacts = next(
        p["artifacts"] for document in product_files() for p in document["projects"] if p["name"] == project
    )
    nodes = {}
    for artifact in artifacts:
        content = read_content(artifact["content"])
        nodes[artifact["key"]] = Node(
            artifact["key"], artifact["type"], features=content.features, modules=content.modules
        )
    edges = [(a["key"], base) for a in artifacts for base in a.get("depends_on", ())]
    return Lineage(nodes, edges)


def pooled_week(cells: dict[int, Cell], day: int) -> Cell:
    last = int(start_of(NOW).timestamp()) // 3600 + 24 * (day + 1)
    pool = Cell()
    for hour in range(last - 24 * min(7, day + 1), last):
        if hour in cells:
            pool.merge(cells[hour])
    return pool


def test_the_files_and_the_plan_name_the_same_assumptions():
    assert {(p.project, p.artifact, p.assumption) for p in PLANTED} == {
        (*where, assumption.key) for where, (assumption, _) in assumptions().items()
    }


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.assumption)
def test_the_detector_says_what_was_planted(chunks, planted: Planted):
    assumption, tier = assumptions()[planted.project, planted.artifact]
    kind = KINDS[assumption.metric_name]
    cells = cells_of(chunks, planted.project, assumption)
    test = Test.of(assumption, ALARMS_PER_YEAR / 5)  # meridian's five share the budget
    state, notified, verdict = test.start(), [], None
    for number, batch in enumerate(days_of(cells, kind)):
        state, verdict = fold(test, state, batch)
        if verdict.notify:
            notified.append(number)
    if planted.finding is None:
        assert notified == []
        assert verdict is not None
        assert (verdict.status == "NO_DATA") == (planted.assumption == "video-visits-adoption")
        return
    assert len(notified) == 1
    if planted.assumption == "order-latency":
        assert 22 <= notified[0] <= 27
    else:
        assert notified[0] < 7
    pool = pooled_week(cells, notified[0])
    actual = pool.value(kind)
    delta = tier_delta(EvidenceTier(tier), telemetry_tier(len(pool.users), pool.samples))
    gap = relative_gap(
        assumption.operator, assumption.value, assumption.tolerance, assumption.tolerance_kind, actual
    )
    cascade = analyse(lineage(planted.project), planted.artifact, delta)
    assert classify(gap, delta) == planted.finding.classification, (actual, delta)
    assert cascade.recommendation == planted.finding.recommendation
    assert assumption.type == planted.finding.divergence_type


def test_the_wobbling_one_is_on_both_sides_of_its_bound(chunks):
    assumption, _ = assumptions()["Loyalty", "persona-bargain-hunter"]
    hours = [cell.value(Kind.RATE) for cell in cells_of(chunks, "Loyalty", assumption).values()]
    below = sum(value < assumption.value for value in hours) / len(hours)
    assert 0.3 < below < 0.6
