"""What is to be done for each entry, by either backend, and what never is."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.kafka_topics import API_VERSION, CLUSTER, OWNER, applied, by_hand, edited, entry, spec

from orderflow_lag.observation import Unreadable
from orderflow_operator.spec.topicset import DeletionPolicy
from orderflow_operator.topics import BrokerTopic, Seen, State, TopicStatus, admin, strimzi
from orderflow_operator.topics.manifests import Owner
from orderflow_operator.topics.release import release
from orderflow_operator.topics.sizing import sized
from orderflow_operator.topics.strimzi import Declaration, Observed, Planner

Document = dict[str, Any]

SILENT = Unreadable("the broker did not answer")
UNMANAGED = {"conditions": [{"type": "Unmanaged", "status": "True"}], "observedGeneration": 1}
COUNTS = st.integers(1, 40)


def recorded(partitions: int = 3, **fields: Any) -> TopicStatus:
    known: dict[str, Any] = {"name": "orders", "state": State.READY, "reason": "Ready", "owned": True}
    return TopicStatus(**known | {"partitions": partitions, "desired_partitions": partitions} | fields)


def declared(
    one: Document, *kafka_topics: Document, seen: Seen = None, before: TopicStatus | None = None
) -> Declaration:
    one = {"name": "orders", "partitions": 3} | one
    planner = Planner(spec(one), OWNER, CLUSTER, API_VERSION)
    known = {before.name: before} if before else {}
    (declaration,) = planner.declarations(Observed(kafka_topics, {"orders": seen}, known))
    return declaration


def changed(one: Document, *, seen: Seen = None, before: TopicStatus | None = None) -> admin.Change:
    one = {"name": "orders", "partitions": 3} | one
    (change,) = admin.changes(spec(one), {"orders": seen}, {before.name: before} if before else {})
    return change


RECORDS = st.none() | st.builds(
    recorded,
    partitions=COUNTS,
    desired_partitions=COUNTS,
    owned=st.booleans(),
    reason=st.sampled_from(["Ready", "DecreaseRefused", "TopicExists"]),
)


@given(wanted=COUNTS, existing=COUNTS, keyed=st.booleans(), allowed=st.booleans(), before=RECORDS)
def test_no_partition_is_ever_taken_away_and_keys_move_only_where_they_may(
    wanted: int, existing: int, keyed: bool, allowed: bool, before: TopicStatus | None
) -> None:
    one = entry(partitions=wanted, keyed=keyed, allowRepartition=allowed)
    sizing = sized(one, existing, before)
    assert sizing.partitions in (existing, max(existing, wanted))
    if keyed and not allowed:
        assert sizing.partitions == existing
    assert (sizing.partitions == wanted) or sizing.standing is not None


@given(wanted=COUNTS, existing=COUNTS, hand=COUNTS, adopt=st.booleans(), before=RECORDS)
def test_no_kafka_topic_is_ever_given_fewer_partitions_than_there_are(
    wanted: int, existing: int, hand: int, adopt: bool, before: TopicStatus | None
) -> None:
    one = {"partitions": wanted, "adopt": adopt, "keyed": False}
    for kafka_topics in ((), (by_hand(partitions=hand),), (applied(entry(partitions=hand)),)):
        plan = declared(one, *kafka_topics, seen=BrokerTopic(existing, 1), before=before)
        if plan.manifest and "partitions" in plan.manifest["spec"]:
            there = hand if kafka_topics else 0
            assert plan.manifest["spec"]["partitions"] >= max(existing, there)


def test_a_topic_that_grew_while_it_was_ours_is_fine() -> None:
    standing = sized(entry(partitions=3), 6, recorded(3)).standing
    assert standing is not None
    assert (standing.state, standing.reason) == (State.READY, "MorePartitions")


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(None, id="never seen"),
        pytest.param(recorded(6), id="asked for six before"),
        pytest.param(recorded(6, desired_partitions=3, reason="DecreaseRefused"), id="refused before"),
        pytest.param(recorded(6, desired_partitions=3, owned=False), id="not ours before"),
    ],
)
def test_fewer_partitions_than_there_are_is_refused(before: TopicStatus | None) -> None:
    standing = sized(entry(partitions=3), 6, before).standing
    assert standing is not None
    assert standing.reason == "DecreaseRefused"


def test_a_new_topic_gets_a_kafka_topic() -> None:
    plan = declared({"replicas": 2, "config": {"retention.ms": 1}})
    assert plan.manifest is not None
    assert plan.manifest["apiVersion"] == API_VERSION
    assert plan.manifest["spec"] == {"partitions": 3, "replicas": 2, "config": {"retention.ms": "1"}}


def test_whether_a_topic_exists_must_be_known_before_one_is_made() -> None:
    assert declared({}, seen=SILENT).manifest is None
    assert strimzi.status_after(declared({}, seen=SILENT), None).state is State.UNKNOWN
    change = changed({}, seen=SILENT)
    assert change.is_settled
    assert admin.status_after(change, SILENT, None).state is State.UNKNOWN


def test_partitions_recorded_stay_in_the_status_while_kafka_is_silent() -> None:
    change = changed({}, seen=SILENT, before=recorded(3))
    assert admin.status_after(change, SILENT, None).partitions == 3


def test_a_kafka_topic_that_is_as_declared_is_not_applied_again() -> None:
    plan = declared({}, applied(entry()), seen=BrokerTopic(3, 1), before=recorded())
    assert (plan.manifest, plan.standing) == (None, None)
    assert strimzi.status_after(plan, plan.kafka_topic).state is State.READY


def test_a_name_taken_by_another_cluster_gets_another_name() -> None:
    foreign = by_hand(metadata={"labels": {"strimzi.io/cluster": "other"}})
    plan = declared({}, foreign)
    assert plan.manifest is not None
    assert plan.manifest["metadata"]["name"] != "orders"
    assert plan.manifest["spec"]["topicName"] == "orders"


def test_ours_counts_before_an_older_one_of_somebody_else() -> None:
    ours = applied(entry(), metadata={"name": "orders-x", "creationTimestamp": "2026-11-22T09:00:00Z"})
    ours["spec"]["topicName"] = "orders"
    assert declared({}, by_hand(partitions=9), ours).kafka_topic == ours


def test_a_kafka_topic_of_another_topicset_is_never_applied_not_even_by_adoption() -> None:
    theirs = applied(entry(), Owner("shop", "others", "uid-2"))
    plan = declared({"adopt": True}, theirs)
    assert plan.manifest is None
    assert strimzi.status_after(plan, theirs).state is State.CONFLICT


def test_a_kafka_topic_that_somebody_applied_is_taken_only_by_adoption() -> None:
    theirs = by_hand(partitions=6)
    assert declared({}, theirs, seen=BrokerTopic(6, 1)).manifest is None
    taken = declared({"adopt": True, "partitions": 6}, theirs, seen=BrokerTopic(6, 1))
    assert taken.owned
    assert taken.manifest is not None


def test_adoption_takes_back_what_was_edited() -> None:
    one: Document = {"config": {"retention.ms": "1"}}
    mine = edited(applied(entry(**one)), config={"retention.ms": "9"})
    assert declared(one, mine, before=recorded()).manifest is None
    taken = declared(one | {"adopt": True}, mine, before=recorded()).manifest
    assert taken is not None
    assert taken["spec"]["config"] == {"retention.ms": "1"}


def test_an_error_of_the_topic_operator_weighs_more_than_our_refusal() -> None:
    failed = {"conditions": [{"type": "Ready", "status": "False", "reason": "KafkaError", "message": "no"}]}
    kafka_topic = applied(entry(partitions=6), status=failed)
    plan = declared({"partitions": 3}, kafka_topic, seen=BrokerTopic(6, 1), before=recorded(6))
    assert strimzi.status_after(plan, kafka_topic).reason == "KafkaError"
    healthy = applied(entry(partitions=6))
    assert strimzi.status_after(plan, healthy).reason == "DecreaseRefused"


def test_retained_topics_are_let_go_in_three_steps() -> None:
    first = release(applied(entry()), DeletionPolicy.RETAIN)
    assert first.manifest is not None
    assert first.manifest["metadata"]["annotations"]["strimzi.io/managed"] == "false"
    waiting = applied(entry(), metadata={"annotations": {"strimzi.io/managed": "false"}})
    second = release(waiting, DeletionPolicy.RETAIN)
    assert (second.manifest, second.delete) == (None, False)
    assert release(waiting | {"status": UNMANAGED}, DeletionPolicy.RETAIN).delete


def test_deleted_topics_go_with_their_kafka_topic() -> None:
    assert release(applied(entry()), DeletionPolicy.DELETE).delete


def test_a_kafka_topic_being_deleted_is_still_set_unmanaged_but_not_deleted_again() -> None:
    leaving = {"deletionTimestamp": "2026-11-22T04:00:00Z"}
    assert release(applied(entry(), metadata=leaving), DeletionPolicy.RETAIN).manifest is not None
    assert not release(applied(entry(), metadata=leaving), DeletionPolicy.DELETE).delete


def test_only_kafka_topics_of_this_topicset_are_released() -> None:
    theirs = applied(entry("payments"), Owner("shop", "others", "uid-2"))
    mine = applied(entry("notifications"))
    planner = Planner(spec({"name": "orders", "partitions": 3}), OWNER, CLUSTER, API_VERSION)
    released = planner.releases(Observed((theirs, mine, by_hand("failed"), applied(entry())), {}))
    assert [one.kafka_topic for one in released] == [mine]


def test_settings_we_set_before_go_back_and_those_of_others_stay() -> None:
    seen = BrokerTopic(3, 1, {"retention.ms": "1", "segment.ms": "1", "max.message.bytes": "9"})
    before = recorded(config_keys=("retention.ms", "segment.ms"))
    change = changed({"config": {"segment.ms": "2"}}, seen=seen, before=before)
    assert change.config == {"retention.ms": None, "segment.ms": "2"}
    assert changed({}, seen=BrokerTopic(3, 1), before=before).is_settled


def test_replicas_that_differ_are_told_and_left() -> None:
    change = changed({"replicas": 3}, seen=BrokerTopic(3, 1), before=recorded())
    assert change.is_settled
    assert admin.status_after(change, change.seen, None).reason == "ReplicasRefused"


@pytest.mark.parametrize(("policy", "removed"), [("Retain", ()), ("Delete", ("orders",))])
def test_only_what_we_own_and_may_delete_is_removed(policy: str, removed: tuple[str, ...]) -> None:
    before = {"orders": recorded(), "payments": recorded(name="payments", owned=False)}
    assert admin.removals(spec(deletionPolicy=policy), before) == removed


def test_a_topic_is_announced_as_ours_before_it_is_made() -> None:
    change = changed({})
    assert change.create
    announced = admin.announced(change)
    assert (announced.owned, announced.state) == (True, State.PENDING)
    assert not changed({}, seen=BrokerTopic(3, 1), before=announced).standing
