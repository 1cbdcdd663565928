"""The values of the operator's chart, each with its type and meaning."""

from deploy.helm.values.derived import operator_settings
from deploy.helm.values.pieces import FLAG, LABELS, NAME, OBJECTS, Schema, described, number, section
from deploy.helm.values.sections import (
    PEERS,
    chart,
    container,
    disruption_budget,
    image,
    monitoring,
    names_at,
    network_policy,
    scraped_by,
    service_account,
    whole_name,
)

_NAMESPACE: Schema = {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"}


def values_schema() -> Schema:
    """Return the schema of all values."""
    return chart(
        "Values of orderflow-operator",
        whole_name(
            "Name of what the chart makes; when empty the release's, with -operator where it does not "
            "say so.",
            52,
        ),
        image=image("The operator's image."),
        replicas=number("Pods; the one that holds the Lease writes, the others wait for it.", 0, 10),
        config=operator_settings(),
        watchNamespaces=_namespaces(),
        secrets=_secrets(),
        crds=section(
            "The CustomResourceDefinitions of StreamWorker and TopicSet.",
            enabled=described(FLAG, "Whether they are part of the release, and upgraded with it."),
            keep=described(
                FLAG, "Whether they, and with them all StreamWorkers and TopicSets, outlive the release."
            ),
        ),
        rbac=section(
            "Roles and their bindings.",
            create=described(FLAG, "Whether those of the operator are made."),
            aggregate=described(
                FLAG,
                "Whether view, edit and admin of a namespace extend to its StreamWorkers and TopicSets.",
            ),
        ),
        serviceAccount=service_account(
            "The ServiceAccount, whose token the operator uses.",
            "Its name; the full name when empty. Without `create` it must be given.",
        ),
        service=section(
            "A Service that leads to the metrics of all pods.",
            enabled=described(FLAG, "Whether there is one; a ServiceMonitor needs it."),
            port=number("Its port.", 1, 65535),
            annotations=described(LABELS, "Its annotations."),
        ),
        **container(),
        podDisruptionBudget=disruption_budget(
            "A PodDisruptionBudget, where there is more than one replica.",
            "Pods that may be moved at a time.",
        ),
        networkPolicy=_network_policy(),
        monitoring=monitoring(),
    )


def _namespaces() -> Schema:
    return {
        "type": "array",
        "uniqueItems": True,
        "items": _NAMESPACE,
        "description": "Namespaces whose resources the operator sees and writes: those of the workers, the "
        "TopicSets and the Kafka resources; all of the cluster when empty.",
    }


def _secrets() -> Schema:
    names = {
        "type": "array",
        "uniqueItems": True,
        "minItems": 1,
        "items": {**NAME, "minLength": 1},
        "description": "Names of Secrets in this namespace.",
    }
    return {
        "type": "object",
        "description": "Secrets with which the operator may prove itself to Kafka, by namespace; it can read "
        "no others.",
        "propertyNames": {"pattern": _NAMESPACE["pattern"]},
        "additionalProperties": names,
    }


def _network_policy() -> Schema:
    ports = {"type": "array", "uniqueItems": True, "items": number("A port.", 1, 65535)}
    return network_policy(
        metricsFrom=scraped_by(),
        decisionsFrom=described(
            OBJECTS, f"Who else may ask for the last decisions, on the same port, {PEERS}."
        ),
        dnsTo=names_at(),
        apiServerTo=described(
            OBJECTS, f"Where the API server is, {PEERS}; anywhere when empty, as it is no pod."
        ),
        apiServerPorts=described(
            ports,
            "Its ports: most CNIs judge by where a connection ends, not by the Service's 443.",
            minItems=1,
        ),
        kafkaTo=described(OBJECTS, "Where brokers are; anywhere when empty, as any resource may name some."),
        kafkaPorts=described(ports, "Their ports, those of every listener in use.", minItems=1),
    )
