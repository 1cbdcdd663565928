"""The API server over the official client: plain documents in and out, one field manager.

Paths are written out as the API reference has them; `path` joins their parts.
"""

from __future__ import annotations

import json
from typing import Any, NotRequired, Self, TypedDict
from urllib.parse import quote

import msgspec
from kubernetes import config
from kubernetes.client import ApiClient, ApiException, Configuration
from urllib3.exceptions import HTTPError

FIELD_MANAGER = "orderflow-operator"

Document = dict[str, Any]
Documents = list[Document]

_PAGE = 500  # objects of one list answer


class _Metadata(TypedDict):
    name: str
    namespace: NotRequired[str]
    uid: str
    resourceVersion: str


class _Named(TypedDict):
    metadata: _Metadata


class _MetadataList(TypedDict):
    items: list[_Named] | None


_metadata_list = msgspec.json.Decoder(_MetadataList).decode


class ApiError(Exception):
    """The API server did not do what it was asked; its text says what and why.

    ├── Unreachable   no answer
    ├── Forbidden     RBAC does not allow it
    ├── NotFound      the object, its namespace or its kind is not there
    └── Conflict      somebody else changed it first, or it exists already
    """


class Unreachable(ApiError):
    """The API server gave no answer in time."""


class Forbidden(ApiError):
    """The operator's role lacks a right; the text names it."""


class NotFound(ApiError):
    """There is no such object, or the API server does not know its kind."""


class Conflict(ApiError):
    """The object is not as it was when it was read, or it exists already."""


_ERRORS = {401: Forbidden, 403: Forbidden, 404: NotFound, 409: Conflict}


def path(group_version: str, plural: str, namespace: str | None = None, *rest: str) -> str:
    """Return the path of a collection, or with a name, and perhaps a subresource, of one object."""
    root = f"/api/{group_version}" if "/" not in group_version else f"/apis/{group_version}"
    within = f"/namespaces/{quote(namespace)}" if namespace else ""
    return "/".join((root + within, plural, *map(quote, rest)))


class KubeApi:
    """One connection to one API server; safe to use from several threads."""

    def __init__(self, configuration: Configuration, *, timeout: float = 10.0) -> None:
        self.configuration = configuration
        self._client = ApiClient(configuration)
        self._timeout = timeout

    @classmethod
    def connect(cls, kubeconfig: str | None, context: str | None, *, timeout: float = 10.0) -> Self:
        """Connect as the pod's service account, or outside a pod by a kubeconfig; raise ApiError."""
        configuration = Configuration()
        # One attempt: every caller comes back at its next poll anyway.
        configuration.retries = False
        configuration.connection_pool_maxsize = 16
        try:
            if kubeconfig or context:
                config.load_kube_config(kubeconfig, context, configuration, persist_config=False)
            else:
                _load_surroundings(configuration)
        except (config.ConfigException, OSError) as error:
            raise ApiError(f"no way to the API server: {error}; set KUBECONFIG or run in a pod") from error
        return cls(configuration, timeout=timeout)

    def get(self, at: str, **query: str) -> Document:
        """Return one object."""
        return self._call("GET", at, None, None, query)

    def list(self, at: str, **query: str) -> Documents:
        """Return every object of a collection."""
        found: Documents = []
        token = ""
        while True:
            answer = self._call("GET", at, None, None, {**query, "limit": str(_PAGE), "continue": token})
            found += answer.get("items") or ()
            token = answer.get("metadata", {}).get("continue", "")
            if not token:
                return found

    def metadata(self, at: str) -> Documents:
        """Return the metadata of every object of a collection, from the server's cache."""
        kind = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
        text = self._text("GET", at, None, None, {"resourceVersion": "0"}, accept=kind)
        # Of a thousand objects most of the answer is managed fields: not even read into memory.
        return [{"metadata": dict(one["metadata"])} for one in _metadata_list(text)["items"] or ()]

    def preferred_version(self, group: str) -> str:
        """Return the version of an API group that the server prefers; raise NotFound when it lacks it."""
        return str(self.get(f"/apis/{group}")["preferredVersion"]["version"])

    def create(self, at: str, body: Document) -> Document:
        """Create an object in a collection."""
        return self._call("POST", at, body, "application/json", {"fieldManager": FIELD_MANAGER})

    def replace(self, at: str, body: Document) -> Document:
        """Replace an object; the resourceVersion in its metadata must be the present one."""
        return self._call("PUT", at, body, "application/json", {"fieldManager": FIELD_MANAGER})

    def apply(self, at: str, body: Document, *, force: bool = True) -> Document:
        """Declare the fields that are ours by server-side apply."""
        query = {"fieldManager": FIELD_MANAGER, "force": "true" if force else "false"}
        return self._call("PATCH", at, body, "application/apply-patch+yaml", query)

    def merge(self, at: str, body: Document) -> Document:
        """Change some fields by a JSON merge patch; null removes one."""
        query = {"fieldManager": FIELD_MANAGER}
        return self._call("PATCH", at, body, "application/merge-patch+json", query)

    def replace_status(self, at: str, version: str, status: Document) -> Document:
        """Replace the status of an object whole, if its resourceVersion is still this one."""
        steps: Documents = [
            {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
            {"op": "add", "path": "/status", "value": status},
        ]
        query = {"fieldManager": FIELD_MANAGER}
        return self._call("PATCH", f"{at}/status", steps, "application/json-patch+json", query)

    def delete(self, at: str, body: Document | None = None) -> Document:
        """Delete an object."""
        return self._call("DELETE", at, body, "application/json", {})

    def _call(
        self,
        method: str,
        at: str,
        body: Document | Documents | None,
        kind: str | None,
        query: dict[str, str],
    ) -> Document:
        text = self._text(method, at, body, kind, query)
        found: Document = msgspec.json.decode(text) if text[:1] == b"{" else {"message": text.decode()}
        return found

    def _text(
        self,
        method: str,
        at: str,
        body: Document | Documents | None,
        kind: str | None,
        query: dict[str, str],
        accept: str = "application/json",
    ) -> bytes:
        headers = {"Accept": accept} | ({"Content-Type": kind} if kind else {})
        asked = [(name, value) for name, value in query.items() if value]
        try:
            request = self._client.param_serialize(
                method,
                at,
                query_params=asked,
                header_params=headers,
                body=body,
                auth_settings=["BearerToken"],
            )
            answer = self._client.call_api(*request, _request_timeout=self._timeout)
            text = answer.read()
        except (HTTPError, OSError) as error:
            raise Unreachable(f"{self.configuration.host} does not answer: {error}") from error
        except ApiException as error:
            raise _ERRORS.get(error.status, ApiError)(f"{method} {at}: {error.reason}") from error
        if answer.status >= 400:
            raise _ERRORS.get(answer.status, ApiError)(f"{method} {at}: {_said(text) or answer.reason}")
        return bytes(text)


def _said(text: bytes) -> str:
    """Return what the API server says about a failure: a Status, or plain text."""
    return str(json.loads(text).get("message") or "") if text[:1] == b"{" else text.decode()


def _load_surroundings(configuration: Configuration) -> None:
    try:
        config.load_incluster_config(configuration)
    except config.ConfigException:
        config.load_kube_config(client_configuration=configuration, persist_config=False)
