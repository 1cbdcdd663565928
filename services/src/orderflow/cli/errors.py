"""Why a command cannot go on, and what Kafka has to do with it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from orderflow.streaming.admin import BrokerUnavailable, TopicRefused
from orderflow.streaming.reader import ReadRefused, UnknownTopic
from orderflow.streaming.settings import KafkaSettings
from orderflow_lag import errors as lag


class CommandFailed(Exception):
    """The command cannot go on: its text says what is wrong, where, and what to do."""


@contextmanager
def speaking_to(settings: KafkaSettings) -> Iterator[None]:
    """Turn what Kafka cannot answer inside this block into CommandFailed."""
    # The client repeats on standard error what the sentence below says once.
    logging.getLogger("kafka").addHandler(logging.NullHandler())
    try:
        yield
    except (BrokerUnavailable, lag.BrokerUnavailable) as error:
        raise CommandFailed(
            f"No Kafka broker answers at {settings.kafka_bootstrap_servers}; start one (make up) or point "
            f"KAFKA_BOOTSTRAP_SERVERS at yours."
        ) from error
    except lag.AccessDenied as error:
        raise CommandFailed(
            f"{settings.kafka_bootstrap_servers}: {error}; see KAFKA_SASL_USERNAME and the user's rights."
        ) from error
    except (lag.LagError, ReadRefused, TopicRefused, UnknownTopic) as error:
        raise CommandFailed(f"{settings.kafka_bootstrap_servers}: {error}.") from error
