"""A Kubernetes of our own for a test run: etcd, kube-apiserver and kube-controller-manager, nothing else.

RBAC and the usual admission are on, service accounts get real tokens, Deployments make ReplicaSets and
Pods, namespaces and owned objects go away. No scheduler and no kubelet: Pods stay Pending until a test
plays the kubelet's part (`support.kube.kubelet`).
"""

import ctypes
import json
import secrets
import signal
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from support.eventually import eventually

from deploy.kind.parts import control_plane
from orderflow_local.net import free_port

READY_WITHIN = 120.0  # seconds
CONTEXT = "orderflow-test"
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG


@dataclass
class ControlPlane:
    """The three processes, their data and logs in one folder, all ports on 127.0.0.1."""

    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def kubeconfig(self) -> Path:
        """Where the kubeconfig of the administrator is."""
        return self.folder / "admin.kubeconfig"

    def start(self) -> None:
        """Start everything and return once Deployments and service accounts are worked on."""
        etcd, api_server, controllers = control_plane()
        client, peer, api = free_port(), free_port(), free_port()
        certificates, token = self.folder / "certificates", secrets.token_urlsafe()
        certificates.mkdir(parents=True)
        (certificates / "service-accounts.key").write_bytes(_new_key())
        (certificates / "tokens.csv").write_text(f"{token},admin,admin,system:masters\n")
        self._run(etcd, *_etcd_flags(self.folder / "etcd", client, peer))
        self._run(api_server, *_api_server_flags(certificates, client, api))
        ca = certificates / "apiserver.crt"
        eventually(ca.exists, within=READY_WITHIN)
        address = {"server": f"https://127.0.0.1:{api}", "certificate-authority": str(ca)}
        write_kubeconfig(self.kubeconfig, address, token, CONTEXT)
        eventually(lambda: self._answers(api, ca), within=READY_WITHIN)
        self._run(controllers, *_controller_flags(certificates, self.kubeconfig))

    def stop(self) -> None:
        """End the processes, the last one started first."""
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def check(self) -> None:
        """Fail with the end of its log when one of the processes has died."""
        for process in self.processes:
            name = Path(str(process.args[0])).name  # type: ignore[index]
            assert process.poll() is None, f"{name} died:\n{self._log(name).read_text()[-2000:]}"

    def _answers(self, port: int, ca: Path) -> bool:
        self.check()
        with suppress(urllib.error.URLError, OSError):
            context = ssl.create_default_context(cafile=str(ca))
            url = f"https://127.0.0.1:{port}/readyz"
            with urllib.request.urlopen(url, context=context, timeout=2) as answer:
                return bool(answer.status == 200)
        return False

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _run(self, program: Path, *flags: str) -> None:
        with self._log(program.name).open("ab") as log:
            process = subprocess.Popen(
                [str(program), *flags],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        self.processes.append(process)


def write_kubeconfig(path: Path, address: Mapping[str, str], token: str, context: str) -> Path:
    """Write a kubeconfig with one context for whoever the token stands for."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": context, "cluster": dict(address)}],
        "users": [{"name": context, "user": {"token": token}}],
        "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
        "current-context": context,
    }
    path.write_text(json.dumps(document))
    path.chmod(0o600)
    return path


def _etcd_flags(data: Path, client: int, peer: int) -> tuple[str, ...]:
    return (
        f"--data-dir={data}",
        f"--listen-client-urls=http://127.0.0.1:{client}",
        f"--advertise-client-urls=http://127.0.0.1:{client}",
        f"--listen-peer-urls=http://127.0.0.1:{peer}",
        f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}",
        f"--initial-cluster=default=http://127.0.0.1:{peer}",
        "--unsafe-no-fsync",
    )


def _api_server_flags(certificates: Path, etcd: int, port: int) -> tuple[str, ...]:
    key = certificates / "service-accounts.key"
    return (
        f"--etcd-servers=http://127.0.0.1:{etcd}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={port}",
        f"--cert-dir={certificates}",
        f"--token-auth-file={certificates / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        # The address of this API server is a loopback one, which no Endpoints object may hold.
        "--endpoint-reconciler-type=none",
    )


def _controller_flags(certificates: Path, kubeconfig: Path) -> tuple[str, ...]:
    return (
        f"--kubeconfig={kubeconfig}",
        f"--service-account-private-key-file={certificates / 'service-accounts.key'}",
        f"--root-ca-file={certificates / 'apiserver.crt'}",
        "--leader-elect=false",
        "--secure-port=0",
    )


def _new_key() -> bytes:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


def _die_with_parent() -> None:
    # A killed test run must not leave a cluster behind.
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
