from typing import Any

import pytest

from metrics.names import Metric
from metrics.otlp_rules import PointKind, read
from streams.otlp.mapping import Route, Take, compile  # noqa: A004
from streams.wire import Reason

HISTOGRAM, COUNTER, GAUGE = PointKind.HISTOGRAM, PointKind.COUNTER, PointKind.GAUGE
NEW, OLD = "http.server.request.duration", "http.server.duration"


def routes(
    *rules: Any,
    name: str,
    unit: str = "",
    kind: PointKind = COUNTER,
    own: Any = None,
    resource: Any = None,
    defaults: bool = True,
) -> dict[Metric, Route]:
    mapping = compile(read({"rules": list(rules), "defaults": defaults}))
    return {route.metric: route for route in mapping.route(name, unit, kind, own or {}, resource or {})}


@pytest.mark.parametrize("kind", [HISTOGRAM, PointKind.EXPONENTIAL_HISTOGRAM])
@pytest.mark.parametrize(
    ("name", "unit", "scale", "status"),
    [(NEW, "s", 1000, "http.response.status_code"), (OLD, "ms", 1, "http.status_code")],
)
@pytest.mark.parametrize(
    ("attributes", "failed"),
    [
        ({"code": 200}, False),
        ({"code": 404}, False),
        ({"code": 500}, True),
        ({"code": "503"}, True),
        ({"error.type": "TimeoutError"}, True),
        ({}, False),
    ],
)
def test_stock_http_metrics_need_no_configuration(kind, name, unit, scale, status, attributes, failed):
    own = {status if key == "code" else key: value for key, value in attributes.items()}
    assert routes(name=name, unit=unit, kind=kind, own=own) == {
        Metric.ERROR_RATE: Route(Metric.ERROR_RATE, "", "", Take.COUNT, numerator=failed, denominator=True),
        Metric.LATENCY_P50: Route(Metric.LATENCY_P50, "", "", Take.BUCKETS, scale),
    }


def test_the_stock_metrics_of_a_client_are_not_the_servers():
    assert routes(name="http.client.request.duration", unit="s", kind=HISTOGRAM) == {}


def test_a_stock_name_on_another_kind_is_another_metric():
    assert routes(name=NEW, unit="s", kind=GAUGE) == {}


@pytest.mark.parametrize(
    ("unit", "scale"),
    [("s", 1000), ("ms", 1), ("us", 0.001), ("ns", 1e-6), ("min", 60_000), ("h", 3_600_000)],
)
def test_a_median_follows_the_points_unit(unit, scale):
    assert routes(name=NEW, unit=unit, kind=HISTOGRAM)[Metric.LATENCY_P50].scale == scale


def test_a_median_of_an_unknown_unit_is_refused_unless_the_rule_knows_the_scale():
    rule = {"match": {"name": NEW}, "as": "median", "metric_name": "latency_p50", "unit_scale": 2}
    assert routes(name=NEW, unit="By", kind=HISTOGRAM)[Metric.LATENCY_P50].fault is Reason.BAD_UNIT
    known = routes(rule, name=NEW, unit="By", kind=HISTOGRAM)[Metric.LATENCY_P50]
    assert (known.scale, known.fault) == (2, None)


def test_cohort_and_feature_come_from_the_point_before_its_resource_before_the_rule():
    rule = {"match": {"name": "n"}, "as": "count", "metric_name": "feature_usage", "cohort": "all"}
    resource = {"augentis.cohort": "eu", "augentis.feature": "F1"}
    found = [
        routes(rule, name="n", own=own, resource=where)[Metric.FEATURE_USAGE]
        for own, where in (({"augentis.feature": "F2"}, resource), ({}, resource), ({}, {}))
    ]
    assert [(route.cohort, route.feature) for route in found] == [("eu", "F2"), ("eu", "F1"), ("all", "")]


def test_a_rule_names_other_attributes_or_none():
    rule = {
        "match": {"name": "n"}, "as": "count", "metric_name": "feature_usage",
        "cohort_from": "plan", "feature_from": None, "feature": "F9",
    }  # fmt: skip
    route = routes(rule, name="n", own={"plan": 3, "augentis.feature": "F2"})[Metric.FEATURE_USAGE]
    assert (route.cohort, route.feature) == ("3", "F9")


@pytest.mark.parametrize("name", ["x" * 101, "a\0b"])
def test_a_name_that_no_series_can_have_is_a_fault(name):
    route = routes(name=NEW, unit="s", kind=HISTOGRAM, own={"augentis.cohort": name})[Metric.ERROR_RATE]
    assert route.fault is Reason.BAD_SCHEMA


