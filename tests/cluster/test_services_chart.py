"""The services' chart: what it makes of its values, refused where it would not work, installed, upgraded."""

import json
from base64 import b64decode
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from support.kube.chart import CRDS, SERVICES_CHART, Helm, HelmFailed, Values, container, kinds, one, sample
from support.kube.chart_cases import BARE, EVERYTHING, MONITORED, MTLS, PLAIN, SERVICES
from support.kube.cluster import Cluster, Manifest

from deploy.helm.values.pieces import camel
from deploy.helm.values.services_chart import values_schema
from orderflow.cli.settings import SERVICES as SETTINGS
from orderflow.events.topics import topic_specs
from orderflow.notifications.delivery import LogDelivery
from orderflow.notifications.reaction import notification_service
from orderflow.payments.gateway import SimulatedGateway
from orderflow.payments.reaction import payment_service
from orderflow.streaming.service import Service
from orderflow_operator.spec.streamworker import parse_stream_worker
from orderflow_operator.spec.topicset import parse_topic_set
from orderflow_process.settings import load

NAMESPACE = SERVICES.namespace
WORKLOADS = ("orders", "payments", "notifications", "analytics")


@pytest.fixture(scope="module")
def chart(helm: Helm) -> Helm:
    """A helm that works on the services' chart."""
    return SERVICES.helm(helm)


@pytest.fixture(scope="module")
def everything(chart: Helm) -> list[Manifest]:
    """All that the chart can make, under other names than usual."""
    return chart.render(EVERYTHING, *MONITORED)


@pytest.fixture(scope="module")
def usual(chart: Helm) -> list[Manifest]:
    """What the chart makes by default."""
    return chart.render()


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
        pytest.param({"database": {}}, "analytics needs a PostgreSQL", id="no database"),
        pytest.param(
            {"database": {"existingSecret": "tables", "bundled": {"enabled": True}}},
            "there can be one database only",
            id="two databases",
        ),
        pytest.param(
            {"extraEnv": [{"name": "LOG_LEVEL", "value": "DEBUG"}], "config": {"logLevel": "INFO"}},
            "extraEnv: the chart sets LOG_LEVEL itself",
            id="a variable twice",
        ),
    ],
)
def test_values_that_would_not_work_are_refused(values: Values, said: str, chart: Helm) -> None:
    with pytest.raises(HelmFailed, match=said):
        chart.render(values)


def test_further_variables_reach_every_service_behind_those_of_the_chart(chart: Helm) -> None:
    secret = {"secretKeyRef": {"name": "traces", "key": "authorization"}}
    further = [
        {"name": "OTEL_EXPORTER_OTLP_HEADERS", "valueFrom": secret},
        {"name": "OTEL_EXPORTER_OTLP_TIMEOUT", "value": "5"},
    ]
    plain, more = chart.render({}), chart.render({"extraEnv": further})
    for service in WORKLOADS:
        before, after = (
            container(one(rendered, "Deployment", f"orderflow-{service}")) for rendered in (plain, more)
        )
        assert after["env"] == [*before["env"], *further]


