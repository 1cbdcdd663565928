#!/usr/bin/python3 -SE
"""Makes a container into a node, then becomes systemd.

What a node needs and a container lacks: mounts that pods can share, cgroups for the kubelet, an identity of
its own, and the engine's name server at an address that pods reach. kind reads what is printed here.
"""

import os
import re
import secrets
import socket
import subprocess
import sys
from pathlib import Path

EMBEDDED_DNS = "127.0.0.11"  # where an engine answers in its own networks; pods have another loopback
CGROUPS = Path("/sys/fs/cgroup")
KUBELET_CGROUPS = ("kubelet", "kubelet.slice")


def rules_for_pods(rules: str, gateway: str) -> str:
    """Return iptables' rules by which the engine's name server answers pods too, at the gateway's address."""
    rewritten: list[str] = []
    for line in rules.splitlines():
        rule = line.replace(f"-d {EMBEDDED_DNS}", f"-d {gateway}")
        rule = rule.replace("--to-source :53", f"--to-source {gateway}:53")
        rewritten.append(rule)
        # OUTPUT sees what the node itself asks; what comes from pods passes PREROUTING.
        if rule.startswith("-A OUTPUT") and rule.endswith("-j DOCKER_OUTPUT"):
            rewritten.append(rule.replace("-A OUTPUT", "-A PREROUTING", 1))
    return "".join(f"{line}\n" for line in rewritten)


def resolver_for_pods(resolv_conf: str, gateway: str) -> str:
    """Return the resolver's configuration, naming the gateway in place of the engine's name server."""
    return resolv_conf.replace(EMBEDDED_DNS, gateway)


def default_gateway(routes: str) -> str | None:
    """Return the gateway that `ip -4 route show default` printed."""
    found = re.search(r"^default via (\S+)", routes, re.MULTILINE)
    return found.group(1) if found else None


def _run(*command: str, given: str | None = None) -> str:
    return subprocess.run(command, input=given, stdout=subprocess.PIPE, text=True, check=True).stdout


def _share_mounts() -> None:
    # systemd takes a writable /sys for a machine of its own, and would manage its devices.
    _run("mount", "-o", "remount,ro", "/sys")
    _run("mount", "--make-rshared", "/")
    if not Path("/dev/kmsg").exists():
        Path("/dev/kmsg").symlink_to("console")


def _prepare_cgroups() -> None:
    if (CGROUPS / "cgroup.controllers").exists():
        print("detected cgroup v2", flush=True)
        return
    print("detected cgroup v1", flush=True)
    _run("mount", "--make-rprivate", str(CGROUPS))
    for hierarchy in sorted({path.resolve() for path in CGROUPS.iterdir() if path.is_dir()}):
        # The one of version 2 beside those of version 1 is systemd's.
        if not (hierarchy / "cgroup.subtree_control").exists():
            for name in KUBELET_CGROUPS:
                _make_cgroup(hierarchy, name)


def _make_cgroup(hierarchy: Path, name: str) -> None:
    group = hierarchy / name
    group.mkdir(exist_ok=True)
    for limit in ("cpuset.cpus", "cpuset.mems"):
        # Nothing can enter a group that has none of them.
        if (hierarchy / limit).exists():
            (group / limit).write_text((hierarchy / limit).read_text())
    # A mount point stays when systemd tidies up groups that nobody is in.
    _run("mount", "--bind", str(group), str(group))


def _take_identity() -> None:
    Path("/etc/machine-id").write_text(f"{secrets.token_hex(16)}\n")
    address = socket.gethostbyname(socket.gethostname())
    Path("/etc/default/kubelet").write_text(f"KUBELET_EXTRA_ARGS=--node-ip={address}\n")


def _let_pods_ask_for_names() -> None:
    resolv_conf = Path("/etc/resolv.conf")
    gateway = default_gateway(_run("ip", "-4", "route", "show", "default"))
    if gateway and EMBEDDED_DNS in resolv_conf.read_text():
        _run("iptables-restore", given=rules_for_pods(_run("iptables-save"), gateway))
        resolv_conf.write_text(resolver_for_pods(resolv_conf.read_text(), gateway))


def main() -> None:
    """Prepare the node, then become the command that was given."""
    _share_mounts()
    _prepare_cgroups()
    _take_identity()
    _let_pods_ask_for_names()
    os.execvp(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()
