"""What a worker remembers of open windows, bounded by bytes: a set of users may be 32 kB, a sum is nothing.

All of it stands in the database as well. What is forgotten here is read back when it is needed again.
"""

from collections.abc import Iterable, Mapping, Sequence

from storage.partials import Held, SeriesHour

PLAIN_BYTES = 800
"""A window without users or latency: its key, its numbers, and Python's share."""
USER_BYTES = 8
BUCKET_BYTES = 100
ROOM = 0.9
"""To how much of the limit memory is cut: not each chunk is to cut it again."""


class Cells(dict[SeriesHour, Held]):
    """Open windows of one partition, those written longest ago first; `bytes` is about what they take."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def remember(self, states: Mapping[SeriesHour, Held]) -> None:
        """Take over what was committed."""
        for series, held in states.items():
            self._drop(series)
            self[series] = held
            self.bytes += weight(held)

    def forget(self, most: int) -> None:
        """Forget the windows written longest ago, until `most` bytes are left."""
        while self and self.bytes > most:
            self._drop(next(iter(self)))

    def clear(self) -> None:
        """Forget all."""
        super().clear()
        self.bytes = 0

    def _drop(self, series: SeriesHour) -> None:
        before = self.pop(series, None)
        if before is not None:
            self.bytes -= weight(before)


def weight(held: Held) -> int:
    """Return about how many bytes a window takes."""
    cell = held.cell
    users = len(cell.users.hashes) + len(cell.positive.hashes)
    return PLAIN_BYTES + USER_BYTES * users + BUCKET_BYTES * len(cell.latency.counts)


def fit(partitions: Iterable[Cells], limit: int) -> Sequence[int]:
    """Cut what `partitions` hold, the first ones first, if together it is over `limit` bytes.

    Returns how many windows each lost.
    """
    cells = list(partitions)
    total = sum(each.bytes for each in cells)
    if total <= limit:
        return [0] * len(cells)
    over = total - int(limit * ROOM)
    lost = []
    for each in cells:
        before, windows = each.bytes, len(each)
        each.forget(max(0, before - over))
        over -= min(over, before - each.bytes)
        lost.append(windows - len(each))
    return lost
