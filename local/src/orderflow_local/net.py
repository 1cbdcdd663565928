"""Small questions to this machine's network: is a port free, does a broker answer."""

import contextlib
import os
import random
import socket
import struct
import sys
from collections import deque

# A Kafka request: size, api key 18 (ApiVersions), version 0, correlation id, no client id.
API_VERSIONS_REQUEST = struct.pack(">ihhih", 10, 18, 0, 1, -1)

_NOT_GIVEN_OUT = range(20_000, 32_768)
_TRIES = 100
_HELD = 64

_holds: deque[int] = deque()


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port nobody listens on now, and that no other caller here or in another process gets soon.

    It is below the ports that systems give to outgoing connections: one of those may be gone a moment later,
    and while a broker that listened on it restarts.

    Raises:
        OSError: No port was found.
    """
    for port in random.sample(_NOT_GIVEN_OUT, _TRIES):
        if _hold(host, port):
            return port
    raise OSError(f"none of {_TRIES} ports of {host} is free")


def _hold(host: str, port: int) -> bool:
    """Take a port for whoever is to listen on it: a service that starts takes a second until it does.

    On Linux a socket that is bound and does not listen is in nobody's way who sets SO_REUSEADDR, as servers
    do. Here it is set afterwards: of two who want to hold a port only one gets it. The oldest is let go.
    """
    with socket.socket() as holder:
        try:
            holder.bind((host, port))
        except OSError:
            return False
        if sys.platform == "linux":
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            _holds.append(holder.detach())
    while len(_holds) > _HELD:
        os.close(_holds.popleft())
    return True


def is_free(host: str, port: int) -> bool:
    """Tell whether this process could listen on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def answers_kafka(host: str, port: int, timeout: float = 1.0) -> bool:
    """Tell whether a broker answers requests there; a mere listener or a starting broker does not count."""
    with contextlib.suppress(OSError, struct.error), socket.create_connection((host, port), timeout) as link:
        link.sendall(API_VERSIONS_REQUEST)
        header = link.recv(10, socket.MSG_WAITALL)
        _size, _correlation, error = struct.unpack(">iih", header)
        return bool(error == 0)
    return False
