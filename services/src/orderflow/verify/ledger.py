"""What is known of each order, in some 250 bytes: a million orders fit into a laptop's memory. Pure."""

from __future__ import annotations

from array import array

NO_USER = -1


class Ledger:
    """Orders by identity, numbered from 0; each attribute holds one value per number.

    An order's identity is (user_id, order_id). The first user seen with an order id has it; the same id
    with another user is another order.
    """

    def __init__(self) -> None:
        self._numbers: dict[str | tuple[str, str], int] = {}
        self._users: dict[str, int] = {}
        self.user = array("i")
        self.promised = bytearray()
        self.accepted = bytearray()
        self.pending = bytearray()
        self.buried = bytearray()
        self.kept = bytearray()  # has a record that is no dead letter
        self.status = bytearray()
        self.payment = bytearray()
        self.notification = bytearray()
        # The place of an order's payment and notification among those of their partition; 0: there is none.
        self.paid_at = array("q")
        self.notified_at = array("q")

    def __len__(self) -> int:
        return len(self.user)

    def number(self, user_id: str, order_id: str) -> int:
        """Return the number of an order, which is new if it was never seen."""
        user = self._users.setdefault(user_id, len(self._users))
        number = self._numbers.get(order_id)
        if number is None:
            return self._add(order_id, user)
        if self.user[number] == NO_USER:
            self.user[number] = user
        if self.user[number] == user:
            return number
        shared = self._numbers.get((order_id, user_id))
        return self._add((order_id, user_id), user) if shared is None else shared

    def number_of_id(self, order_id: str) -> int:
        """Return the number of the order that has this id, whoever its user is."""
        number = self._numbers.get(order_id)
        return self._add(order_id, NO_USER) if number is None else number

    def names(self, numbers: set[int]) -> dict[int, str]:
        """Return the order ids of some numbers, for people to read."""
        return {
            number: key if isinstance(key, str) else " of user ".join(key)
            for key, number in self._numbers.items()
            if number in numbers
        }

    def _add(self, key: str | tuple[str, str], user: int) -> int:
        number = self._numbers[key] = len(self.user)
        self.user.append(user)
        for flags in (self.promised, self.accepted, self.pending, self.buried, self.kept):
            flags.append(0)
        for codes in (self.status, self.payment, self.notification):
            codes.append(0)
        self.paid_at.append(0)
        self.notified_at.append(0)
        return number
