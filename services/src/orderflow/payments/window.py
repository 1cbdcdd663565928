"""The orders that were settled last, small enough to remember 20,000 of each partition. Pure.

An order is two numbers: a hash of its id -> a digest of whose it is and what is in it, with its verdict in
the low bits. So one comparison tells a repeated order from another order that has its id.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol
from zlib import crc32

from orderflow.events import InvalidEvent, Order
from orderflow.events.statuses import Status
from orderflow.payments.rings import Rings

_VERDICT_BITS = 8
_MOST_VERDICTS = 1 << _VERDICT_BITS

# The header of a payment that carries the digest of its order; payments of old have none.
ORDER_DIGEST = "order_digest"
UNKNOWN = 0


class OrderIdConflict(InvalidEvent):
    """The id of an order is that of another one, which stays as it is."""

    def __init__(self) -> None:
        super().__init__("belongs to another order already", "$.order_id")


class Verdict(NamedTuple):
    """How an order was settled: PAID, or DECLINED with its reason if that is known."""

    status: Status
    reason: str | None = None


PAID = Verdict("PAID")
_PAID, _DECLINED = 0, 1


def digest_of(order: Order) -> int:
    """Return 32 bits that tell an order from another one with its id: user and content, but no time."""
    # No part but the last can have a space in it, so no two orders read the same.
    return crc32(f"{order.user_id} {order.amount!s} {order.items} {order.item or ''}".encode())


def parse_digest(value: bytes) -> int:
    """Return the digest in a header's value, UNKNOWN if there is none."""
    try:
        return int(value, 16)
    except ValueError:
        return UNKNOWN


class Memory(Protocol):
    """What the service remembers of the orders it settled."""

    def reassigned(self, gained: frozenset[int], owned: frozenset[int]) -> None:
        """Hear of another assignment of the partitions of `orders`."""

    def find(self, order: Order, digest: int) -> Verdict | None:
        """Return the verdict on an order that was settled before; raise OrderIdConflict if its id was taken,
        TransientError if that cannot be told now."""

    def settle(self, order: Order, digest: int, declined: str | None) -> None:
        """Remember an order that was declined for a reason, or paid (None), before that is written."""

    def knows(self, order_id: str, user_id: str | None) -> bool:
        """Return whether an order of this id was settled, whatever is in it."""

    def forget(self, order_id: str) -> None:
        """Forget an order whose verdict could not be written."""


class NoMemory:
    """Every order is new."""

    def reassigned(self, gained: frozenset[int], owned: frozenset[int]) -> None: ...

    def find(self, order: Order, digest: int) -> Verdict | None:
        return None

    def settle(self, order: Order, digest: int, declined: str | None) -> None: ...

    def knows(self, order_id: str, user_id: str | None) -> bool:
        return False

    def forget(self, order_id: str) -> None: ...


class Window:
    """Remembers the last `size` orders of each partition of `payments`, and finds them by their id.

    For one thread at a time.
    """

    def __init__(self, size: int) -> None:
        # By the hash of an order's id: the digest of the order, with the code of its verdict in the low bits.
        self._settled = Rings(size)
        # The same few reasons again and again; past the room for them an order is DECLINED without one.
        self._verdicts = [PAID, Verdict("DECLINED")]
        self._codes: dict[str | None, int] = {None: _PAID}

    def __len__(self) -> int:
        return len(self._settled)

    def __contains__(self, order_id: str) -> bool:
        return self._settled.get(_key(order_id)) is not None

    def find(self, order_id: str, digest: int) -> Verdict | None:
        """Return the verdict on this very order, None if its id is new; raise OrderIdConflict otherwise."""
        known = self._settled.get(_key(order_id))
        if known is None:
            return None
        if known >> _VERDICT_BITS not in (digest, UNKNOWN):
            raise OrderIdConflict
        return self._verdicts[known & (_MOST_VERDICTS - 1)]

    def add(self, partition: int, order_id: str, digest: int, declined: str | None) -> None:
        """Remember an order that was settled; one whose id is known stays as it is known."""
        key = _key(order_id)
        if self._settled.get(key) is not None:
            return
        code = _PAID if declined is None else self._codes.get(declined) or self._new_code(declined)
        self._settled.put(partition, key, digest << _VERDICT_BITS | code)

    def forget(self, order_id: str) -> None:
        """Forget one order: it was not settled after all."""
        self._settled.remove(_key(order_id))

    def drop(self, partition: int) -> None:
        """Forget all orders of a partition."""
        self._settled.drop(partition)

    def clear(self) -> None:
        """Forget everything."""
        self._settled.clear()

    def _new_code(self, declined: str) -> int:
        if len(self._verdicts) == _MOST_VERDICTS:
            return _DECLINED
        self._verdicts.append(Verdict("DECLINED", declined or None))
        return self._codes.setdefault(declined, len(self._verdicts) - 1)


def _key(order_id: str) -> int:
    return hash(order_id) or 1  # no key may be 0
