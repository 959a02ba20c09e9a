"""Distinct users, without keeping who they are: the smallest keyed hashes of a set (bottom-k).

Up to `EXACT` users the set is all of their hashes, and its size exact. Above, the `EXACT + 1` smallest
are kept and the size is estimated from how densely they lie: k / (largest / 2**64), relative standard
error 1 / sqrt(k - 1) = 1.6 % (Bar-Yossef et al. 2002; Beyer et al. 2007; a theta sketch of nominal size
k with its hashes in the open). A union keeps the smallest of both, so it is associative, commutative and
idempotent by construction, and any order gives the same bytes (ADR 0004).
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import numpy.typing as npt

EXACT = 4096
NOBODY = 0
"""Stands for no user where hashes lie side by side; no user's hash."""
_SPACE = float(2**64)
_NONE = np.empty(0, dtype="<u8")


@dataclass(frozen=True, slots=True, eq=False)
class UserSet:
    """Sorted distinct 64-bit hashes, at most `EXACT + 1` of them."""

    hashes: npt.NDArray[np.uint64] = field(default_factory=lambda: _NONE)

    @classmethod
    def of(cls, user_ids: Iterable[str], key: bytes) -> Self:
        """Hash `user_ids` with an organisation's `key` (at most 64 bytes)."""
        known = UserHashes(key)
        return cls.of_hashes(np.fromiter((known[user] for user in user_ids), dtype="<u8"))

    @classmethod
    def of_hashes(cls, hashes: npt.NDArray[np.uint64]) -> Self:
        """Return the set of `hashes`, in any order and however often each."""
        return cls(np.unique(hashes)[: EXACT + 1])

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

    def share_of(self, whole: Self) -> float:
        """Return which part (0..1) of `whole` is in this set; `whole` is a union with it.

        Exact up to `EXACT` users, above the part of `EXACT` users that the hash has drawn: the share of the
        counts would have both their errors.
        """
        drawn = whole.hashes[:EXACT]
        return float(np.isin(drawn, self.hashes).mean()) if len(drawn) else 0.0


class UserHashes(dict[str | None, int]):
    """The hashes of user ids under a key, kept, since users come again and hashing one is dear.

    None is `NOBODY`. A dict that fills itself, since nothing is faster to look up.
    """

    def __init__(self, key: bytes) -> None:
        super().__init__({None: NOBODY})
        # A copy of the hash that has its key already: half the work of a new one.
        self._keyed = hashlib.blake2b(key=key, digest_size=8).copy

    def __missing__(self, user_id: str) -> int:
        """Hash a user id that was not seen before."""
        state = self._keyed()
        state.update(user_id.encode("utf-8", "surrogatepass"))
        # One hash in 2**64 is NOBODY: it gets a neighbour's.
        self[user_id] = found = int.from_bytes(state.digest(), "little") or 1
        return found
