"""Names of log fields: what the code calls them, and what they are called in a line. Pure.

Where the Elastic Common Schema has a name it is that; `kafka.` and `order.` are named after it,
what only we have is under `orderflow.`. Types: deploy/observability/elk/index-template.json.
"""

from __future__ import annotations

VERSION = "8.17.0"  # of the Elastic Common Schema

_COMMON = {
    "event": "message",
    "level": "log.level",
    "logger": "log.logger",
    "exception": "error.stack_trace",
    "stack": "error.stack_trace",
    "error_type": "error.type",
    "error": "error.message",
    "reason": "event.reason",
    "trace_id": "trace.id",
    "span_id": "span.id",
    "user_id": "user.id",
    "order_id": "order.id",
    "instance": "service.node.name",
    "group": "kafka.group",
    "topic": "kafka.topic",
    "partition": "kafka.partition",
    "partitions": "kafka.partitions",
    "offset": "kafka.offset",
}
_OURS = (
    *("address", "after", "attempts", "because", "before", "clients", "cluster", "deployment", "detail"),
    *("exit_code", "failures", "health_port", "host", "identity", "kafka_group_id", "keys_needed", "kind"),
    *("known", "loop", "message", "number", "objects", "owned", "port", "quiet_seconds", "reachable"),
    *("records", "signal", "size", "subject", "to_set_it", "topicset", "trouble", "undecided", "unread"),
    *("database", "used_instead"),
    *("version", "waits_for", "worker"),
)
FIELDS = _COMMON | {name: f"orderflow.{name}" for name in _OURS}


def field(name: str) -> str:
    """Return the field of a name; one that nobody has declared is a label, which takes any text."""
    if name in FIELDS:
        return FIELDS[name]
    return f"labels.{name.replace('.', '_')}"
