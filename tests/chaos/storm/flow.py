"""What a project sends in a storm: good, bad, late, and again; and what must come of it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid4

from tests.reference import Sample, random_sample
from tests.streaming import NOW, Project

BEGIN = NOW - timedelta(hours=50)
SPAN = timedelta(hours=40)
WIDE = NOW - timedelta(hours=20)
"""The hour in which more users are named than are counted exactly."""
WIDE_USERS = 20_000
LATE = (NOW - timedelta(days=40)).timestamp()
Message = tuple[int, bytes]
Indices = tuple[int, ...]
Bad = dict[str, Indices]
"""Reasons, and the samples each is about: none is the whole message."""
FAULTS: list[tuple[str, Sample]] = [
    ("bad_value", {"value": -1}),
    ("bad_value", {"value": "7"}),
    ("bad_value", {"value": 10**13}),
    ("bad_value", {"metric_name": "error_rate", "value": 3, "of": 2, "user_id": None, "unit": "%"}),
    ("bad_value", {"metric_name": "retention", "value": 0.5, "user_id": "u", "of": None, "unit": "%"}),
    ("bad_schema", {"metric_name": "retention", "value": 1, "user_id": "u", "of": 2, "unit": "%"}),
    ("bad_schema", {"cohort": "c" * 101}),
    ("bad_schema", {"cohort": ["mainstream"]}),
    ("bad_timestamp", {"timestamp": "yesterday"}),
    ("bad_timestamp", {"timestamp": -1}),
    ("bad_unit", {"unit": "parsec"}),
    ("unknown_metric", {"metric_name": "page_views"}),
    ("future", {"timestamp": (NOW + timedelta(days=30)).timestamp()}),
    ("too_late", {"timestamp": LATE}),
    ("too_late", {"timestamp": LATE + 3600}),
]


@dataclass
class Flow:
    """Messages of one project, by a seed; `resends` gives batches ids and sends some of them again."""

    project: Project
    seed: int
    partitions: int
    resends: bool = True
    samples: list[Sample] = field(default_factory=list)
    bad: dict[bytes, Bad] = field(default_factory=dict)
    sent: int = 0
    again: int = 0

    def __post_init__(self) -> None:
        self._random = Random(self.seed)
        self._memory: list[bytes] = []

    def first(self) -> list[Message]:
        """Something for each partition, so that there is a watermark which 40 days are too late for."""
        numbers = range(self.partitions)
        self.sent += self.partitions
        return [(number, self._batch([random_sample(self._random, BEGIN)])) for number in numbers]

    def wide(self, messages: int) -> Iterator[Message]:
        """Yield messages that name more users of one hour than are counted exactly."""
        for number in range(messages):
            metric = "user_adoption" if number % 2 else "feature_usage"
            samples = [self._wide_sample(metric) for _ in range(1000)]
            yield self._anywhere(self._batch(samples))

    def some(self, progress: float) -> Iterator[Message]:
        """Yield a message or two; `progress` (0 to 1) is how far event time has come."""
        random = self._random
        at, draw = BEGIN + SPAN * progress, random.random()
        if draw < 0.06:
            yield self._anywhere(self._unreadable(at))
        elif draw < 0.18:
            yield self._anywhere(self._partly_bad(at))
        elif draw < 0.26:
            sample = random_sample(random, at)
            self.samples.append(sample)
            yield self._anywhere(self.project.flat(sample))
        else:
            samples = [random_sample(random, at) for _ in range(random.randrange(1, 200))]
            yield self._anywhere(self._batch(samples))
        if self.resends and random.random() < 0.25:
            self.again += 1
            recent = self._memory[-5:] if random.random() < 0.5 else self._memory
            yield self._anywhere(random.choice(recent))

    def _anywhere(self, message: bytes) -> Message:
        self.sent += 1
        return self._random.randrange(self.partitions), message

    def _batch(self, samples: list[Sample], bad: Bad | None = None) -> bytes:
        id_ = UUID(int=self._random.getrandbits(128), version=4) if self.resends else None
        message = self.project.batch(samples, id_)
        wrong = {index for indices in (bad or {}).values() for index in indices}
        self.samples += [sample for index, sample in enumerate(samples) if index not in wrong]
        if bad:
            self.bad[message] = bad
        if id_:
            self._memory.append(message)
        return message

    def _wide_sample(self, metric: str) -> Sample:
        value = self._random.randrange(2) if metric == "user_adoption" else self._random.randrange(80) / 8
        user = f"wide-{self._random.randrange(WIDE_USERS)}"
        return {"metric_name": metric, "value": value, "timestamp": WIDE.timestamp(), "user_id": user}

    def _partly_bad(self, at: Any) -> bytes:
        random = self._random
        samples = [random_sample(random, at) for _ in range(random.randrange(2, 60))]
        bad: dict[str, Indices] = {}
        for index in sorted(random.sample(range(len(samples)), random.randrange(1, len(samples)))):
            reason, fault = random.choice(FAULTS)
            base = {"metric_name": "feature_usage", "value": 1, "timestamp": at.timestamp()}
            samples[index] = {key: value for key, value in (base | fault).items() if value is not None}
            bad[reason] = (*bad.get(reason, ()), index)
        return self._batch(samples, bad)

    def _unreadable(self, at: Any) -> bytes:
        """Return a message of which nothing can be used; it is refused each time that it comes."""
        random = self._random
        whole = self.project.batch([random_sample(random, at) for _ in range(3)])
        kinds: list[tuple[str, Callable[[], bytes]]] = [
            ("not_json", lambda: whole[: random.randrange(1, len(whole))]),
            ("not_json", lambda: b"\xff" + random.randbytes(random.randrange(200))),
            ("not_json", lambda: b"[" * random.randrange(2_000, 9_000)),
            ("not_json", lambda: whole.replace(b"metric_name", b"\xc3\x28", 1)),
            ("bad_schema", lambda: json.dumps([random.random()]).encode()),
            ("bad_schema", lambda: whole.replace(b"samples", b"simples")),
            ("unknown_org", lambda: whole.replace(str(self.project.org_id).encode(), str(uuid4()).encode())),
            ("unknown_project", lambda: whole.replace(str(self.project.id).encode(), str(uuid4()).encode())),
        ]
        reason, make = random.choice(kinds)
        message = make()
        self.bad[message] = {reason: ()}
        return message
