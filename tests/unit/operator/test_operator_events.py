"""Events: one a change, counted when the same happens again, whoever writes it."""

from support.fake_api import FakeApi

from orderflow_operator.events import EventRecorder
from orderflow_operator.kube import Document

WORKER: Document = {
    "apiVersion": "orderflow.dev/v1alpha1",
    "kind": "StreamWorker",
    "metadata": {"name": "payments", "namespace": "shop", "uid": "1"},
}


def events(api: FakeApi) -> list[Document]:
    return [one for path, one in api.objects.items() if "/events/" in path]


def test_an_event_names_what_it_is_about() -> None:
    api = FakeApi()
    EventRecorder(api, "operator-1").record(WORKER, "Normal", "ScaledUp", "from 1 to 6")
    (event,) = events(api)
    assert event["involvedObject"] == {
        "apiVersion": "orderflow.dev/v1alpha1",
        "kind": "StreamWorker",
        "name": "payments",
        "namespace": "shop",
        "uid": "1",
    }
    assert (event["type"], event["reason"], event["message"]) == ("Normal", "ScaledUp", "from 1 to 6")


def test_the_same_again_is_counted_on_the_one_that_is_there() -> None:
    api = FakeApi()
    recorder = EventRecorder(api, "operator-1")
    for _ in range(3):
        recorder.record(WORKER, "Warning", "Conflict", "HorizontalPodAutoscaler web scales it too")
    (event,) = events(api)
    assert event["count"] == 3


def test_another_replica_and_a_restart_find_the_same_event() -> None:
    api = FakeApi()
    EventRecorder(api, "operator-1").record(WORKER, "Normal", "ScaledUp", "from 1 to 6")
    EventRecorder(api, "operator-2").record(WORKER, "Normal", "ScaledUp", "from 1 to 6")
    (event,) = events(api)
    assert event["count"] == 2


def test_other_words_are_another_event() -> None:
    api = FakeApi()
    recorder = EventRecorder(api, "operator-1")
    recorder.record(WORKER, "Normal", "ScaledUp", "from 1 to 6")
    recorder.record(WORKER, "Normal", "ScaledUp", "from 1 to 8")
    assert len(events(api)) == 2


def test_an_event_that_cannot_be_written_stops_nobody() -> None:
    api = FakeApi()
    api.silent = True
    EventRecorder(api, "operator-1").record(WORKER, "Normal", "ScaledUp", "x" * 5000)
    api.silent = False
    EventRecorder(api, "operator-1").record(WORKER, "Normal", "ScaledUp", "x" * 5000)
    (event,) = events(api)
    assert len(event["message"]) == 1000
