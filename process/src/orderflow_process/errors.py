"""What a command says when it cannot do its work: one sentence, exit code 1."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from orderflow_process.endpoint import PortTaken
from orderflow_process.settings import SettingsError


@contextmanager
def plain_errors(program: str, *others: type[Exception]) -> Iterator[None]:
    """Say what a person can mend in a sentence and end with exit code 1; let the rest be seen whole.

    Wrong settings and a taken port can be mended in any program, `others` in this one.
    """
    known: tuple[type[Exception], ...] = (SettingsError, PortTaken, *others)
    try:
        yield
    except known as error:
        print(f"{program}: {error}", file=sys.stderr)
        sys.exit(1)
