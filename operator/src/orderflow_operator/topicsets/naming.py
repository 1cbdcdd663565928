"""How the API server knows TopicSets."""

from __future__ import annotations

from orderflow_operator.kube import Document
from orderflow_operator.topics.manifests import Owner

API_VERSION = "orderflow.dev/v1alpha1"
PLURAL = "topicsets"


def owner_of_document(topic_set: Document) -> Owner:
    """Return a TopicSet's identity."""
    metadata = topic_set["metadata"]
    return Owner(metadata["namespace"], metadata["name"], metadata["uid"])