@pytest.mark.parametrize("service", WORKLOADS)
def test_every_setting_can_be_given_or_is_given_by_the_chart(
    service: str, chart: Helm, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = SETTINGS[service]
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

    # The port is that of the probes; the mechanism is the default, Strimzi's; the password is in a file.
    elsewhere = {"HEALTH_PORT", "API_PORT", "KAFKA_SASL_MECHANISM", "KAFKA_SASL_PASSWORD"} | secrets
    environment |= {"DATABASE_URL": "postgresql://user@host/name"} if "DATABASE_URL" in environment else {}
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
    rendered = chart.render({"payments": {"config": config}})
    other = one(rendered, "StreamWorker", "orderflow-payments")
    env = container(one(rendered, "Deployment", "orderflow-orders"))["env"]
    assert {"name": "PAYMENT_GROUP", "value": "payment-service-b"} in env
    assert (other["spec"]["consumerGroup"], other["spec"]["offsetReset"]) == ("payment-service-b", "Latest")


def test_only_what_nobody_scales_has_replicas_in_its_manifest(usual: list[Manifest], chart: Helm) -> None:
    def replicas(rendered: list[Manifest]) -> dict[str, int | None]:
        return {
            each["metadata"]["name"].removeprefix("orderflow-"): each["spec"].get("replicas")
            for each in kinds(rendered, "Deployment")
        }

    assert replicas(usual) == {"orders": 2, "payments": None, "notifications": None, "analytics": 1}
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
        # In the environment it would be that of the start for ever.
        assert "KAFKA_SASL_PASSWORD" not in named
        assert {"name": "KAFKA_SASL_PASSWORD_FILE", "value": "/etc/kafka/user/password"} in only["env"]
        assert not any("subPath" in mount for mount in only["volumeMounts"])
        assert {"kafka-ca", "kafka-user"} <= {volume["name"] for volume in pod["volumes"]}


@pytest.mark.parametrize("service", WORKLOADS)
def test_probes_metrics_and_signals_fit_the_process(service: str, usual: list[Manifest], chart: Helm) -> None:
    kind = SETTINGS[service]
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
    if "transaction_timeout_seconds" not in fields:
        return  # its transactions are the database's
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
    own = ("default-deny", "kafka", "orders", "orders-scaler", "test", "tables")
    assert names == {f"orderflow-{name}" for name in own}

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
    for setting, collector, port in (
        ("otelExporterOtlpEndpoint", "http://otel.monitoring:4318", 4318),
        ("otelExporterOtlpEndpoint", "https://otel.example.com", 443),
        ("otelExporterOtlpTracesEndpoint", "https://spans.example.com:4319/v1/traces", 4319),
    ):
        traced = chart.render({"config": {setting: collector}})
        assert rules(traced, "orderflow-kafka", "egress")[2:] == [
            {"ports": [{"port": port, "protocol": "TCP"}]}
        ]
    plain = rules(chart.render(PLAIN), "orderflow-kafka", "egress")
    assert plain[1] == {"ports": [{"port": 9092, "protocol": "TCP"}]}


def test_the_database_is_reached_by_those_who_have_tables_and_by_nobody_else(
    everything: list[Manifest], chart: Helm
) -> None:
    tables, own = (
        one(everything, "NetworkPolicy", f"shop-{name}")["spec"] for name in ("tables", "database")
    )
    ((way,), (entry,)) = tables["egress"], own["ingress"]
    database = one(everything, "StatefulSet", "shop-database")["spec"]
    assert database["selector"]["matchLabels"] == own["podSelector"]["matchLabels"]
    assert way["to"] == [{"podSelector": own["podSelector"]}]
    assert entry["from"] == [{"podSelector": tables["podSelector"]}]
    (only,) = tables["podSelector"]["matchExpressions"]
    assert only["values"] == ["orders", "analytics"]
    assert "egress" not in own
    assert own["policyTypes"] == ["Ingress", "Egress"]
    kafka = one(everything, "NetworkPolicy", "shop-kafka")["spec"]["podSelector"]["matchExpressions"]
    assert kafka == [{"key": "app.kubernetes.io/component", "operator": "NotIn", "values": ["database"]}]

    outside = chart.render({"networkPolicy": {"databasePort": 6432, "databaseTo": [{"podSelector": {}}]}})
    (way,) = one(outside, "NetworkPolicy", "orderflow-tables")["spec"]["egress"]
    assert way == {"ports": [{"port": 6432, "protocol": "TCP"}], "to": [{"podSelector": {}}]}
    assert kinds(outside, "StatefulSet") == []


def test_those_who_have_tables_are_told_where_they_are(
    usual: list[Manifest], everything: list[Manifest]
) -> None:
    def told(rendered: list[Manifest], name: str, component: str) -> dict[str, Any]:
        env = container(one(rendered, "Deployment", f"{name}-{component}"))["env"]
        return {each["name"]: each for each in env if each["name"] in ("DATABASE_URL", "PGPASSWORD")}

    for component in WORKLOADS:
        theirs, own = told(usual, "orderflow", component), told(everything, "shop", component)
        if component in ("orders", "analytics"):
            assert theirs["DATABASE_URL"]["valueFrom"]["secretKeyRef"] == {"name": "tables", "key": "url"}
            assert own["DATABASE_URL"]["value"] == "postgresql://orderflow@shop-database:5432/orderflow"
            assert own["PGPASSWORD"]["valueFrom"]["secretKeyRef"] == {"name": "database", "key": "secret"}
        else:
            assert theirs == own == {}


@pytest.mark.parametrize("version", ["helm", "helm_3"])
def test_the_password_of_the_database_is_made_once(
    version: str, request: pytest.FixtureRequest, cluster: Cluster, chart: Helm, kube_namespace: str
) -> None:
    cluster.kubectl("label", "namespace", kube_namespace, "pod-security.kubernetes.io/enforce=restricted")
    own = replace(chart, namespace=kube_namespace, program=request.getfixturevalue(version).program)
    values = {**PLAIN, "database": {"bundled": {"enabled": True}}}

    def password() -> str:
        return str(cluster.get("secret", "orderflow-database", kube_namespace)["data"]["password"])

    try:
        own.install(cluster, values)
        first = password()
        own.install(cluster, {**values, "config": {"logLevel": "DEBUG"}})
        assert password() == first
        assert len(b64decode(first)) == 32
        template = cluster.get("statefulset", "orderflow-database", kube_namespace)["spec"]["template"]
        pod = {"apiVersion": "v1", "kind": "Pod", **template}
        pod["metadata"] |= {"name": "database"}
        pod["spec"]["volumes"].append({"name": "data", "emptyDir": {}})
        flags = ("create", "--dry-run=server", "-f", "-")
        cluster.kubectl(*flags, namespace=kube_namespace, stdin=json.dumps(pod))
    finally:
        own.uninstall(cluster)


def test_the_notes_tell_of_this_release(cluster: Cluster, chart: Helm) -> None:
    def notes(values: Values) -> str:
        flags = ("--dry-run=client", "--namespace", "shop")
        return chart("install", "eu", str(SERVICES_CHART), *flags, values=values).partition("NOTES:")[2]

    database = {"bundled": {"enabled": True}}
    said = notes({"monitoring": {"kind": "PodMonitor", "rules": {"enabled": True}}, "database": database})
    assert "Kafka at orderflow-kafka-bootstrap.shop.svc:9093 (SASL_SSL)" in said
    assert "port-forward service/eu-orders 8000:80" in said
    assert "secrets: {shop: [orderflow-operator, orderflow-cluster-ca-cert]}" in said
    assert "payments (1 to 12), notifications (1 to 12)" in said
    assert "Skipped: the cluster does not know PodMonitor" in said
    assert "Skipped: the cluster does not know PrometheusRule" in said
    assert "The tables are in one pod, eu-database-0" in said
    bare = notes({**BARE, "orders": {"apiKeys": {"secretName": "keys"}}})
    assert "No NetworkPolicy" in bare
    assert "X-API-Key" in bare
    assert not any(word in bare for word in ("helm --namespace shop test", "streamworkers", "Everybody"))


def test_what_the_cluster_lacks_is_said_in_a_sentence(bare_cluster: Cluster, chart: Helm) -> None:
    with pytest.raises(HelmFailed) as refused:
        chart.install(bare_cluster, {})
    assert "install the chart orderflow-operator first" in str(refused.value)

    bare_cluster.add_crds(CRDS)
    try:
        with pytest.raises(HelmFailed) as refused:
            chart.install(bare_cluster, {})
        assert "install Strimzi first, or name the brokers" in str(refused.value)

        chart.install(bare_cluster, PLAIN)
        assert bare_cluster.get("tset", "orderflow-topics", NAMESPACE)["spec"]["backend"] == "Admin"
    finally:
        chart.uninstall(bare_cluster)
        bare_cluster.remove_crds(CRDS)


def grace(deployment: Manifest) -> int:
    return int(deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"])
