"""Recompute the numbers of a divergence report from exported telemetry: with pandas, and nothing of ours.

    augentis telemetry export rows.csv --revisions --org $ORG --project $PROJECT
    curl -H "Authorization: Bearer $TOKEN" $API/v1/divergence-reports/$ID > report.json
    curl -H "Authorization: Bearer $TOKEN" $API/v1/assumptions/$ASSUMPTION > assumption.json
    python examples/recompute.py rows.csv report.json assumption.json --timezone Europe/Berlin --fold

docs/recompute.md says what each number is made of. `--fold` adds those that only the test itself can give.
"""

import argparse
import base64
import hashlib
import json
import math
import sys
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

RATES = {"user_adoption", "retention", "crash_rate", "error_rate"}
EXACT = 4096
GAMMA = 1.01 / 0.99
MICRO = 10**6
BUCKET = np.dtype([("bucket", "<i4"), ("count", "<i8")])
SKETCHES = {
    "users_sketch": np.dtype("<u8"),
    "positive_users_sketch": np.dtype("<u8"),
    "latency_sketch": BUCKET,
}
MOMENTS = {"first_hour", "last_hour", "detected_at"}
Fields = dict[str, Any]


def telemetry(path: Path, zone: str) -> pd.DataFrame:
    """Return an export: sums as whole millionths, sketches as arrays, and the local day of each hour."""
    texts = ("cohort", "feature", "numerator", "denominator", *SKETCHES)
    frame = pd.read_csv(path, dtype=dict.fromkeys(texts, object), keep_default_na=False)
    frame["timestamp"] = pd.to_datetime(frame["timestamp"], utc=True)
    frame["day"] = frame["timestamp"].dt.tz_convert(zone).dt.date
    for name in ("numerator", "denominator"):
        frame[name] = [int(Decimal(text or 0) * MICRO) for text in frame[name]]
    for name, kind in SKETCHES.items():
        frame[name] = pd.Series([np.frombuffer(base64.b64decode(text), kind) for text in frame[name]])
    return frame


def rested_on(frame: pd.DataFrame, assumption: Fields, zone: str) -> pd.DataFrame:
    """Return the rows that an assumption is about, from the first whole day of its test on."""
    begins = pd.Timestamp(assumption["effective_from"]) + timedelta(days=assumption["launch_grace_days"])
    local = begins.tz_convert(zone)
    first = local.date() if local == local.normalize() else local.date() + timedelta(days=1)
    return about(frame[frame["day"] >= first], assumption)


def about(frame: pd.DataFrame, assumption: Fields) -> pd.DataFrame:
    """Return the rows that an assumption is about, in the order in which a report names them."""
    wanted = frame["metric_name"] == assumption["metric_name"]
    if assumption["cohort"] and assumption["unit"] != "share":
        wanted &= frame["cohort"] == assumption["cohort"]
    if assumption["feature"]:
        wanted &= frame["feature"] == assumption["feature"]
    found: pd.DataFrame = frame[wanted].sort_values(["timestamp", "cohort", "feature"])
    return found


# sets of users, and their sizes


def union(sketches: "pd.Series[Any]") -> Any:
    """Return the users of several rows: the smallest hashes, at most one more than are counted exactly."""
    return np.unique(np.concatenate([np.empty(0, "<u8"), *sketches]))[: EXACT + 1]


def size(users: Any) -> int:
    """Return how many users: exact up to EXACT, above from how densely their hashes lie."""
    return len(users) if len(users) <= EXACT else round(EXACT * 2.0**64 / float(users[EXACT]))


# values


def sums(rows: pd.DataFrame) -> tuple[int, int]:
    """Return numerator and denominator in millionths, where a user of several rows counts once."""
    found = []
    for name, sketch in (("numerator", "positive_users_sketch"), ("denominator", "users_sketch")):
        named = sum(size(users) for users in rows[sketch])
        found.append(sum(rows[name]) - MICRO * named + MICRO * size(union(rows[sketch])))
    return found[0], found[1]


def value(rows: pd.DataFrame, assumption: Fields) -> float | None:
    """Return the value over all rows together, in the assumption's unit."""
    metric = assumption["metric_name"]
    if assumption["unit"] == "share":
        return share(rows, assumption)
    if metric in RATES:
        numerator, denominator = sums(rows)
        return float(rounded(100 * Decimal(numerator) / Decimal(denominator))) if denominator else None
    if metric == "latency_p50":
        return median(rows)
    return sum(rows["numerator"]) / MICRO / rows["timestamp"].nunique() if len(rows) else None


