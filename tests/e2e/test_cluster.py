"""The cluster itself, before anything of ours is on it."""

from pathlib import Path

import pytest
from support.e2e.system import System
from support.eventually import eventually
from support.kube.cluster import Cluster, Manifest

from deploy.kind.runtime import within_reach

OWN = "kube-system"


def run_in_pod(cluster: Cluster, namespace: str, *command: str, dns: str = "ClusterFirst") -> str:
    """Return what the command printed in a pod of its own, of an image that has a libc's programs."""
    (proxy, *_) = cluster.find("pods", OWN, selector="k8s-app=kube-proxy")
    container = {
        "name": "probe",
        "image": proxy["spec"]["containers"][0]["image"],
        "command": list(command),
    }
    spec = {"restartPolicy": "Never", "dnsPolicy": dns, "containers": [container]}
    pod: Manifest = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "probe"}, "spec": spec}
    cluster.apply(pod, namespace=namespace)

    def ended() -> str:
        phase: str = cluster.get("pod", "probe", namespace)["status"]["phase"]
        return phase if phase in ("Succeeded", "Failed") else ""

    phase = eventually(ended, within=60, every=0.5)
    said = cluster.kubectl("logs", "probe", namespace=namespace)
    assert phase == "Succeeded", said
    return said


@pytest.fixture
def made_here(system: System) -> System:
    """A cluster whose node image was made here; another one brings other programs."""
    if not system.kind.is_airgap():
        pytest.skip("the node image was pulled")
    return system


def test_the_node_and_all_of_its_own_pods_are_ready(system: System) -> None:
    (node,) = system.cluster.find("nodes")
    pods = system.cluster.find("pods", OWN)
    not_ready = [
        each["metadata"]["name"]
        for each in (node, *pods)
        for condition in each["status"]["conditions"]
        if condition["type"] == "Ready" and condition["status"] != "True"
    ]
    assert not_ready == []
    assert {"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"} == {
        pod["metadata"]["labels"]["component"] for pod in pods if "component" in pod["metadata"]["labels"]
    }


def test_the_kubeconfig_of_the_user_knows_nothing_of_it(system: System) -> None:
    theirs = Path.home() / ".kube" / "config"
    assert system.kind.kubeconfig != theirs
    assert not theirs.exists() or system.kind.context not in theirs.read_text()


def test_a_pod_finds_services_by_their_names(made_here: System) -> None:
    cluster = made_here.cluster
    with cluster.namespace() as namespace:
        address = cluster.get("service", "kubernetes", "default")["spec"]["clusterIP"]
        name = "kubernetes.default.svc.cluster.local"
        assert run_in_pod(cluster, namespace, "getent", "hosts", name).split() == [address, name]


def test_a_pod_reaches_the_name_server_of_the_engine(made_here: System) -> None:
    cluster = made_here.cluster
    (node,) = cluster.find("nodes")
    (address,) = [each["address"] for each in node["status"]["addresses"] if each["type"] == "InternalIP"]
    with cluster.namespace() as namespace:
        said = run_in_pod(cluster, namespace, "getent", "ahostsv4", made_here.kind.node, dns="Default")
        assert said.split()[0] == address


def test_a_privileged_container_has_what_the_machine_may_give(made_here: System) -> None:
    said = made_here.cluster.kubectl(
        "exec", "daemonset/kube-proxy", "--", "cat", "/proc/self/status", namespace=OWN
    )
    # Younger capabilities are unknown to older engines, so it may be some less.
    assert within_reach(said) <= within_reach(Path("/proc/self/status").read_text())
    assert {"CAP_NET_ADMIN", "CAP_SYS_ADMIN"} <= within_reach(said)
