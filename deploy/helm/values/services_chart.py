"""The values of the services' chart, each with its type and meaning."""

from deploy.helm.values.database import database
from deploy.helm.values.derived import common_settings, topic_overrides
from deploy.helm.values.pieces import (
    FLAG,
    KEY,
    NAME,
    NAMED,
    OBJECTS,
    TEXT,
    Schema,
    choice,
    described,
    number,
    section,
)
from deploy.helm.values.sections import (
    PEERS,
    chart,
    disruption_budget,
    image,
    monitoring,
    names_at,
    network_policy,
    scraped_by,
    whole_name,
)
from deploy.helm.values.workloads import orders, smtp, worker


def values_schema() -> Schema:
    """Return the schema of all values."""
    return chart(
        "Values of orderflow",
        whole_name("First part of the names of what the chart makes; the release's name when empty.", 48),
        image=image("The image of all services."),
        config=common_settings(),
        extraEnv=described(
            NAMED, "Further variables of all services, as containers have them; none that the chart sets."
        ),
        kafka=_kafka(),
        topics=_topics(),
        orders=orders(),
        payments=worker("payments", "Payment Service: orders -> payments."),
        notifications=worker(
            "notifications",
            "Notification Service: payments -> notifications, and an e-mail.",
            smtp=smtp(),
        ),
        analytics=worker(
            "analytics", "Analytics: every topic -> the tables that the Order Service answers questions from."
        ),
        database=database(),
        podDisruptionBudget=disruption_budget(
            "A PodDisruptionBudget for each workload.", "Pods of a workload that may be moved at a time."
        ),
        networkPolicy=_network_policy(),
        monitoring=monitoring(),
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
    )


def _kafka() -> Schema:
    users = ("orders", "payments", "notifications", "analytics", "operator", "test")
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
    return network_policy(
        apiFrom=described(
            OBJECTS,
            f"Who may reach the API besides pods of the release, {PEERS}; when empty pods labelled "
            'orderflow.dev/api-client: "true", and everybody with an ingress, a route or monitoring.',
        ),
        metricsFrom=scraped_by(),
        dnsTo=names_at(),
        kafkaTo=described(OBJECTS, "Where the brokers of kafka.bootstrapServers are; anywhere when empty."),
        databaseTo=described(
            OBJECTS,
            "Where the database of database.existingSecret is; anywhere when empty. The bundled is known.",
        ),
        databasePort=number("Its port.", 1, 65535),
        scalerTo=described(OBJECTS, f"Where orders.config.scalerUrl leads, {PEERS}; nowhere when empty."),
        scalerPort=number("Its port, that of the pods there.", 1, 65535),
    )
