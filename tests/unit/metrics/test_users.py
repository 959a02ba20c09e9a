import hashlib
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics.users import EXACT, NOBODY, UserHashes, UserSet

KEY = b"k" * 32
LARGE = [f"user-{number}" for number in range(50_000)]
spans = st.tuples(st.integers(0, 20_000), st.integers(0, 9_000))


def of(span: tuple[int, int]) -> UserSet:
    first, count = span
    return UserSet.of(LARGE[first : first + count], KEY)


@settings(max_examples=30, deadline=None)
@given(spans, spans, spans)
def test_a_union_is_associative_commutative_and_idempotent_however_large(a, b, c):
    a, b, c = of(a), of(b), of(c)
    assert ((a | b) | c).to_bytes() == (a | (b | c)).to_bytes()
    assert (a | b).to_bytes() == (b | a).to_bytes()
    assert (a | a).to_bytes() == a.to_bytes()
    assert (a | b | a).to_bytes() == (a | b).to_bytes()


@settings(max_examples=20, deadline=None)
@given(st.lists(spans, min_size=1, max_size=4))
def test_a_union_is_the_set_of_all_its_users(parts):
    union = UserSet()
    for part in parts:
        union = union | of(part)
    everybody = {user for first, count in parts for user in LARGE[first : first + count]}
    assert union == UserSet.of(everybody, KEY)
    if len(everybody) <= EXACT:
        assert union.count() == len(everybody)


@pytest.mark.parametrize("count", [0, 1, EXACT - 1, EXACT])
def test_up_to_4096_users_are_counted_exactly(count):
    assert UserSet.of(LARGE[:count], KEY).count() == count


@pytest.mark.parametrize("key", [bytes([number]) * 32 for number in range(5)])
@pytest.mark.parametrize("count", [EXACT + 1, 10_000, 50_000])
def test_more_are_estimated_within_5_percent(count, key):
    users = UserSet.of(LARGE[:count], key)
    assert users.count() == pytest.approx(count, rel=0.05)
    assert len(users.hashes) == EXACT + 1


def test_a_user_counts_once_and_order_does_not_matter():
    assert UserSet.of(["b", "a", "b"], KEY) == UserSet.of(["a", "b"], KEY)


def test_another_organisation_has_other_hashes():
    here, there = UserSet.of(["a"], KEY), UserSet.of(["a"], b"another")
    assert not np.array_equal(here.hashes, there.hashes)


def test_bytes_come_back_and_nothing_is_none():
    users = UserSet.of(LARGE[:5000], KEY)
    assert UserSet.from_bytes(users.to_bytes()) == users
    assert hash(UserSet.from_bytes(users.to_bytes())) == hash(users)
    assert UserSet().to_bytes() is None
    assert UserSet.from_bytes(None) == UserSet()
    assert UserSet() != 0


def test_a_user_is_its_keyed_blake2b_in_eight_bytes_and_no_user_is_nobody():
    hashes = UserHashes(KEY)
    for user in [*LARGE[:9], *LARGE[:3], "", "\ud800"]:
        digest = hashlib.blake2b(user.encode("utf-8", "surrogatepass"), key=KEY, digest_size=8).digest()
        assert hashes[user] == int.from_bytes(digest, "little")
    assert hashes[None] == NOBODY
    assert len(hashes) == 1 + 9 + 2


def test_no_users_hash_is_nobody(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("metrics.users.int", SimpleNamespace(from_bytes=lambda *_: 0), raising=False)
    assert UserHashes(KEY)["user"] != NOBODY
