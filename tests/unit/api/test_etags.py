from typing import Any

import pytest
from fastapi import Request

from api import etags, problems
from api.problems import ProblemError


def request(name: str, *values: str) -> Request:
    return Request(
        {"type": "http", "headers": [(name.encode(), value.encode("latin-1")) for value in values]}
    )


@pytest.mark.parametrize(
    ("sent", "versions"),
    [
        (('"3"',), {3}),
        (('"3", "4"',), {3, 4}),
        (('"3"', '"4"'), {3, 4}),
        ((' "3" ,\t"4" ',), {3, 4}),
        (("*",), None),
        (('W/"3"',), set()),
        (('W/"3", "4"',), {4}),
        (('"3.7"', '"4.1.9"'), {3, 4}),
        (('"03"', '"3."', '"x"', '""', '"-3"', '"9999999999999999999999"', '"\xe9"'), set()),
    ],
)
async def test_if_match(sent: tuple[str, ...], versions: set[int] | None):
    found = await etags.wanted(request("if-match", *sent), sent[-1])
    assert found == (None if versions is None else frozenset(versions))


@pytest.mark.parametrize("sent", ["3", "", " ", '"3', '"3" "4"', '"3",', ',"3"', "'3'", 'w/"3"', '*, "3"'])
async def test_what_is_no_etag_is_not_taken_for_one(sent: str):
    with pytest.raises(ProblemError) as caught:
        await etags.wanted(request("if-match", sent), sent)
    assert caught.value.kind is problems.INVALID


async def test_none_is_refused_unless_it_may_be_left_out():
    with pytest.raises(ProblemError) as caught:
        await etags.wanted(request("x"), None)
    assert caught.value.kind is problems.IF_MATCH_REQUIRED
    assert await etags.wanted_if_any(request("x"), None) is None
    assert await etags.wanted_if_any(request("if-match", '"3"'), '"3"') == frozenset({3})


@pytest.mark.parametrize(
    ("sent", "known"),
    [
        (['"3"'], True),
        (['W/"3"'], True),
        (['"2", "3"'], True),
        (['"2"', '"3"'], True),
        (["*"], True),
        (['"2"'], False),
        (["3"], False),
        ([], False),
    ],
)
def test_if_none_match_compares_weakly(sent: list[str], known: Any):
    assert etags.is_known(request("if-none-match", *sent), '"3"') is known
