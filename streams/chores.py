"""What a worker does now and then beside its stream; several workers take turns.

A chore is a function of the pool, the settings and the time (UTC, passed in). It opens a transaction of its
own and takes its turn there (`storage/turns.py`), so that one worker at a time does it; being killed in the
middle leaves nothing half done.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import NamedTuple

import asyncpg

from settings import Settings


class Chore(NamedTuple):
    """What is done every so often; `name` is what logs say was being done."""

    name: str
    every: timedelta
    do: Callable[[asyncpg.Pool, Settings, datetime], Awaitable[None]]


CHORES: tuple[Chore, ...] = ()
