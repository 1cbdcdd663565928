"""KafkaTopics on the API server, in whichever version Strimzi serves them."""

from __future__ import annotations

from collections.abc import Sequence

from orderflow_operator.kube import Document, KubeApi, NotFound, path
from orderflow_operator.topics.manifests import OWNER_LABEL

GROUP = "kafka.strimzi.io"
PLURAL = "kafkatopics"


class NotServed(Exception):
    """The API server knows no KafkaTopic: Strimzi is not installed."""


class KafkaTopics:
    """Reads and writes KafkaTopics; the version found is kept until the API server no longer knows it.

    `namespaces` are those that the operator may look into; none means all.
    """

    def __init__(self, api: KubeApi, namespaces: Sequence[str] = ()) -> None:
        self._api = api
        self._namespaces = namespaces or (None,)
        self._version: str | None = None

    def version(self) -> str:
        """Return `group/version` of KafkaTopics, v1 before any other; raise NotServed."""
        if self._version is None:
            self._version = self._discovered()
        return self._version

    def of(self, namespace: str) -> list[Document]:
        """Return all KafkaTopics of a namespace."""
        return self._listed(namespace)

    def owned(self) -> list[Document]:
        """Return the KafkaTopics, wherever we may look, that were made for some TopicSet."""
        found = (self._listed(namespace, labelSelector=OWNER_LABEL) for namespace in self._namespaces)
        return [kafka_topic for listed in found for kafka_topic in listed]

    def apply(self, manifest: Document) -> Document:
        """Declare our fields of a KafkaTopic and return it as it is then."""
        return self._api.apply(self._path(manifest), manifest)

    def delete(self, kafka_topic: Document) -> None:
        """Delete a KafkaTopic if it is still the one that was read; raise Conflict if not."""
        read = {name: kafka_topic["metadata"][name] for name in ("uid", "resourceVersion")}
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": read}
        self._api.delete(self._path(kafka_topic), options)

    def _listed(self, namespace: str | None, **query: str) -> list[Document]:
        version = self.version()
        try:
            found = self._api.list(path(version, PLURAL, namespace), **query)
        except NotFound:
            self._version = None
            raise NotServed("the API server no longer knows KafkaTopics") from None
        # Items of a list come without what all of them have in common.
        return [{**one, "apiVersion": version, "kind": "KafkaTopic"} for one in found]

    def _path(self, kafka_topic: Document) -> str:
        metadata = kafka_topic["metadata"]
        return path(self.version(), PLURAL, metadata["namespace"], metadata["name"])

    def _discovered(self) -> str:
        try:
            served = [str(one["groupVersion"]) for one in self._api.get(f"/apis/{GROUP}")["versions"]]
        except NotFound:
            served = []
        served.sort(key=lambda version: version != f"{GROUP}/v1")
        for version in served:
            resources = self._api.get(f"/apis/{version}").get("resources") or ()
            if any(one.get("name") == PLURAL for one in resources):
                return version
        raise NotServed("the API server knows no KafkaTopic; install Strimzi, or use backend: Admin")
