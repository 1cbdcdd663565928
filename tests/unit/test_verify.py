"""The checker catches every way a log can be wrong, and nothing in a log that is right."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow.cli.verify import balance
from orderflow.verify.checker import EXAMPLES, Burial, Checker
from orderflow.verify.report import Report

Order = tuple[str, str]


@dataclass
class Log:
    """The topics of a pipeline as lists, each one partition; `handled` is how far its readers got.

    Records before offset `judged_from` are older than what the topics still hold.
    """

    orders: list[Order | None] = field(default_factory=list)
    payments: list[tuple[str, str, str]] = field(default_factory=list)
    notifications: list[tuple[str, str, str]] = field(default_factory=list)
    statuses: list[tuple[str, str]] = field(default_factory=list)
    dead: list[tuple[Burial, str, int]] = field(default_factory=list)
    conflicts: set[int] = field(default_factory=set)
    handled: dict[str, int] = field(default_factory=dict)
    judged_from: int = 0
    promised: list[Order] = field(default_factory=list)

    def paid(self, user: str, order: str, result: str = "SUCCESS") -> None:
        """Append an order that went all the way."""
        self.orders.append((user, order))
        self.payments.append((user, order, result))
        self.notifications.append((user, order, result))
        self.statuses += [(order, "PENDING"), (order, "PAID" if result == "SUCCESS" else "DECLINED")]

    def buried(self, user: str, order: str, burial: Burial) -> None:
        """Append an order that ended as a dead letter."""
        self.orders.append((user, order))
        self.dead.append((burial, "orders", len(self.orders) - 1))
        self.statuses.append((order, burial.upper()))

    def conflicting(self, user: str, order: str) -> None:
        """Append an order whose id was that of another one."""
        self.orders.append((user, order))
        self.dead.append(("rejected", "orders", len(self.orders) - 1))
        self.conflicts.add(len(self.orders) - 1)

    def check(self, *, whole: bool = True) -> Report:
        committed = {
            ("orders", 0): self.handled.get("orders", len(self.orders)),
            ("payments", 0): self.handled.get("payments", len(self.payments)),
        }
        checker = Checker(committed, whole)
        for burial, topic, offset in self.dead:
            checker.dead_letter(burial, topic, 0, offset, conflict=offset in self.conflicts)
        for notification in self.notifications:
            checker.notification(*notification, 0)
        for offset, payment in enumerate(self.payments):
            checker.payment(*payment, 0, offset, judged=offset >= self.judged_from)
        for status in self.statuses:
            checker.status(*status)
        for offset, order in enumerate(self.orders):
            judged = offset >= self.judged_from
            if order is None:
                checker.unreadable_order(0, offset, judged=judged)
            else:
                checker.order(*order, 0, offset, judged=judged)
        for promised in self.promised:
            checker.promise(*promised)
        assert checker.report() == checker.report()
        return checker.report()


@pytest.fixture
def log() -> Log:
    """Three orders of two users, all well."""
    good = Log()
    good.paid("ann", "A-1")
    good.paid("bob", "B-1", "FAILED")
    good.paid("ann", "A-2")
    return good


def test_a_good_log_passes(log: Log) -> None:
    log.buried("bob", "B-2", "rejected")
    log.buried("bob", "B-3", "failed")
    assert log.check() == Report(accepted=5, paid=2, declined=1, rejected=1, failed=1, dead_lettered=2)
    assert log.check().ok


def test_an_empty_log_passes() -> None:
    assert Log().check() == Report()


def test_an_order_repeated_in_the_log_is_one_order(log: Log) -> None:
    log.orders.append(("ann", "A-1"))
    assert log.check() == Report(accepted=3, paid=2, declined=1)


def test_a_repeated_order_may_be_pending_again_until_that_record_is_handled(log: Log) -> None:
    log.handled = {"orders": 3}
    log.orders.append(("ann", "A-1"))
    log.statuses.append(("A-1", "PENDING"))
    assert log.check().ok
    log.handled = {"orders": 4}
    assert log.check().contradictory == 1


def test_an_order_repeated_with_another_content_leaves_the_first_as_it_is(log: Log) -> None:
    log.conflicting("ann", "A-1")
    log.conflicting("bob", "B-1")
    assert log.check() == Report(accepted=3, paid=2, declined=1, dead_lettered=2)


def test_an_order_with_the_id_of_another_user_is_rejected_and_no_contradiction(log: Log) -> None:
    log.conflicting("bob", "A-1")
    assert log.check() == Report(accepted=4, paid=2, declined=1, rejected=1, dead_lettered=1)


def test_a_conflict_outlives_the_order_it_was_with(log: Log) -> None:
    log.conflicting("bob", "A-1")
    log.orders[0] = None
    log.payments.pop(0)
    log.notifications.pop(0)
    log.judged_from = 1
    assert log.check(whole=False).ok


def test_a_decline_that_was_retried_is_declined_and_a_dead_letter(log: Log) -> None:
    log.dead.append(("failed", "orders", 1))
    assert log.check() == Report(accepted=3, paid=2, declined=1, revived=1, dead_lettered=1)


def test_what_no_group_has_committed_past_is_in_flight_not_lost(log: Log) -> None:
    log.handled = {"orders": 3, "payments": 3}
    log.orders.append(("bob", "B-2"))
    log.orders.append(("ann", "A-3"))
    log.payments.append(("ann", "A-3", "SUCCESS"))
    report = log.check()
    assert report.ok
    assert (report.accepted, report.in_flight) == (5, 1)


def test_a_replayed_dead_letter_may_come_after_its_users_later_orders(log: Log) -> None:
    log.buried("ann", "A-3", "failed")
    log.paid("ann", "A-4")
    log.paid("ann", "A-3")
    assert log.check() == Report(accepted=5, paid=4, declined=1, dead_lettered=1, revived=1)


@pytest.mark.parametrize("before", [0, 1])
def test_a_user_whose_partition_changed_with_their_number_is_in_order(before: int) -> None:
    after, checker = 1 - before, Checker({("orders", 0): 9, ("orders", 1): 9, ("payments", 0): 9})
    history = {before: ("A-1", "A-2"), after: ("A-3", "A-4")}
    for take in (checker.notification, checker.payment):
        for partition, offset in ((0, 0), (0, 1), (1, 0), (1, 1)):
            place = (partition,) if take == checker.notification else (partition, offset)
            take("ann", history[partition][offset], "SUCCESS", *place)
    for partition, offset in ((1, 0), (1, 1), (0, 0), (0, 1)):
        order = history[partition][offset]
        checker.status(order, "PAID")
        checker.order("ann", order, partition, offset)
    assert checker.report() == Report(accepted=4, paid=4)


def test_the_same_id_of_another_user_is_another_order(log: Log) -> None:
    log.orders.append(("bob", "A-1"))
    log.dead.append(("rejected", "orders", 3))
    assert log.check() == Report(accepted=4, paid=2, declined=1, rejected=1, dead_lettered=1)


def test_a_notification_that_became_a_dead_letter_is_not_lost(log: Log) -> None:
    log.notifications.pop()
    log.dead.append(("failed", "payments", 2))
    assert log.check().ok


def test_effects_of_deleted_orders_are_no_fault(log: Log) -> None:
    log.orders.pop(0)
    assert log.check(whole=False).ok
    assert not log.check().ok


def test_what_is_too_old_to_judge_is_expired_and_not_lost(log: Log) -> None:
    log.payments.pop(0)
    log.notifications.pop(0)
    log.orders.insert(1, None)
    log.judged_from = 2
    report = log.check(whole=False)
    assert report.ok
    assert (report.accepted, report.expired, report.paid, report.declined) == (4, 2, 1, 1)


def test_a_payment_too_old_to_judge_needs_no_notification(log: Log) -> None:
    log.notifications.pop(0)
    log.judged_from = 1
    assert log.check(whole=False).ok
    log.judged_from = 0
    assert log.check(whole=False).lost == 1


def lose_an_order(log: Log) -> None:
    log.orders.append(("bob", "B-2"))


def lose_a_poison_record(log: Log) -> None:
    log.orders.append(None)


def lose_a_payment_but_set_the_status(log: Log) -> None:
    log.orders.append(("bob", "B-2"))
    log.statuses.append(("B-2", "PAID"))


def lose_a_notification(log: Log) -> None:
    del log.notifications[1]


def double_a_payment(log: Log) -> None:
    log.payments.append(log.payments[0])


def double_a_notification(log: Log) -> None:
    log.notifications.append(log.notifications[0])


def double_a_dead_letter(log: Log) -> None:
    log.buried("bob", "B-2", "rejected")
    log.dead.append(log.dead[-1])


def swap_two_payments_of_a_user(log: Log) -> None:
    log.payments[0], log.payments[2] = log.payments[2], log.payments[0]


def swap_two_notifications_of_a_user(log: Log) -> None:
    log.notifications[0], log.notifications[2] = log.notifications[2], log.notifications[0]


def pay_a_rejected_order(log: Log) -> None:
    log.buried("bob", "B-2", "rejected")
    log.payments.append(("bob", "B-2", "SUCCESS"))
    log.notifications.append(("bob", "B-2", "SUCCESS"))


def bury_an_order_that_is_paid_by_status(log: Log) -> None:
    log.buried("bob", "B-2", "rejected")
    log.statuses.append(("B-2", "PAID"))


def pay_a_failed_order_that_was_not_replayed(log: Log) -> None:
    log.buried("bob", "B-2", "failed")
    log.payments.append(("bob", "B-2", "SUCCESS"))
    log.notifications.append(("bob", "B-2", "SUCCESS"))
    log.statuses.append(("B-2", "PAID"))


def pay_two_users_under_one_id(log: Log) -> None:
    log.paid("bob", "A-1")


def pay_without_a_status(log: Log) -> None:
    log.statuses.remove(("A-2", "PAID"))


def decline_a_paid_order(log: Log) -> None:
    log.statuses.append(("A-2", "DECLINED"))


def pay_what_nobody_ordered(log: Log) -> None:
    log.payments.append(("bob", "B-9", "SUCCESS"))
    log.notifications.append(("bob", "B-9", "SUCCESS"))


def pay_for_another_user(log: Log) -> None:
    log.payments.append(("bob", "A-1", "SUCCESS"))
    log.notifications.append(("bob", "A-1", "SUCCESS"))


def notify_without_a_payment(log: Log) -> None:
    log.orders.append(("bob", "B-2"))
    log.dead.append(("failed", "orders", 3))
    log.notifications.append(("bob", "B-2", "SUCCESS"))


def notify_the_opposite(log: Log) -> None:
    log.notifications[0] = ("ann", "A-1", "FAILED")


def finish_what_nobody_ordered(log: Log) -> None:
    log.statuses.append(("B-9", "PAID"))


@pytest.mark.parametrize(
    ("breakage", "fault", "named"),
    [
        (lose_an_order, "lost", "B-2"),
        (lose_a_poison_record, "lost", "orders[0] offset 3"),
        (lose_a_payment_but_set_the_status, "lost", "B-2"),
        (lose_a_notification, "lost", "B-1"),
        (double_a_payment, "duplicated", "A-1"),
        (double_a_notification, "duplicated", "A-1"),
        (double_a_dead_letter, "duplicated", "orders[0] offset 3"),
        (swap_two_payments_of_a_user, "out_of_order", "A-2"),
        (swap_two_notifications_of_a_user, "out_of_order", "A-2"),
        (pay_a_rejected_order, "contradictory", "B-2"),
        (bury_an_order_that_is_paid_by_status, "contradictory", "B-2"),
        (pay_a_failed_order_that_was_not_replayed, "contradictory", "B-2"),
        (pay_two_users_under_one_id, "contradictory", "A-1 of user bob"),
        (pay_without_a_status, "contradictory", "A-2"),
        (decline_a_paid_order, "contradictory", "A-2"),
        (pay_what_nobody_ordered, "contradictory", "B-9"),
        (pay_for_another_user, "contradictory", "A-1 of user bob"),
        (notify_without_a_payment, "contradictory", "B-2"),
        (notify_the_opposite, "contradictory", "A-1"),
        (finish_what_nobody_ordered, "contradictory", "B-9"),
    ],
)
def test_a_broken_log_is_caught(log: Log, breakage: Callable[[Log], None], fault: str, named: str) -> None:
    breakage(log)
    report = log.check()
    faults = {name: getattr(report, name) for name in ("lost", "duplicated", "out_of_order", "contradictory")}
    assert faults == dict.fromkeys(faults, 0) | {fault: 1}
    assert named in report.examples[0]
    assert not report.ok


def test_a_promised_order_that_is_not_in_the_log_is_lost(log: Log) -> None:
    log.promised = [("ann", "A-1"), ("bob", "B-1")]
    assert log.check().ok
    log.promised.append(("bob", "B-2"))
    report = log.check()
    assert (report.lost, report.accepted) == (1, 3)
    assert report.examples == ("lost: B-2 was promised, but is not in the log",)


def test_a_promise_is_kept_to_the_user_it_was_given_to(log: Log) -> None:
    log.promised = [("bob", "A-1")]
    assert log.check().lost == 1


def test_every_record_that_was_overtaken_counts(log: Log) -> None:
    log.paid("ann", "A-3")
    first, other, *rest = log.payments
    log.payments = [*rest, other, first]
    assert log.check().out_of_order == 2


def test_the_sum_of_the_outcomes_is_what_was_accepted(log: Log) -> None:
    log.buried("bob", "B-3", "failed")
    assert balance(log.check()) == "4 accepted = 2 paid + 1 declined + 1 failed"
    lose_an_order(log)
    assert balance(log.check()) == "5 accepted is not 2 paid + 1 declined + 1 failed"


def test_examples_are_few_however_broken_the_log_is() -> None:
    broken = Log(orders=[("ann", f"A-{n}") for n in range(1000)])
    report = broken.check()
    assert report.lost == 1000
    assert len(report.examples) == EXAMPLES


@given(users=st.integers(1, 5), orders=st.integers(1, 40), seed=st.integers(0, 2**16))
def test_any_interleaving_that_keeps_each_users_order_passes(users: int, orders: int, seed: int) -> None:
    log, chance = Log(), random.Random(seed)
    for n in range(orders):
        log.paid(f"u{chance.randrange(users)}", f"O-{n}")
    log.payments = interleaved(log.payments, chance)
    log.notifications = interleaved(log.notifications, chance)
    assert log.check() == Report(accepted=orders, paid=orders)


@given(orders=st.integers(2, 40), data=st.data())
def test_any_inversion_of_one_users_payments_is_caught(orders: int, data: st.DataObject) -> None:
    log = Log()
    for n in range(orders):
        log.paid("ann", f"O-{n}")
    log.payments = data.draw(st.permutations(log.payments).filter(lambda found: found != log.payments))
    assert log.check().out_of_order > 0


def interleaved(records: list[tuple[str, str, str]], chance: random.Random) -> list[tuple[str, str, str]]:
    """Shuffle records, but keep those of one user in order."""
    queues: dict[str, list[tuple[str, str, str]]] = {}
    for record in records:
        queues.setdefault(record[0], []).append(record)
    turns = [record[0] for record in records]
    chance.shuffle(turns)
    return [queues[user].pop(0) for user in turns]
