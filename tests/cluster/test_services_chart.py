"""The services' chart: linted, rendered, tried on the API server, refused where it would not work."""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.eventually import eventually
from support.kube.chart import CRDS, SERVICES_CHART, Helm, HelmFailed, Values
from support.kube.cluster import Cluster, Manifest, documents
from support.kube.control_plane import CONTEXT, ControlPlane
from support.kube.foreign_crds import foreign_crds

from deploy.helm.values.__main__ import documents as generated_files
from deploy.helm.values.__main__ import paths_of
from deploy.helm.values.chart import values_schema
from deploy.helm.values.pieces import camel
from deploy.kind.parts import PartUnavailable
from orderflow.cli.settings import SERVICES
from orderflow.events.topics import topic_specs
from orderflow.notifications.delivery import LogDelivery
from orderflow.notifications.reaction import notification_service
from orderflow.payments.gateway import SimulatedGateway
from orderflow.payments.reaction import payment_service
from orderflow.streaming.service import Service
from orderflow_operator.spec.streamworker import parse_stream_worker
from orderflow_operator.spec.topicset import parse_topic_set
from orderflow_process.settings import load

STRIMZI = SERVICES_CHART.parents[1] / "strimzi"
GOLDEN = Path(__file__).with_name("golden")
NAMESPACE = "orderflow"
WORKLOADS = ("orders", "payments", "notifications")
# What the cluster that these tests share does not know.
FOREIGN = ("HTTPRoute", "PodMonitor", "ServiceMonitor")

