"""How far the publication of a file came, so that another run can go on behind it.

The same file under the same options makes the same messages in the same order: how many of the first ones
Kafka has is all there is to know. A run that was killed may have come a second further than it noted; what
it sends again is dropped as a repeat, by its batch ids.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

NOTE_SECONDS = 1.0


class Memory:
    """Counts the first messages without a gap that Kafka has, in a file of a few bytes.

    `messages` is how many; it goes on from what the file says if the run is to be `resumed`.
    """

    def __init__(self, path: Path, *, resumed: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self._clock = path, clock
        self._noted_at = -NOTE_SECONDS
        self._ahead: set[int] = set()
        self.messages = _read(path) if resumed else 0

    def acknowledged(self, number: int) -> None:
        """Note that Kafka has message `number`, from 0 on; they come in any order."""
        self._ahead.add(number)
        while self.messages in self._ahead:
            self._ahead.remove(self.messages)
            self.messages += 1
        if self._clock() - self._noted_at >= NOTE_SECONDS:
            self.note()

    def note(self) -> None:
        """Write it down; a folder that cannot be written to only costs a resend."""
        self._noted_at = self._clock()
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            new = self._path.with_suffix(".new")
            new.write_text(json.dumps({"messages": self.messages}))
            new.replace(self._path)


def memory_path(home: Path, identity: Iterable[object]) -> Path:
    """Return the file that remembers the publication of `identity`: content and options."""
    name = hashlib.sha256(json.dumps([str(part) for part in identity]).encode()).hexdigest()[:32]
    return home / "publications" / f"{name}.json"


def _read(path: Path) -> int:
    try:
        return int(json.loads(path.read_text())["messages"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0
