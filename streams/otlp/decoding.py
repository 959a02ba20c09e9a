"""Reading an OTLP record: which encoding it is in, and whose its parts are."""

from collections.abc import Sequence

from streams.otlp import json_form, protobuf
from streams.otlp.json_form import NotJsonError
from streams.otlp.requests import MalformedError, Stream, streams
from streams.wire import Reason, Refused

_WHITESPACE = b" \t\r\n"
_NEWLINE = b"\n"


def decode(raw: bytes, max_bytes: int) -> Sequence[Stream]:
    """Return the streams of the request in `raw`, in protobuf or JSON.

    Raises:
        Refused: too_large, not_json or bad_schema: nothing of it can be used.
    """
    if len(raw) > max_bytes:
        raise Refused(Reason.TOO_LARGE, f"{len(raw)} bytes are more than {max_bytes}")
    try:
        found = _either(raw)
    except NotJsonError as error:
        raise Refused(Reason.NOT_JSON, str(error)) from None
    except (MalformedError, RecursionError) as error:
        raise Refused(Reason.BAD_SCHEMA, str(error)) from None
    if not any(stream.points for stream in found):
        raise Refused(Reason.BAD_SCHEMA, "it holds no data point")
    return found


def _either(raw: bytes) -> Sequence[Stream]:
    """Tell the encoding: JSON begins with a brace.

    A newline before it is also the tag that protobuf requests begin with, and a brace can be the length
    behind: what is readable as protobuf is protobuf then.
    """
    if raw.lstrip(_WHITESPACE)[:1] != b"{":
        return _protobuf(raw)
    if raw.startswith(_NEWLINE):
        try:
            return _protobuf(raw)
        except MalformedError:
            pass
    return _json(raw)


def _json(raw: bytes) -> Sequence[Stream]:
    return list(streams(json_form.decode(raw), json_form.TEMPORALITIES))


def _protobuf(raw: bytes) -> Sequence[Stream]:
    return list(streams(protobuf.decode(raw), protobuf.TEMPORALITIES))
