"""The pod of the stand-in: serves the KafkaTopics of its namespace, and says where its Kafka listens.

It speaks for Strimzi's cluster operator too, as far as others read the Kafka resource: listeners and Ready.
"""

import os
import signal
import threading
from datetime import UTC, datetime

from kubernetes import config
from kubernetes.client import ApiException, Configuration, CustomObjectsApi
from support.strimzi_stand_in import GROUP, VERSION, TopicOperatorStandIn

CLUSTER = "orderflow"


def main() -> None:
    """Serve until SIGTERM."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    config.load_incluster_config()
    namespace, servers = os.environ["NAMESPACE"], os.environ["KAFKA_BOOTSTRAP_SERVERS"]
    login = {
        "security.protocol": os.environ["KAFKA_SECURITY_PROTOCOL"],
        "ssl.ca.location": os.environ["KAFKA_SSL_CA_LOCATION"],
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": os.environ["KAFKA_SASL_USERNAME"],
        "sasl.password": os.environ["KAFKA_SASL_PASSWORD"],
    }
    configuration = Configuration.get_default_copy()
    stand_in = TopicOperatorStandIn(
        configuration, namespace, CLUSTER, servers, use_finalizers=False, login=login
    )
    with stand_in:
        while not stop.wait(2) and stand_in.is_working:
            tell_listener(namespace, servers)


def tell_listener(namespace: str, servers: str) -> None:
    """Write into the Kafka resource, once there is one, where its listener with logins is."""
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    status = {
        "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": now}],
        "listeners": [{"name": "scram", "bootstrapServers": servers}],
    }
    objects = CustomObjectsApi()
    try:
        there = objects.get_namespaced_custom_object(GROUP, VERSION, namespace, "kafkas", CLUSTER)
        if (there.get("status") or {}).get("listeners") == status["listeners"]:
            return
        objects.patch_namespaced_custom_object_status(
            GROUP, VERSION, namespace, "kafkas", CLUSTER, {"status": status}
        )
    except ApiException as error:
        if error.status != 404:
            raise


if __name__ == "__main__":
    main()
