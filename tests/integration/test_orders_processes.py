"""Several processes of the Order Service on one port, and starts that cannot be."""

import os
import signal
import socket
from collections import Counter
from contextlib import suppress

import httpx
import psutil
import pytest
from support.eventually import eventually
from support.orders_service import Clients, OrderService
from support.pipeline import Pipeline

SHORT = {"user_id": "u1", "item": "tea", "quantity": 3}


def workers_of(service: OrderService) -> list[int]:
    """Return the pids of the processes that serve, oldest first."""
    children = psutil.Process(service.process.process.pid).children()
    serving = [child for child in children if "spawn_main" in " ".join(child.cmdline())]
    return [child.pid for child in sorted(serving, key=lambda child: child.create_time())]


def transactional_ids(service: OrderService) -> Counter[str]:
    """Return how often each number reported that it had started."""
    lines = [line for line in service.process.log.splitlines() if '"message": "started"' in line]
    return Counter(line.split('"orderflow.number": ')[1].split(",")[0] for line in lines)


@pytest.mark.chaos
def test_processes_share_the_port_and_the_metrics_and_one_that_dies_is_replaced(pipeline: Pipeline) -> None:
    service = OrderService(pipeline, api_workers=2).wait_ready()
    eventually(lambda: transactional_ids(service) == {"0": 1, "1": 1}, within=30)
    with Clients(service, connections=16) as clients:
        eventually(lambda: len(clients.accepted) >= 200, within=60)
        victim = workers_of(service)[0]
        os.kill(victim, signal.SIGKILL)
        eventually(lambda: sorted(transactional_ids(service).values()) == [1, 2], within=30)
        before = len(clients.accepted)
        eventually(lambda: len(clients.accepted) >= before + 100, within=60)
    # Whichever process answers, and including the one that is gone.
    counted = {service.process.metric("orderflow_orders_accepted_total") for _ in range(10)}
    assert len(counted) == 1
    assert counted.pop() >= len(clients.accepted)
    lines = service.process.get("/metrics")[1].splitlines()
    quiet = [line for line in lines if line.startswith("orderflow_watchdog_quiet_seconds{")]
    assert len(quiet) == 2, "one of each lane, of whichever process is the worst"
    in_log = {order["order_id"] for order in pipeline.values("orders")}
    assert set(clients.accepted) - in_log == set()

    children = workers_of(service)
    assert service.process.stop() == 0, service.process.log
    assert [pid for pid in children if psutil.pid_exists(pid)] == []


@pytest.mark.chaos
def test_processes_end_when_the_one_that_started_them_is_gone(pipeline: Pipeline) -> None:
    service = OrderService(pipeline, api_workers=2).wait_ready()
    children = workers_of(service)
    assert len(children) == 2
    service.process.kill()
    eventually(lambda: [pid for pid in children if psutil.pid_exists(pid)] == [], within=30)


def test_a_taken_port_is_said_in_one_sentence(pipeline: Pipeline) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = pipeline.start("orders", api_port=port)
        assert process.process.wait(30) == 1
    assert process.log.splitlines()[-1].startswith(f"orderflow: API_PORT={port}: Address already in use")
    assert "Traceback" not in process.log


def test_an_api_that_is_open_to_the_network_says_so(pipeline: Pipeline) -> None:
    service = OrderService(pipeline, host="0.0.0.0").wait_ready()
    assert "the API is open to the network" in service.process.log
    assert service.process.stop() == 0


@pytest.mark.chaos
def test_two_services_of_one_name_do_not_fight_for_ever(pipeline: Pipeline) -> None:
    first = OrderService(pipeline, "twin").wait_ready()
    second = OrderService(pipeline, "twin").wait_ready()

    def one_gave_up() -> bool:
        for service in (first, second):
            if service.process.process.poll() is None:
                service.process.get("/livez")
                place_if_it_listens(service)
        return first.process.process.poll() is not None or second.process.process.poll() is not None

    eventually(one_gave_up, within=60)
    # Neither can know which of them is the wrong one, so both may go.
    ended = [service.process for service in (first, second) if service.process.process.poll() is not None]
    assert {process.process.returncode for process in ended} == {3}
    assert all("INSTANCE_NAME" in process.log for process in ended)


def place_if_it_listens(service: OrderService) -> None:
    with suppress(httpx.TransportError):
        service.place(SHORT)
