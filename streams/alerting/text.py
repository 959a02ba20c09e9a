"""A message as plain text: the first part of an e-mail, and what a terminal shows."""

from collections.abc import Iterator

from streams.alerting.message import Message

_WIDTH = 15


def render(message: Message) -> str:
    """Return the message as lines of text, ending with a line feed."""
    return "\n".join(_lines(message)) + "\n"


def _lines(message: Message) -> Iterator[str]:
    yield message.title
    yield ""
    if message.sentence not in message.title:
        yield message.sentence
        yield ""
    for name, said in message.facts:
        yield f"{name:<{_WIDTH}} {said}"
    for listed in message.lists:
        yield ""
        yield f"{listed.heading}:"
        yield from (f"  {line}" for line in listed.lines)
    yield ""
    for link in message.links:
        yield f"{link.name:<{_WIDTH}} {link.address}"
    if message.links:
        yield ""
    yield message.note
