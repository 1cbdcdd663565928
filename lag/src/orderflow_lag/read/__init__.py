"""The brokers -> observation; the only package here that imports a Kafka client."""

from orderflow_lag.read.isolated import IsolatedReader
from orderflow_lag.read.reader import LagReader

__all__ = ["IsolatedReader", "LagReader"]
