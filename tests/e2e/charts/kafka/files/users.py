"""Gives Kafka the users and rights of KafkaUsers, as Strimzi's User Operator does; follows new passwords."""

import os
import signal
import sys
import time
from pathlib import Path

import yaml
from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from support.kafka_users import bindings_of

BROKER = os.environ.get("BROKER", "127.0.0.1:9092")
TIMEOUT = 10.0  # seconds
EVERY = 1.0  # seconds


def main(users: Path, passwords: Path, ready: Path) -> None:
    """Work until the end of the pod; `ready` is there once every user is."""
    # The first process of a container is not ended by a signal that it does not handle.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    admin = AdminClient({"bootstrap.servers": BROKER, "log_level": 2})
    wanted = [one for file in sorted(users.glob("*.yaml")) for one in yaml.safe_load_all(file.read_text())]
    bindings = [
        binding
        for user in wanted
        for acl in user["spec"]["authorization"]["acls"]
        for binding in bindings_of(user["metadata"]["name"], acl)
    ]
    known: dict[str, str] = {}
    while True:
        try:
            if not ready.exists():
                for made in admin.create_acls(bindings).values():
                    made.result(TIMEOUT)
            now = {file.parent.name: file.read_text() for file in passwords.glob("*/password")}
            for user in [name for name in now if now[name] != known.get(name)]:
                set_password(admin, user, now[user])
                known[user] = now[user]
                print(f"{user} has its password", flush=True)
            ready.touch()
        except (KafkaException, TimeoutError) as error:
            print(f"Kafka is not there yet: {error!r}", file=sys.stderr, flush=True)
        time.sleep(EVERY)


def set_password(admin: AdminClient, user: str, password: str) -> None:
    """Make a user, or change its password."""
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    change = UserScramCredentialUpsertion(user, info, password.encode())
    admin.alter_user_scram_credentials([change])[user].result(TIMEOUT)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
