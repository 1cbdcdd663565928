"""What every event has in common: a topic, a key, a value, and one way to be wrong."""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from typing import Annotated, ClassVar, TypeVar

import msgspec

MAX_IDENTIFIER_LENGTH = 128
IDENTIFIER_PATTERN = r"^[A-Za-z0-9._:@-]{1,128}\Z"
Identifier = Annotated[str, msgspec.Meta(pattern=IDENTIFIER_PATTERN)]

_identifier = re.compile(IDENTIFIER_PATTERN)
_ALLOWED = (string.ascii_letters + string.digits + "._:@-").encode()
_path = re.compile(r"^(?P<problem>.*?)(?: - at `(?P<path>[^`]*)`)?$", re.DOTALL)


class InvalidEvent(ValueError):
    """A record's value is not the event it should be, and never will be.

    `path` is a JSONPath (`$.amount`), `problem` a clause that reads on after it.
    """

    def __init__(self, problem: str, path: str = "$") -> None:
        super().__init__(f"{path}: {problem}")
        self.problem = problem
        self.path = path


class NotJson(InvalidEvent):
    """A value that cannot even be parsed, whatever event it should be."""


class Event(msgspec.Struct, frozen=True, gc=False):
    """A fact worth a record: `topic` is its logical name (no prefix), `key` decides its partition."""

    topic: ClassVar[str]

    @property
    def key(self) -> str:
        """What decides the record's partition."""
        raise NotImplementedError(type(self).__name__)

    @property
    def correlation_id(self) -> str:
        """What ties together all records of one order's way, where a foreign record carries none."""
        return self.key


T = TypeVar("T")


# Returns the record value of an event: JSON, amounts as numbers with two places. No function of ours around
# it, since every order passes here twice.
encode: Callable[[Event], bytes] = msgspec.json.Encoder(decimal_format="number").encode


def decoder(kind: type[T]) -> Callable[[bytes], T]:
    """Return a strict JSON decoder for `kind` that fails only with InvalidEvent."""
    decode = msgspec.json.Decoder(kind).decode

    def decode_or_explain(value: bytes) -> T:
        try:
            return decode(value)
        except msgspec.ValidationError as error:
            found = _path.match(str(error))
            problem, path = (found["problem"], found["path"]) if found else (str(error), None)
            raise InvalidEvent(problem, path or "$") from None
        except msgspec.DecodeError as error:
            raise NotJson(str(error)) from None
        except UnicodeDecodeError:
            raise NotJson("is not UTF-8") from None
        except RecursionError:
            raise NotJson("is nested too deeply") from None

    return decode_or_explain


def check_identity(order_id: str, user_id: str) -> None:
    """Raise InvalidEvent for an order or user id that is none; both in one go, as every order is checked."""
    lengths = 0 < len(order_id) <= MAX_IDENTIFIER_LENGTH and 0 < len(user_id) <= MAX_IDENTIFIER_LENGTH
    # Half the time of two matches: what is left once every allowed character is deleted.
    if not lengths or (order_id + user_id).encode("utf-8", "replace").translate(None, _ALLOWED):
        path = "$.user_id" if is_identifier(order_id) else "$.order_id"
        raise InvalidEvent("must be 1 to 128 characters out of A-Z a-z 0-9 . _ : @ -", path)


def is_identifier(text: str) -> bool:
    """Return whether `text` may stand where an order or user id is asked for."""
    return _identifier.match(text) is not None
