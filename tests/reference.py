"""Seeded traffic, and what Telemetry must be, computed from the input alone in the plainest way.

Nothing of ours is used: sums are decimals, users are sets of names, medians come from sorted lists.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

import pytest

from tests.streaming import NOW, PARTITIONS, Project

RATES = {"user_adoption", "retention", "crash_rate", "error_rate"}
USERS = [f"user-{number}" for number in range(300)]
Sample = dict[str, Any]
Key = tuple[datetime, str, str, str]


@dataclass
class Traffic:
    """Messages by partition, in order, and the samples in them that are to be counted."""

    messages: list[tuple[int, bytes]] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)


def traffic(project: Project, seed: int, *, batches: int, size: int = 60, ids: bool = True) -> Traffic:
    """Return batches and flat samples of two days: out of order, some late, one batch in six sent again."""
    random, made, sent = Random(seed), Traffic(), []
    for number in range(batches):
        at = NOW - timedelta(hours=50) + timedelta(hours=40) * number / batches
        samples = [_sample(random, at) for _ in range(size)]
        made.samples += samples
        partition = random.randrange(PARTITIONS)
        if ids:
            message = project.batch(samples, UUID(int=random.getrandbits(128), version=4))
            sent.append(message)
            made.messages.append((partition, message))
            if random.random() < 1 / 6:
                made.messages.append((random.randrange(PARTITIONS), random.choice(sent)))
        else:
            made.messages.append((partition, project.batch(samples)))
        flat = _sample(random, at)
        made.samples.append(flat)
        made.messages.append((partition, project.flat(flat)))
    return made


def _sample(random: Random, at: datetime) -> Sample:
    at += timedelta(minutes=random.uniform(-90, 90))
    if random.random() < 0.05:
        at -= timedelta(hours=random.uniform(1, 72))
    metric = random.choice(["feature_usage", "latency_p50", *RATES])
    sample: Sample = {
        "metric_name": metric,
        "timestamp": at.isoformat() if random.random() < 0.3 else round(at.timestamp(), 3),
        "cohort": random.choice(["early_adopter", "mainstream", "enterprise"]),
    }
    if random.random() < 0.5:
        sample["feature"] = "F12"
    return sample | _numbers(random, metric)


def _numbers(random: Random, metric: str) -> Sample:
    by_user = {"user_id": random.choice(USERS)}
    if metric == "latency_p50":
        return {"value": round(random.lognormvariate(5, 0.7), 3), "unit": "ms"}
    if metric == "feature_usage":
        return {"value": random.randrange(0, 500) / 8} | (by_user if random.random() < 0.5 else {})
    if metric in {"user_adoption", "retention"} and random.random() < 0.5:
        return by_user | {"value": random.randrange(2)}
    of = random.randrange(1, 200)
    return {"value": random.randrange(of + 1), "of": of}


@dataclass
class Expected:
    """One hour of one series."""

    samples: list[Sample] = field(default_factory=list)

    @property
    def users(self) -> set[str]:
        return {sample["user_id"] for sample in self.samples if "user_id" in sample}

    @property
    def positive(self) -> set[str]:
        return {s["user_id"] for s in self.samples if "user_id" in s and s["value"] == 1}

    @property
    def numerator(self) -> Decimal:
        return sum((Decimal(str(s["value"])) for s in self.samples if "of" in s), Decimal(len(self.positive)))

    @property
    def denominator(self) -> Decimal:
        return sum((Decimal(str(s["of"])) for s in self.samples if "of" in s), Decimal(len(self.users)))

    @property
    def total(self) -> Decimal:
        return sum((Decimal(str(s["value"])) for s in self.samples), Decimal(0))

    @property
    def median(self) -> float:
        values = sorted(s["value"] for s in self.samples)
        return float(values[(len(values) - 1) // 2])


def reference(samples: Iterable[Sample]) -> dict[Key, Expected]:
    """Return what Telemetry must hold of `samples`."""
    found: dict[Key, Expected] = defaultdict(Expected)
    for sample in samples:
        at = sample["timestamp"]
        moment = datetime.fromisoformat(at) if isinstance(at, str) else datetime.fromtimestamp(at, UTC)
        hour = moment.replace(minute=0, second=0, microsecond=0)
        key = (hour, sample["metric_name"], sample.get("cohort", ""), sample.get("feature", ""))
        found[key].samples.append(sample)
    return found


def check(rows: Sequence[Any], samples: Iterable[Sample]) -> None:
    """Compare Telemetry with the reference: sums and users exactly, medians within 1 %."""
    expected = reference(samples)
    keys = [(row["timestamp"], row["metric_name"], row["cohort"], row["feature"]) for row in rows]
    missing, surplus = expected.keys() - set(keys), set(keys) - expected.keys()
    assert (sorted(missing), sorted(surplus)) == ([], [])
    for key, row in zip(keys, rows, strict=True):
        _check_row(row, expected[key], key)


def _check_row(row: Any, expected: Expected, key: Key) -> None:
    assert row["sample_count"] == len(expected.samples), key
    assert row["user_count"] == len(expected.users), key
    metric = row["metric_name"]
    if metric == "latency_p50":
        assert float(row["metric_value"]) == pytest.approx(expected.median, rel=0.01 + 1e-6), key
        assert (row["unit"], row["numerator"], row["denominator"]) == ("ms", None, None)
    elif metric == "feature_usage":
        assert (row["metric_value"], row["numerator"], row["unit"]) == (
            expected.total,
            expected.total,
            "count",
        ), key
    else:
        assert (row["numerator"], row["denominator"]) == (expected.numerator, expected.denominator), key
        rate = 100 * expected.numerator / expected.denominator
        assert row["metric_value"] == round(rate, 6), key
        assert row["unit"] == "%"
