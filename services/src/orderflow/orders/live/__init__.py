"""What goes on in the pipeline, as it happens: records become ticks, ticks wait in a ring, clients read it.

Kafka -> streaming.feed -> digest (counts, latency, a sample) -> ring -> GET /events
"""