def median(rows: pd.DataFrame) -> float | None:
    """Return the middle of the bucket in which the lower median lies."""
    counted = np.concatenate([np.empty(0, BUCKET), *rows["latency_sketch"]])
    buckets, places = np.unique(counted["bucket"], return_inverse=True)
    below = np.bincount(places, counted["count"]).cumsum()
    if not len(below):
        return None
    bucket = int(buckets[np.searchsorted(below, (below[-1] + 1) // 2)])
    return float(rounded(Decimal(2 * (1e-6 * GAMMA**bucket) / (1 + GAMMA)))) if bucket else 0.0


def share(rows: pd.DataFrame, assumption: Fields) -> float | None:
    """Return the percentage of users who are of the cohort; a user counts once a day."""
    mixes = [mix(day, assumption) for _, day in rows.groupby("day")]
    whole = sum(each[1] for each in mixes)
    return 100 * sum(each[0] for each in mixes) / whole if whole else None


def mix(day: pd.DataFrame, assumption: Fields) -> tuple[float, float]:
    """Return a day's users of the cohort, and all of its users."""
    of_cohort = day[day["cohort"] == assumption["cohort"]]
    users, part = union(day["users_sketch"]), union(of_cohort["users_sketch"])
    drawn = users[:EXACT]
    named = float(np.isin(drawn, part).mean()) * size(users) if len(users) else 0.0
    if assumption["metric_name"] in RATES:
        others = [
            (sum(r["denominator"]) - MICRO * sum(map(size, r["users_sketch"]))) / MICRO
            for r in (of_cohort, day)
        ]
    else:
        others = [0 if len(users) else r["sample_count"].sum() for r in (of_cohort, day)]
    return named + others[0], size(users) + others[1]


def rounded(number: Decimal) -> Decimal:
    """Return what Telemetry keeps: six places, half to even."""
    return number.quantize(Decimal("0.000001"))


# from values to a report


def relative_gap(assumption: Fields, actual: float) -> float:
    """Return (actual - assumed) / |assumed|; `within` measures from the nearer bound."""
    assumed, tolerance = assumption["value"], assumption["tolerance"]
    if assumption["operator"] == "within":
        width = tolerance * abs(assumed) if assumption["tolerance_kind"] == "relative" else tolerance
        assumed = min(max(actual, assumed - width), assumed + width)
    if actual == assumed:
        return 0.0
    return (actual - assumed) / abs(assumed) if assumed else math.copysign(math.inf, actual)


def classification(gap: float, tier_delta: int) -> str:
    """Return how bad it is."""
    if round(abs(gap), 9) < 0.2 or tier_delta == 0:
        return "COSMETIC"
    return "MAJOR" if tier_delta > 2 else "MINOR"


def as_of(rows: pd.DataFrame, report: Fields, assumption: Fields) -> Fields:
    """Return what a report says: the value of the hours from `actual_since` on, all else since the start."""
    known = rows[rows["timestamp"] <= pd.Timestamp(report["last_hour"])]
    actual = value(known[known["timestamp"] >= pd.Timestamp(report["actual_since"])], assumption)
    if actual is None:
        raise SystemExit("the export has no row of the hours that the report's value is of")
    return resting_on(known, actual, assumption)


def resting_on(known: pd.DataFrame, actual: float, assumption: Fields) -> Fields:
    """Return what a report says that found the value `actual`, and rests on these rows."""
    users, samples = size(union(known["users_sketch"])), int(known["sample_count"].sum())
    tier = "E4" if (users or samples) >= 1000 else "E1"
    tier_delta = max(0, int(tier[1]) - int(assumption["evidence_tier"][1]))
    gap = relative_gap(assumption, actual)
    return {
        "actual_number": actual,
        "actual_value": amount(actual, assumption["unit"]),
        "relative_gap": None if math.isinf(gap) else gap,
        "sample_count": samples,
        "user_count": users,
        "telemetry_evidence_tier": tier,
        "tier_delta": tier_delta,
        "classification": classification(gap, tier_delta),
        "first_hour": known["timestamp"].iloc[0].isoformat(),
        "last_hour": known["timestamp"].iloc[-1].isoformat(),
        **revisions(known),
    }


def amount(value: float, unit: str) -> str:
    """Return a value with its unit, as reports show it."""
    return f"{value:.4g} {'%' if unit == 'share' else unit}"


def revisions(rows: pd.DataFrame) -> Fields:
    """Return which rows they are, where the export says their revisions."""
    if "revision" not in rows:
        return {}
    named = zip(rows["timestamp"], rows["cohort"], rows["feature"], rows["revision"].astype(int), strict=True)
    lines = (json.dumps([hour.isoformat(), *rest]) + "\n" for hour, *rest in named)
    digest = hashlib.sha256("".join(lines).encode()).hexdigest()
    return {"telemetry_revisions": int(rows["revision"].sum()), "telemetry_digest": digest}


def recomputed(rows: pd.DataFrame, report: Fields, assumption: Fields, zone: str) -> Fields:
    """Return a report's numbers; its days are those that were complete when it was told."""
    until = rows[rows["day"] <= breach_day(report, zone)]
    days = sum(counts(day, assumption) for _, day in until.groupby("day"))
    return {**as_of(rows, report, assumption), "days": days}


def breach_day(report: Fields, zone: str) -> date:
    """Return the local day that ended, or ran, when the breach was found."""
    found: date = (pd.Timestamp(report["detected_at"]) - timedelta(seconds=1)).tz_convert(zone).date()
    return found


def counts(day: pd.DataFrame, assumption: Fields) -> bool:
    """Tell whether a day has enough data to be judged: hours, samples, people."""
    metric, hourly = assumption["metric_name"], [hour for _, hour in day.groupby("timestamp")]
    is_rate = metric in RATES or assumption["unit"] == "share"
    if assumption["unit"] == "share":
        weights = [mix(hour, assumption)[1] for hour in hourly]
    elif is_rate:
        weights = [sums(hour)[1] / MICRO for hour in hourly]
    else:
        weights = [float(hour["sample_count"].sum()) for hour in hourly]
    least = assumption["min_samples"]
    if least is None:
        least = 0 if metric == "feature_usage" and not is_rate else 100
    weight = mix(day, assumption)[1] if assumption["unit"] == "share" else sum(weights)
    people = size(union(day["users_sketch"])) or day["sample_count"].sum()
    enough = sum(each > 0 for each in weights) >= 8 and weight >= least
    return bool(enough and weight > 0 and people >= assumption["min_users"])


def folded(rows: pd.DataFrame, assumption: Fields, alarms_per_year: float, zone: str) -> dict[str, Fields]:
    """Return what the daily test says, by when it told a breach: the open fold itself, day after day.

    What else it hangs on is not in an export: hours that were taken out, a silent start, history, an alarm
    budget that changed meanwhile.
    """
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - all above needs nothing but pandas

    from detectors import readings  # noqa: PLC0415
    from detectors.assumptions import Assumption  # noqa: PLC0415
    from detectors.course import Setting, Standing, advance  # noqa: PLC0415
    from detectors.exclusions import Exclusions  # noqa: PLC0415
    from detectors.sequential import Test  # noqa: PLC0415

    place = ZoneInfo(zone)
    item = Assumption.model_validate({name: assumption[name] for name in Assumption.model_fields})
    test, told = Test.of(item, alarms_per_year), {}
    standing = Standing.before(rows["day"].min(), test)
    for day in pd.date_range(rows["day"].min(), rows["day"].max()).date:
        hours = hour_rows(rows[rows["day"] == day], item.metric_name)
        batch = readings.day_batch(item, day, hours, Exclusions(place), place)
        standing = advance(test, standing, batch, 0, Setting(place))
        for breach in standing.breaches:
            low, high = breach.evidence.interval or (None, None)
            told[breach.detected_at.isoformat()] = {
                "e_value": breach.evidence.e_value,
                "threshold": breach.evidence.threshold,
                "interval_low": low,
                "interval_high": high,
                "lane": breach.evidence.lane,
                "configuration": breach.evidence.configuration,
                "detected_at": breach.detected_at.isoformat(),
            }
    return told


def hour_rows(rows: pd.DataFrame, metric: Any) -> list[Any]:
    """Return exported rows as the fold takes them."""
    from detectors.series import HourRow  # noqa: PLC0415
    from metrics.cell import Cell  # noqa: PLC0415

    found = []
    for row in rows.to_dict("records"):
        sketches = [
            row[name].tobytes() for name in ("users_sketch", "positive_users_sketch", "latency_sketch")
        ]
        sums_ = (Decimal(row["numerator"]) / MICRO, Decimal(row["denominator"]) / MICRO)
        users, positive, latency = sketches
        cell = Cell.restored(metric, sums_, int(row["sample_count"]), (users, positive, latency))
        found.append(HourRow(row["timestamp"].to_pydatetime(), 0, cell, row["cohort"], row["feature"]))
    return found


def compared(report: Fields, numbers: Fields) -> pd.DataFrame:
    """Return the report's numbers beside those that were recomputed."""
    found = pd.DataFrame({"report": {name: report[name] for name in numbers}, "recomputed": numbers})
    for name in MOMENTS & numbers.keys():
        found.loc[name] = pd.to_datetime(found.loc[name], utc=True, format="ISO8601").map(str)
    found["agrees"] = (found["report"] == found["recomputed"]) | found.isna().all(axis=1)
    return found


def main(arguments: list[str]) -> int:
    """Print a report's numbers beside those of the export; 1 where they differ."""
    parser = argparse.ArgumentParser(description="Recompute a divergence report from exported telemetry.")
    for name in ("telemetry", "report", "assumption"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--timezone", default="UTC", help="the organisation's")
    parser.add_argument("--fold", action="store_true", help="run the test, for what only it can give")
    parser.add_argument("--alarms-per-year", type=float, help="by default the assumption's share of today")
    given = parser.parse_args(arguments)
    report, assumption = (json.loads(path.read_text()) for path in (given.report, given.assumption))
    rows = rested_on(telemetry(given.telemetry, given.timezone), assumption, given.timezone)
    numbers = recomputed(rows, report, assumption, given.timezone)
    if given.fold:
        rate = given.alarms_per_year or assumption["alarms_per_year"]
        told = folded(rows, assumption, rate, given.timezone)
        numbers |= told.get(pd.Timestamp(report["detected_at"]).isoformat(), {"e_value": None})
    table = compared(report, numbers)
    sys.stdout.write(table.to_string() + "\n")
    return 0 if table["agrees"].all() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
