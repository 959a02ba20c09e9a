"""Seeded traffic, and what Telemetry must be, computed from the input alone by a few lines of pandas.

Nothing of ours is used: sums are of integers, users are counted by their names, medians come from the values.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

import pandas as pd

from tests.streaming import NOW, PARTITIONS, Project

RATES = {"user_adoption", "retention", "crash_rate", "error_rate"}
USERS = [f"user-{number}" for number in range(300)]
Sample = dict[str, Any]
Key = tuple[datetime, str, str, str]
KEY = ["hour", "metric_name", "cohort", "feature"]
FIELDS = [*KEY, "value", "of", "user_id"]
EXACT_USERS = 4096
"""Up to here users are counted exactly (ADR 0004), beyond within `LARGE`."""
MEDIAN, LARGE = 0.01 + 1e-6, 0.05
MOST_TOLD = 20


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
        samples = [random_sample(random, at) for _ in range(size)]
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
        flat = random_sample(random, at)
        made.samples.append(flat)
        made.messages.append((partition, project.flat(flat)))
    return made


def random_sample(random: Random, at: datetime) -> Sample:
    """Return a sample that counts, of any metric, around `at`; one in twenty up to three days late."""
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


def reference(samples: Iterable[Sample]) -> pd.DataFrame:
    """Return what Telemetry must hold of `samples`: a row an hour and series, sums in millionths."""
    frame = pd.DataFrame([{**s, "hour": _hour(s["timestamp"])} for s in samples]).reindex(columns=FIELDS)
    frame = frame.fillna({"cohort": "", "feature": ""})
    frame["micro"] = (frame["value"].astype(float) * 1e6).round().astype("int64")
    frame["of_micro"] = (frame["of"].astype(float).fillna(0) * 1e6).round().astype("int64")
    # What a user did counts once an hour, by name; only what is counted `of` many is added up for a rate.
    by_name = frame["metric_name"].isin(RATES) & frame["of"].isna()
    frame.loc[by_name, "micro"] = 0
    groups = frame.groupby(KEY)
    return pd.DataFrame(
        {
            "samples": groups.size(),
            "users": groups["user_id"].nunique(),
            "positive": frame[frame["value"] == 1].groupby(KEY)["user_id"].nunique(),
            "micro": groups["micro"].sum(),
            "of_micro": groups["of_micro"].sum(),
            "median": groups["value"].quantile(0.5, interpolation="lower"),
        }
    ).fillna({"positive": 0})


def _hour(timestamp: str | float) -> datetime:
    moment = (
        datetime.fromisoformat(timestamp)
        if isinstance(timestamp, str)
        else datetime.fromtimestamp(timestamp, UTC)
    )
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def check(rows: Sequence[Any], samples: Iterable[Sample]) -> None:
    """Compare Telemetry with the reference: sums and users exactly, medians within 1 %."""
    found = differences(rows, samples)
    assert found == [], f"{len(found)} rows differ: {found[:MOST_TOLD]}"


def differences(rows: Sequence[Any], samples: Iterable[Sample]) -> list[str]:
    """Return a line for each row of Telemetry that is missing, surplus or another than the reference."""
    expected = {_key(key): row for key, row in reference(samples).to_dict("index").items()}
    found = {(row["timestamp"], row["metric_name"], row["cohort"], row["feature"]): row for row in rows}
    lines = [f"missing: {key}" for key in sorted(expected.keys() - found.keys())]
    lines += [f"surplus: {key}" for key in sorted(found.keys() - expected.keys())]
    for key in sorted(found.keys() & expected.keys()):
        lines += [f"{key}: {line}" for line in _faults(found[key], expected[key])]
    return lines


def _key(index: Any) -> Key:
    hour, metric, cohort, feature = index
    return (hour.to_pydatetime(), metric, cohort, feature)


def _faults(row: Any, expected: Any) -> Iterator[str]:
    told = {
        "sample_count": (row["sample_count"], expected["samples"], 0.0),
        "user_count": (row["user_count"], expected["users"], _allowed(expected["users"])),
        **_measures(row, expected),
    }
    for name, (is_, must, within) in told.items():
        if (is_ is None) != (must is None) or (
            is_ is not None and abs(Decimal(is_) - Decimal(must)) > Decimal(within) * abs(Decimal(must))
        ):
            yield f"{name} is {is_}, not {must} (within {within:.0%})"
    unit = {"latency_p50": "ms", "feature_usage": "count"}.get(row["metric_name"], "%")
    if row["unit"] != unit:
        yield f"unit is {row['unit']}, not {unit}"


def _measures(row: Any, expected: Any) -> dict[str, tuple[Any, Any, float]]:
    """Return value, numerator and denominator: as they are, as they must be, and how near."""
    names = ("metric_value", "numerator", "denominator")
    if row["metric_name"] == "latency_p50":
        must: Sequence[Any] = (expected["median"], None, None)
        within = [MEDIAN] * 3
    elif row["metric_name"] == "feature_usage":
        total = Decimal(int(expected["micro"])).scaleb(-6)
        must, within = (total, total, None), [0.0] * 3
    else:
        numerator = Decimal(int(expected["micro"])).scaleb(-6) + int(expected["positive"])
        denominator = Decimal(int(expected["of_micro"])).scaleb(-6) + int(expected["users"])
        must = (round(100 * numerator / denominator, 6), numerator, denominator)
        near = (_allowed(expected["positive"]), _allowed(expected["users"]))
        within = [near[0] + near[1], *near]
    return {name: (row[name], want, near) for name, want, near in zip(names, must, within, strict=True)}


def _allowed(users: float) -> float:
    return LARGE if users > EXACT_USERS else 0.0
