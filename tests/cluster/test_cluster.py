"""The cluster that tests run against does what the tests count on."""

from pathlib import Path

import pytest
from support.eventually import eventually
from support.kube import kubelet
from support.kube.cluster import Cluster, KubectlFailed
from support.kube.resources import deployment

from orderflow_operator.kube import Forbidden, KubeApi, path


def test_a_deployment_gets_pods_that_become_ready_when_the_test_says_so(
    cluster: Cluster, kube_namespace: str
) -> None:
    api = cluster.api()
    cluster.apply(deployment("payments", 2), namespace=kube_namespace)
    eventually(lambda: len(kubelet.pods(api, kube_namespace)) == 2, within=30)
    assert not cluster.get("deployment", "payments", kube_namespace)["status"].get("readyReplicas")

    names = kubelet.mark_all_ready(api, kube_namespace)

    def ready() -> bool:
        status = cluster.get("deployment", "payments", kube_namespace)["status"]
        return bool(status.get("readyReplicas") == 2)

    eventually(ready, within=30)
    assert len(names) == 2


def test_a_scaled_down_deployment_loses_the_pod_that_is_cheapest_to_delete(
    cluster: Cluster, kube_namespace: str
) -> None:
    api = cluster.api()
    cluster.apply(deployment("payments", 3), namespace=kube_namespace)
    eventually(lambda: len(kubelet.pods(api, kube_namespace)) == 3, within=30)
    cheapest, *others = sorted(kubelet.mark_all_ready(api, kube_namespace))
    cost = {"metadata": {"annotations": {"controller.kubernetes.io/pod-deletion-cost": "-100"}}}
    api.merge(path("v1", "pods", kube_namespace, cheapest), cost)

    cluster.kubectl("scale", "deployment/payments", "--replicas=2", namespace=kube_namespace)

    def left() -> list[str]:
        return sorted(pod["metadata"]["name"] for pod in kubelet.pods(api, kube_namespace))

    eventually(lambda: left() == others, within=30)


def test_a_deleted_namespace_goes_with_all_it_holds(cluster: Cluster, kube_namespace: str) -> None:
    cluster.apply(deployment("payments", 2), namespace=kube_namespace)
    eventually(lambda: len(kubelet.pods(cluster.api(), kube_namespace)) == 2, within=30)
    cluster.delete("namespace", kube_namespace, wait=False)
    cluster.wait_gone("namespace", kube_namespace, within=60)


def test_an_identity_has_the_rights_of_its_service_account_and_no_others(
    cluster: Cluster, kube_namespace: str
) -> None:
    cluster.kubectl("create", "serviceaccount", "reader", namespace=kube_namespace)
    identity = cluster.identity("reader", kube_namespace)
    pods = path("v1", "pods", kube_namespace)
    nobody = KubeApi.connect(str(identity), cluster.context)
    with pytest.raises(Forbidden, match="cannot list resource"):
        nobody.list(pods)

    cluster.kubectl("create", "role", "reader", "--verb=list", "--resource=pods", namespace=kube_namespace)
    bound = ("--role=reader", f"--serviceaccount={kube_namespace}:reader")
    cluster.kubectl("create", "rolebinding", "reader", *bound, namespace=kube_namespace)

    assert eventually(lambda: cluster.allows(identity, "list", "pods", kube_namespace), within=10)
    assert nobody.list(pods) == []
    assert not cluster.allows(identity, "list", "secrets", kube_namespace)


def test_the_kubeconfig_of_the_user_is_never_used(
    cluster: Cluster, kube_namespace: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text("not a kubeconfig")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    assert cluster.get("namespace", kube_namespace)["status"]["phase"] == "Active"
    with pytest.raises(KubectlFailed, match="not found"):
        cluster.get("namespace", f"{kube_namespace}-not")
