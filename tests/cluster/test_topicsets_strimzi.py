"""TopicSets and Strimzi: KafkaTopics of others, edits by hand, a Topic Operator that is away, deletion."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.brokers import RunningBroker
from support.eventually import eventually
from support.kube.cluster import Cluster
from support.strimzi_stand_in import TopicOperatorStandIn
from support.topic_sets import STRIMZI_CLUSTER, DeclaredTopics, by_hand

from orderflow_operator.kube import KubeApi

Document = dict[str, Any]

GONE_WITHIN = 60.0  # seconds for a namespace, whoever is dead


@pytest.fixture
def declared(
    cluster: Cluster,
    strimzi_crds: None,
    operator_identity: Path,
    kube_namespace: str,
    broker: RunningBroker,
    namespace: str,
) -> Callable[..., DeclaredTopics]:
    """A factory of TopicSets of this test by name."""

    def make(name: str = "topics", backend: str = "Strimzi") -> DeclaredTopics:
        api = KubeApi.connect(str(operator_identity), cluster.context)
        servers = broker.bootstrap_servers
        return DeclaredTopics(cluster, api, kube_namespace, servers, backend, namespace, name)

    return make


@pytest.fixture
def topics(declared: Callable[..., DeclaredTopics]) -> DeclaredTopics:
    return declared()


@pytest.fixture
def topic_operator(
    cluster: Cluster, strimzi_crds: None, kube_namespace: str, broker: RunningBroker
) -> Iterator[TopicOperatorStandIn]:
    """The stand-in, running; a test may stop it and start it again."""
    configuration = cluster.api().configuration
    with TopicOperatorStandIn(
        configuration, kube_namespace, STRIMZI_CLUSTER, broker.bootstrap_servers
    ) as running:
        yield running


def edit(topics: DeclaredTopics, **fields: Any) -> None:
    """Change fields of a KafkaTopic as `kubectl edit` does."""
    (kafka_topic,) = topics.kafka_topics().values()
    kafka_topic["spec"] |= fields
    topics.cluster.kubectl("replace", "-f", "-", stdin=json.dumps(kafka_topic))


def test_a_kafka_topic_says_whose_it_is(topics: DeclaredTopics, topic_operator: object) -> None:
    topics.apply(topics.entry(replicas=1), policy="Delete")
    topics.until("Ready")
    metadata = topics.kafka_topics()[f"{topics.prefix}orders"]["metadata"]
    assert metadata["labels"] == {
        "strimzi.io/cluster": STRIMZI_CLUSTER,
        "orderflow.dev/topicset": f"{topics.namespace}.topics",
    }
    assert metadata["annotations"] == {
        "orderflow.dev/topicset": f"{topics.namespace}/topics",
        "orderflow.dev/topicset-uid": topics.document()["metadata"]["uid"],
        "orderflow.dev/deletion-policy": "Delete",
    }
    assert metadata["finalizers"] == ["strimzi.io/topic-operator"]


def test_a_name_that_kubernetes_cannot_hold_is_given_by_topic_name(
    topics: DeclaredTopics, topic_operator: object
) -> None:
    topics.apply(topics.entry("Failed_Orders", 2))
    topics.until("Ready", topic="Failed_Orders")
    (kafka_topic,) = topics.kafka_topics().values()
    assert kafka_topic["spec"]["topicName"] == f"{topics.prefix}Failed_Orders"
    assert topics.partitions("Failed_Orders") == 2


@pytest.mark.parametrize(
    ("first", "then"),
    [
        pytest.param((), (), id="kubectl apply"),
        pytest.param(("--server-side", "--force-conflicts"), ("--server-side",), id="server-side apply"),
    ],
)
def test_partitions_that_a_user_raises_in_the_kafka_topic_stay(
    topics: DeclaredTopics, topic_operator: object, first: tuple[str, ...], then: tuple[str, ...]
) -> None:
    topics.apply(topics.entry(partitions=2))
    topics.until("Ready", "Ready")
    for partitions, flags in ((5, first), (6, then)):
        manifest = json.dumps(by_hand(topics, partitions=partitions))
        topics.cluster.kubectl("apply", "-f", "-", *flags, stdin=manifest)
        raised = topics.until("Ready", "MorePartitions", partitions=partitions)
        assert raised.desired_partitions == 2
    assert topics.partitions() == 6


def test_a_kafka_topic_of_someone_else_counts_and_is_left_alone(
    topics: DeclaredTopics, topic_operator: object
) -> None:
    topics.cluster.apply(by_hand(topics, partitions=4))
    eventually(lambda: topics.partitions() == 4, within=30)
    before = topics.kafka_topics()
    topics.apply(topics.entry(partitions=3, config={"retention.ms": "60000"}))
    found = topics.until("Ready", "AppliedByHand")
    assert (found.partitions, found.owned) == (4, False)
    topics.apply(topics.entry(partitions=9, allowRepartition=True))
    assert "raise them there, or set adopt: true" in topics.until("Refused", "AppliedByHand").message
    assert topics.kafka_topics()[f"{topics.prefix}orders"]["spec"] == {"partitions": 4}
    assert topics.kafka_topics().keys() == before.keys()
    topics.apply(topics.entry(partitions=9, allowRepartition=True, adopt=True))
    assert topics.until("Ready").partitions == 9


def test_a_setting_edited_by_hand_stays_until_it_is_adopted(
    topics: DeclaredTopics, topic_operator: object
) -> None:
    entry = topics.entry(config={"retention.ms": "60000", "segment.ms": "60000"})
    topics.apply(entry)
    topics.until("Ready", "Ready")
    edit(topics, config={"retention.ms": "90000", "segment.ms": "60000"})
    kept = topics.until("Ready", "KeptEdits")
    assert "retention.ms" in kept.message
    eventually(lambda: _config(topics) == {"retention.ms": "90000", "segment.ms": "60000"}, within=30)
    topics.apply(entry | {"adopt": True})
    topics.until("Ready", "Ready")
    eventually(lambda: _config(topics) == {"retention.ms": "60000", "segment.ms": "60000"}, within=30)


def test_of_two_topicsets_that_declare_a_topic_the_second_is_told(
    declared: Callable[..., DeclaredTopics], topic_operator: object
) -> None:
    first, second = declared("first"), declared("second")
    first.apply(first.entry(partitions=3))
    first.until("Ready")
    second.apply(second.entry(partitions=3, adopt=True, config={"retention.ms": "60000"}))
    conflict = second.until("Conflict", "OtherTopicSet")
    assert f"TopicSet {first.namespace}/first" in conflict.message
    assert first.until("Ready", "Ready").owned
    first.delete()
    first.swept()
    assert second.until("Ready").owned


def test_a_topic_operator_that_is_away_is_waited_for(
    topics: DeclaredTopics, topic_operator: TopicOperatorStandIn
) -> None:
    topics.apply(topics.entry(partitions=1, keyed=False))
    topics.until("Ready")
    topic_operator.stop()
    topics.apply(topics.entry(partitions=2, keyed=False), topics.entry("payments"))
    topics.until("Pending", "NotObserved")
    topics.until("Pending", "Creating", topic="payments")
    topic_operator.start()
    assert topics.until("Ready").partitions == 2
    topics.until("Ready", topic="payments")


@pytest.mark.parametrize(
    ("annotation", "reason"),
    [
        ("strimzi.io/managed=false", "Unmanaged"),
        ("strimzi.io/pause-reconciliation=true", "ReconciliationPaused"),
    ],
)
def test_a_kafka_topic_that_a_user_pauses_is_reported_and_stays_so(
    topics: DeclaredTopics, topic_operator: object, annotation: str, reason: str
) -> None:
    topics.apply(topics.entry())
    topics.until("Ready")
    name = f"kafkatopic/{topics.prefix}orders"
    topics.cluster.kubectl("annotate", name, annotation, namespace=topics.namespace)
    topics.until("Paused", reason)
    topics.cluster.kubectl("annotate", name, f"{annotation.partition('=')[0]}-", namespace=topics.namespace)
    topics.until("Ready")


def test_retained_topics_survive_a_topic_operator_that_comes_late(
    topics: DeclaredTopics, topic_operator: TopicOperatorStandIn
) -> None:
    topics.apply(topics.entry())
    topics.until("Ready")
    topic_operator.stop()
    topics.delete()
    topics.sweep()
    topics.sweep()
    (waiting,) = topics.kafka_topics().values()
    assert waiting["metadata"]["annotations"]["strimzi.io/managed"] == "false"
    assert "deletionTimestamp" not in waiting["metadata"]
    topic_operator.start()
    topics.swept()
    assert topics.partitions() == 3


@pytest.mark.parametrize(("policy", "left"), [("Retain", 3), ("Delete", None)])
def test_an_operator_that_was_dead_follows_the_policy_it_finds(
    topics: DeclaredTopics, topic_operator: object, policy: str, left: int | None
) -> None:
    topics.apply(topics.entry(), policy=policy)
    topics.until("Ready")
    topics.cluster.delete("topicset", topics.name, topics.namespace)
    topics.swept()
    assert topics.partitions() == left


def test_the_last_policy_counts_even_if_no_pass_has_seen_it(
    topics: DeclaredTopics, topic_operator: object
) -> None:
    topics.apply(topics.entry(), policy="Delete")
    topics.until("Ready")
    topics.apply(topics.entry(), policy="Retain")
    topics.delete()
    topics.swept()
    assert topics.partitions() == 3


def test_an_entry_put_back_while_it_is_released_is_taken_up_again(
    topics: DeclaredTopics, topic_operator: TopicOperatorStandIn
) -> None:
    topics.apply(topics.entry())
    topics.until("Ready")
    topic_operator.stop()
    topics.apply()
    topics.until("Releasing", "Retain")
    topics.apply(topics.entry())
    topics.reconcile()
    assert "strimzi.io/managed" not in _annotations(topics)
    topic_operator.start()
    assert topics.until("Ready").owned


def test_topics_move_to_the_other_backend_without_being_touched(
    declared: Callable[..., DeclaredTopics], topic_operator: object
) -> None:
    strimzi, admin = declared(), declared(backend="Admin")
    strimzi.apply(strimzi.entry(), policy="Delete")
    strimzi.until("Ready")
    admin.apply(admin.entry(), policy="Delete")
    assert admin.until("Ready").owned
    admin.swept()
    assert admin.partitions() == 3


def test_a_topicset_that_is_still_there_keeps_its_topics_in_a_sweep_that_does_not_know_it(
    topics: DeclaredTopics, topic_operator: object
) -> None:
    topics.apply(topics.entry(), policy="Delete")
    topics.until("Ready")
    before = topics.kafka_topics()
    topics.sweep_knowing_nothing()
    assert topics.kafka_topics() == before


def test_a_copy_of_a_kafka_topic_is_not_ours(
    topics: DeclaredTopics, topic_operator: object, cluster: Cluster
) -> None:
    topics.apply(topics.entry())
    topics.until("Ready")
    (original,) = topics.kafka_topics().values()
    copied = {part: original["metadata"][part] for part in ("name", "labels", "annotations")}
    with cluster.namespace() as elsewhere:
        copy = original | {"metadata": copied | {"namespace": elsewhere}}
        copy.pop("status")
        cluster.apply(copy)
        topics.sweep()
        assert len(cluster.find("kafkatopics", elsewhere)) == 1
        found = cluster.get("kafkatopic", original["metadata"]["name"], elsewhere)
        assert "strimzi.io/managed" not in found["metadata"]["annotations"]


@pytest.mark.parametrize("first", ["topicset", "kafkatopics", "namespace"])
def test_a_namespace_goes_with_every_operator_dead(
    topics: DeclaredTopics, kube_namespace: str, first: str
) -> None:
    """Without a finalizer of Strimzi's, that is: nobody of ours holds anything back."""
    topics.apply(topics.entry())
    topics.reconcile()
    assert topics.kafka_topics()
    if first != "namespace":
        topics.cluster.kubectl("delete", first, "--all", "--wait=false", namespace=kube_namespace)
    topics.cluster.delete("namespace", kube_namespace, wait=False)
    topics.cluster.wait_gone("namespace", kube_namespace, within=GONE_WITHIN)


def test_a_namespace_goes_while_the_operators_work_on_it(
    topics: DeclaredTopics, topic_operator: object, kube_namespace: str
) -> None:
    topics.apply(topics.entry())
    topics.until("Ready")
    topics.cluster.delete("namespace", kube_namespace, wait=False)
    topics.cluster.wait_gone("namespace", kube_namespace, within=GONE_WITHIN)


def test_a_spec_that_no_schema_catches_is_told_with_its_path(topics: DeclaredTopics) -> None:
    topics.apply(topics.entry(config={"retention.ms": [1]}))
    topics.reconcile()
    (condition,) = topics.document()["status"]["conditions"]
    assert (condition["status"], condition["reason"]) == ("False", "SpecInvalid")
    assert "spec.topics[0].config" in condition["message"]


def _config(topics: DeclaredTopics) -> Document:
    seen = topics.in_kafka()
    return dict(seen.config) if seen else {}


def _annotations(topics: DeclaredTopics) -> Document:
    (kafka_topic,) = topics.kafka_topics().values()
    found: Document = kafka_topic["metadata"]["annotations"]
    return found
