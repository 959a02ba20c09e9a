"""What schemathesis finds and is right none the less, each with its reason; loaded by schemathesis itself."""

from typing import Any

import schemathesis

# What is valid by the document and refused none the less, by the path that the problem names and its message.
RIGHTLY_REFUSED = {
    # A cursor is what a page before handed out for this list in this order: JSON Schema cannot say so.
    ("query.cursor", "this is no `next_cursor` of this list in this order"),
    # A format is all that JSON Schema knows of times.
    ("query.since", "a year from 1900 to 8999 is meant"),
    ("query.until", "a year from 1900 to 8999 is meant"),
    # Which providers there are is a setting; the test has none, since no id_token can be made up.
    ("body.provider", "this provider is not configured here"),
}


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Return whether a failure stands."""
    del context, case
    return not (type(failure).__name__ == "RejectedPositiveData" and _rightly(response))


def _rightly(response: Any) -> bool:
    if response.status_code == 412:  # an ETag is what a response before carried
        return True
    if response.status_code != 422:
        return False
    return {(error["path"], error["message"]) for error in response.json()["errors"]} <= RIGHTLY_REFUSED
