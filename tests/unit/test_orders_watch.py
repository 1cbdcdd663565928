"""Looking at Kafka beside the requests: what is seen, and what one bad look is worth."""

import pytest
from support.eventually import eventually

from orderflow.orders.watch import KafkaState, KafkaWatch
from orderflow.streaming.access import NOTHING, Lacking
from orderflow.streaming.admin import BrokerUnavailable

AWAY = None
ORDERS = Lacking(("orders",))


class Looks:
    """Answers each look with the next of `answers`, and with the last one from then on."""

    def __init__(self, *answers: Lacking | None) -> None:
        self._answers = list(answers)
        self.count = 0

    def __call__(self) -> Lacking:
        answer = self._answers[min(self.count, len(self._answers) - 1)]
        self.count += 1
        if answer is AWAY:
            raise BrokerUnavailable("no answer")
        return answer


def state_after(looks: Looks, count: int) -> KafkaState:
    watch = KafkaWatch(looks, every_seconds=0.001)
    watch.start()
    try:
        eventually(lambda: looks.count > count, within=10, every=0.001)
        return watch.state
    finally:
        watch.stop()


@pytest.mark.parametrize(
    ("answers", "state"),
    [
        pytest.param([NOTHING], KafkaState(True), id="all topics there"),
        pytest.param([ORDERS], KafkaState(True, ORDERS), id="a topic missing"),
        pytest.param([AWAY], KafkaState(False), id="away from the start"),
        pytest.param([NOTHING, AWAY, AWAY], KafkaState(False), id="away twice in a row"),
        pytest.param([AWAY, AWAY, NOTHING], KafkaState(True), id="back again"),
    ],
)
def test_the_state_is_what_the_last_looks_showed(answers: list[Lacking | None], state: KafkaState) -> None:
    assert state_after(Looks(*answers), len(answers)) == state


def test_one_look_without_an_answer_changes_nothing() -> None:
    watch = KafkaWatch(Looks(NOTHING, AWAY, NOTHING))
    states = []
    for _ in range(3):
        watch.state = watch._look()
        states.append(watch.state.reachable)
    assert states == [True, True, True]


def test_what_is_waited_for_is_said_in_words() -> None:
    assert KafkaState(True).waits_for is None
    assert "first answer" in str(KafkaState().waits_for)
    assert "does not answer" in str(KafkaState(False).waits_for)
    lacking = Lacking(("orders", "order-status"), ("Write on topic payments",))
    assert KafkaState(True, lacking).waits_for == (
        "topics that do not exist: orders, order-status; ACLs that allow this login Write on topic payments"
    )
    making = Lacking(unserved=("orders", "order-status"))
    assert KafkaState(True, making).waits_for == "Kafka to make all partitions of orders, order-status"
