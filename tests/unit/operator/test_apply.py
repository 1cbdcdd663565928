"""Writes: behind the Lease, from what was seen, the cheapest pod first."""

from typing import Any

import pytest
from support.fake_api import FakeApi

from orderflow_operator.apply import DELETION_COST, NotHolder, Writer, deletion_cost
from orderflow_operator.kube import Conflict, Document
from orderflow_operator.lease import Lease

SCALE = "/apis/apps/v1/namespaces/shop/deployments/payments/scale"
PODS = "/api/v1/namespaces/shop/pods"


class Pods(FakeApi):
    """Lists pods, and notes by which labels they were asked for."""

    def list(self, at: str, **query: str) -> Any:
        assert query == {"labelSelector": "app=payments"}
        return [one for path, one in self.objects.items() if path.startswith(PODS)]


def writer(api: FakeApi, *, held: bool = True) -> Writer:
    lease = Lease(api, "system", "a")
    if held:
        lease.attempt()
        api.written.clear()
    return Writer(api, lease)


def a_scale(api: FakeApi, replicas: int) -> FakeApi:
    api.put(SCALE, {"spec": {"replicas": replicas}})
    return api


def replicas(api: FakeApi) -> int:
    return int(api.objects[SCALE]["spec"]["replicas"])


def test_a_scale_is_written_from_what_was_seen() -> None:
    api = a_scale(FakeApi(), 2)
    writer(api).scale(("shop", "payments"), before=2, after=6)
    assert replicas(api) == 6


def test_what_somebody_else_changed_first_stays() -> None:
    api = a_scale(FakeApi(), 3)
    with pytest.raises(Conflict, match="3 replicas and not 2"):
        writer(api).scale(("shop", "payments"), before=2, after=6)
    assert replicas(api) == 3


def test_without_the_lease_nothing_is_written() -> None:
    api = a_scale(FakeApi(), 2)
    with pytest.raises(NotHolder):
        writer(api, held=False).scale(("shop", "payments"), before=2, after=6)
    with pytest.raises(NotHolder):
        writer(api, held=False).status({"metadata": {"name": "payments", "namespace": "shop"}}, {})
    assert (replicas(api), api.written) == (2, [])


def a_pod(api: FakeApi, name: str, cost: str | None = None) -> None:
    annotations = {DELETION_COST: cost} if cost else {}
    api.put(f"{PODS}/{name}", {"metadata": {"name": name, "namespace": "shop", "annotations": annotations}})


def cost_of(api: FakeApi, name: str) -> str | None:
    found: Document = api.objects[f"{PODS}/{name}"]["metadata"]
    return (found.get("annotations") or {}).get(DELETION_COST)


def test_pods_are_marked_with_what_their_end_costs_and_the_others_are_left() -> None:
    api = Pods()
    for name, cost in (("busy", None), ("idle", None), ("known", "100000"), ("was-busy", "200000")):
        a_pod(api, name, cost)
    deployment: Document = {
        "metadata": {"name": "payments", "namespace": "shop"},
        "spec": {"selector": {"matchLabels": {"app": "payments"}}},
    }
    keeper = writer(api)
    keeper.deletion_costs(deployment, {"busy": 300_000, "known": 100_000})
    assert cost_of(api, "busy") == "300000"
    assert cost_of(api, "idle") is None
    assert cost_of(api, "was-busy") == "0"
    assert sorted(api.written) == [f"{PODS}/busy", f"{PODS}/was-busy"]


@pytest.mark.parametrize(
    ("cheap", "dear"),
    [
        pytest.param((0, 0), (1, 0), id="who holds nothing goes first"),
        pytest.param((1, 900_000), (2, 0), id="partitions weigh more than any lag"),
        pytest.param((1, 10), (1, 20), id="then lag"),
    ],
)
def test_the_cheapest_pod_goes_first(cheap: tuple[int, int], dear: tuple[int, int]) -> None:
    assert deletion_cost(*cheap) < deletion_cost(*dear) <= 2**31 - 1


def test_a_cost_never_leaves_what_kubernetes_takes() -> None:
    assert deletion_cost(1_000_000, 10**12) == 2**31 - 1
