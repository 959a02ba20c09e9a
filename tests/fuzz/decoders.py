"""`make fuzz`: atheris (libFuzzer, guided by coverage) at both decoders and all that is pure behind them.

It ends with the first input that a decoder answers with anything but a message or `Refused`, or reads
otherwise than a slow one; the input is printed and kept.
"""

import sys
import tempfile
from itertools import islice
from pathlib import Path
from random import Random

import atheris

with atheris.instrument_imports(
    include=["streams.wire", "streams.otlp", "streams.fold", "streams.columns", "streams.samples"]
):
    from streams import fold, samples, wire
    from streams.otlp import decoding, format  # noqa: A004  # the module's name

from tests import malformed
from tests.otlp import as_json
from tests.unit.streams.messages import LAST_HOUR, ORG, PROJECT, Everybody, Record
from tests.unit.streams.otlp.test_broken import counted, export
from tests.unit.streams.test_decoders import agree

assert all((fold, samples, wire, decoding, format))
LIMITS = fold.Limits(100, 100_000, 7 * 86400.0, 300.0)


def native(raw: bytes) -> None:
    agree(raw)
    folder = fold.Folder(LIMITS)
    arrivals, _ = folder.admit([Record(0, raw)], Everybody())
    folder.fold(arrivals, {}, 1_793_530_000.0)


def one(raw: bytes) -> None:
    """The first byte says which decoder."""
    (counted if raw[:1] < b"a" else native)(raw[1:])


def corpus(folder: Path) -> None:
    """What to begin with: without it a fuzzer would take hours to find a brace."""
    random = Random(1)
    base = malformed.valid(str(ORG), str(PROJECT), LAST_HOUR, random)
    requests = [export(random).SerializeToString() for _ in range(100)]
    inputs = [b"n" + raw for raw in (base, *islice(malformed.messages(random, base), 200))]
    inputs += [form for raw in requests for form in (b"\0" + raw, b"\0" + as_json(raw))]
    for number, raw in enumerate(inputs):
        (folder / str(number)).write_bytes(raw)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        corpus(Path(folder))
        atheris.Setup([*sys.argv, folder], one)
        atheris.Fuzz()
