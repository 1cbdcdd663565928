"""The Lease: one replica writes, and knows when it may no longer."""

from dataclasses import dataclass, field

from support.fake_api import FakeApi

from orderflow_operator.lease import Lease


@dataclass
class Clock:
    """Stands still until it is turned."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Replicas:
    """Some replicas at one API server, under one clock."""

    api: FakeApi = field(default_factory=FakeApi)
    clock: Clock = field(default_factory=Clock)

    def replica(self, name: str) -> Lease:
        return Lease(self.api, "system", name, 15.0, 10.0, 2.0, clock=self.clock)


def test_the_first_replica_takes_the_lease_and_the_second_stands_by() -> None:
    replicas = Replicas()
    first, second = replicas.replica("a"), replicas.replica("b")
    first.attempt()
    second.attempt()
    assert (first.held(), second.held()) == (True, False)


def test_nobody_holds_it_before_an_attempt() -> None:
    assert not Replicas().replica("a").held()


def test_a_holder_that_cannot_renew_stops_writing_before_another_may_begin() -> None:
    replicas = Replicas()
    first, second = replicas.replica("a"), replicas.replica("b")
    first.attempt()
    second.attempt()
    held_together = []
    for _ in range(20):
        replicas.clock.now += 1
        second.attempt()  # only the first one has lost the way to the API server
        held_together.append((first.held(), second.held()))
    assert (True, True) not in held_together
    assert held_together[8] == (True, False)
    assert held_together[9] == (False, False)
    assert held_together[-1] == (False, True)


def test_a_holder_that_renews_keeps_it_for_ever() -> None:
    replicas = Replicas()
    first, second = replicas.replica("a"), replicas.replica("b")
    for _ in range(50):
        first.attempt()
        replicas.clock.now += 2
        second.attempt()
        assert (first.held(), second.held()) == (True, False)


def test_a_silent_api_server_lets_it_run_out() -> None:
    replicas = Replicas()
    only = replicas.replica("a")
    only.attempt()
    replicas.api.silent = True
    for _ in range(5):
        replicas.clock.now += 2
        only.attempt()
    assert not only.held()


def test_what_is_released_is_taken_at_once() -> None:
    replicas = Replicas()
    first, second = replicas.replica("a"), replicas.replica("b")
    first.attempt()
    second.attempt()
    first.release()
    second.attempt()
    assert (first.held(), second.held()) == (False, True)


def test_a_process_that_starts_again_under_its_old_name_waits_like_any_other() -> None:
    replicas = Replicas()
    replicas.replica("a").attempt()
    again = replicas.replica("a")
    again.attempt()
    assert not again.held()
    replicas.clock.now += 15.1
    again.attempt()
    assert again.held()


def test_changes_of_the_holder_are_told_once() -> None:
    replicas, told = Replicas(), list[bool]()
    only = replicas.replica("a")
    only.on_change = told.append
    only.attempt()
    only.attempt()
    replicas.clock.now += 11
    replicas.api.silent = True
    only.attempt()
    assert told == [True, False]


def test_transitions_are_counted_in_the_lease() -> None:
    replicas = Replicas()
    first, second = replicas.replica("a"), replicas.replica("b")
    first.attempt()
    first.attempt()
    first.release()
    second.attempt()
    (lease,) = replicas.api.objects.values()
    assert lease["spec"]["leaseTransitions"] == 1
    assert lease["spec"]["holderIdentity"] == second.identity
