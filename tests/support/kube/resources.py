"""Manifests that tests apply, complete by default; keyword arguments replace parts of the spec."""

from typing import Any

from support.kube.cluster import Manifest

API_VERSION = "orderflow.dev/v1alpha1"


def stream_worker(name: str = "payments", **spec: Any) -> Manifest:
    """Return a StreamWorker; its target and group have its name."""
    return {
        "apiVersion": API_VERSION,
        "kind": "StreamWorker",
        "metadata": {"name": name},
        "spec": {
            "scaleTargetRef": {"name": name},
            "kafka": {"bootstrapServers": "127.0.0.1:9092"},
            "consumerGroup": name,
            "topics": ["orders"],
            "maxReplicas": 12,
            **spec,
        },
    }


def topic_set(*topics: Manifest, name: str = "topics", **spec: Any) -> Manifest:
    """Return a TopicSet of the given entries; its backend is Admin unless the spec says otherwise."""
    return {
        "apiVersion": API_VERSION,
        "kind": "TopicSet",
        "metadata": {"name": name},
        "spec": {
            "backend": "Admin",
            "kafka": {"bootstrapServers": "127.0.0.1:9092"},
            "topics": list(topics),
            **spec,
        },
    }


def deployment(name: str = "payments", replicas: int = 1) -> Manifest:
    """Return a Deployment whose Pods have the label app."""
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "worker", "image": "worker:1"}]},
            },
        },
    }
