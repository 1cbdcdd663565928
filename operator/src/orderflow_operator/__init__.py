"""Declares topics and scales workers on consumer lag.

`spec`, `rates`, `scaling`, `topics`, `conditions` and `report` decide, and are pure; everything else observes
a Kafka cluster or a Kubernetes cluster, or writes to it.
"""
