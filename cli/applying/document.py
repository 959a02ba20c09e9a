"""YAML as JSON would have it: text keys, given once, and no value that JSON has no word for."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from cli.applying.mistakes import FileMistakesError, path_of

_TIMESTAMP = "tag:yaml.org,2002:timestamp"
_MERGE = "tag:yaml.org,2002:merge"


class _Loader(yaml.SafeLoader):
    """Dates stay text (an assumption's `effective_from`); a key given twice is a mistake, not a choice."""

    yaml_implicit_resolvers = {  # noqa: RUF012  # PyYAML's own declaration
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Return the mapping, all of its keys text and different."""
        seen = set()
        for key_node, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if key_node.tag == _MERGE:
                continue
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key!r} is no text: quote it", problem_mark=key_node.start_mark
                )
            if key in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key!r} is given twice", problem_mark=key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> Any:
    """Return the document in `path`.

    Raises:
        FileMistakesError: it cannot be read, is no YAML, or holds what JSON cannot.
    """
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506  # a SafeLoader
    except (OSError, UnicodeDecodeError) as error:
        raise FileMistakesError([f"cannot be read: {error}"]) from error
    except yaml.YAMLError as error:
        raise FileMistakesError([_readable(error)]) from error
    mistakes = list(_unspeakable(document, ()))
    if mistakes:
        raise FileMistakesError(mistakes)
    return document


def _readable(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
    return f"is no YAML: {error}"


def _unspeakable(value: Any, place: tuple[object, ...]) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _unspeakable(key, (*place, key))
            yield from _unspeakable(item, (*place, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unspeakable(item, (*place, index))
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{path_of(place)}: {value} is no number that can be kept"
    elif isinstance(value, str) and not _is_plain(value):
        yield f"{path_of(place)}: the text has a character that cannot be kept (NUL or half a surrogate pair)"
    elif value is not None and not isinstance(value, str | int | float):
        yield f"{path_of(place)}: a {type(value).__name__} has no form in JSON: write it as text"


def _is_plain(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
