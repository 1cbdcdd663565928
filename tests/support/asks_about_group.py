"""A program that asks about its consumer group until somebody answers: `python FILE SERVERS GROUP`.

In a process of its own, because a client that dies here takes its process along.
"""

from __future__ import annotations

import sys

from confluent_kafka import KafkaException

from orderflow.streaming.admin import CurrentAdmin, described_group
from orderflow.streaming.login import Login
from orderflow.streaming.settings import KafkaSettings

QUESTIONS = 10


def main(servers: str, group: str) -> None:
    settings = KafkaSettings(kafka_bootstrap_servers=servers)
    admin = CurrentAdmin(settings, Login(settings))
    for _ in range(QUESTIONS):
        try:
            described_group(admin, group, timeout=0.5)
        except (KafkaException, TimeoutError):
            print("silence", flush=True)
        else:
            print("an answer", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
