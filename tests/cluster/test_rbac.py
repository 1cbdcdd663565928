"""What the operator's service account may do, and what it may not, asked of the API server itself."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.eventually import eventually
from support.kube.chart import OPERATOR_NAMESPACE, Helm
from support.kube.cluster import Cluster, documents

from orderflow_operator.cli.doctor import RIGHTS
from orderflow_operator.kube import Forbidden, KubeApi, path

TOPICS, KAFKAS = "kafkatopics.kafka.strimzi.io", "kafkas.kafka.strimzi.io"
WORKERS, TOPIC_SETS = "streamworkers.orderflow.dev", "topicsets.orderflow.dev"

# What doctor asks about, and what is there only together with Strimzi or KEDA: group, resource, verbs.
OPTIONAL_RIGHTS = (
    ("kafka.strimzi.io", "kafkas", ("get",)),
    ("kafka.strimzi.io", "kafkatopics", ("list", "watch", "create", "patch", "delete")),
    ("keda.sh", "scaledobjects", ("list", "watch")),
)
ALLOWED = [
    (verb, f"{resource.partition('/')[0]}.{group}".rstrip("."), resource.partition("/")[2])
    for group, resource, verbs in (*RIGHTS, *OPTIONAL_RIGHTS)
    for verb in verbs
]
REFUSED = [
    *((verb, "secrets", "") for verb in ("get", "list", "watch", "create", "patch")),
    *((verb, WORKERS, "") for verb in ("create", "update", "patch", "delete")),
    *((verb, TOPIC_SETS, "") for verb in ("create", "update", "patch", "delete")),
    *((verb, "deployments.apps", "") for verb in ("get", "create", "update", "patch", "delete")),
    *((verb, "pods", "") for verb in ("create", "delete", "deletecollection")),
    ("create", "pods", "exec"),
    ("create", "pods", "eviction"),
    ("patch", KAFKAS, ""),
    ("deletecollection", TOPICS, ""),
    ("delete", "horizontalpodautoscalers.autoscaling", ""),
    ("get", "configmaps", ""),
    ("impersonate", "users", ""),
    ("bind", "clusterroles.rbac.authorization.k8s.io", ""),
    ("create", "serviceaccounts", "token"),
]


@pytest.fixture(scope="module")
def some_namespace(cluster: Cluster) -> Iterator[str]:
    """One namespace for all questions."""
    with cluster.namespace() as name:
        yield name


def names(rule: tuple[str, str, str]) -> str:
    return " ".join(filter(None, rule))


@pytest.mark.parametrize("rule", ALLOWED, ids=names)
def test_the_operator_may_do_its_work(
    rule: tuple[str, str, str], cluster: Cluster, operator_identity: Path, some_namespace: str
) -> None:
    verb, resource, subresource = rule
    allowed = cluster.allows(operator_identity, verb, resource, some_namespace, subresource=subresource)
    assert allowed


def test_the_role_has_no_right_that_the_operator_does_not_use(helm: Helm) -> None:
    (role,) = (
        manifest
        for manifest in helm.render()
        if (manifest["kind"], manifest["metadata"]["name"]) == ("ClusterRole", helm.release)
    )
    granted = {
        (verb, group, resource)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    used = {
        (verb, group, resource) for group, resource, verbs in (*RIGHTS, *OPTIONAL_RIGHTS) for verb in verbs
    }
    assert granted == used


@pytest.mark.parametrize("rule", REFUSED, ids=names)
def test_the_operator_may_do_nothing_else(
    rule: tuple[str, str, str], cluster: Cluster, operator_identity: Path, some_namespace: str
) -> None:
    verb, resource, subresource = rule
    for namespace in (some_namespace, OPERATOR_NAMESPACE, None):
        assert not cluster.allows(operator_identity, verb, resource, namespace, subresource=subresource)


def test_the_operator_holds_its_lease_where_it_runs_and_touches_no_other(
    cluster: Cluster, operator_identity: Path, kube_namespace: str
) -> None:
    def may(verb: str, lease: str, namespace: str) -> bool:
        return cluster.allows(operator_identity, verb, f"leases.coordination.k8s.io/{lease}", namespace)

    assert all(may(verb, "orderflow-operator", OPERATOR_NAMESPACE) for verb in ("get", "update"))
    assert cluster.allows(operator_identity, "create", "leases.coordination.k8s.io", OPERATOR_NAMESPACE)
    assert not may("update", "kube-controller-manager", OPERATOR_NAMESPACE)
    assert not may("get", "orderflow-operator", kube_namespace)
    assert not cluster.allows(operator_identity, "create", "leases.coordination.k8s.io", kube_namespace)


@pytest.mark.parametrize("verb", ["list", "watch"])
@pytest.mark.parametrize("resource", ["customresourcedefinitions.apiextensions.k8s.io", "namespaces"])
def test_the_operator_sees_which_kinds_and_namespaces_there_are(
    verb: str, resource: str, cluster: Cluster, operator_identity: Path
) -> None:
    assert cluster.allows(operator_identity, verb, resource)


def test_only_secrets_that_a_value_names_can_be_read(
    cluster: Cluster, operator_identity: Path, grant_secrets: Callable[..., None], kube_namespace: str
) -> None:
    for name in ("kafka-user", "database"):
        cluster.kubectl(
            "create", "secret", "generic", name, "--from-literal=password=x", namespace=kube_namespace
        )
    operator = KubeApi.connect(str(operator_identity), cluster.context)
    secrets = path("v1", "secrets", kube_namespace)
    with pytest.raises(Forbidden):
        operator.get(f"{secrets}/kafka-user")

    grant_secrets("kafka-user", "not-there-yet")

    assert cluster.allows(operator_identity, "get", "secrets/kafka-user", kube_namespace)
    assert operator.get(f"{secrets}/kafka-user")["data"] == {"password": "eA=="}
    for refused in (f"{secrets}/database", path("v1", "secrets", "default", "kafka-user")):
        with pytest.raises(Forbidden):
            operator.get(refused)
    with pytest.raises(Forbidden):
        operator.list(secrets)


def test_an_operator_of_some_namespaces_has_no_rights_in_others(
    cluster: Cluster, helm: Helm, kube_namespace: str
) -> None:
    own = replace(helm, release=kube_namespace, namespace=kube_namespace)
    values = {"crds": {"enabled": False}, "watchNamespaces": [kube_namespace]}
    manifests = documents(own.render(values))
    try:
        cluster.kubectl("apply", "-f", "-", stdin=manifests)
        identity = cluster.identity(f"{own.release}-operator", kube_namespace)
        assert eventually(lambda: cluster.allows(identity, "list", WORKERS, kube_namespace), within=10)
        assert cluster.allows(identity, "update", "deployments.apps", kube_namespace, subresource="scale")
        assert cluster.allows(identity, "watch", "customresourcedefinitions.apiextensions.k8s.io")
        assert not cluster.allows(identity, "list", WORKERS, "default")
        assert not cluster.allows(identity, "list", WORKERS)
        assert not cluster.allows(identity, "update", "deployments.apps", "default", subresource="scale")
    finally:
        cluster.kubectl("delete", "--ignore-not-found", "--wait=false", "-f", "-", stdin=manifests)


@pytest.mark.parametrize(("role", "may_change"), [("view", False), ("edit", True)])
def test_people_with_a_role_in_a_namespace_have_it_for_stream_workers_too(
    role: str, may_change: bool, cluster: Cluster, operator_release: None, kube_namespace: str
) -> None:
    cluster.kubectl("create", "serviceaccount", "person", namespace=kube_namespace)
    bound = (f"--clusterrole={role}", f"--serviceaccount={kube_namespace}:person")
    cluster.kubectl("create", "rolebinding", "person", *bound, namespace=kube_namespace)
    person = cluster.identity("person", kube_namespace)
    # The role of Kubernetes is extended by a controller, a moment after ours is made.
    eventually(lambda: cluster.allows(person, "list", WORKERS, kube_namespace), within=20)
    assert cluster.allows(person, "patch", WORKERS, kube_namespace) is may_change
