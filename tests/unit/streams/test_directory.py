"""Whose a record is: by its stamp, its topic's binding, its key, or what it says of itself; and who pays."""

from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from settings.model import IngestAuth
from storage import machine_keys
from storage.directory import Everybody, KeyRow
from storage.quotas import Quota
from storage.secrets import user_key
from streams import stamps
from streams.directory import SnapshotDirectory
from streams.fold import Headers
from streams.key_uses import KeyUses
from streams.stamps import Stamp
from streams.wire import Refused
from tests.unit.streams.messages import ORG, OTHER, PROJECT, Record

SECRET = "s" * 32
FOREIGN = UUID("99999999-9999-4999-8999-999999999999")
FOREIGN_PROJECT = UUID("88888888-8888-4888-8888-888888888888")
KEY_ID, KEY, KEY_SHA = machine_keys.make()
BOUND = "raw_metrics.acme"
EVERYBODY = Everybody(
    frozenset({ORG, FOREIGN}),
    frozenset({(ORG, PROJECT), (ORG, OTHER), (FOREIGN, FOREIGN_PROJECT)}),
    {KEY_ID: KeyRow(ORG, PROJECT, KEY_SHA)},
    {KEY_ID: Quota(10, 60)},
    {BOUND: (ORG, PROJECT)},
)
RIGHT = Record(0, b"{}", headers=[("augentis-key", KEY.encode())])
PLAIN = Record(0, b"{}")
CLAIMS = (str(ORG), str(PROJECT))


class Knows(SnapshotDirectory):
    """A directory whose snapshot was just taken."""

    def __init__(self, auth: IngestAuth, everybody: Everybody = EVERYBODY) -> None:
        super().__init__(auth, SECRET, KeyUses())
        self._all = everybody


def said(directory: SnapshotDirectory, record: Record, org: str | None, project: str | None) -> object:
    """The project a record is found to be of, or why it is refused."""
    try:
        return directory.tenant(record, org, project).project
    except Refused as refused:
        return str(refused.reason)


def stamped(topic: str = "raw_metrics", project: UUID = PROJECT, *, org: UUID = ORG) -> Record:
    headers: Headers = stamps.sign(stamps.key(SECRET), topic, b"{}", Stamp(org, project))
    return Record(0, b"{}", headers=headers, topic=topic)


@pytest.mark.parametrize("auth", ["open", "key", "topic"])
def test_a_stamp_and_a_bound_topic_decide_whatever_is_set(auth: IngestAuth):
    directory = Knows(auth)
    bound = replace(PLAIN, topic=BOUND)
    for record in (stamped(), bound, replace(RIGHT, topic=BOUND)):
        for org, project in ((None, None), CLAIMS, (str(ORG), None), (None, str(PROJECT))):
            assert said(directory, record, org, project) == (ORG, PROJECT)
        for org, project in ((str(FOREIGN), str(FOREIGN_PROJECT)), (str(ORG), str(OTHER)), ("?", None)):
            assert said(directory, record, org, project) == "tenant_mismatch"
    assert said(directory, replace(stamped(BOUND, OTHER)), None, None) == (ORG, OTHER), (
        "the stamp comes first"
    )


@pytest.mark.parametrize("auth", ["open", "key", "topic"])
def test_a_stamp_that_does_not_fit_opens_nothing(auth: IngestAuth):
    directory, record = Knows(auth), stamped()
    for wrong in (
        replace(record, value=b"{ }"),
        replace(record, topic="otlp_metrics"),
        replace(record, headers=[("augentis-stamp", b"v1,a,b,c")]),
        replace(record, headers=[*record.headers, *record.headers]),
        replace(record, headers=[*record.headers, ("augentis-parked", b"1")]),
    ):
        assert said(directory, wrong, *CLAIMS) == "bad_key"
    assert said(directory, stamped(org=uuid4()), None, None) == "unknown_org"
    assert said(directory, stamped(project=FOREIGN_PROJECT), None, None) == "unknown_project"


def test_a_key_opens_its_project_alone_and_the_body_may_be_silent():
    directory = Knows("key")
    for org, project in (CLAIMS, (None, None), (str(ORG), None), (None, str(PROJECT))):
        assert said(directory, RIGHT, org, project) == (ORG, PROJECT)
        assert said(directory, PLAIN, org, project) == "bad_key"
    assert said(directory, RIGHT, str(ORG), str(OTHER)) == "tenant_mismatch"
    assert said(directory, RIGHT, str(FOREIGN), None) == "tenant_mismatch"
    assert said(directory, RIGHT, None, str(OTHER)) == "tenant_mismatch"
    assert said(directory, RIGHT, str(uuid4()), str(PROJECT)) == "unknown_org"
    assert said(directory, RIGHT, str(ORG), "?") == "unknown_project"


def test_where_topics_are_bound_nothing_else_is_believed():
    directory = Knows("topic")
    for record in (PLAIN, RIGHT, replace(RIGHT, topic="raw_metrics.beta")):
        assert said(directory, record, *CLAIMS) == "bad_key"


def test_an_open_door_believes_what_is_said():
    directory = Knows("open")
    assert said(directory, PLAIN, *CLAIMS) == (ORG, PROJECT)
    assert said(directory, PLAIN, None, str(PROJECT)) == "unknown_org"
    assert said(directory, PLAIN, str(ORG), None) == "unknown_project"


def test_a_project_is_one_object_however_it_is_named():
    directory = Knows("key")
    found = {
        id(directory.tenant(record, org, project))
        for record, org, project in (
            (RIGHT, *CLAIMS),
            (RIGHT, str(ORG).upper(), str(PROJECT).replace("-", "")),
            (RIGHT, None, None),
            (stamped(), None, None),
            (replace(PLAIN, topic=BOUND), None, None),
        )
    }
    assert len(found) == 1
    assert directory.tenant(RIGHT, None, None).user_key == user_key(SECRET, ORG.bytes)


def test_who_pays():
    assert Knows("key").payer(RIGHT) == ((ORG, KEY_ID), Quota(10, 60))
    for record in (
        PLAIN,
        replace(RIGHT, topic=BOUND),
        replace(RIGHT, headers=[*RIGHT.headers, *stamped().headers]),
    ):
        assert Knows("key").payer(record) is None
    assert Knows("open").payer(RIGHT) is None
    assert Knows("key", replace(EVERYBODY, quotas={})).payer(RIGHT) is None
