"""What must not happen to topics when the API server knows less than it should."""

import pytest
from support.fake_api import FakeApi
from support.kafka_topics import API_VERSION, CLUSTER, applied, entry, spec

from orderflow_lag.observation import Unreadable
from orderflow_operator.kube import Document, Forbidden, NotFound
from orderflow_operator.topics.manifests import Owner
from orderflow_operator.topicsets import TopicSets
from orderflow_operator.topicsets.kafka_topics import KafkaTopics, NotServed
from orderflow_operator.topicsets.strimzi import StrimziBackend
from orderflow_operator.topicsets.writing import Pen

KAFKA_TOPICS = f"/apis/{API_VERSION}/kafkatopics"
TOPIC_SETS = "/apis/orderflow.dev/v1alpha1/namespaces/shop/topicsets"
GONE = Owner("shop", "gone", "uid-9")


class ListingApi(FakeApi):
    """Also lists: what was put under the path of a collection, or the error that stands there."""

    def __init__(self) -> None:
        super().__init__()
        self.lists: dict[str, list[Document] | Exception] = {}

    def list(self, at: str, **query: str) -> list[Document]:
        found = self.lists.get(at, NotFound(f"GET {at}: the server could not find the requested resource"))
        if isinstance(found, Exception):
            raise found
        return found

    def apply(self, at: str, body: Document, *, force: bool = True) -> Document:
        self.written.append(at)
        return body

    def serve(self, *versions: str) -> None:
        """Serve KafkaTopics in these versions."""
        self.put("/apis/kafka.strimzi.io", {"versions": [{"groupVersion": one} for one in versions]})
        for version in versions:
            self.put(f"/apis/{version}", {"resources": [{"name": "kafkatopics"}]})


@pytest.fixture
def api() -> ListingApi:
    """An API server with one KafkaTopic whose TopicSet nobody has shown us."""
    api = ListingApi()
    api.serve(API_VERSION)
    api.lists[KAFKA_TOPICS] = [applied(entry(), GONE)]
    return api


def test_a_kafka_topic_whose_topicset_is_gone_is_released(api: ListingApi) -> None:
    api.lists[TOPIC_SETS] = []
    TopicSets(api, lambda: True).sweep([])
    assert api.written == [f"/apis/{API_VERSION}/namespaces/{CLUSTER.namespace}/kafkatopics/orders"]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(NotFound("the server could not find the requested resource"), id="the CRD is gone"),
        pytest.param(Forbidden("topicsets is forbidden"), id="the right is missing"),
        pytest.param([{"metadata": {"name": "gone", "uid": "uid-9"}}], id="it is there after all"),
    ],
)
def test_nothing_is_released_while_it_is_not_certain_that_a_topicset_is_gone(
    api: ListingApi, answer: list[Document] | Exception
) -> None:
    api.lists[TOPIC_SETS] = answer
    TopicSets(api, lambda: True).sweep([])
    assert api.written == []


def test_a_topicset_made_anew_under_the_name_does_not_inherit(api: ListingApi) -> None:
    api.lists[TOPIC_SETS] = [{"metadata": {"name": "gone", "uid": "uid-10"}}]
    TopicSets(api, lambda: True).sweep([])
    assert api.written


def test_only_the_namespaces_of_the_operator_are_looked_into() -> None:
    api = ListingApi()
    api.serve(API_VERSION)
    where = [f"/apis/{API_VERSION}/namespaces/{name}/kafkatopics" for name in ("kafka", "shop")]
    api.lists |= {where[0]: [applied(entry())], where[1]: []}
    assert len(KafkaTopics(api, ("kafka", "shop")).owned()) == 1


@pytest.mark.parametrize(
    ("served", "chosen"),
    [
        pytest.param(["kafka.strimzi.io/v1"], "kafka.strimzi.io/v1", id="Strimzi 1"),
        pytest.param(
            ["kafka.strimzi.io/v1beta2", "kafka.strimzi.io/v1"], "kafka.strimzi.io/v1", id="both: v1 first"
        ),
        pytest.param(["kafka.strimzi.io/v1beta2"], "kafka.strimzi.io/v1beta2", id="before Strimzi 0.49"),
    ],
)
def test_the_version_of_kafka_topics_is_the_one_that_is_served(served: list[str], chosen: str) -> None:
    api = ListingApi()
    api.serve(*served)
    assert KafkaTopics(api).version() == chosen


def test_without_strimzi_each_topic_says_what_to_do() -> None:
    kafka_topics = KafkaTopics(ListingApi())
    with pytest.raises(NotServed):
        kafka_topics.version()
    backend = StrimziBackend(kafka_topics, Pen(lambda: True))
    declared = spec({"name": "orders", "partitions": 3})
    (status,) = backend.reconcile(declared, GONE, Unreadable("not asked"), {})
    assert (status.state, status.message) == (
        "Failed",
        "the API server knows no KafkaTopic; install Strimzi, or use backend: Admin",
    )
