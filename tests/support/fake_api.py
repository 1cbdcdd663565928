"""An API server in a dictionary, for what needs a clock that a test can turn: objects and versions only."""

from __future__ import annotations

from copy import deepcopy

from orderflow_operator.kube import ApiError, Conflict, Document, KubeApi, NotFound, Unreachable


class FakeApi(KubeApi):
    """Keeps objects by path, with a resourceVersion that grows; may be told not to answer."""

    def __init__(self) -> None:
        self.objects: dict[str, Document] = {}
        self.written: list[str] = []
        self.silent = False
        self._version = 0

    def get(self, at: str, **query: str) -> Document:
        self._answer()
        if at not in self.objects:
            raise NotFound(f"GET {at}: not found")
        return deepcopy(self.objects[at])

    def create(self, at: str, body: Document) -> Document:
        self._answer()
        name = f"{at}/{body['metadata']['name']}"
        if name in self.objects:
            raise Conflict(f"{name} exists")
        return self._keep(name, body)

    def replace(self, at: str, body: Document) -> Document:
        known = self.get(at)
        if known["metadata"]["resourceVersion"] != body["metadata"].get("resourceVersion"):
            raise Conflict(f"{at} was changed")
        return self._keep(at, body)

    def merge(self, at: str, body: Document) -> Document:
        return self._keep(at, _merged(self.get(at), body))

    def put(self, at: str, body: Document) -> None:
        """Place an object as somebody else would."""
        self._keep(at, {"metadata": {}} | body)
        self.written.pop()

    def _keep(self, at: str, body: Document) -> Document:
        self._version += 1
        kept = deepcopy(body)
        kept["metadata"]["resourceVersion"] = str(self._version)
        self.objects[at] = kept
        self.written.append(at)
        return deepcopy(kept)

    def _answer(self) -> None:
        if self.silent:
            error: ApiError = Unreachable("nobody answers")
            raise error


def _merged(known: Document, change: Document) -> Document:
    merged = dict(known)
    for name, part in change.items():
        if isinstance(part, dict) and isinstance(merged.get(name), dict):
            merged[name] = _merged(merged[name], part)
        else:
            merged[name] = part
    return merged
