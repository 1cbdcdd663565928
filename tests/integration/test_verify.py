"""The verdict on a log that is written while it is read."""

from confluent_kafka import Producer
from support.broken.scene import HEALTHY, Scene
from support.pipeline import Pipeline, orders


def test_what_an_open_transaction_hides_is_waited_for_and_not_called_lost(pipeline: Pipeline) -> None:
    scene, servers = Scene(pipeline), pipeline.bootstrap_servers
    name = f"{pipeline.prefix}stuck"
    stuck = Producer({"bootstrap.servers": servers, "transactional.id": name, "transaction.timeout.ms": 6000})
    stuck.init_transactions(10)
    stuck.begin_transaction()
    for partition in range(pipeline.partitions):
        stuck.produce(f"{pipeline.prefix}payments", b"{}", partition=partition)
    stuck.flush(10)
    pipeline.produce("orders", orders(30))
    worker = scene.pay(HEALTHY)
    scene.wait_for(scene.groups.payments)
    worker.stop()
    assert pipeline.read("payments") == [], "the payments are committed, but nobody can read them yet"

    report = scene.verdict()

    assert report.ok, report
    assert report.paid + report.declined == report.accepted == 30