def test_the_first_rule_for_a_metric_wins_and_the_others_keep_theirs():
    mine = {"match": {"name": "http.server.*"}, "as": "median", "metric_name": "latency_p50", "cohort": "api"}
    also = {"match": {"name": NEW}, "as": "count", "metric_name": "feature_usage"}
    found = routes(mine, also, name=NEW, unit="s", kind=HISTOGRAM)
    assert {metric: route.cohort for metric, route in found.items()} == {
        "latency_p50": "api",
        "feature_usage": "",
        "error_rate": "",
    }


def test_ignored_points_reach_no_later_rule():
    probes = {"match": {"name": NEW, "attributes": {"http.route": {"glob": "/*z"}}}, "as": "ignore"}
    medians = {"match": {"name": NEW}, "as": "ignore", "metric_name": "latency_p50"}
    assert routes(probes, name=NEW, unit="s", kind=HISTOGRAM, own={"http.route": "/livez"}) == {}
    assert len(routes(probes, name=NEW, unit="s", kind=HISTOGRAM, own={"http.route": "/pay"})) == 2
    assert set(routes(medians, name=NEW, unit="s", kind=HISTOGRAM)) == {Metric.ERROR_RATE}


def test_without_the_defaults_nothing_is_mapped():
    assert routes(name=NEW, unit="s", kind=HISTOGRAM, defaults=False) == {}


def test_resource_attributes_decide_too():
    rule = {
        "match": {"name": "n", "attributes": {"service.name": {"any_of": ["shop"]}}},
        "as": "count", "metric_name": "feature_usage",
    }  # fmt: skip
    assert routes(rule, name="n", resource={"service.name": "shop"})
    assert not routes(rule, name="n", resource={"service.name": "blog"})
    assert not routes(rule, name="n", own={"service.name": "blog"}, resource={"service.name": "shop"})


@pytest.mark.parametrize(
    ("use", "kind", "take"),
    [
        ("count", COUNTER, Take.INCREASE),
        ("count", PointKind.UP_DOWN_COUNTER, Take.INCREASE),
        ("count", HISTOGRAM, Take.COUNT),
        ("count", PointKind.SUMMARY, Take.COUNT),
        ("count", GAUGE, None),
        ("total", HISTOGRAM, Take.TOTAL),
        ("total", COUNTER, None),
    ],
)
def test_what_of_a_point_counts(use, kind, take):
    rule = {"match": {"name": "n"}, "as": use, "metric_name": "feature_usage"}
    found = routes(rule, name="n", kind=kind)
    assert (found[Metric.FEATURE_USAGE].take if found else None) == take


def test_gauges_are_read_for_medians_and_rates():
    median = {"match": {"name": "n"}, "as": "median", "metric_name": "latency_p50", "unit_scale": 1}
    ratio = {
        "match": {"name": "n"}, "as": "ratio", "metric_name": "user_adoption",
        "numerator_if": [{"adopted": {"any_of": [True]}}],
    }  # fmt: skip
    found = routes(median, ratio, name="n", kind=GAUGE, own={"adopted": True})
    assert {metric: (route.take, route.numerator, route.denominator) for metric, route in found.items()} == {
        "latency_p50": (Take.READING, False, False),
        "user_adoption": (Take.READING, True, True),
    }


def test_a_rate_of_two_counters():
    crashes = {"match": {"name": "crashes"}, "as": "numerator", "metric_name": "crash_rate"}
    sessions = {"match": {"name": "sessions"}, "as": "denominator", "metric_name": "crash_rate"}
    found = [routes(crashes, sessions, name=name)[Metric.CRASH_RATE] for name in ("crashes", "sessions")]
    assert [(route.numerator, route.denominator) for route in found] == [(True, False), (False, True)]


def test_a_mapping_knows_the_names_it_has_rules_for():
    mapping = compile(read({"rules": [{"match": {"name": "shop.*"}, "as": "ignore"}]}))
    assert [mapping.knows(name) for name in (NEW, "shop.carts", "cpu.time")] == [True, True, False]


def test_names_off_the_wire_do_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr("streams.otlp.mapping._CACHED_NAMES", 3)
    mapping = compile(read({}))
    assert not any(mapping.knows(f"name {n}") for n in range(10))
    assert len(mapping._by_name) <= 3
