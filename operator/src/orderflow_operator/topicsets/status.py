"""The status of a TopicSet during one pass: written when it changes, and only then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import json

from orderflow_operator.conditions import merged
from orderflow_operator.kube import Document, KubeApi, path
from orderflow_operator.scaling.types import Finding
from orderflow_operator.topics.status import TopicStatus, recorded
from orderflow_operator.topicsets.naming import API_VERSION, PLURAL
from orderflow_operator.topicsets.writing import Pen


class StatusWriter:
    """Knows what stands in the status of one TopicSet, and replaces it; `now` is RFC 3339."""

    def __init__(self, api: KubeApi, pen: Pen, document: Document, now: str) -> None:
        self._api, self._pen, self._now = api, pen, now
        self._metadata = document["metadata"]
        self.status: Document = document.get("status") or {}
        self._cluster_id: str | None = self.status.get("clusterId")

    def recorded(self, cluster_id: str | None) -> Mapping[str, TopicStatus]:
        """Return what the status says of topics, given the Kafka cluster they are in now, if it is known.

        What was said of another cluster counts no longer: a topic of that name there is not ours.
        """
        known, self._cluster_id = self._cluster_id, cluster_id or self._cluster_id
        return recorded({"status": self.status}) if known in (None, self._cluster_id) else {}

    def write(self, topics: Sequence[TopicStatus], finding: Finding) -> None:
        """Make the status say this; raise ApiError or NotTheWriter."""
        metadata, there = self._metadata, self.status
        status: Document = {
            "observedGeneration": metadata["generation"],
            # Through JSON: a tuple would never equal the list that the API server gives back.
            "topics": json.decode(json.encode(topics)),
            "conditions": merged(there.get("conditions") or (), [finding], metadata["generation"], self._now),
        }
        if self._cluster_id:
            status["clusterId"] = self._cluster_id
        if status == there:
            return
        self._pen.take()
        named = {part: metadata[part] for part in ("name", "namespace", "uid")}
        body = {"apiVersion": API_VERSION, "kind": "TopicSet", "metadata": named, "status": status}
        self._api.apply(path(API_VERSION, PLURAL, metadata["namespace"], metadata["name"], "status"), body)
        self.status = status
