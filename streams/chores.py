"""What a worker does now and then beside its stream; several workers take turns.

A chore is a function of the pool, the settings and the time (UTC, passed in). One that writes opens a
transaction of its own and takes its turn there (`storage/turns.py`), so that one worker at a time does it;
being killed in the middle leaves nothing half done.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import NamedTuple

import asyncpg

from settings import Settings
from streams import beating, costs, digest, heads
from streams.forgetting import forget_deliveries, forget_executions, forget_invitations
from streams.gauges import GAUGES
from streams.giving_up import give_up_silent
from streams.noticing import Noticing
from streams.testimony import testify


class Chore(NamedTuple):
    """What is done every so often; `name` is what logs say was being done."""

    name: str
    every: timedelta
    do: Callable[[asyncpg.Pool, Settings, datetime], Awaitable[None]]


CHORES: tuple[Chore, ...] = (
    Chore("giving up silent executions", timedelta(minutes=1), give_up_silent),
    Chore("rolling up costs", timedelta(minutes=1), costs.roll_up),
    Chore("noticing what is silent, refused or late", timedelta(minutes=5), Noticing().look),
    Chore("heartbeats of channels", timedelta(seconds=20), beating.beat),
    Chore("measuring how the system stands", timedelta(seconds=30), GAUGES.measure),
    Chore("telling the weekly digest", timedelta(minutes=1), digest.tell),
    Chore("telling the ends of the audit log", timedelta(hours=1), heads.tell),
    Chore("forgetting invitations", timedelta(hours=1), forget_invitations),
    Chore("forgetting executions", timedelta(hours=1), forget_executions),
    Chore("forgetting deliveries", timedelta(hours=1), forget_deliveries),
    Chore("taking production as evidence", timedelta(hours=1), testify),
)
