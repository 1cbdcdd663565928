"""The spec of a TopicSet: what is understood, and what is refused with its path."""

from typing import Any

import pytest
from support.kafka_topics import entry, spec

from orderflow_operator.spec.fields import SpecError
from orderflow_operator.spec.topicset import Backend, DeletionPolicy, parse_topic_set

KAFKA = {"clusterRef": {"name": "my"}}
BOOTSTRAP = {"bootstrapServers": "kafka:9092"}


def test_what_is_left_out_is_the_careful_choice() -> None:
    parsed = spec({"name": "orders", "partitions": 3})
    (topic,) = parsed.topics
    assert (parsed.backend, parsed.deletion_policy) == (Backend.STRIMZI, DeletionPolicy.RETAIN)
    assert (topic.keyed, topic.allow_repartition, topic.adopt, topic.replicas) == (True, False, False, None)


def test_settings_are_text_as_kafka_gives_them_back() -> None:
    config = {
        "retention.ms": 60000,
        "unclean.leader.election.enable": False,
        "min.cleanable.dirty.ratio": 0.5,
    }
    assert entry(config=config).settings == {
        "min.cleanable.dirty.ratio": "0.5",
        "retention.ms": "60000",
        "unclean.leader.election.enable": "false",
    }


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        pytest.param({"topics": [{"name": "a"}]}, "spec.topics[0].partitions", id="no partitions"),
        pytest.param({"topics": [{"name": "a", "partitions": 0}]}, "spec.topics[0].partitions", id="zero"),
        pytest.param({"topics": [{"name": "a b", "partitions": 1}]}, "spec.topics[0].name", id="a space"),
        pytest.param({"topics": [{"name": "..", "partitions": 1}]}, "spec.topics[0].name", id="dots"),
        pytest.param(
            {"topics": [{"name": "a", "partitions": 1}] * 2}, "spec.topics[1].name", id="a name twice"
        ),
        pytest.param(
            {"topics": [{"name": "a", "partitions": 1, "partitons": 2}]},
            "spec.topics[0].partitons",
            id="a misspelled field",
        ),
        pytest.param({"deletionPolicy": "Keep"}, "spec.deletionPolicy", id="an unknown policy"),
        pytest.param({"kafka": BOOTSTRAP}, "spec.kafka.clusterRef", id="Strimzi without clusterRef"),
        pytest.param({"kafka": {}}, "spec.kafka", id="no cluster at all"),
    ],
)
def test_a_bad_field_is_named_by_its_path(fields: dict[str, Any], path: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_topic_set({"kafka": KAFKA, "topics": []} | fields)
    assert caught.value.path == path


def test_the_admin_backend_takes_either_way_to_the_cluster() -> None:
    for kafka in (KAFKA, BOOTSTRAP):
        assert parse_topic_set({"kafka": kafka, "topics": [], "backend": "Admin"}).backend is Backend.ADMIN
