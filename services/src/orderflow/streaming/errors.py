"""What can end a worker, and how the client's errors are read."""

from confluent_kafka import KafkaError, KafkaException


class WorkerStopped(Exception):
    """The worker cannot go on; its text says why and what to do."""


class BrokerSilent(Exception):
    """Kafka did not answer a question; the next one may be."""


def error_of(error: KafkaException) -> KafkaError:
    """Return the KafkaError inside an exception of the client."""
    inner = error.args[0]
    return inner if isinstance(inner, KafkaError) else KafkaError(KafkaError._FAIL, str(error))
