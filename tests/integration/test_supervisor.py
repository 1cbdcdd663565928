"""`make up` and `make down` as a person meets them: real processes, a real broker."""

import json
import os
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from support.brokers import RunningBroker
from support.eventually import eventually
from support.local_system import LocalSystem, local_system, on_shared_broker
from support.observability import SERVICES, Scraped, expressions, variables
from support.pipeline import read_topic

from orderflow.events.topics import topic_specs
from orderflow_local.kafka import Distribution
from orderflow_local.net import answers_kafka, free_port

pytestmark = pytest.mark.chaos
NAMES = {"orders-0", "payments-0", "notifications-0", "analytics-0"}
SMALL = {"PARTITIONS": "2", "PAYMENT_WORKERS": "1"}


@pytest.fixture
def beside(broker: RunningBroker, namespace: str, tmp_path: Path) -> Iterator[LocalSystem]:
    """A system beside others on one broker, not yet started."""
    with on_shared_broker(broker, namespace, tmp_path, **SMALL) as system:
        yield system


@pytest.fixture(scope="module")
def running(broker: RunningBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSystem]:
    """A system that several tests look at; it was started from a shell with a KAFKA_GROUP_ID."""
    with on_shared_broker(broker, "running.", tmp_path_factory.mktemp("running"), **SMALL) as system:
        system.up(kafka_group_id="everybody")
        yield system


@pytest.fixture
def whole(
    kafka_distribution: Distribution, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LocalSystem]:
    """A system with an embedded broker of its own."""
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    with local_system(tmp_path, KAFKA_PORT=str(free_port()), PAYMENT_WORKERS="1") as system:
        yield system


