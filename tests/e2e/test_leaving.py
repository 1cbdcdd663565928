"""Taking it away: the releases, then the namespaces. The topics stay until Kafka itself goes."""

from collections.abc import Callable

from support.e2e import installing
from support.e2e.system import System
from support.kube.chart import Helm

Record = Callable[[str, object], None]


def test_topics_outlast_the_releases_and_the_namespaces_are_gone_in_a_minute(
    without_strimzi: System, helm_3: Helm, record: Record
) -> None:
    before = without_strimzi.topics()
    assert len(before) == 8
    installing.uninstall(without_strimzi, helm_3, "orderflow", "orderflow-operator")
    assert without_strimzi.topics() == before
    record("both namespaces gone (s)", installing.delete_namespaces(without_strimzi))
