"""Which fields of a KafkaTopic are ours and which somebody else's: server-side apply keeps the books."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Document = dict[str, Any]
FieldPath = tuple[str, ...]

FIELD_MANAGER = "orderflow-operator"  # as in kube, which a pure module cannot import

_METADATA = {("metadata", "labels"), ("metadata", "annotations")}


def with_annotation(kafka_topic: Document, name: str, value: str) -> Document:
    """Return what is ours of a KafkaTopic as it is, and this annotation; for the KafkaTopic that was read."""
    manifest = {
        "apiVersion": kafka_topic["apiVersion"],
        "kind": "KafkaTopic",
        "metadata": {part: kafka_topic["metadata"][part] for part in ("name", "namespace", "uid")},
    }
    for path in fields_of(kafka_topic, FIELD_MANAGER):
        _put(manifest, path, value_at(kafka_topic, path))
    _put(manifest, ("metadata", "annotations", name), value)
    return manifest


def yielding(manifest: Document, kafka_topic: Document) -> tuple[Document, tuple[str, ...]]:
    """Leave out of a manifest what somebody else has set in the KafkaTopic; also return the names of it.

    Partitions that are as they should be are left to whoever set them, without a word: then a further
    `kubectl apply` of theirs meets no conflict.
    """
    ours, others = fields_of(kafka_topic, FIELD_MANAGER), fields_of(kafka_topic, None)
    kept: list[str] = []
    result: Document = {name: manifest[name] for name in ("apiVersion", "kind")}
    result["metadata"] = {name: manifest["metadata"][name] for name in ("name", "namespace")}
    for path in leaves(manifest):
        wanted, live = value_at(manifest, path), value_at(kafka_topic, path)
        theirs = path[0] == "spec" and path in others and path not in ours
        differs = str(wanted) != str(live)
        if theirs and path == ("spec", "partitions") and not differs:
            continue
        if theirs and differs and path != ("spec", "partitions"):
            kept.append(path[-1])
            continue
        _put(result, path, wanted)
    return result, tuple(kept)


def is_applied(manifest: Document, kafka_topic: Document) -> bool:
    """Tell whether applying this manifest would change nothing: same values, same fields of ours."""
    paths = set(leaves(manifest))
    same = all(value_at(manifest, path) == value_at(kafka_topic, path) for path in paths)
    return same and fields_of(kafka_topic, FIELD_MANAGER) == paths


def fields_of(kafka_topic: Document, manager: str | None) -> set[FieldPath]:
    """Return the leaves of metadata and spec that this field manager set; None: all others than ours."""
    found: set[FieldPath] = set()
    for entry in kafka_topic["metadata"].get("managedFields") or ():
        if entry.get("subresource"):
            continue
        ours = entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply"
        if ours == (manager is not None):
            found |= set(_set_fields(entry.get("fieldsV1") or {}, ()))
    return {path for path in found if path[0] == "spec" or path[:2] in _METADATA}


def leaves(document: Document) -> Iterator[FieldPath]:
    """Yield the paths of the values we declare: labels, annotations and the spec."""
    metadata = {part: document["metadata"].get(part) or {} for part in ("labels", "annotations")}
    yield from _leaves({"metadata": metadata, "spec": document.get("spec") or {}}, ())


def value_at(document: Document, path: FieldPath) -> Any:
    """Return the value at a path, or None."""
    found: Any = document
    for step in path:
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _leaves(value: Mapping[str, Any], path: FieldPath) -> Iterator[FieldPath]:
    for name, inner in value.items():
        if isinstance(inner, dict):
            yield from _leaves(inner, (*path, name))
        else:
            yield (*path, name)


def _set_fields(fields: Mapping[str, Any], path: FieldPath) -> Iterator[FieldPath]:
    named = {key.removeprefix("f:"): inner for key, inner in fields.items() if key.startswith("f:")}
    if not named and path:
        yield path
    for name, inner in named.items():
        yield from _set_fields(inner, (*path, name))


def _put(document: Document, path: FieldPath, value: Any) -> None:
    for step in path[:-1]:
        document = document.setdefault(step, {})
    document[path[-1]] = value
