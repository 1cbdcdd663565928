"""StreamWorkers on a real API server and a real broker: the operator decides, consumers come and go."""

from collections.abc import Callable

from support.eventually import eventually
from support.kube.kubelet import pods
from support.observability import OPERATOR, Scraped, expressions, variables
from support.operator_process import OperatorProcess
from support.workload import Workload

from orderflow_operator.apply import DELETION_COST

Operators = Callable[..., OperatorProcess]


def test_a_burst_is_met_by_one_jump_and_then_the_workers_go(workload: Workload, operators: Operators) -> None:
    operator = operators().wait_ready()
    # Long enough that the workers do not go before this test has seen that there is no lag.
    with workload.running(maxReplicas=12, stabilizationWindowSeconds=10):
        workload.wait_decided()
        with operator.held():
            workload.produce(4000)
        workload.wait(size=6, within=10)  # as many as there are partitions
        assert workload.writes == 1
        eventually(lambda: workload.ready == 6, within=30)
        eventually(lambda: workload.lag == 0, within=30)
        assert workload.writes == 1
        workload.wait(size=1, within=40)
        assert workload.status["lastScale"]["to"] == 1
        scraped = Scraped().read(operator.get("/metrics")[1])
        asked = {**expressions(OPERATOR), **variables(OPERATOR)}
        assert {where: scraped.lacks(text) for where, text in asked.items() if scraped.lacks(text)} == {}
        # Marked before it stayed: by what each of the six held.
        (left,) = pods(workload.api, workload.namespace)
        assert left["metadata"]["annotations"][DELETION_COST] == "100000"
    assert workload.reasons_of_events().count("ScaledUp") == 1
    assert operator.metric("orderflow_operator_flaps_total") == 0


def test_workers_go_to_zero_and_come_back_in_one_jump(workload: Workload, operators: Operators) -> None:
    operator = operators().wait_ready()
    workload.replicas = 0
    with workload.running(minReplicas=0, maxReplicas=12):
        workload.wait_decided()
        assert workload.size == 0
        with operator.held():
            workload.produce(3000)
        workload.wait(size=6, within=10)
        assert workload.writes == 1
        eventually(lambda: workload.lag == 0, within=40)
        workload.wait(size=0, within=30)
        before = workload.writes
        with operator.held():
            workload.produce(3000)
        workload.wait(size=6, within=10)
        assert workload.writes == before + 1


def test_zero_by_hand_is_respected(workload: Workload, operators: Operators) -> None:
    operators().wait_ready()
    with workload.running(maxReplicas=12):
        workload.wait_decided()
        workload.scale(0)
        eventually(lambda: workload.status["replicas"] == 0, within=10)
        # A consumer that is just ending would still take some.
        eventually(lambda: workload.pods.are_gone, within=20)
        workload.produce(3000)
        eventually(lambda: workload.lag >= 3000, within=20)
        assert (workload.size, workload.writes) == (0, 1)  # the one by hand
        assert workload.status["reason"] == "ManualZero"
        workload.scale(1)
        eventually(lambda: workload.size > 1, within=40)


def test_another_autoscaler_on_the_target_is_left_to_it(workload: Workload, operators: Operators) -> None:
    operators().wait_ready()
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": workload.name}
    autoscaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web"},
        "spec": {"scaleTargetRef": reference, "minReplicas": 1, "maxReplicas": 3},
    }
    workload.cluster.apply(autoscaler, namespace=workload.namespace)
    with workload.running(maxReplicas=12):
        workload.wait_decided()
        workload.produce(3000)
        eventually(lambda: workload.condition("Conflict")[0] == "True", within=10)
        assert "HorizontalPodAutoscaler web" in workload.status["message"]
        eventually(lambda: workload.lag > 1000, within=20)
        assert workload.writes == 0
        workload.cluster.delete("hpa", "web", workload.namespace)
        eventually(lambda: workload.size > 1, within=15)
        assert workload.condition("Conflict")[0] == "False"


def test_more_partitions_lift_the_cap_at_the_next_poll(workload: Workload, operators: Operators) -> None:
    operator = operators().wait_ready()
    workload.partitions, workload.seconds_per_record = 2, 0.02
    with workload.running(maxReplicas=12):
        workload.wait_decided()
        with operator.held():
            workload.produce(6000)
        workload.wait(size=2, within=10)
        eventually(lambda: workload.ready == 2, within=30)
        workload.raise_partitions(6)
        workload.partitions = 6
        with operator.held():
            workload.produce(6000)
        workload.wait(size=6, within=30)
        assert workload.writes == 2


def test_during_a_rollout_nothing_is_written(workload: Workload, operators: Operators) -> None:
    operators().wait_ready()
    workload.replicas = 2
    with workload.running(minReplicas=2, maxReplicas=12):
        workload.wait_decided()
        workload.pods.held = True
        surge = {"rollingUpdate": {"maxSurge": "50%", "maxUnavailable": 0}}
        labels = {"metadata": {"annotations": {"version": "2"}}}
        workload.patch({"spec": {"strategy": surge, "template": labels}})
        eventually(lambda: workload.deployed["status"]["replicas"] == 3, within=20)
        workload.produce(4000)
        eventually(lambda: workload.status["reason"] == "RollingOut", within=10)
        eventually(lambda: workload.lag > 1000, within=10)
        assert (workload.size, workload.writes) == (2, 1)  # the one of the rollout
        workload.pods.held = False
        workload.produce(4000)
        workload.wait(size=6, within=40)
