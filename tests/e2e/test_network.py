"""Who reaches whom: what the NetworkPolicies allow works; what they do not, where something enforces them."""

import pytest
from support.e2e.system import OPERATOR, SERVICES, System

CONNECT = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3)
    print("open")
except (TimeoutError, ConnectionError):
    print("closed")
"""

API = ("orderflow-orders", 80)
KAFKA = (f"orderflow-kafka-bootstrap.{SERVICES}.svc", 9093)
DATABASE = ("orderflow-database", 5432)
DECISIONS = (f"orderflow-operator.{OPERATOR}.svc", 9100)
API_SERVER = ("kubernetes.default.svc", 443)

TOOLS = (SERVICES, "deployment/orderflow-tools", "tools")
PAYMENTS = (SERVICES, "deployment/orderflow-payments", "payments")
ORDERS = (SERVICES, "deployment/orderflow-orders", "orders")
ANALYTICS = (SERVICES, "deployment/orderflow-analytics", "analytics")
BROKER = (SERVICES, "statefulset/orderflow-kafka", "users")
OPERATORS = (OPERATOR, "deployment/orderflow-operator", "operator")

Caller = tuple[str, str, str]
Place = tuple[str, int]


def reaches(system: System, caller: Caller, place: Place) -> bool:
    """Tell whether a container of a workload can open a connection."""
    namespace, workload, container = caller
    command = ("exec", workload, "-c", container, "--", "python", "-c", CONNECT, place[0], str(place[1]))
    return system.cluster.kubectl(*command, namespace=namespace).strip() == "open"


@pytest.fixture
def enforced(without_strimzi: System) -> System:
    """The system on a cluster whose network heeds NetworkPolicies."""
    if reaches(without_strimzi, PAYMENTS, API_SERVER):
        pytest.skip("the network of this cluster enforces no NetworkPolicy")
    return without_strimzi


@pytest.mark.parametrize(
    ("caller", "place"),
    [
        pytest.param(TOOLS, API, id="a client with the label reaches the API"),
        pytest.param(PAYMENTS, KAFKA, id="a worker reaches Kafka"),
        pytest.param(ORDERS, DATABASE, id="the API reaches the database"),
        pytest.param(ORDERS, DECISIONS, id="the API reaches the operator, for its decisions"),
        pytest.param(ANALYTICS, DATABASE, id="analytics reaches the database"),
        pytest.param(OPERATORS, KAFKA, id="the operator reaches Kafka"),
        pytest.param(OPERATORS, API_SERVER, id="the operator reaches the API server"),
    ],
)
def test_what_is_needed_is_allowed(without_strimzi: System, caller: Caller, place: Place) -> None:
    assert reaches(without_strimzi, caller, place)


@pytest.mark.parametrize(
    ("caller", "place"),
    [
        pytest.param(PAYMENTS, API, id="a worker does not reach the API"),
        pytest.param(PAYMENTS, DATABASE, id="a worker without tables does not reach the database"),
        pytest.param(BROKER, API, id="nobody without the label reaches the API"),
    ],
)
def test_what_nobody_needs_is_not_allowed(enforced: System, caller: Caller, place: Place) -> None:
    assert not reaches(enforced, caller, place)
