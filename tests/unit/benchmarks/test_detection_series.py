"""That simulated series are what their case claims."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.detection.cases import TUNING, Case
from benchmarks.detection.noise import autoregression, doubling, heavy_tails, long_memory, mixture, total
from benchmarks.detection.parts import STRESS
from benchmarks.detection.series import simulate
from benchmarks.detection.sums import told
from metrics.names import Metric

QUIET = Case("quiet", 0.0, cycle=0.0, weekend=0.0, outliers=0.0, missing=0.0)


def hourly(case: Case, count: int = 40) -> np.ndarray:
    series = simulate(case, count)
    return (series.values / series.bounds[:, None, None]).reshape(count, -1)


def correlation(values: np.ndarray, lag: int) -> float:
    residuals = values - values.mean()
    return float((residuals[:, lag:] * residuals[:, :-lag]).mean() / (residuals**2).mean())


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.8, 0.95])
def test_an_hour_remembers_phi_of_the_one_before(phi):
    wobble = autoregression(np.random.default_rng(TUNING), phi, 50, 4000)
    assert wobble.var() == pytest.approx(1, rel=0.06)
    assert correlation(wobble, 1) == pytest.approx(phi, abs=0.02)
    assert correlation(wobble, 3) == pytest.approx(phi**3, abs=0.03)


@pytest.mark.parametrize("noise", [heavy_tails, mixture, long_memory])
def test_every_noise_has_unit_variance(noise):
    assert noise(np.random.default_rng(TUNING), 0.8, 100, 4000).var() == pytest.approx(1, rel=0.1)


def test_variance_doubles_half_way():
    wobble = doubling(np.random.default_rng(TUNING), 0.5, 100, 2000)
    assert wobble[:, 1000:].var() / wobble[:, :1000].var() == pytest.approx(2, rel=0.1)


def test_the_total_is_the_variance_of_long_means():
    for noise, phi in ((autoregression, 0.8), (mixture, 0.0)):
        means = noise(np.random.default_rng(TUNING), phi, 500, 2400).mean(axis=1)
        assert 2400 * means.var() == pytest.approx(total(noise, phi), rel=0.2)


@pytest.mark.parametrize("metric", list(Metric))
def test_each_metric_is_on_its_bound(metric):
    series = simulate(Case("on its bound", 0.0, days=84, metric=metric), 40)
    assert series.breaches().mean() == pytest.approx(0, abs=0.004)
    assert told(series).breach.mean() == pytest.approx(0, abs=0.004)


def test_mixed_series_are_on_bounds_of_their_own():
    series = simulate(Case("mixed", 0.0, days=84, mixed=True), 60)
    assert set(series.bounds) == {20.0, 60.0, 90.0}
    assert np.nanmean(series.breaches()) == pytest.approx(0, abs=0.005)


def test_the_oracle_knows_how_its_days_scatter():
    known = told(simulate(Case("known", 0.5, days=140), 60))
    weeks = (known.breach / known.deviation).reshape(60, -1, 14).sum(axis=2) / np.sqrt(14)
    assert weeks.var() == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize(("metric", "sign"), [(Metric.USER_ADOPTION, 1), (Metric.ERROR_RATE, -1)])
def test_a_break_is_as_large_as_it_says_and_on_the_wrong_side(metric, sign):
    case = replace(QUIET, name="break", days=60, metric=metric, at=30, gap=0.1)
    values = hourly(case)
    assert values[:, : 30 * 24].mean() == pytest.approx(1, abs=0.01)
    assert values[:, 30 * 24 :].mean() == pytest.approx(1 - sign * 0.1, abs=0.01)


def test_a_break_may_begin_at_noon_and_end():
    values = hourly(replace(QUIET, name="noon", days=20, at=5.5, gap=0.5, until=10)).mean(axis=0)
    below = np.flatnonzero(values < 0.75)
    assert (below[0], below[-1]) == (5 * 24 + 12, 10 * 24 - 1)


def test_cycles_have_their_size():
    case = Case("cycles", 0.0, days=70, cycle=0.2, weekend=-0.1)
    days = hourly(case).reshape(40, 10, 7, 24)
    assert np.nanmean(days[:, :, 5:]) == pytest.approx(0.9, abs=0.02)
    of_day = np.nanmean(days, axis=(1, 2))
    assert (of_day.max(axis=1) - of_day.min(axis=1)).mean() == pytest.approx(0.4, rel=0.1)


def test_hours_are_missing_and_wrong_as_often_as_said():
    series = simulate(Case("holes", 0.0, days=100, missing=0.2), 20)
    assert np.isnan(series.values).mean() == pytest.approx(0.2, abs=0.01)
    assert ((series.weights == 0) == np.isnan(series.values)).all()
    wrong = simulate(Case("wrong", 0.0, days=100, outliers=0.5, missing=0.0), 20)
    assert wrong.truth is not None
    assert np.isnan(wrong.truth.level).mean() == pytest.approx(0.5, abs=0.01)


def test_holidays_ramps_swings_and_drift():
    off = simulate(replace(QUIET, name="holidays", holidays=10), 20)
    assert (off.holidays.sum(axis=1) == 10).all()
    assert off.breaches()[off.holidays].mean() == pytest.approx(0.1, abs=0.01)
    ramp = hourly(replace(QUIET, name="ramp", days=40, value_from=0.6, value_days=20)).mean(axis=0)
    assert (ramp[0], ramp[10 * 24]) == pytest.approx((0.6, 0.8), abs=0.03)
    assert ramp[20 * 24 :].mean() == pytest.approx(1, abs=0.01)
    drift = hourly(replace(QUIET, name="drift", days=180, drift=0.03))
    assert drift[:, 179 * 24 :].mean() == pytest.approx(1 - 0.03 * 89 / 30, abs=0.01)
    traffic = simulate(replace(QUIET, name="traffic", days=60, traffic_from=0.03), 20).weights
    assert traffic[:, 0].mean() < 0.1 * traffic[:, 40:].mean()


def test_users_in_groups_scatter_more():
    one, three = (hourly(replace(QUIET, name="same", days=40, overdispersion=size)) for size in (1.0, 3.0))
    assert three.var() > 1.3 * one.var()


def test_a_name_is_a_seed_of_its_own_and_tuning_has_others():
    names = [case.name for case in STRESS]
    seeds = [case.seed() for case in STRESS]
    assert len(set(seeds)) == len(set(names)) == len(names)
    assert all(seed < TUNING for seed in seeds)
    assert all(case.seed(tuning=True) >= TUNING for case in STRESS)
    once, again, other = (simulate(STRESS[0], 2, tuning=tuning).values for tuning in (False, False, True))
    assert np.array_equal(once, again, equal_nan=True)
    assert not np.array_equal(once, other, equal_nan=True)
