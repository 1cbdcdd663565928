"""KafkaTopics as documents: names, owners, and whose each field is."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.kafka_topics import API_VERSION, CLUSTER, OWNER, applied, by_hand, edited, entry, live

from orderflow_operator.spec.topicset import DeletionPolicy
from orderflow_operator.topics.fields import Document, is_applied, leaves, with_annotation, yielding
from orderflow_operator.topics.manifests import (
    Owner,
    desired_manifest,
    owner_of,
    resource_name,
    topic_name,
)

SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
LABEL = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
TOPICS = st.from_regex(r"[a-zA-Z0-9._-]{1,249}", fullmatch=True)
NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,60}[a-z0-9])?", fullmatch=True)


def manifest(partitions: int = 3, **fields: Any) -> Document:
    one, keep = entry(partitions=partitions, **fields), DeletionPolicy.RETAIN
    return desired_manifest(
        one, OWNER, CLUSTER, keep, api_version=API_VERSION, name="orders", partitions=partitions
    )


@given(TOPICS)
def test_every_topic_has_a_name_that_kubernetes_can_hold(topic: str) -> None:
    for name in (resource_name(topic, CLUSTER), resource_name(topic, CLUSTER, {topic})):
        assert len(name) <= 253
        assert SUBDOMAIN.fullmatch(name)
    assert resource_name(topic, CLUSTER, {topic}) != topic


@given(st.lists(TOPICS, unique=True, max_size=20))
def test_no_two_topics_have_the_same_name(topics: list[str]) -> None:
    assert len({resource_name(topic, CLUSTER) for topic in topics}) == len(topics)


@given(NAMES, st.lists(NAMES, min_size=1, max_size=4).map(".".join))
def test_every_owner_has_a_label_that_kubernetes_can_hold(namespace: str, name: str) -> None:
    label = Owner(namespace, name, "uid").label
    assert len(label) <= 63
    assert LABEL.fullmatch(label)
    if len(namespace) + len(name) < 63:
        assert label == f"{namespace}.{name}"


def test_topics_that_differ_in_case_have_different_names() -> None:
    assert resource_name("orders", CLUSTER) == "orders"
    assert re.fullmatch("orders-[0-9a-f]{8}", resource_name("Orders", CLUSTER))


def test_the_topic_of_a_kafka_topic_is_its_topic_name_or_its_name() -> None:
    assert topic_name(by_hand("orders")) == "orders"
    assert topic_name(by_hand("orders-x", spec={"topicName": "Orders"})) == "Orders"


def test_a_kafka_topic_is_ours_only_if_we_set_the_mark_ourselves() -> None:
    ours = applied(entry())
    assert owner_of(ours) == OWNER
    copied = live({name: ours[name] for name in ("apiVersion", "kind", "metadata", "spec")}, "kubectl")
    assert owner_of(copied) is None
    assert owner_of(by_hand()) is None


def test_what_was_applied_needs_no_second_time() -> None:
    assert is_applied(manifest(), live(manifest()))
    assert is_applied(manifest(config={"a": 1}, replicas=2), live(manifest(config={"a": 1}, replicas=2)))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(manifest(3), manifest(4), id="more partitions"),
        pytest.param(manifest(config={"a": 1}), manifest(config={"a": 2}), id="another value"),
        pytest.param(manifest(config={"a": 1}), manifest(), id="a setting taken out"),
        pytest.param(manifest(), manifest(config={"a": 1}), id="a setting put in"),
    ],
)
def test_a_difference_is_applied(before: Document, after: Document) -> None:
    assert not is_applied(after, live(before))


def test_a_setting_that_somebody_edited_is_left_out_and_named() -> None:
    ours = manifest(config={"retention.ms": 1, "segment.ms": 1})
    result, kept = yielding(ours, edited(live(ours), config={"retention.ms": "9"}))
    assert kept == ("retention.ms",)
    assert result["spec"] == {"partitions": 3, "config": {"segment.ms": "1"}}


def test_a_setting_that_is_ours_follows_the_spec() -> None:
    result, kept = yielding(manifest(config={"a": 2}), live(manifest(config={"a": 1})))
    assert (result, kept) == (manifest(config={"a": 2}), ())


def test_partitions_that_somebody_raised_are_left_to_them_without_a_word() -> None:
    raised = edited(live(manifest(3)), partitions=6)
    result, kept = yielding(manifest(6), raised)
    assert "partitions" not in result.get("spec", {})
    assert kept == ()


def test_partitions_that_are_too_few_are_raised_whoever_set_them() -> None:
    result, _ = yielding(manifest(6), edited(live(manifest(3)), partitions=4))
    assert result["spec"]["partitions"] == 6


def test_an_annotation_is_added_to_what_is_ours_and_to_nothing_else() -> None:
    ours = manifest(config={"a": 1, "b": 1})
    kafka_topic = edited(live(ours), config={"b": "2"})
    annotated = with_annotation(kafka_topic, "strimzi.io/managed", "false")
    added = ("metadata", "annotations", "strimzi.io/managed")
    assert set(leaves(annotated)) == (set(leaves(ours)) | {added}) - {("spec", "config", "b")}
    assert annotated["metadata"]["uid"] == kafka_topic["metadata"]["uid"]
    assert "status" not in annotated