PLAIN: Values = {
    "kafka": {"bootstrapServers": "kafka-0:9092,kafka-1:9092", "tls": False, "auth": {"type": "None"}}
}
MTLS: Values = {"kafka": {"auth": {"type": "Tls"}, "cluster": {"listener": "mtls", "port": 9094}}}
EVERYTHING: Values = {
    "fullnameOverride": "shop",
    "image": {"tag": "1.2.3", "pullPolicy": "Always"},
    "config": {"topicPrefix": "eu.", "partitions": 24, "replicationFactor": 3, "logLevel": "DEBUG"},
    "kafka": {"cluster": {"namespace": "kafka"}, "caSecret": "ca"},
    "topics": {
        "deletionPolicy": "Delete",
        "overrides": {"orders": {"config": {"retention.ms": 604_800_000}}},
    },
    "orders": {
        "replicas": 3,
        "config": {"apiQueueLimit": 1_000_000, "apiDeadlineSeconds": 7.5},
        "apiKeys": {"secretName": "keys"},
        "service": {"type": "LoadBalancer", "annotations": {"example.com/a": "b"}},
        "ingress": {"enabled": True, "host": "shop.example.com", "className": "nginx", "tlsSecret": "tls"},
        "httpRoute": {"enabled": True, "parentRefs": [{"name": "gate"}], "hostnames": ["shop.example.com"]},
    },
    "payments": {
        "scaling": {
            "lagPerReplica": 2_000_000,
            "utilization": 0.8,
            "pause": {"mode": "Hold", "reason": "a drill"},
        },
        "serviceAccount": {"create": False},
    },
    "notifications": {
        "config": {"smtpHost": "mail.example.com", "smtpPort": 587, "notificationLanguage": "ru"},
        "smtp": {"secretName": "mail"},
        "serviceAccount": {"annotations": {"example.com/role": "mailer"}},
    },
    "networkPolicy": {
        "apiFrom": [{"namespaceSelector": {}}],
        "metricsFrom": [{"podSelector": {"matchLabels": {"app": "prometheus"}}}],
        "extraEgress": [{"ports": [{"port": 443, "protocol": "TCP"}]}],
    },
    "monitoring": {"kind": "ServiceMonitor", "labels": {"release": "kube-prometheus-stack"}},
    "test": {"timeoutSeconds": 120, "apiKey": {"secretName": "keys"}},
    "dev": {"reload": True},
    "podAnnotations": {"example.com/a": "b"},
    "podLabels": {"example.com/team": "orders"},
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [{"key": "spot", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "priorityClassName": "system-cluster-critical",
    "global": {"imageRegistry": "registry.example:5000", "imagePullSecrets": ["pull"], "anything": True},
}
BARE: Values = {
    **PLAIN,
    "topics": {"enabled": False},
    "payments": {"scaling": {"enabled": False}, "replicas": 4},
    "notifications": {"enabled": False},
    "podDisruptionBudget": {"enabled": False},
    "networkPolicy": {"enabled": False},
    "test": {"enabled": False},
}
MONITORING = "monitoring.coreos.com/v1"
MONITORED = (f"--api-versions={MONITORING}/ServiceMonitor",)

GOLDENS: dict[str, Values] = {
    "api-with-scram": {
        "payments": {"enabled": False},
        "notifications": {"enabled": False},
        "topics": {"enabled": False},
        "networkPolicy": {"enabled": False},
    },
    "scaled-worker-with-mtls": {
        **MTLS,
        "orders": {"enabled": False},
        "notifications": {"enabled": False},
        "topics": {"enabled": False},
        "networkPolicy": {"enabled": False},
    },
    "closed-network-and-topics-without-strimzi": {
        **PLAIN,
        "payments": {"enabled": False},
        "notifications": {"enabled": False},
        "orders": {"enabled": False},
        "test": {"enabled": False},
    },
}


@pytest.fixture(scope="module")
def chart(helm: Helm) -> Helm:
    """A helm that works on the services' chart."""
    return replace(helm, release="orderflow", namespace=NAMESPACE, chart=SERVICES_CHART)


@pytest.fixture(scope="module")
def everything(chart: Helm) -> list[Manifest]:
    """All that the chart can make, under other names than usual."""
    return chart.render(EVERYTHING, *MONITORED)


@pytest.fixture(scope="module")
def usual(chart: Helm) -> list[Manifest]:
    """What the chart makes by default."""
    return chart.render()


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({}, id="as it is"),
        pytest.param(MTLS, id="client certificates"),
        pytest.param(PLAIN, id="Kafka without Strimzi or a login"),
        pytest.param(EVERYTHING, id="everything"),
        pytest.param(BARE, id="next to nothing"),
    ],
)
def test_the_chart_is_clean_and_the_api_server_takes_all_of_it(
    values: Values, cluster: Cluster, chart: Helm, services_namespace: None
) -> None:
    chart("lint", "--strict", "--quiet", str(SERVICES_CHART), values=values)
    manifests = [each for each in chart.render(values, *MONITORED) if each["kind"] not in FOREIGN]
    flags = ("--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict")
    cluster.kubectl("apply", *flags, "-f", "-", stdin=documents(manifests))


@pytest.mark.parametrize("values", [EVERYTHING, BARE], ids=["everything", "next to nothing"])
def test_helm_3_and_helm_4_make_the_same_of_it(values: Values, chart: Helm, helm_3: Helm) -> None:
    older = replace(chart, program=helm_3.program)
    assert older.render(values, *MONITORED) == chart.render(values, *MONITORED)
    older("lint", "--strict", "--quiet", str(SERVICES_CHART), values=values)
    with pytest.raises(HelmFailed, match="additional properties 'replica' not allowed"):
        older.render({"orders": {"replica": 1}})


@pytest.mark.parametrize("name", GOLDENS)
def test_what_is_rendered_changes_only_on_purpose(name: str, chart: Helm) -> None:
    # Where it was on purpose: run this with UPDATE_GOLDEN=1, and read the diff.
    file, rendered = GOLDEN / f"{name}.yaml", chart.render(GOLDENS[name])
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(yaml.safe_dump_all(rendered, sort_keys=False, width=110))
    assert rendered == list(yaml.safe_load_all(file.read_text()))


