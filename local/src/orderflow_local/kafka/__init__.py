"""A real Kafka broker as a child process: its files, its configuration, its life."""

from orderflow_local.kafka.broker import Broker
from orderflow_local.kafka.distribution import Distribution, obtain
from orderflow_local.kafka.quick_start import prepare

__all__ = ["Broker", "Distribution", "obtain", "prepare"]
