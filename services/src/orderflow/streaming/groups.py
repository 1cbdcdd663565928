"""The consumer groups of the pipeline as those who look at lag subscribe to them."""

from __future__ import annotations

from collections.abc import Mapping

from orderflow.events.groups import TOPICS_OF
from orderflow_lag.observation import Subscription


def pipeline_groups(topic_prefix: str, names: Mapping[str, str] | None = None) -> list[Subscription]:
    """Return the groups of the pipeline and what each reads; `names` are those that are called otherwise."""
    renamed = names or {}
    return [
        Subscription(renamed.get(group, group), frozenset(topic_prefix + topic for topic in topics))
        for group, topics in TOPICS_OF.items()
    ]
