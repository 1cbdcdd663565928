"""Ports that are given out are given to one, and stay open to whoever listens."""

import random
import socket
import subprocess
import sys

import pytest

from orderflow_local.net import free_port, is_free

HOST = "127.0.0.1"


def test_a_port_that_was_given_out_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    first = free_port()
    second = free_port()
    monkeypatch.setattr(random, "sample", lambda _range, _count: [first, second])

    with pytest.raises(OSError, match="is free"):
        free_port()


def test_another_process_passes_it_over_too() -> None:
    port = free_port()
    asked = (
        "import random; from orderflow_local.net import free_port; "
        f"random.sample = lambda _range, _count: [{port}]; print(free_port())"
    )

    answered = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, timeout=30, check=False
    )

    assert answered.stdout == ""
    assert "ports of 127.0.0.1 is free" in answered.stderr


@pytest.mark.parametrize("address", [HOST, "0.0.0.0", "::"])
def test_a_server_can_listen_on_it_and_is_reached(address: str) -> None:
    port = free_port()
    assert is_free(HOST, port)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, port), family=family, dualstack_ipv6=address == "::"):
        socket.create_connection((HOST, port), timeout=5).close()


def test_nobody_answers_on_it_until_then() -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, free_port()), timeout=5)


def test_of_many_the_oldest_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    oldest = [free_port() for _ in range(20)]
    for _ in range(100):
        free_port()
    monkeypatch.setattr(random, "sample", lambda _range, _count: oldest)

    assert free_port() in oldest
