"""Runs a process for each Pod of a Deployment, as a kubelet would a container: named after the Pod.

The controllers make and delete Pods as the Deployment's scale says; this class starts a consumer for a Pod
that appears, marks the Pod ready once the consumer has joined its group, and ends it when the Pod is gone.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from support.kube.kubelet import is_ready, mark_ready, pods

from orderflow_operator.kube import ApiError, KubeApi

PROGRAM = Path(__file__).with_name("consumer_program.py")
_LOOK_EVERY = 0.1
_END_WITHIN = 10.0


@dataclass
class WorkerPods:
    """The consumers of one Deployment; a context manager."""

    api: KubeApi
    namespace: str
    app: str
    wanted: dict[str, Any]
    folder: Path
    held: bool = False  # no further Pod becomes ready while this is set
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _leaving: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run, name=f"pods of {self.app}", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(30)
        for process in self._running.values():
            process.kill()
            process.wait()

    @property
    def names(self) -> list[str]:
        """The Pods that have a running consumer."""
        return [name for name, process in list(self._running.items()) if process.poll() is None]

    @property
    def are_gone(self) -> bool:
        """Whether no consumer runs, also none whose Pod was deleted and that has not ended yet."""
        return all(each.poll() is not None for each in (*self._running.values(), *self._leaving))

    def _run(self) -> None:
        while not self._stopping.wait(_LOOK_EVERY):
            try:
                self._follow()
            except ApiError:
                continue  # the cluster may be busy; the next look is soon

    def _follow(self) -> None:
        found = {pod["metadata"]["name"]: pod for pod in pods(self.api, self.namespace, f"app={self.app}")}
        for name in [name for name in self._running if name not in found]:
            self._leaving.append(self._running.pop(name))
            threading.Thread(target=_end, args=(self._leaving[-1],), daemon=True).start()
        for name, pod in found.items():
            if name not in self._running:
                self._start(name)
            elif not self.held and not is_ready(pod) and self._has_joined(name):
                mark_ready(self.api, pod)

    def _start(self, name: str) -> None:
        argument = json.dumps(self.wanted | {"client_id": name})
        with self._log(name).open("wb") as log:
            self._running[name] = subprocess.Popen(
                [sys.executable, str(PROGRAM), argument], stdout=log, stderr=subprocess.STDOUT
            )

    def _has_joined(self, name: str) -> bool:
        return "joined" in self._log(name).read_text()

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_END_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
