"""The rights of our service accounts, by the API server's own book of the run: none lacks, none idles."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.e2e.installing import values_of
from support.e2e.system import OPERATOR, SERVICES, System
from support.kube.chart import CHART, Helm

Right = tuple[str, str, str]  # verb, group, resource with its subresource

ACCOUNT = f"system:serviceaccount:{OPERATOR}:orderflow-operator"
BOOK = "/var/log/kubernetes/audit"
TESTS = Path(__file__).parents[1]
# Rights that no end-to-end test makes use of, and the test that does.
ELSEWHERE: dict[Right, str] = {
    # An apply that makes an object needs it, and is written down as a patch.
    ("create", "kafka.strimzi.io", "kafkatopics"): "test_declared_topics_are_created_and_become_ready",
    ("delete", "kafka.strimzi.io", "kafkatopics"): "test_a_topicset_becomes_topics_and_goes_with_them",
    ("watch", "keda.sh", "scaledobjects"): "test_a_scaled_object_is_named_before_the_hpa_that_it_made",
}


@pytest.fixture(scope="module")
def book(system: System) -> list[dict[str, Any]]:
    """Every request of ours since the cluster was made."""
    written = system.kind.engine(
        "exec", system.kind.node, "sh", "-c", f"cat {BOOK}/*.log || true", within=120
    )
    entries = [json.loads(line) for line in written.splitlines()]
    assert any(entry["user"]["username"] == ACCOUNT for entry in entries), (
        f"nothing of the operator is in {BOOK} of the node: these tests judge a run of all of tests/e2e"
    )
    return entries


def test_nothing_that_was_asked_for_lacks_a_right(book: list[dict[str, Any]]) -> None:
    allowed, refused = rights(book, "allow"), rights(book, "forbid")
    # While a release goes its rights go first.
    assert refused - allowed == set()


def test_services_ask_the_api_server_for_nothing(book: list[dict[str, Any]]) -> None:
    stand_in = f"system:serviceaccount:{SERVICES}:topic-operator-stand-in"
    assert {entry["user"]["username"] for entry in book} <= {ACCOUNT, stand_in}


def test_every_right_is_made_use_of(book: list[dict[str, Any]], helm: Helm) -> None:
    own = replace(helm, chart=CHART)
    granted = set(granted_by(own.render(None, *values_of(["operator.yaml", "operator-kind.yaml"]))))
    used = rights([entry for entry in book if entry["user"]["username"] == ACCOUNT], "allow")
    assert granted - used == ELSEWHERE.keys()


@pytest.mark.parametrize("name", ELSEWHERE.values())
def test_the_tests_that_use_the_others_are_there(name: str) -> None:
    assert any(f"def {name}(" in file.read_text() for file in TESTS.glob("*/**/test_*.py"))


def rights(book: list[dict[str, Any]], decision: str) -> set[Right]:
    """Return what was asked for and decided so by RBAC."""
    return {
        right(entry["verb"], entry["objectRef"])
        for entry in book
        if "objectRef" in entry and entry["annotations"].get("authorization.k8s.io/decision") == decision
    }


def right(verb: str, asked: dict[str, str]) -> Right:
    """Return a request as a rule names it."""
    resource = "/".join(filter(None, (asked.get("resource"), asked.get("subresource"))))
    return verb, asked.get("apiGroup", ""), resource


def granted_by(manifests: list[dict[str, Any]]) -> Iterator[Right]:
    """Yield the rights of the operator's own roles; those for people are not among them."""
    bound = {each["roleRef"]["name"] for each in manifests if each["kind"].endswith("RoleBinding")}
    for role in manifests:
        if role["kind"] in ("Role", "ClusterRole") and role["metadata"]["name"] in bound:
            for rule in role["rules"]:
                for group in rule["apiGroups"]:
                    for resource in rule["resources"]:
                        for verb in rule["verbs"]:
                            yield verb, group, resource
