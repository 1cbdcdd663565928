"""What a TopicSet promises, whichever backend makes the topics: one suite for both."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from itertools import count
from pathlib import Path

import pytest
from support.brokers import RunningBroker
from support.kube.cluster import Cluster
from support.strimzi_stand_in import TopicOperatorStandIn
from support.topic_sets import STRIMZI_CLUSTER, DeclaredTopics

from orderflow_operator.kube import KubeApi
from orderflow_operator.topicsets import NotTheWriter, TopicAdmin


@pytest.fixture(params=["Strimzi", "Admin"])
def topics(
    request: pytest.FixtureRequest,
    cluster: Cluster,
    strimzi_crds: None,
    operator_identity: Path,
    kube_namespace: str,
    broker: RunningBroker,
    namespace: str,
) -> Iterator[DeclaredTopics]:
    api = KubeApi.connect(str(operator_identity), cluster.context)
    with ExitStack() as stack:
        if request.param == "Strimzi":
            configuration = cluster.api().configuration
            servers = broker.bootstrap_servers
            stack.enter_context(TopicOperatorStandIn(configuration, kube_namespace, STRIMZI_CLUSTER, servers))
        yield DeclaredTopics(cluster, api, kube_namespace, broker.bootstrap_servers, request.param, namespace)


def test_declared_topics_are_created_and_become_ready(topics: DeclaredTopics) -> None:
    topics.apply(topics.entry(partitions=3), topics.entry("payments", 2, config={"retention.ms": 60000}))
    ready = topics.until("Ready")
    topics.until("Ready", topic="payments")
    assert (ready.partitions, ready.desired_partitions, ready.owned) == (3, 3, True)
    payments = topics.in_kafka("payments")
    assert payments is not None
    assert (payments.partitions, dict(payments.config)) == (2, {"retention.ms": "60000"})
    condition = topics.document()["status"]["conditions"][0]
    assert (condition["type"], condition["status"], condition["reason"]) == ("Ready", "True", "Ready")


def test_a_further_pass_over_settled_topics_writes_nothing(topics: DeclaredTopics) -> None:
    topics.apply(topics.entry(config={"retention.ms": 60000}), topics.entry("Failed_Orders", 1))
    topics.until("Ready")
    topics.until("Ready", topic="Failed_Orders")
    before = (topics.document(), topics.kafka_topics())
    topics.may_write = lambda: pytest.fail("a write was about to be made")
    assert topics.reconcile().changes == ()
    assert (topics.document(), topics.kafka_topics()) == before


def test_a_topic_without_keys_is_raised(topics: DeclaredTopics) -> None:
    topics.apply(topics.entry(partitions=1, keyed=False))
    topics.until("Ready")
    topics.apply(topics.entry(partitions=4, keyed=False))
    assert topics.until("Ready").partitions == 4
    assert topics.partitions() == 4


def test_settings_follow_the_spec_and_go_back_to_the_default(topics: DeclaredTopics) -> None:
    topics.apply(topics.entry(config={"retention.ms": "60000", "cleanup.policy": "compact"}))
    topics.until("Ready")
    topics.apply(topics.entry(config={"retention.ms": "70000"}))
    topics.until("Ready")
    seen = topics.in_kafka()
    assert seen is not None
    assert dict(seen.config) == {"retention.ms": "70000"}


def test_a_setting_that_kafka_refuses_is_told_in_the_status(topics: DeclaredTopics) -> None:
    topics.apply(topics.entry(config={"no.such": "1"}))
    failed = topics.until("Failed", "KafkaError")
    assert "no.such" in failed.message
    assert failed.name in topics.document()["status"]["conditions"][0]["message"]
    topics.may_write = lambda: pytest.fail("a write was about to be made")
    topics.reconcile()
    topics.may_write = lambda: True
    topics.apply(topics.entry())
    topics.until("Ready")


def test_fewer_partitions_are_refused_at_once(topics: DeclaredTopics) -> None:
    topics.apply(topics.entry(partitions=3))
    said = topics.cluster.refusal(topics.manifest(topics.entry(partitions=2)))
    assert "cannot take partitions away" in said


def test_a_topic_taken_out_and_put_back_smaller_is_refused(topics: DeclaredTopics) -> None:
    topics.apply(topics.entry(partitions=3))
    topics.until("Ready")
    topics.apply()
    topics.apply(topics.entry(partitions=2))
    refused = topics.until("Refused", "DecreaseRefused")
    assert (refused.partitions, refused.desired_partitions) == (3, 2)
    topics.until("Refused", "DecreaseRefused")
    assert topics.partitions() == 3


def test_a_topic_that_was_let_go_does_not_come_back_smaller_even_by_adoption(topics: DeclaredTopics) -> None:
    topics.apply(topics.entry(partitions=3))
    topics.until("Ready")
    topics.apply()
    topics.gone_from_status()
    topics.apply(topics.entry(partitions=2))
    topics.until("Refused", "TopicExists")
    topics.apply(topics.entry(partitions=2, adopt=True))
    topics.until("Refused", "DecreaseRefused")
    topics.apply(topics.entry(partitions=3, adopt=True, keyed=False))
    assert topics.until("Ready").owned
    assert topics.partitions() == 3


def test_a_topic_that_was_there_before_is_taken_over_only_on_request(topics: DeclaredTopics) -> None:
    topics.create_in_kafka(partitions=3)
    topics.apply(topics.entry(partitions=3, config={"retention.ms": "60000"}))
    refused = topics.until("Refused", "TopicExists")
    assert (refused.partitions, refused.owned) == (3, False)
    assert "adopt: true" in refused.message
    topics.apply(topics.entry(partitions=3, config={"retention.ms": "60000"}, adopt=True))
    assert topics.until("Ready").owned
    seen = topics.in_kafka()
    assert seen is not None
    assert dict(seen.config) == {"retention.ms": "60000"}


def test_a_keyed_topic_is_raised_only_where_keys_may_move(topics: DeclaredTopics) -> None:
    topics.create_in_kafka(partitions=1)
    topics.apply(topics.entry(partitions=2, adopt=True))
    refused = topics.until("Refused", "RepartitionRefused")
    assert "allowRepartition: true" in refused.message
    assert topics.partitions() == 1
    topics.apply(topics.entry(partitions=2, adopt=True, allowRepartition=True))
    topics.until("Ready")
    assert topics.partitions() == 2


@pytest.mark.parametrize(("policy", "left"), [("Retain", 3), ("Delete", None)])
def test_a_deleted_topicset_leaves_what_its_policy_says(
    topics: DeclaredTopics, policy: str, left: int | None
) -> None:
    topics.apply(topics.entry(partitions=3), policy=policy)
    topics.until("Ready")
    topics.delete()
    topics.swept()
    assert topics.partitions() == left


@pytest.mark.parametrize(("policy", "left"), [("Retain", 3), ("Delete", None)])
def test_a_removed_entry_leaves_what_the_policy_says(
    topics: DeclaredTopics, policy: str, left: int | None
) -> None:
    topics.apply(topics.entry(partitions=3), topics.entry("payments"), policy=policy)
    topics.until("Ready")
    topics.apply(topics.entry("payments"), policy=policy)
    topics.gone_from_status()
    assert topics.partitions() == left
    assert topics.until("Ready", topic="payments").partitions == 3


def test_without_the_lease_nothing_is_written(topics: DeclaredTopics) -> None:
    topics.apply(topics.entry())
    topics.may_write = lambda: False
    with pytest.raises(NotTheWriter):
        topics.reconcile()
    assert topics.partitions() is None
    assert topics.kafka_topics() == {}
    assert "status" not in topics.document()


def test_a_pass_cut_off_before_any_write_is_made_good_by_the_next(topics: DeclaredTopics) -> None:
    topics.apply(topics.entry(), topics.entry("payments"))
    for allowed in range(6):
        topics.may_write = _first(allowed)
        with suppress(NotTheWriter):
            topics.reconcile()
    topics.may_write = lambda: True
    assert topics.until("Ready").owned
    assert topics.until("Ready", topic="payments").owned


def test_what_a_late_watch_shows_does_no_harm(topics: DeclaredTopics) -> None:
    topics.apply(topics.entry())
    without_status = topics.document()
    topics.until("Ready")
    (found,) = topics.reconcile(without_status).topics
    assert (found.state, found.owned) == ("Ready", True)


def test_what_was_ours_in_one_cluster_is_not_ours_in_another(topics: DeclaredTopics) -> None:
    topics.apply(topics.entry())
    topics.until("Ready")
    document = topics.document()
    assert document["status"]["clusterId"]
    for name in topics.kafka_topics():
        unmanaged = ("annotate", f"kafkatopic/{name}", "strimzi.io/managed=false")
        topics.cluster.kubectl(*unmanaged, namespace=topics.namespace)
        topics.cluster.delete("kafkatopic", name, topics.namespace)
    moved = {"status": {"clusterId": "another"}}
    topics.cluster.kubectl(
        "patch",
        f"topicset/{topics.name}",
        "--subresource=status",
        "--type=merge",
        f"--patch={json.dumps(moved)}",
        namespace=topics.namespace,
    )
    refused = topics.until("Refused", "TopicExists")
    assert not refused.owned


def test_brokers_that_do_not_answer_leave_everything_as_it_is(topics: DeclaredTopics) -> None:
    topics.apply(topics.entry())
    topics.until("Ready")
    topics.apply(topics.entry(), topics.entry("payments"))
    working = topics.kafka
    topics.kafka = TopicAdmin.connect({"bootstrap.servers": "127.0.0.1:9"}, timeout=1)
    unknown = topics.until("Unknown", "KafkaUnreadable", topic="payments")
    assert unknown.partitions is None
    assert topics.until("Ready" if topics.backend == "Strimzi" else "Unknown").partitions == 3
    topics.kafka = working
    topics.until("Ready")
    topics.until("Ready", topic="payments")


def _first(allowed: int) -> Callable[[], bool]:
    """Return a Lease that is lost after this many writes."""
    writes = count()
    return lambda: next(writes) < allowed
