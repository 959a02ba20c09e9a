"""Distinct users, without keeping who they are: the smallest keyed hashes of a set (bottom-k).

Up to `EXACT` users the set is all of their hashes, and its size exact. Above, the `EXACT + 1` smallest
are kept and the size is estimated from how densely they lie: k / (largest / 2**64), relative standard
error 1 / sqrt(k - 1) = 1.6 % (Bar-Yossef et al. 2002; Beyer et al. 2007; a theta sketch of nominal size
k with its hashes in the open). A union keeps the smallest of both, so it is associative, commutative and
idempotent by construction, and any order gives the same bytes (ADR 0004).
"""

import functools
import hashlib
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import numpy.typing as npt

EXACT = 4096
REMEMBERED = 50_000
"""Digests kept in memory for each of the few keys last used."""
_SPACE = float(2**64)
_NONE = np.empty(0, dtype="<u8")


@dataclass(frozen=True, slots=True, eq=False)
class UserSet:
    """Sorted distinct 64-bit hashes, at most `EXACT + 1` of them."""

    hashes: npt.NDArray[np.uint64] = field(default_factory=lambda: _NONE)

    @classmethod
    def of(cls, user_ids: Iterable[str], key: bytes) -> Self:
        """Hash `user_ids` with an organisation's `key` (at most 64 bytes)."""
        users = set(user_ids)
        return cls._of_digests(map(_digests(users, key).__getitem__, users))

    @classmethod
    def pair(cls, user_ids: Sequence[str], chosen: Iterable[bool], key: bytes) -> tuple[Self, Self]:
        """Return all of `user_ids`, and those at the positions `chosen`; each is hashed once."""
        users, some = set(user_ids), set(itertools.compress(user_ids, chosen))
        digest = _digests(users, key).__getitem__
        return cls._of_digests(map(digest, users)), cls._of_digests(map(digest, some))

    @classmethod
    def _of_digests(cls, digests: Iterable[bytes]) -> Self:
        return cls(np.unique(np.frombuffer(b"".join(digests), dtype="<u8"))[: EXACT + 1])

    @classmethod
    def from_bytes(cls, data: bytes | None) -> Self:
        """Read what `to_bytes` wrote; None is the empty set."""
        return cls(np.frombuffer(data, dtype="<u8")) if data else cls()

    def to_bytes(self) -> bytes | None:
        """Return the set as bytes, None where it is empty."""
        return self.hashes.tobytes() if len(self.hashes) else None

    def __or__(self, other: Self) -> Self:
        """Return the union."""
        if not len(other.hashes):
            return self
        if not len(self.hashes):
            return other
        return type(self)(np.union1d(self.hashes, other.hashes)[: EXACT + 1])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UserSet) and np.array_equal(self.hashes, other.hashes)

    def __hash__(self) -> int:
        return hash(self.hashes.tobytes())

    def count(self) -> int:
        """Return the number of distinct users: exact up to `EXACT`, else estimated."""
        kept = len(self.hashes)
        return kept if kept <= EXACT else round(EXACT * _SPACE / float(self.hashes[EXACT]))


def _digests(users: set[str], key: bytes) -> dict[str, bytes]:
    """Return the digests of `users`, and of others."""
    known = _known(key)
    new = users - known.keys()
    if len(known) + len(new) > REMEMBERED:
        known.clear()
        new = users
    # A copy of the hash that has its key already: half the work of a new one.
    keyed = hashlib.blake2b(key=key, digest_size=8).copy
    for user in new:
        state = keyed()
        state.update(user.encode("utf-8", "surrogatepass"))
        known[user] = state.digest()
    return known


@functools.lru_cache(maxsize=8)
def _known(key: bytes) -> dict[str, bytes]:
    """Return the digests remembered under `key`: users come again, and hashing one is dear."""
    del key
    return {}
