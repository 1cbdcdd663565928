"""A worker as a program: consumes topics at a given pace and commits; run by `support.worker_pods`.

Its arguments are one JSON object: bootstrap_servers, group, topics, client_id, seconds_per_record, config.
It prints `joined` once the group has given it partitions, or none of them.
"""

import json
import signal
import sys
import time
from typing import Any

from confluent_kafka import Consumer, KafkaException

_BATCH_SECONDS = 0.25  # what is consumed between two commits


def main(wanted: dict[str, Any]) -> None:
    """Consume until SIGTERM."""
    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: ended.append(number))
    consumer = Consumer(
        {
            "bootstrap.servers": wanted["bootstrap_servers"],
            "group.id": wanted["group"],
            "client.id": wanted["client_id"],
            "group.protocol": "consumer",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "fetch.queue.backoff.ms": 5,
            "log_level": 2,
            **wanted.get("config", {}),
        }
    )
    consumer.subscribe(wanted["topics"], on_assign=lambda *_: print("joined", flush=True))
    pace: float = wanted["seconds_per_record"]
    most = max(1, int(_BATCH_SECONDS / pace))
    while not ended:
        records = consumer.consume(most, 0.1)
        time.sleep(pace * len(records))
        if records:
            try:
                consumer.commit(asynchronous=False)
            except KafkaException as error:
                print(f"not committed: {error}", file=sys.stderr, flush=True)
    consumer.close()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
