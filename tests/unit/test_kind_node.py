"""What makes a container into a node, and what the node's image is made of."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from deploy.kind import cluster, node_image, parts

NODE = node_image.FILES
RULES = """\
*nat
-A OUTPUT -d 127.0.0.11/32 -j DOCKER_OUTPUT
-A POSTROUTING -d 127.0.0.11/32 -j DOCKER_POSTROUTING
-A DOCKER_OUTPUT -d 127.0.0.11/32 -p udp -m udp --dport 53 -j DNAT --to-destination 127.0.0.11:41265
-A DOCKER_POSTROUTING -s 127.0.0.11/32 -p udp -m udp --sport 41265 -j SNAT --to-source :53
COMMIT
"""


@pytest.fixture(scope="module")
def entrypoint() -> ModuleType:
    """The node's first program; it lies beside no package, as it goes into the image alone."""
    spec = importlib.util.spec_from_file_location("entrypoint", NODE / "entrypoint.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_name_server_of_the_engine_answers_at_the_gateway_and_to_pods(entrypoint: ModuleType) -> None:
    assert entrypoint.rules_for_pods(RULES, "172.18.0.1").splitlines() == [
        "*nat",
        "-A OUTPUT -d 172.18.0.1/32 -j DOCKER_OUTPUT",
        "-A PREROUTING -d 172.18.0.1/32 -j DOCKER_OUTPUT",
        "-A POSTROUTING -d 172.18.0.1/32 -j DOCKER_POSTROUTING",
        "-A DOCKER_OUTPUT -d 172.18.0.1/32 -p udp -m udp --dport 53 -j DNAT"
        " --to-destination 127.0.0.11:41265",
        "-A DOCKER_POSTROUTING -s 127.0.0.11/32 -p udp -m udp --sport 41265 -j SNAT"
        " --to-source 172.18.0.1:53",
        "COMMIT",
    ]


def test_pods_are_told_the_gateway_as_their_name_server(entrypoint: ModuleType) -> None:
    before = "nameserver 127.0.0.11\noptions ndots:0\n"
    after = "nameserver 172.18.0.1\noptions ndots:0\n"
    assert entrypoint.resolver_for_pods(before, "172.18.0.1") == after


@pytest.mark.parametrize(
    ("routes", "gateway"),
    [
        ("default via 172.18.0.1 dev eth0 \n", "172.18.0.1"),
        ("default dev eth0 scope link\n", None),
        ("", None),
    ],
)
def test_the_gateway_is_read_from_the_routes(
    entrypoint: ModuleType, routes: str, gateway: str | None
) -> None:
    assert entrypoint.default_gateway(routes) == gateway


def test_what_runs_on_the_node_needs_its_own_python_only(entrypoint: ModuleType) -> None:
    for program in (NODE / "entrypoint.py", node_image.RUNTIME):
        assert program.read_text().startswith("#!/usr/bin/python3 -SE\n")
        imported = [
            line.split()[1].split(".")[0]
            for line in program.read_text().splitlines()
            if line.startswith(("import ", "from "))
        ]
        assert set(imported) <= sys.stdlib_module_names


def test_kind_is_told_of_cgroups_in_the_words_that_it_waits_for() -> None:
    assert '"detected cgroup v1"' in (NODE / "entrypoint.py").read_text()


def test_units_ask_for_no_limit_that_the_machine_may_refuse() -> None:
    for unit in NODE.glob("*.service"):
        assert [
            line for line in unit.read_text().splitlines() if line.startswith(("Limit", "OOMScoreAdjust"))
        ] == []


def test_pods_get_addresses_of_the_subnet_that_the_cluster_was_told() -> None:
    (bridge, _) = json.loads((NODE / "bridge.conflist").read_text())["plugins"]
    networking = yaml.safe_load((cluster.REPOSITORY / cluster.AIRGAP).read_text())["networking"]
    assert networking["podSubnet"].removesuffix(".0.0/16") in bridge["ipam"]["ranges"][0][0]["subnet"]


def test_each_program_gets_the_name_that_kubeadm_looks_for() -> None:
    listed = [
        "example.org/kube-apiserver:v1.34.2",
        "example.org/kube-controller-manager:v1.34.2",
        "example.org/kube-scheduler:v1.34.2",
        "example.org/kube-proxy:v1.34.2",
        "example.org/coredns/coredns:v1.12.1",
        "example.org/pause:3.10.1",
        "example.org/etcd:3.6.5-0",
    ]
    names = node_image.by_program(listed)
    assert names[parts.COREDNS] == "example.org/coredns/coredns:v1.12.1"
    assert names[parts.API_SERVER] == "example.org/kube-apiserver:v1.34.2"
    assert sorted(names.values()) == sorted(listed)


def test_the_node_image_has_another_name_when_what_it_is_made_of_changes(
    tmp_path: Path,
) -> None:
    for file in node_image.sources(NODE):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "__pycache__").mkdir()
    assert node_image.image(tmp_path) == node_image.image()
    (tmp_path / "kubelet.service").write_text("")
    assert node_image.image(tmp_path) != node_image.image()


@pytest.mark.parametrize("config", [cluster.PUBLIC, cluster.AIRGAP])
def test_both_clusters_write_down_what_our_service_accounts_ask_for(config: Path) -> None:
    (node,) = yaml.safe_load((cluster.REPOSITORY / config).read_text())["nodes"]
    (mount,) = node["extraMounts"]
    (patch,) = [yaml.safe_load(patch) for patch in node["kubeadmConfigPatches"]]
    policy = patch["apiServer"]["extraArgs"]["audit-policy-file"]
    assert policy.startswith(mount["containerPath"])
    here = cluster.REPOSITORY / mount["hostPath"] / Path(policy).name
    assert yaml.safe_load(here.read_text())["kind"] == "Policy"


def test_the_public_node_is_pinned_and_of_the_kubernetes_that_is_built_here() -> None:
    (node,) = yaml.safe_load((cluster.REPOSITORY / cluster.PUBLIC).read_text())["nodes"]
    tag, digest = node["image"].split("@")
    assert tag.split(":")[1].split(".")[:2] == node_image.VERSION.split(".")[:2]
    assert len(digest.removeprefix("sha256:")) == 64