def test_every_misspelt_value_is_refused(chart: Helm) -> None:
    schema = values_schema()
    known = [path for path in paths_of(schema) if path[0] != "global"]
    misspelt: dict[str, Any] = {}
    for path in known:
        section = misspelt
        for key in path[:-1]:
            section = section.setdefault(key, {})
        section[f"{path[-1]}x"] = True

    with pytest.raises(HelmFailed) as refused:
        chart.render(misspelt)

    said = {line.strip().partition(":")[0]: line for line in str(refused.value).splitlines()}
    assert len(known) > 150
    for path in known:
        where = "- at '" + "".join(f"/{key}" for key in path[:-1]) + "'"
        assert f"'{path[-1]}x'" in said[where], path


@pytest.mark.parametrize(
    ("values", "said"),
    [
        pytest.param({"image": {"tag": "latest"}}, "'not' failed", id="an image that changes under us"),
        pytest.param({"config": {"kafkaSaslPassword": "x"}}, "additional properties", id="a password"),
        pytest.param({"config": {"instanceName": "x"}}, "additional properties", id="one name for all pods"),
        pytest.param(
            {"payments": {"config": {"kafkaGroupId": "notification-service"}}},
            "does not match pattern",
            id="the group of another service",
        ),
        pytest.param(
            {"payments": {"scaling": {"minReplica": 1}}}, "additional properties", id="a typo in the scaling"
        ),
        pytest.param({"kafka": {"cluster": {"name": ""}}}, "set kafka.cluster.name", id="no Kafka"),
        pytest.param(
            {"kafka": {"bootstrapServers": "kafka:9093"}}, "set kafka.caSecret", id="nobody to trust"
        ),
        pytest.param({"kafka": {"bootstrapServers": "kafka"}}, "does not match pattern", id="no port"),
        pytest.param(
            {"orders": {"ingress": {"enabled": True, "tlsSecret": "tls"}}},
            "set orders.ingress.host",
            id="a certificate for no host",
        ),
    ],
)
def test_values_that_would_not_work_are_refused(values: Values, said: str, chart: Helm) -> None:
    with pytest.raises(HelmFailed, match=said):
        chart.render(values)


def test_schema_and_readme_are_as_the_values_say() -> None:
    outdated = [file.name for file, text in generated_files().items() if file.read_text() != text]
    assert outdated == [], "run python -m deploy.helm.values --write"
    readme = (SERVICES_CHART / "README.md").read_text()
    assert [path for path in paths_of(values_schema()) if f"{'.'.join(path)}" not in readme] == []


def test_the_chart_is_a_subchart_of_others(chart: Helm, tmp_path: Path) -> None:
    parent = tmp_path / "shop"
    shutil.copytree(SERVICES_CHART, parent / "charts" / "orderflow")
    (parent / "Chart.yaml").write_text(
        json.dumps(
            {
                "apiVersion": "v2",
                "name": "shop",
                "version": "1.0.0",
                "dependencies": [{"name": "orderflow", "version": "0.1.0", "condition": "orderflow.enabled"}],
            }
        )
    )
    shared = {"imageRegistry": "registry.example", "storageClass": "fast"}
    own = replace(chart, chart=parent)

    rendered = own.render({"global": shared, "orderflow": {"enabled": True, "orders": {"replicas": 5}}})

    api = one(rendered, "Deployment", "orderflow-orders")
    assert api["spec"]["replicas"] == 5
    assert container(api)["image"] == "registry.example/orderflow:0.1.0"
    assert own.render({"global": shared, "orderflow": {"enabled": False}}) == []


