#!/usr/bin/python3 -SE
"""Stands in for runc where the machine itself may not give every capability; else it changes nothing.

A privileged container asks for all capabilities. Where the bounding set of the machine lacks one, runc
ends with "unable to apply caps". So what nobody here can have is dropped from what is asked for, just before
the real runc reads it: from the bundle's `config.json`, and from the file that `exec --process` names.

The engine calls this file, and inside a node containerd does; it needs the standard library only.
"""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

# By their numbers, the first is 0.
NAMES = """
    CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
    NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT
    SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE
    AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ
    PERFMON BPF CHECKPOINT_RESTORE
"""
# The first is where a node has it, when this file has taken its place.
REAL_RUNC = ("/usr/libexec/orderflow/runc", "/usr/sbin/runc", "/usr/bin/runc")


def within_reach(status: str) -> frozenset[str]:
    """Return the capabilities of the bounding set in the text of `/proc/self/status`."""
    (bits,) = [line.split()[1] for line in status.splitlines() if line.startswith("CapBnd:")]
    return frozenset(
        f"CAP_{name}" for number, name in enumerate(NAMES.split()) if int(bits, 16) >> number & 1
    )


def without_unreachable(process: dict[str, Any], reachable: Iterable[str]) -> dict[str, Any]:
    """Return the `process` of a runtime spec, asking for reachable capabilities only."""
    asked = process.get("capabilities") or {}
    kept = {kind: [name for name in names if name in reachable] for kind, names in asked.items()}
    return {**process, "capabilities": kept} if asked else process


def files_to_change(arguments: Sequence[str], folder: Path) -> tuple[Path | None, Path | None]:
    """Return the bundle's config of a `create` or `run`, and the process file of an `exec`."""
    if "create" in arguments or "run" in arguments:
        bundle = _value_of(("--bundle", "-b"), arguments)
        return (Path(bundle) if bundle else folder) / "config.json", None
    if "exec" in arguments:
        process = _value_of(("--process", "-p"), arguments)
        return None, Path(process) if process else None
    return None, None


def _value_of(names: Sequence[str], arguments: Sequence[str]) -> str | None:
    for given, follows in zip(arguments, [*arguments[1:], ""], strict=True):
        if given in names:
            return follows
        for name in names:
            if given.startswith(f"{name}="):
                return given.removeprefix(f"{name}=")
    return None


def _rewrite(config: Path | None, process: Path | None, reachable: Iterable[str]) -> None:
    if config:
        spec = json.loads(config.read_text())
        spec["process"] = without_unreachable(spec["process"], reachable)
        config.write_text(json.dumps(spec))
    if process:
        process.write_text(json.dumps(without_unreachable(json.loads(process.read_text()), reachable)))


def main() -> None:
    """Change what the real runc is about to read, then become it."""
    _rewrite(*files_to_change(sys.argv[1:], Path.cwd()), within_reach(Path("/proc/self/status").read_text()))
    runc = next(path for path in REAL_RUNC if os.access(path, os.X_OK))
    os.execv(runc, ["runc", *sys.argv[1:]])


if __name__ == "__main__":
    main()