def place_order(system: LocalSystem) -> str:
    request = urllib.request.Request(
        f"{system.state.api_url}/orders",
        data=json.dumps({"user_id": "alice", "item": "book", "quantity": 2}).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            assert answer.status == 202
            return str(json.load(answer)["order_id"])
    except urllib.error.HTTPError as error:
        raise AssertionError(error.read().decode()) from error


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    """Return the one sentence of a command that refused."""
    assert done.returncode != 0, done.stdout
    assert "Traceback" not in done.stderr
    sentence = done.stderr.strip()
    assert sentence.startswith("orderflow: ")
    assert "\n" not in sentence
    return sentence.removeprefix("orderflow: ")


def test_an_order_goes_all_the_way_and_stopping_leaves_no_process_and_keeps_the_data(
    whole: LocalSystem,
) -> None:
    supervisor = whole.up()
    bootstrap_servers = whole.state.bootstrap_servers
    order_id = place_order(whole)

    def notified() -> bool:
        records = read_topic(bootstrap_servers, "notifications")
        return [json.loads(record.value() or b"")["order_id"] for record in records] == [order_id]

    eventually(notified, within=20)
    assert f"curl -i {whole.state.api_url}/orders" in whole.console

    supervisor.send_signal(signal.SIGTERM)
    assert supervisor.wait(60) == 0
    assert whole.left() == []
    assert not answers_kafka("127.0.0.1", int(bootstrap_servers.rpartition(":")[2]))
    written = [(whole.data / "logs" / f"{name}.log").stat().st_mtime_ns for name in stopping_order()]
    assert written == sorted(written)

    whole.up()
    assert len(read_topic(bootstrap_servers, "orders")) == 1


def test_the_order_service_tells_how_many_workers_there_are_and_why(running: LocalSystem) -> None:
    def told() -> dict[str, str]:
        with urllib.request.urlopen(f"{running.state.api_url}/workers", timeout=20) as answer:
            return {each["name"]: each["message"] for each in json.load(answer)["workers"]}

    # The scaler decides for one after the other, and each is told as soon as it has.
    eventually(lambda: told().keys() >= {"payments", "notifications"}, within=30)
    assert "replica" in told()["payments"]


def stopping_order() -> list[str]:
    return ["orders-0", "payments-0", "kafka"]


def test_detached_beside_another_it_returns_when_ready_and_down_and_clean_leave_nothing(
    running: LocalSystem, beside: LocalSystem
) -> None:
    place_order(running)
    done = beside.command("up", detach=1)
    assert done.returncode == 0, done.stderr
    assert "Orderflow is ready." in done.stdout
    place_order(beside)
    place_order(running)
    assert refusal(beside.command("clean")).endswith("stop it first with `make down`.")
    assert beside.command("down").returncode == 0
    assert beside.left() == []
    assert beside.command("clean").returncode == 0
    assert not beside.data.exists()


def test_after_a_kill_of_the_supervisor_the_next_up_ends_what_is_left(beside: LocalSystem) -> None:
    first = beside.up()
    before = {process.pid for process in beside.left()}
    assert len(before) == len(NAMES)
    first.kill()
    first.wait()
    assert {process.pid for process in beside.left()} == before
    beside.up()
    assert before.isdisjoint(psutil.pids())
    assert f"Ended {len(NAMES)} processes that an earlier run left behind." in beside.console


def test_after_a_kill_of_the_supervisor_down_ends_what_is_left_the_broker_too(whole: LocalSystem) -> None:
    supervisor = whole.up()
    assert len(whole.left()) == len(NAMES) + 1
    supervisor.kill()
    supervisor.wait()
    assert refusal(whole.command("clean")).endswith("stop it first with `make down`.")
    done = whole.command("down")
    assert f"Ended {len(NAMES) + 1} processes that were left behind." in done.stdout
    assert done.returncode == 0
    assert whole.left() == []


def test_status_shows_processes_topics_groups_and_lag(running: LocalSystem) -> None:
    assert ready_processes(running) == NAMES
    shown = running.command("status").stdout
    assert str(running.process("orders-0").pid) in shown
    for spec in topic_specs(prefix="running."):
        assert spec.name in shown
    assert "payment-service" in shown
    assert "analytics" in shown
    assert "LAG" in shown


def test_every_process_has_a_session_of_its_own(running: LocalSystem) -> None:
    sessions = {os.getsid(each.pid) for each in running.state.processes.values()}
    assert sessions == {each.pid for each in running.state.processes.values()}


def test_what_dashboards_and_alerts_ask_for_is_what_the_processes_tell(running: LocalSystem) -> None:
    place_order(running)
    pages = [each.health_url for each in running.state.processes.values()]

    def scrape() -> Scraped:
        scraped = Scraped()
        for url in (*pages, running.state.decisions_url.removesuffix("/decisions")):
            with urllib.request.urlopen(f"{url}/metrics", timeout=5) as answer:
                scraped.read(answer.read().decode())
        return scraped

    asked = {**expressions(SERVICES), **variables(SERVICES)}

    def nothing_is_missing() -> bool:
        scraped = scrape()
        assert {where: scraped.lacks(text) for where, text in asked.items() if scraped.lacks(text)} == {}
        return "orderflow_local_desired_workers" in scraped.series

    # The notification is the last that follows, and lag is told once a second.
    eventually(nothing_is_missing, within=20)


def test_a_group_id_of_the_shell_is_not_passed_on(running: LocalSystem) -> None:
    assert "Warning: KAFKA_GROUP_ID=everybody is not passed on" in running.console
    environments = [psutil.Process(each.pid).environ() for each in running.state.processes.values()]
    assert len(environments) == len(NAMES)
    assert not any("KAFKA_GROUP_ID" in environment for environment in environments)


def test_a_second_up_is_refused_and_hurts_nobody(running: LocalSystem) -> None:
    pids = {each.pid for each in running.state.processes.values()}
    sentence = refusal(running.command("up"))
    assert f"runs already (process {running.state.supervisor_pid})" in sentence
    assert {each.pid for each in running.state.processes.values()} == pids
    assert all(psutil.pid_exists(pid) for pid in pids)


def test_following_the_logs_shows_each_line_with_its_process(running: LocalSystem) -> None:
    with running.following() as lines:
        place_order(running)
        eventually(lambda: any(line.startswith("notifications-0") for line in lines()), within=30)


def test_a_broker_that_dies_is_started_again_on_its_data(whole: LocalSystem) -> None:
    whole.up()
    place_order(whole)
    psutil.Process(whole.process("kafka").pid).kill()
    eventually(lambda: whole.process("kafka").restarts == 1, within=30)
    assert "Kafka ended; starting it again in 0.5 s" in whole.console
    eventually(lambda: "kafka" in ready_processes(whole), within=60)
    eventually(lambda: len(read_topic(whole.state.bootstrap_servers, "orders")) == 1, within=30)


def test_a_service_that_dies_is_started_again_and_the_console_says_so(running: LocalSystem) -> None:
    place_order(running)
    before = running.process("payments-0")
    psutil.Process(before.pid).kill()

    def back() -> bool:
        now = running.process("payments-0")
        return now.pid != before.pid and now.restarts == 1

    eventually(back, within=30)
    assert "payments-0 ended (signal 9); starting it again in 0.5 s" in running.console
    others = NAMES - {"payments-0"}
    assert [running.process(name).restarts for name in others] == [0] * len(others)
    eventually(lambda: "payments-0" in ready_processes(running), within=30)


def ready_processes(system: LocalSystem) -> set[str]:
    rows = [line.split() for line in system.command("status").stdout.splitlines()]
    return {row[0] for row in rows if len(row) > 5 and "yes" in row}


def test_ctrl_c_stops_everything_with_exit_code_0(beside: LocalSystem) -> None:
    supervisor = beside.up()
    assert len(beside.left()) == len(NAMES)
    supervisor.send_signal(signal.SIGINT)
    assert supervisor.wait(60) == 0
    assert beside.left() == []
    assert not (beside.data / "state.json").exists()


@pytest.mark.parametrize("name", ["API_PORT", "KAFKA_PORT"])
def test_a_taken_port_is_one_sentence_and_nothing_runs(whole: LocalSystem, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        sentence = refusal(whole.command("up", **{name: port}))
    assert sentence.startswith(f"Port {port} on 127.0.0.1 is taken by process {os.getpid()}")
    assert name in sentence
    assert not (whole.data / "state.json").exists()


def test_too_little_memory_is_one_sentence(whole: LocalSystem) -> None:
    sentence = refusal(whole.command("up", kafka_heap="9000g"))
    assert sentence.startswith("Too little memory: ")
    assert "KAFKA_HEAP" in sentence


def test_a_missing_java_is_one_sentence(whole: LocalSystem, tmp_path: Path) -> None:
    nowhere = tmp_path / "no" / "java"
    sentence = refusal(whole.command("up", orderflow_java=nowhere))
    assert sentence == f"There is no Java to run at {nowhere}; point ORDERFLOW_JAVA at a Java 17 or newer."


def test_a_first_start_without_a_network_is_one_sentence(tmp_path: Path) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    with local_system(tmp_path, XDG_CACHE_HOME=str(tmp_path / "cache"), HTTPS_PROXY=nowhere) as system:
        sentence = refusal(system.command("up", kafka_port=free_port()))
    assert sentence.startswith("Kafka 4.3.1 could not be downloaded into ")
    assert sentence.endswith("the first start needs a network that reaches Maven Central, then try again.")
    assert [path.name for path in (tmp_path / "cache" / "orderflow").iterdir()] == ["kafka-4.3.1.lock"]


def test_a_broker_that_does_not_answer_is_one_sentence(tmp_path: Path) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    with local_system(tmp_path, KAFKA_BOOTSTRAP_SERVERS=nobody) as system:
        sentence = refusal(system.command("up"))
    assert sentence.startswith(f"No broker answers at KAFKA_BOOTSTRAP_SERVERS={nobody}")


def test_on_a_users_broker_nothing_is_created_without_a_yes(beside: LocalSystem, namespace: str) -> None:
    sentence = refusal(beside.command("up", yes=0))
    for spec in topic_specs(prefix=namespace):
        assert spec.name in sentence
    assert sentence.endswith("agree with YES=1.")


@pytest.mark.parametrize(
    ("name", "who"),
    [
        ("payment_success_rate", "orderflow: PAYMENT_SUCCESS_RATE='-7'"),
        ("api_max_body_bytes", "orders-0 ended with exit code 1 while starting"),
    ],
)
def test_a_wrong_setting_of_a_service_stops_the_start_with_its_sentence(
    beside: LocalSystem, name: str, who: str
) -> None:
    done = beside.command("up", **{name: -7})
    assert done.returncode == 1
    assert f"{name.upper()}='-7'" in done.stderr
    assert who in done.stderr
    assert not (beside.data / "state.json").exists()


def test_down_where_nothing_runs_says_so(tmp_path: Path) -> None:
    with local_system(tmp_path) as system:
        done = system.command("down")
    assert (done.returncode, done.stdout.strip()) == (0, "Nothing runs here.")