@pytest.mark.parametrize("service", WORKLOADS)
def test_every_setting_can_be_given_or_is_given_by_the_chart(
    service: str, chart: Helm, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = SERVICES[service]
    schema = values_schema()["properties"]
    known = schema["config"]["properties"] | schema[service]["properties"]["config"]["properties"]
    own = set(schema[service]["properties"]["config"]["properties"])
    given = {name: sample(each) for name, each in known.items()}
    values = {
        "config": {name: value for name, value in given.items() if name not in own},
        service: {"config": {name: value for name, value in given.items() if name in own}},
        "kafka": {"cluster": {"listener": "scram"}},
    }
    both = [*chart.render(values), *chart.render({**values, "kafka": MTLS["kafka"]})]
    secrets = {"API_KEYS", "SMTP_USERNAME", "SMTP_PASSWORD"}

    found = [
        container(each)["env"]
        for each in both
        if each["metadata"]["name"] == f"orderflow-{service}" and each["kind"] == "Deployment"
    ]
    environment = {entry["name"]: entry.get("value", "x") for entries in found for entry in entries}

    # The port is that of the probes; the mechanism is the default, which is Strimzi's.
    elsewhere = {"HEALTH_PORT", "API_PORT", "KAFKA_SASL_MECHANISM"} | secrets
    fields = {name.upper() for name in kind.model_fields}
    assert set(environment) | (elsewhere & fields) == fields
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    loaded = load(kind)
    for name in kind.model_fields:
        if camel(name) in given:
            assert str(getattr(loaded, name)) == str(given[camel(name)]), name


def test_topics_are_those_that_the_services_declare(chart: Helm, usual: list[Manifest]) -> None:
    (topics,) = kinds(usual, "TopicSet")
    assert parse_topic_set(topics["spec"]).backend == "Strimzi"
    declared = {entry["name"]: (entry["partitions"], entry["config"]) for entry in topics["spec"]["topics"]}
    assert declared == {spec.name: (spec.partitions, spec.config) for spec in topic_specs()}

    changed = {"config": {"partitions": 24, "topicPrefix": "eu.", "replicationFactor": 3}, **PLAIN}
    (topics,) = kinds(chart.render(changed), "TopicSet")
    wanted = topic_specs(partitions=24, replication_factor=3, prefix="eu.")
    assert [
        (entry["name"], entry["partitions"], entry["replicas"]) for entry in topics["spec"]["topics"]
    ] == [(spec.name, spec.partitions, spec.replication_factor) for spec in wanted]
    assert topics["spec"]["backend"] == "Admin"


def test_large_numbers_stay_whole(everything: list[Manifest]) -> None:
    (topics,) = kinds(everything, "TopicSet")
    assert topics["spec"]["topics"][0]["config"]["retention.ms"] == 604_800_000
    worker = one(everything, "StreamWorker", "shop-payments")["spec"]
    assert repr(worker["lagPerReplica"]) == "2000000"
    assert worker["pause"] == {"mode": "Hold", "reason": "a drill"}


def test_stream_workers_watch_the_group_and_the_topics_of_their_service(
    usual: list[Manifest], chart: Helm
) -> None:
    services: dict[str, Service[Any]] = {
        "payments": payment_service(SimulatedGateway(success_rate=1), unit_price=Decimal(1)),
        "notifications": notification_service(LogDelivery(), language="en"),
    }
    for name, service in services.items():
        worker = one(usual, "StreamWorker", f"orderflow-{name}")
        spec = parse_stream_worker(worker["spec"])
        assert (spec.consumer_group, tuple(spec.topics)) == (service.name, service.reads)
        assert spec.scale_target_ref.name == one(usual, "Deployment", f"orderflow-{name}")["metadata"]["name"]
    config = {"kafkaGroupId": "payment-service-b", "kafkaAutoOffsetReset": "latest"}
    other = one(chart.render({"payments": {"config": config}}), "StreamWorker", "orderflow-payments")
    assert (other["spec"]["consumerGroup"], other["spec"]["offsetReset"]) == ("payment-service-b", "Latest")


def test_only_what_nobody_scales_has_replicas_in_its_manifest(usual: list[Manifest], chart: Helm) -> None:
    def replicas(rendered: list[Manifest]) -> dict[str, int | None]:
        return {
            each["metadata"]["name"].removeprefix("orderflow-"): each["spec"].get("replicas")
            for each in kinds(rendered, "Deployment")
        }

    assert replicas(usual) == {"orders": 2, "payments": None, "notifications": None}
    assert replicas(chart.render(BARE)) == {"orders": 2, "payments": 4}


@pytest.mark.parametrize("version", ["helm", "helm_3"])
def test_an_upgrade_leaves_the_size_that_the_operator_chose(
    version: str, request: pytest.FixtureRequest, cluster: Cluster, chart: Helm, kube_namespace: str
) -> None:
    program = request.getfixturevalue(version).program
    own = replace(chart, namespace=kube_namespace, program=program)
    try:
        own.install(cluster, PLAIN)
        cluster.kubectl("scale", "deployment/orderflow-payments", "--replicas=7", namespace=kube_namespace)
        own.install(cluster, {**PLAIN, "config": {"logLevel": "DEBUG"}})
        upgraded = cluster.get("deployment", "orderflow-payments", kube_namespace)
        assert upgraded["spec"]["replicas"] == 7
        assert {"name": "LOG_LEVEL", "value": "DEBUG"} in container(upgraded)["env"]
        assert cluster.get("sw", "orderflow-payments", kube_namespace)["spec"]["maxReplicas"] == 12
    finally:
        own.uninstall(cluster)


def test_the_pods_are_allowed_where_restrictions_are_enforced(
    cluster: Cluster, kube_namespace: str, everything: list[Manifest]
) -> None:
    cluster.kubectl("label", "namespace", kube_namespace, "pod-security.kubernetes.io/enforce=restricted")
    pods = [each["spec"]["template"] for each in kinds(everything, "Deployment")] + kinds(everything, "Pod")
    assert len(pods) == 4
    for number, pod in enumerate(pods):
        spec = {**pod["spec"], "serviceAccountName": "default"}
        metadata = {"name": f"pod-{number}", "labels": pod["metadata"]["labels"]}
        allowed = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
        cluster.kubectl(
            "create", "--dry-run=server", "-f", "-", namespace=kube_namespace, stdin=json.dumps(allowed)
        )
    careless = {**allowed, "spec": {**spec, "securityContext": {}}}
    assert "violates PodSecurity" in cluster.refusal(careless, namespace=kube_namespace)


def test_no_pod_has_a_token_a_password_in_its_manifest_or_a_file_that_would_not_be_refreshed(
    everything: list[Manifest],
) -> None:
    pods = [each["spec"]["template"]["spec"] for each in kinds(everything, "Deployment")]
    for pod in [*pods, *(each["spec"] for each in kinds(everything, "Pod"))]:
        assert pod["automountServiceAccountToken"] is False
        (only,) = pod["containers"]
        named = [entry["name"] for entry in only["env"]]
        assert len(named) == len(set(named))
        secret = {entry["name"] for entry in only["env"] if "secretKeyRef" in entry.get("valueFrom", {})}
        assert {name for name in named if name.endswith(("PASSWORD", "KEY", "KEYS"))} <= secret
        assert not any("subPath" in mount for mount in only["volumeMounts"])
        assert {"kafka-ca", "kafka-user"} <= {volume["name"] for volume in pod["volumes"]}


@pytest.mark.parametrize("service", WORKLOADS)
def test_probes_metrics_and_signals_fit_the_process(service: str, usual: list[Manifest], chart: Helm) -> None:
    kind = SERVICES[service]
    deployment = one(usual, "Deployment", f"orderflow-{service}")
    (port,) = container(deployment)["ports"]
    fields = kind.model_fields
    assert port["containerPort"] == fields["api_port" if service == "orders" else "health_port"].default
    probes = {
        name: container(deployment)[f"{name}Probe"]["httpGet"]
        for name in ("startup", "liveness", "readiness")
    }
    assert {name: get["path"] for name, get in probes.items()} == {
        "startup": "/livez",
        "liveness": "/livez",
        "readiness": "/readyz",
    }
    assert {get["port"] for get in probes.values()} == {port["name"]}
    assert grace(deployment) >= 2 * fields["transaction_timeout_seconds"].default
    slow = chart.render({service: {"config": {"transactionTimeoutSeconds": 60}}})
    assert grace(one(slow, "Deployment", f"orderflow-{service}")) >= grace(deployment) + 50


def test_the_network_is_closed_but_for_what_is_needed(
    usual: list[Manifest], everything: list[Manifest], chart: Helm
) -> None:
    def rules(rendered: list[Manifest], name: str, way: str) -> Any:
        return one(rendered, "NetworkPolicy", name)["spec"].get(way)

    deny = one(usual, "NetworkPolicy", "orderflow-default-deny")["spec"]
    assert deny["policyTypes"] == ["Ingress", "Egress"]
    every = [each["spec"]["template"] for each in kinds(usual, "Deployment")] + kinds(usual, "Pod")
    for pod in every:
        assert deny["podSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    ports = [[entry["port"] for entry in rule["ports"]] for rule in rules(usual, "orderflow-kafka", "egress")]
    assert ports == [[53, 53], [9093]]
    (api,) = rules(usual, "orderflow-orders", "ingress")
    assert [list(peer) for peer in api["from"]] == [["podSelector"], ["namespaceSelector", "podSelector"]]
    names = {each["metadata"]["name"] for each in kinds(usual, "NetworkPolicy")}
    assert names == {f"orderflow-{name}" for name in ("default-deny", "kafka", "orders", "test")}

    (open_api,) = rules(
        chart.render({"orders": {"ingress": {"enabled": True}}}), "orderflow-orders", "ingress"
    )
    assert "from" not in open_api
    (narrowed,) = rules(everything, "shop-orders", "ingress")
    assert narrowed["from"][1:] == [
        {"namespaceSelector": {}},
        {"podSelector": {"matchLabels": {"app": "prometheus"}}},
    ]
    assert rules(everything, "shop-notifications-mail", "egress") == [
        {"ports": [{"port": 587, "protocol": "TCP"}]}
    ]
    plain = rules(chart.render(PLAIN), "orderflow-kafka", "egress")
    assert plain[1] == {"ports": [{"port": 9092, "protocol": "TCP"}]}


def test_monitors_are_made_where_the_cluster_knows_them(chart: Helm, everything: list[Manifest]) -> None:
    for monitor in kinds(everything, "ServiceMonitor"):
        selector = monitor["spec"]["selector"]["matchLabels"]
        (service,) = [
            each
            for each in kinds(everything, "Service")
            if selector.items() <= each["metadata"]["labels"].items()
        ]
        (endpoint,) = monitor["spec"]["endpoints"]
        assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
        assert monitor["metadata"]["labels"]["release"] == "kube-prometheus-stack"
    assert len(kinds(everything, "ServiceMonitor")) == 3
    wanted = {"monitoring": {"kind": "PodMonitor"}}
    assert kinds(chart.render(wanted), "PodMonitor") == []
    known = chart.render(wanted, f"--api-versions={MONITORING}/PodMonitor")
    assert len(kinds(known, "PodMonitor")) == 3


def test_the_notes_tell_of_this_release(cluster: Cluster, chart: Helm) -> None:
    def notes(values: Values) -> str:
        flags = ("--dry-run=client", "--namespace", "shop")
        return chart("install", "eu", str(SERVICES_CHART), *flags, values=values).partition("NOTES:")[2]

    said = notes({"monitoring": {"kind": "PodMonitor"}})
    assert "Kafka at orderflow-kafka-bootstrap.shop.svc:9093 (SASL_SSL)" in said
    assert "port-forward service/eu-orders 8000:80" in said
    assert "secrets: {shop: [orderflow-operator, orderflow-cluster-ca-cert]}" in said
    assert "payments (1 to 12), notifications (1 to 12)" in said
    assert "Skipped: the cluster does not know PodMonitor" in said
    bare = notes({**BARE, "orders": {"apiKeys": {"secretName": "keys"}}})
    assert "No NetworkPolicy" in bare
    assert "X-API-Key" in bare
    assert not any(word in bare for word in ("helm --namespace shop test", "streamworkers", "Everybody"))


def test_what_the_cluster_lacks_is_said_in_a_sentence(bare_cluster: Cluster, chart: Helm) -> None:
    with pytest.raises(HelmFailed) as refused:
        chart.install(bare_cluster, {})
    assert "install the chart orderflow-operator first" in str(refused.value)

    bare_cluster.kubectl("apply", "--server-side", "-f", str(CRDS))
    eventually(lambda: established(bare_cluster, CRDS), within=30)
    with pytest.raises(HelmFailed) as refused:
        chart.install(bare_cluster, {})
    assert "install Strimzi first, or name the brokers" in str(refused.value)

    chart.install(bare_cluster, PLAIN)
    assert bare_cluster.get("tset", "orderflow-topics", NAMESPACE)["spec"]["backend"] == "Admin"


def test_routes_and_monitors_are_taken_by_a_cluster_that_knows_them(
    bare_cluster: Cluster, chart: Helm, everything: list[Manifest], tmp_path: Path
) -> None:
    try:
        files = list(foreign_crds(tmp_path))
    except PartUnavailable as unavailable:
        pytest.skip(str(unavailable))
    for file in files:
        bare_cluster.kubectl("apply", "--server-side", "-f", str(file))
        eventually(partial(established, bare_cluster, file), within=30)
    ours = [each for each in everything if each["kind"] in FOREIGN]
    pods = chart.render({"monitoring": {"kind": "PodMonitor"}}, f"--api-versions={MONITORING}/PodMonitor")
    strimzi = yaml.safe_load_all((STRIMZI / "monitoring.yaml").read_text())
    for each in [*ours, *kinds(pods, "PodMonitor"), *strimzi]:
        each["metadata"] |= {"namespace": "default"}
        flags = ("--server-side", "--dry-run=server", "--validate=strict")
        bare_cluster.kubectl("apply", *flags, "-f", "-", stdin=json.dumps(each))


@pytest.fixture(scope="module")
def bare_cluster(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster that knows nothing of ours or of Strimzi's."""
    folder = tmp_path_factory.mktemp("bare")
    own = ControlPlane(folder)
    try:
        own.start()
        yield Cluster(own.kubeconfig, CONTEXT, cluster.program, folder)
    finally:
        own.stop()


@pytest.fixture
def services_namespace(cluster: Cluster) -> None:
    """The namespace of the services, which a dry run does not make."""
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})


def kinds(rendered: list[Manifest], kind: str) -> list[Manifest]:
    return [each for each in rendered if each["kind"] == kind]


def one(rendered: list[Manifest], kind: str, name: str) -> Manifest:
    (found,) = [each for each in kinds(rendered, kind) if each["metadata"]["name"] == name]
    return found


def container(deployment: Manifest) -> Manifest:
    (found,) = deployment["spec"]["template"]["spec"]["containers"]
    assert isinstance(found, dict)
    return found


def grace(deployment: Manifest) -> int:
    return int(deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"])


def sample(schema: Manifest) -> Any:
    """Return a value that is allowed, and none that a number's way of being written could hide."""
    if "enum" in schema:
        return schema["enum"][-1]
    if schema["type"] == "boolean":
        return True
    if schema["type"] == "integer":
        return min(schema.get("maximum", 1_000_000), 1_000_000)
    if schema["type"] == "number":
        return float(max(schema.get("minimum", 0), min(schema["maximum"], 0.75)))
    known = {"^[A-Za-z0-9._-]{0,100}$": "eu.", r"^(payment-service.*)?$": "payment-service-b"}
    return schema.get("default") or known.get(schema.get("pattern", ""), "notification-service-b")


def established(cluster: Cluster, files: Path) -> bool:
    """Tell whether the API server serves these CRDs; `kubectl wait` fails on one without conditions yet."""
    found = json.loads(cluster.kubectl("get", "-f", str(files), "-o", "json"))
    conditions = [
        {one["type"]: one["status"] for one in crd.get("status", {}).get("conditions") or ()}
        for crd in found.get("items", [found])
    ]
    return all(one.get("Established") == "True" for one in conditions)
