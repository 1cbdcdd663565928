"""The values of the services' chart, each with its type and meaning."""

from deploy.helm.values.pieces import (
    FLAG,
    KEY,
    LABELS,
    NAME,
    OBJECTS,
    OPEN,
    TEXT,
    Schema,
    choice,
    common_settings,
    described,
    number,
    section,
    topic_overrides,
)
from deploy.helm.values.workloads import orders, smtp, worker

_PEERS = "as `from` and `to` of a NetworkPolicy have it"


def values_schema() -> Schema:
    """Return the schema of all values."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of orderflow",
        **section(
            "A key that is not described here is refused.",
            enabled=described(FLAG, "For a parent chart, whose condition it may be."),
            fullnameOverride=described(
                NAME,
                "First part of the names of what the chart makes; the release's name when empty.",
                maxLength=48,
            ),
            image=_image(),
            config=common_settings(),
            kafka=_kafka(),
            topics=_topics(),
            orders=orders(),
            payments=worker("payments", "Payment Service: orders -> payments."),
            notifications=worker(
                "notifications",
                "Notification Service: payments -> notifications, and an e-mail.",
                smtp=smtp(),
            ),
            podDisruptionBudget=section(
                "A PodDisruptionBudget for each workload.",
                enabled=described(FLAG, "Whether there is one."),
                maxUnavailable=number("Pods of a workload that may be moved at a time.", 1, 1000),
            ),
            networkPolicy=_network_policy(),
            monitoring=section(
                "How Prometheus finds the metrics.",
                kind=choice("What is made, if the cluster knows it.", "None", "PodMonitor", "ServiceMonitor"),
                interval=described(TEXT, "How often metrics are read.", pattern="^[0-9]+(ms|s|m)$"),
                labels=described(LABELS, "Labels of the monitors, which the Prometheus resource selects by."),
            ),
            test=section(
                "The pod of `helm test`, which places an order and waits for its outcome.",
                enabled=described(FLAG, "Whether there is one."),
                timeoutSeconds=number("Longest wait for the API, and then for the outcome.", 1, 3600),
                apiKey=section(
                    "The API key to place it with.",
                    secretName=described(NAME, "Secret with it; none when empty."),
                    key=described(KEY, "Its key in the Secret."),
                ),
            ),
            dev=section(
                "For development only.",
                reload=described(
                    FLAG,
                    "Sources in a writable copy at /src, and a process that starts again when one changes.",
                ),
            ),
            podAnnotations=described(LABELS, "Annotations of all pods."),
            podLabels=described(LABELS, "Labels of all pods."),
            nodeSelector=described(LABELS, "Nodes for all pods."),
            tolerations=described(OBJECTS, "Taints that all pods tolerate."),
            affinity=described(OPEN, "Affinity of all pods."),
            priorityClassName=described(NAME, "Priority of all pods."),
            **{"global": _global()},
        ),
    }


def _global() -> Schema:
    # Open, as a parent chart shares it with other charts.
    return {
        "type": "object",
        "description": "Values that a parent chart shares with its subcharts.",
        "properties": {
            "imageRegistry": described(TEXT, "Put before the repository of every image."),
            "imagePullSecrets": {
                "type": "array",
                "uniqueItems": True,
                "items": {**NAME, "minLength": 1},
                "description": "Names of Secrets to pull images with.",
            },
        },
    }


def _image() -> Schema:
    return section(
        "The image of all services.",
        repository=described(KEY, "Its name."),
        tag={**described(TEXT, "Its tag; the chart's appVersion when empty."), "not": {"const": "latest"}},
        digest=described(TEXT, "sha256:... wins over the tag.", pattern="^(sha256:[0-9a-f]{64})?$"),
        pullPolicy=choice("When to pull it.", "Always", "IfNotPresent", "Never"),
    )


def _kafka() -> Schema:
    users = ("orders", "payments", "notifications", "operator", "test")
    whose = {"operator": "what the operator logs in with", "test": "the pod of `helm test`"}
    return section(
        "How the services, and the operator for them, reach Kafka.",
        cluster=section(
            "The Kafka resource of Strimzi.",
            name=described(NAME, "Its name."),
            namespace=described(NAME, "Its namespace; the release's own when empty."),
            listener=described(TEXT, "The listener that fits auth.type.", pattern="^[a-z0-9]{1,11}$"),
            port=number("Port of the listener.", 1, 65535),
        ),
        bootstrapServers=described(
            TEXT,
            "Brokers without Strimzi: host:port, comma separated; wins over the cluster.",
            pattern=r"^([^,:\s]+:[0-9]+(,[^,:\s]+:[0-9]+)*)?$",
        ),
        tls=described(FLAG, "Whether connections are encrypted; with auth.type Tls they always are."),
        caSecret=described(
            NAME,
            "Secret with the ca.crt that signed the brokers' certificates; the Strimzi cluster's when empty.",
        ),
        auth=section(
            "How the services prove who they are.",
            type=choice("User and password, a client certificate, or nothing.", "ScramSha512", "Tls", "None"),
            users=section(
                "KafkaUsers. The Secret of each has its name, and password or user.crt and user.key.",
                **{
                    user: described({**NAME, "minLength": 1}, f"KafkaUser: {whose.get(user, user)}.")
                    for user in users
                },
            ),
        ),
    )


def _topics() -> Schema:
    return section(
        "The TopicSet with all topics of the pipeline.",
        enabled=described(FLAG, "Whether the chart declares the topics."),
        backend=choice(
            "What makes them; when empty Strimzi, and Admin with bootstrapServers.", "", "Strimzi", "Admin"
        ),
        deletionPolicy=choice("What becomes of them when the release goes.", "Retain", "Delete"),
        overrides=topic_overrides(),
    )


def _network_policy() -> Schema:
    return section(
        "Nothing in and nothing out but what a workload needs.",
        enabled=described(FLAG, "Whether there are NetworkPolicies."),
        apiFrom=described(
            OBJECTS,
            f"Who may reach the API besides pods of the release, {_PEERS}; when empty pods labelled "
            'orderflow.dev/api-client: "true", and everybody with an ingress, a route or monitoring.',
        ),
        metricsFrom=described(
            OBJECTS, "Who may scrape; when empty everybody while monitoring.kind is set, else nobody."
        ),
        dnsTo=described(OBJECTS, "Where names are resolved."),
        kafkaTo=described(OBJECTS, "Where the brokers of kafka.bootstrapServers are; anywhere when empty."),
        extraEgress=described(OBJECTS, "Further egress rules for all pods."),
    )
