"""What is wrong with a file: every mistake with its place, not the first alone."""

from collections.abc import Iterable


class FileMistakesError(Exception):
    """The file cannot be applied; `mistakes` has a line for each thing that is wrong."""

    exit_code = 2

    def __init__(self, mistakes: Iterable[str]) -> None:
        self.mistakes = list(mistakes)
        super().__init__("; ".join(self.mistakes))


def path_of(location: Iterable[object]) -> str:
    """Return a place as people write it: projects[0].artifacts[1].key."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return "".join(parts).lstrip(".")
