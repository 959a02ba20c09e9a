from collections import OrderedDict
from collections.abc import Callable

from limits.storage import Storage


class Windows(Storage):
    """Counts of this process in fixed windows; beyond `most` keys the one that began first is forgotten.

    The library's own memory starts a thread for each count, reads the clock itself, and has no bound.
    """

    STORAGE_SCHEME = None

    def __init__(self, clock: Callable[[], float], most: int = 100_000) -> None:
        super().__init__()
        self._clock = clock
        self._most = most
        self._windows: OrderedDict[str, tuple[int, float]] = OrderedDict()

    @property
    def base_exceptions(self) -> type[Exception]:
        """What the library would wrap: nothing fails here."""
        return MemoryError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count, and return the count of the window, which begins with its first one."""
        count, end = self._current(key) or (0, self._clock() + expiry)
        self._windows[key] = (count + amount, end)
        if len(self._windows) > self._most:
            self._windows.popitem(last=False)
        return count + amount

    def get(self, key: str) -> int:
        """Return the count of the current window."""
        return (self._current(key) or (0, 0.0))[0]

    def get_expiry(self, key: str) -> float:
        """Return when the current window ends, on the clock that was given."""
        return (self._current(key) or (0, self._clock()))[1]

    def check(self) -> bool:
        """Say that it works: it is memory."""
        return True

    def reset(self) -> int:
        """Forget everything, and return how many keys that were."""
        count = len(self._windows)
        self._windows.clear()
        return count

    def clear(self, key: str) -> None:
        """Forget one key."""
        self._windows.pop(key, None)

    def _current(self, key: str) -> tuple[int, float] | None:
        window = self._windows.get(key)
        if window and window[1] <= self._clock():
            del self._windows[key]
            return None
        return window
