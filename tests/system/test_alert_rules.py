"""Rules and configuration in ops/prometheus, tried by Prometheus' own tool (Debian's `prometheus`)."""

import subprocess
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
OPS = ROOT / "ops/prometheus"
TRIED = ROOT / "tests/system/alert_rules.yml"


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "rules", str(OPS / "alerts.yml")),
        ("check", "config", str(OPS / "prometheus.yml")),
        ("test", "rules", str(TRIED)),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_prometheus_takes_them(arguments: tuple[str, ...]):
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_rule_is_seen_to_fire_and_not_to():
    [group] = yaml.safe_load((OPS / "alerts.yml").read_text())["groups"]
    tried = [each for test in yaml.safe_load(TRIED.read_text())["tests"] for each in test["alert_rule_test"]]
    for fires in (True, False):
        seen = {each["alertname"] for each in tried if bool(each["exp_alerts"]) == fires}
        assert seen == {rule["alert"] for rule in group["rules"]}
