"""Whether the watches still tell what happens: what they told is compared with the API server's own list.

A watch that died in silence (a kopf process that lives on as a zombie) leaves the view behind. The view is
mended, so that decisions stand on the truth, and the watch counts as stalled until it speaks again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from orderflow_operator.health import Vitals
from orderflow_operator.kube import ApiError, KubeApi, NotFound
from orderflow_operator.observe_cluster import KINDS, ClusterView, Key, Kind, key_of, look

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class WatchAudit:
    """Compares the view with the API server; used by one thread.

    `patience` is how long a watch may be behind, `within` how long it may then be silent, in seconds.
    """

    api: KubeApi
    view: ClusterView
    vitals: Vitals
    namespaces: tuple[str, ...] = ()
    patience: float = 20.0
    within: float = 60.0
    clock: Callable[[], float] = time.monotonic
    _behind: dict[str, dict[Key, float]] = field(default_factory=dict)
    _broken: dict[str, int] = field(default_factory=dict)

    def fill(self) -> None:
        """Put everything there is into the view: the first look; raise ApiError."""
        for kind in KINDS:
            self.view.replace(kind, look(self.api, kind, self.namespaces))
            self._alive(kind)

    def run(self) -> None:
        """Compare every kind once."""
        for kind in KINDS:
            try:
                self._compare(kind)
            except ApiError as error:
                log.warning("a watch cannot be checked", kind=kind.plural, reason=str(error))

    def _compare(self, kind: Kind) -> None:
        late = self._late(kind)
        now, before = self.clock(), self._behind.get(kind.plural, {})
        self._behind[kind.plural] = {key: before.get(key, now) for key in late}
        overdue = [key for key, since in self._behind[kind.plural].items() if now - since >= self.patience]
        told = self.view.told(kind)
        if overdue:
            log.error("a watch is behind; the view is mended", kind=kind.plural, objects=sorted(overdue)[:5])
            self._broken[kind.plural] = told
            self.view.replace(kind, look(self.api, kind, self.namespaces))
        elif self._broken.get(kind.plural, -1) != told:
            self._broken.pop(kind.plural, None)
            self._alive(kind)

    def _late(self, kind: Kind) -> set[Key]:
        """Return the objects whose state in the view is older than the server's, or that are gone there."""
        versions: dict[Key, int] = {}
        try:
            for namespace in self.namespaces or (None,):
                for one in self.api.metadata(kind.collection(self.api, namespace)):
                    versions[key_of(one)] = int(one["metadata"]["resourceVersion"])
        except NotFound:
            if not kind.optional:
                raise
        known = self.view.versions(kind)
        missed = {key for key, version in versions.items() if known.get(key, -1) < version}
        return missed | (known.keys() - versions.keys())

    def _alive(self, kind: Kind) -> None:
        self.vitals.beat(f"the watch of {kind.plural}", self.within)
