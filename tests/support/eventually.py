"""The one way tests wait: ask again until it holds, or say what never came true."""

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")

_OFTEN = 0.05  # seconds
_SHARE = 2  # so many times as long as an answer takes nobody asks


def eventually(check: Callable[[], Value], *, within: float, every: float | None = None) -> Value:
    """Return the first truthy result of `check`, asked again and again for `within` seconds.

    It is asked after `every` seconds; by default often, but less so where an answer takes long: what is
    waited for needs the processor too.
    An AssertionError inside `check` means "not yet"; when the time is over the last one is the
    cause of the failure. Any other exception ends the wait at once.
    """
    deadline = time.monotonic() + within
    while True:
        asked = time.monotonic()
        failure: AssertionError | None = None
        result: Value | None = None
        try:
            result = check()
        except AssertionError as error:
            failure = error
        if result:
            return result
        if time.monotonic() >= deadline:
            seen = "" if failure else f"; the last answer was {result!r}"
            raise AssertionError(f"Not true within {within} s{seen}") from failure
        took = time.monotonic() - asked
        time.sleep(max(_OFTEN, _SHARE * took) if every is None else every)
