"""A week of small divergences, the same each time."""

from datetime import date, timedelta

from streams.alerting.digest import Digest
from tests.golden.samples import DETECTED, IDS, ORG, PLACES, brief

MONDAY = date(2026, 11, 9)
WEEK = Digest(
    ORG,
    "acme",
    IDS,
    MONDAY,
    DETECTED + timedelta(days=5, hours=7),
    [brief(number, classification="COSMETIC", gap=(number % 17 - 8) / 100) for number in range(90)],
    before=7,
    places=PLACES,
)
