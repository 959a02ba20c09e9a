"""From a file to messages as Kafka would have them: a line each, or one document over many lines."""

from collections.abc import Iterator
from itertools import chain

import msgspec

from cli.publishing.messages import Defaults
from cli.publishing.source import Source, lines

Numbered = tuple[int, bytes]
_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def messages(source: Source, defaults: Defaults, limit: int) -> Iterator[Numbered]:
    """Yield (line, message), with the ids of `defaults` where a message names none itself.

    Args:
        source: what is read; a line longer than `limit` bytes is cut behind it, and so refused.
        defaults: organisation and project.
        limit: bytes of a message at most.
    """
    numbered = enumerate(lines(source, limit), 1)
    first: list[Numbered] = []
    size = 0
    for number, line in numbered:
        first.append((number, line))
        size += len(line) + 1
        if size > limit:
            break
    else:
        whole = b"\n".join(line for _, line in first)
        if len(first) > 1 and _is_object(whole):
            yield 1, _filled(whole, defaults)
            return
    for number, line in chain(first, numbered):
        if line.strip():
            yield number, _filled(line, defaults)


def _is_object(text: bytes) -> bool:
    try:
        _object(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True


def _filled(message: bytes, defaults: Defaults) -> bytes:
    """Add the ids that `publish` would add; what is no object is left for the worker's code to refuse."""
    ids = {name: msgspec.Raw(f'"{id_}"'.encode()) for name, id_ in defaults._asdict().items() if id_}
    if not ids:
        return message
    try:
        return msgspec.json.encode(ids | _object(message))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return message
