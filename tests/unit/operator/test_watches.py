"""The check of the watches: one that died in silence shows, and decisions stand on the truth."""

from dataclasses import dataclass, field
from typing import Any

from support.fake_api import FakeApi

from orderflow_operator.health import Vitals
from orderflow_operator.kube import Document, Documents, NotFound
from orderflow_operator.observe_cluster import DEPLOYMENTS, KINDS, ClusterView
from orderflow_operator.watches import WatchAudit

COLLECTION = "/apis/apps/v1/deployments"


def deployment(name: str, version: int) -> Document:
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": "shop",
        "uid": name,
        "resourceVersion": str(version),
        "generation": version,
    }
    return {"metadata": metadata, "spec": {"replicas": version}}


class Lists(FakeApi):
    """An API server that lists what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Documents = []

    def list(self, at: str, **query: str) -> Any:
        if "strimzi" in at or "keda" in at:
            raise NotFound(at)
        return self.found if at == COLLECTION else []

    def metadata(self, at: str) -> Any:
        return self.list(at)

    def preferred_version(self, group: str) -> str:
        raise NotFound(group)


@dataclass
class Watching:
    """A view and its audit, an hour to turn, and a watch that tells only what the test lets it tell."""

    api: Lists = field(default_factory=Lists)
    view: ClusterView = field(default_factory=ClusterView)
    now: float = 0.0

    def __post_init__(self) -> None:
        self.vitals = Vitals(clock=lambda: self.now)
        self.audit = WatchAudit(
            self.api, self.view, self.vitals, patience=20.0, within=60.0, clock=lambda: self.now
        )
        self.audit.fill()

    def audit_for(self, seconds: float) -> None:
        for _ in range(int(seconds // 15)):
            self.now += 15.0
            self.audit.run()

    def replicas(self, name: str) -> int | None:
        found = self.view.get(DEPLOYMENTS, ("shop", name))
        return found["spec"]["replicas"] if found else None


def test_watches_that_keep_up_are_alive_also_when_nothing_happens() -> None:
    watching = Watching()
    watching.audit_for(600)
    assert watching.vitals.stalled() == []


def test_a_watch_that_died_in_silence_shows_and_the_view_is_mended() -> None:
    watching = Watching()
    watching.api.found = [deployment("payments", 5)]
    watching.audit_for(45)
    assert watching.replicas("payments") == 5
    watching.audit_for(60)
    (said,) = watching.vitals.stalled()
    assert said.startswith("the watch of deployments")


def test_a_watch_that_speaks_again_is_alive_again() -> None:
    watching = Watching()
    watching.api.found = [deployment("payments", 5)]
    watching.audit_for(120)
    watching.api.found = [deployment("payments", 6)]
    watching.view.tell(DEPLOYMENTS, "MODIFIED", deployment("payments", 6))
    watching.audit_for(15)
    assert watching.vitals.stalled() == []


def test_a_watch_may_be_a_moment_late() -> None:
    watching = Watching()
    for version in range(1, 40):
        watching.api.found = [deployment("payments", version)]
        watching.audit_for(15)
        watching.view.tell(DEPLOYMENTS, "MODIFIED", deployment("payments", version))
        watching.audit_for(15)
    assert watching.vitals.stalled() == []


def test_an_object_whose_end_nobody_told_is_forgotten() -> None:
    watching = Watching()
    watching.view.tell(DEPLOYMENTS, "ADDED", deployment("payments", 1))
    watching.audit_for(45)
    assert watching.replicas("payments") is None


def test_every_kind_is_filled_and_those_that_are_not_served_are_empty() -> None:
    watching = Watching()
    assert all(watching.view.all(kind) == {} for kind in KINDS)
