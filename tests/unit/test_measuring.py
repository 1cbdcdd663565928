"""What a worker tells of itself follows what it committed and what it holds."""

import time

import pytest
from prometheus_client import REGISTRY
from support.builders import a_payment, record

from orderflow.events import encode
from orderflow.events.payments import decode_payment
from orderflow.payments.metrics import count_payments
from orderflow.streaming.assignment import Assignment
from orderflow.streaming.batches import Batch, Done, Partition, Record
from orderflow.streaming.measuring import Measuring, lag_of
from orderflow.streaming.service import Service

ZERO, ONE, TWO = (("orders", number) for number in range(3))


class Reading:
    """The consuming side: what is assigned, and which ends it has heard of."""

    def __init__(self, ends: dict[Partition, int]) -> None:
        self.assignment = Assignment()
        self.assignment.gain(ends)
        self.assignment.committed.update(dict.fromkeys(ends, 0))
        self.ends = ends

    def known_ends(self) -> dict[Partition, int]:
        return self.ends


def measuring(name: str, counted: list[int]) -> Measuring:
    service = Service(
        name=name,
        reads=("payments",),
        writes=(),
        dead_letters="failed",
        decode=lambda value, _at: decode_payment(value),
        react=lambda _event, _delivery: (),
        committed=lambda done: counted.append(len(done)),
    )
    return Measuring(service)


def sample(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


def test_the_lag_is_what_lies_between_the_committed_offset_and_the_end() -> None:
    assignment = Assignment()
    assignment.gain([ZERO, ONE, TWO])
    assignment.committed[ZERO] = 7
    assert lag_of({ZERO: 10, ONE: 5}, assignment) == {ZERO: 3}, "what was never committed is not known"
    assignment.reached({ONE: 5})
    assert lag_of({ZERO: 7, ONE: 5, TWO: 1}, assignment) == {ZERO: 0, ONE: 0}
    # The client hears of the end with the next answer to a fetch, a commit may be quicker.
    assert lag_of({ZERO: 6}, assignment) == {ZERO: 0}


def test_counters_are_there_before_there_is_anything_to_count() -> None:
    measuring("new-service", [])
    for kind in ("invalid", "exhausted", "unexpected"):
        assert sample("orderflow_dead_letters_total", service="new-service", kind=kind) == 0
    assert sample("orderflow_poison_stops_total", service="new-service") == 0


def test_a_committed_batch_is_counted_and_the_service_hears_of_it() -> None:
    counted = list[int]()
    figures = measuring("counting", counted)
    done = [Done(record(offset=offset), ()) for offset in range(3)]
    figures.committed(Batch(done), 0.25)
    assert sample("orderflow_records_total", service="counting") == 3
    assert sample("orderflow_transaction_seconds_sum", service="counting") == 0.25
    assert sample("orderflow_record_latency_seconds_count", service="counting") == 3
    assert counted == [3]


def test_a_partition_that_went_leaves_no_lag_behind() -> None:
    figures, reading = measuring("losing", []), Reading({ZERO: 4, ONE: 6})

    def lags() -> list[float | None]:
        asked = ({"service": "losing", "topic": "orders", "partition": number} for number in "01")
        return [sample("orderflow_lag_records", **labels) for labels in asked]

    figures.look(10.0, reading, held=2)
    assert lags() == [4, 6]
    assert sample("orderflow_held_records", service="losing") == 2
    del reading.ends[ONE]
    figures.look(10.5, reading, held=0)
    assert lags() == [4, 6], "it looks once a second"
    figures.look(11.0, reading, held=0)
    assert lags() == [4, None]


def test_payments_are_counted_by_status_and_nothing_else_is_a_payment() -> None:
    def counts() -> list[float]:
        return [sample("orderflow_payments_total", status=status) or 0 for status in ("SUCCESS", "FAILED")]

    def written(topic: str, value: bytes) -> Done:
        return Done(
            record(), [(topic, b"u1", value, []), ("p.order-status", b"o1", b'{"status":"FAILED"}', [])]
        )

    count, before = count_payments("p.payments"), counts()
    failed = a_payment(status="FAILED", reason='"status":"SUCCESS"')
    letter = b'{"status":"SUCCESS"}'
    count(
        [
            *(written("p.payments", encode(payment)) for payment in (a_payment(), a_payment(), failed)),
            written("p.failed-payments", letter),
            written("p.order-status", letter),
        ]
    )
    assert [after - earlier for after, earlier in zip(counts(), before, strict=True)] == [2, 1]


@pytest.mark.parametrize("size", [1, 255, 256, 511, 512, 5_000, 5_003])
def test_of_a_batch_of_any_size_every_record_is_in_the_latency_with_its_neighbours_age(size: int) -> None:
    name, now = f"batch-of-{size}", time.time() * 1000
    # The older half of one partition, the younger half of another: ages of 70 s and of 7 s.
    ages = [70_000 if number < size // 2 else 7_000 for number in range(size)]
    done = [Done(Record(ONE, n, int(now - age), None, b"", None), ()) for n, age in enumerate(ages)]
    measuring(name, []).committed(Batch(done), 0.1)
    family = "orderflow_record_latency_seconds"
    assert sample(f"{family}_count", service=name) == size
    young = sample(f"{family}_bucket", service=name, le="10.0")
    assert young == pytest.approx(ages.count(7_000), abs=max(1, size // 256))
