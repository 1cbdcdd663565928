"""Workers between two polls: their writes do not come all at once."""

from collections import Counter

from orderflow_operator.scaling import Memory
from orderflow_operator.spec.streamworker import parse_stream_worker
from orderflow_operator.workers import Worker

POLL_SECONDS = 5.0


def worker_written_at(at: float) -> Worker:
    spec = parse_stream_worker(
        {
            "kafka": {"bootstrapServers": "kafka:9092"},
            "scaleTargetRef": {"name": "payments"},
            "consumerGroup": "payment-service",
            "topics": ["orders"],
            "maxReplicas": 12,
        }
    )
    return Worker(found={}, spec=spec, memory=Memory(), written={"lag": 1}, written_at=at)


def test_statuses_written_in_one_poll_are_not_all_due_in_one_again() -> None:
    workers = [worker_written_at(0.0) for _ in range(1000)]

    due = Counter[float]()
    for worker in workers:
        polls = (count * POLL_SECONDS for count in range(1, 100))
        due[next(now for now in polls if worker.is_due({"lag": 2}, now))] += 1

    assert min(due) >= 15
    assert max(due) <= 30
    assert max(due.values()) < 500, "with one patience for all, a thousand in one poll"
