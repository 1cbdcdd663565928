"""Does the log keep its promises? Records in, a report out. Pure.

Records are given effects first: dead letters, notifications, payments, statuses, orders; within a topic
in the order of their partition. So an effect without its cause is an error even while the pipeline runs,
and a cause without its effect is one only where the group has committed past it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from orderflow.events.payments import PaymentResult
from orderflow.events.statuses import Status
from orderflow.events.topics import ORDERS, PAYMENTS
from orderflow.verify.ledger import Ledger
from orderflow.verify.report import Report

Fault = Literal["lost", "duplicated", "out_of_order", "contradictory"]
Burial = Literal["rejected", "failed"]
Place = tuple[str, int, int]

EXAMPLES = 20
_TURNS = 40  # bits: more records than a topic will hold

_STATUSES: tuple[Status, ...] = get_args(Status)
_RESULTS: tuple[PaymentResult, ...] = get_args(PaymentResult)
_STATUS_OF: dict[PaymentResult, Status] = {"SUCCESS": "PAID", "FAILED": "DECLINED"}


@dataclass(slots=True)
class Checker:
    """Takes the records of a log and reports on them.

    `committed` is how far each group has handled its topic: (topic, partition) -> committed offset of the
    payment workers on orders, of the notification workers on payments, read before any record. `whole`:
    no record of `orders` was deleted yet, so every effect must have its cause in the log.
    """

    committed: Mapping[tuple[str, int], int]
    whole: bool = True
    _ledger: Ledger = field(default_factory=Ledger)
    _dead: dict[Place, Burial] = field(default_factory=dict)
    _conflicts: set[Place] = field(default_factory=set)
    _counts: Counter[str] = field(default_factory=Counter)
    _examples: list[str] = field(default_factory=list)
    _payments: int = 0
    _notifications: int = 0
    _last_paid: dict[tuple[int, int, int], int] = field(default_factory=dict)
    _last_notified: dict[tuple[int, int, int], int] = field(default_factory=dict)

    def promise(self, user_id: str, order_id: str) -> None:
        """Take an order that a client was told is accepted, after all records: it must be among them."""
        self._ledger.promised[self._ledger.number(user_id, order_id)] = 1

    def dead_letter(
        self, burial: Burial, topic: str, partition: int, offset: int, *, conflict: bool = False
    ) -> None:
        """Take a dead letter, by where its record was read: rejected as invalid, or failed for now.

        A conflict: its id was that of another order, whose status says nothing about this one.
        """
        place = (topic, partition, offset)
        if place in self._dead:
            self._fault("duplicated", f"{topic}[{partition}] offset {offset} has more than one dead letter")
        self._dead[place] = burial
        if conflict:
            self._conflicts.add(place)

    def notification(self, user_id: str, order_id: str, result: str, partition: int) -> None:
        """Take a record of `notifications`."""
        ledger, number = self._ledger, self._ledger.number(user_id, order_id)
        self._notifications += 1
        if ledger.notified_at[number]:
            self._fault("duplicated", f"{order_id} has more than one notification")
            return
        ledger.notified_at[number] = _turn(partition, self._notifications)
        ledger.notification[number] = _code(result, _RESULTS)

    def payment(
        self, user_id: str, order_id: str, result: str, partition: int, offset: int, *, judged: bool = True
    ) -> None:
        """Take a record of `payments`; not judged: its notification may be deleted."""
        ledger, number = self._ledger, self._ledger.number(user_id, order_id)
        self._payments += 1
        if ledger.paid_at[number]:
            self._fault("duplicated", f"{order_id} has more than one payment")
            return
        ledger.paid_at[number] = _turn(partition, self._payments)
        ledger.payment[number] = _code(result, _RESULTS)
        if not ledger.notified_at[number]:
            dead = (PAYMENTS, partition, offset) in self._dead
            if judged and not dead and self._handled(PAYMENTS, partition, offset):
                self._fault("lost", f"{order_id} has a payment, but no notification")
        elif ledger.notification[number] != ledger.payment[number]:
            self._fault("contradictory", f"{order_id} has a payment {result} and another notification")

    def status(self, order_id: str, status: str) -> None:
        """Take a record of `order-status`; the last one of an order counts."""
        self._ledger.status[self._ledger.number_of_id(order_id)] = _code(status, _STATUSES)

    def unreadable_order(self, partition: int, offset: int, *, judged: bool = True) -> None:
        """Take a record of `orders` that names no user and no order."""
        self._counts["accepted"] += 1
        what = f"the unreadable record at {ORDERS}[{partition}] offset {offset}"
        self._without_payment(what, partition, offset, judged)

    def unreadable(self, topic: str, partition: int, offset: int) -> None:
        """Take a record of one of our own topics that is not what we write there."""
        self._fault("contradictory", f"{topic}[{partition}] offset {offset} is not a record of ours")

    def order(self, user_id: str, order_id: str, partition: int, offset: int, *, judged: bool = True) -> None:
        """Take a record of `orders`; a repeated one is the same order. Not judged: too old to be lost."""
        ledger, number = self._ledger, self._ledger.number(user_id, order_id)
        dead = self._dead.get((ORDERS, partition, offset))
        ledger.buried[number] |= dead is not None
        ledger.kept[number] |= dead is None
        ledger.pending[number] |= not self._handled(ORDERS, partition, offset)
        if ledger.accepted[number]:
            return
        ledger.accepted[number] = 1
        self._counts["accepted"] += 1
        if ledger.paid_at[number]:
            self._with_payment(number, order_id, partition)
            return
        status = _name(ledger.status[number], _STATUSES)
        self._without_payment(order_id, partition, offset, judged)
        buried = dead is not None and judged and (ORDERS, partition, offset) not in self._conflicts
        if buried and status in _STATUS_OF.values() and ledger.number_of_id(order_id) == number:
            self._fault("contradictory", f"{order_id} is {status}, but is a dead letter without a payment")

    def report(self) -> Report:
        """Return the verdict on everything taken so far."""
        found = list(self._in_hindsight())
        shown = found[: EXAMPLES - len(self._examples)]
        names = self._ledger.names({number for number, _fault, _what in shown})
        examples = [f"{fault}: {names[number]} {what}" for number, fault, what in shown]
        counts = self._counts + Counter[str](fault for _number, fault, _what in found)
        counts["dead_lettered"] = len(self._dead)
        known = {name: counts[name] for name in Report.__dataclass_fields__ if name != "examples"}
        return Report(**known, examples=(*self._examples, *examples))

    def _with_payment(self, number: int, order_id: str, partition: int) -> None:
        ledger = self._ledger
        result = self._result(number)
        self._counts["paid" if result == "SUCCESS" else "declined"] += 1
        if ledger.buried[number]:
            self._counts["revived"] += 1
            return  # A replayed dead letter comes later than its user's other orders, as documented.
        user = ledger.user[number]
        for name, at, last in (
            ("payment", ledger.paid_at[number], self._last_paid),
            ("notification", ledger.notified_at[number], self._last_notified),
        ):
            # Between partitions there is no order; a user has two of them once a topic was enlarged.
            line = (user, partition, at >> _TURNS)
            if at and at < last.get(line, 0):
                self._fault("out_of_order", f"the {name} of {order_id} comes before that of an earlier order")
            last[line] = max(at, last.get(line, 0))

    def _without_payment(self, what: str, partition: int, offset: int, judged: bool) -> None:
        dead = self._dead.get((ORDERS, partition, offset))
        if dead is not None:
            self._counts[dead] += 1
        elif not judged:
            self._counts["expired"] += 1
        elif self._handled(ORDERS, partition, offset):
            self._fault("lost", f"{what} was handled, but has neither a payment nor a dead letter")
        else:
            self._counts["in_flight"] += 1

    def _in_hindsight(self) -> Iterator[tuple[int, Fault, str]]:
        """Yield what only the whole log shows to be wrong: the order's number, the fault, and in words."""
        for number in range(len(self._ledger)):
            if what := self._settled_wrongly(number) or self._causeless(number):
                yield number, "contradictory", what
            elif self.whole and self._ledger.promised[number] and not self._ledger.accepted[number]:
                yield number, "lost", "was promised, but is not in the log"

    def _settled_wrongly(self, number: int) -> str:
        """Return what contradicts the payment of an order, or an empty text."""
        ledger = self._ledger
        # While a repeated record is pending its order is PENDING again.
        if not (ledger.accepted[number] and ledger.paid_at[number]) or ledger.pending[number]:
            return ""
        status, result = _name(ledger.status[number], _STATUSES), self._result(number)
        if status != _STATUS_OF[result]:
            return f"has a payment {result}, but its status is {status or 'of another order with its id'}"
        # What is replayed is written once more, and that record has the payment.
        buried = self.whole and result == "SUCCESS" and not ledger.kept[number]
        return "is paid, but all its records are dead letters" if buried else ""

    def _causeless(self, number: int) -> str:
        """Return which effect on an order nothing in the log causes, or an empty text."""
        ledger = self._ledger
        if not self.whole:
            return ""
        if ledger.notified_at[number] and not ledger.paid_at[number]:
            return "has a notification, but no payment"
        if ledger.accepted[number]:
            return ""
        if ledger.paid_at[number]:
            return "has a payment, but was never ordered"
        final = _name(ledger.status[number], _STATUSES) in _STATUS_OF.values()
        return "has a final status, but was never ordered" if final else ""

    def _result(self, number: int) -> PaymentResult:
        return "SUCCESS" if self._ledger.payment[number] == _code("SUCCESS", _RESULTS) else "FAILED"

    def _handled(self, topic: str, partition: int, offset: int) -> bool:
        return offset < self.committed.get((topic, partition), 0)

    def _fault(self, fault: Fault, what: str) -> None:
        self._counts[fault] += 1
        if len(self._examples) < EXAMPLES:
            self._examples.append(f"{fault.replace('_', ' ')}: {what}")


def _turn(partition: int, count: int) -> int:
    """Return the place of a record: greater than that of those read before in its partition, never 0."""
    return partition << _TURNS | count


def _code(name: str, names: tuple[str, ...]) -> int:
    """Return a name's place from 1, or 255 for one that is not in the contract."""
    return names.index(name) + 1 if name in names else 255


def _name(code: int, names: tuple[str, ...]) -> str | None:
    return names[code - 1] if 0 < code <= len(names) else None
