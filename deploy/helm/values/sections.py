"""Sections that the values of every chart have alike."""

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
    described,
    number,
    section,
)

# How a NetworkPolicy names who may talk to whom.
PEERS = "as `from` and `to` of a NetworkPolicy have it"


def chart(title: str, full_name: Schema, **own: Schema) -> Schema:
    """Return the schema of a chart's values: its own between those that every chart has."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": title,
        **section(
            "A key that is not described here is refused.",
            enabled=_condition(),
            fullnameOverride=full_name,
            **own,
            **_pods(),
            **_subchart(),
        ),
    }


def image(description: str) -> Schema:
    """Return the values of an image, which is never one that changes under its tag."""
    return section(
        description,
        repository=described(KEY, "Its name."),
        tag={**described(TEXT, "Its tag; the chart's appVersion when empty."), "not": {"const": "latest"}},
        digest=described(TEXT, "sha256:... wins over the tag.", pattern="^(sha256:[0-9a-f]{64})?$"),
        pullPolicy=choice("When to pull it.", "Always", "IfNotPresent", "Never"),
    )


def container() -> dict[str, Schema]:
    """Return what a container asks for, and when it counts as alive."""
    return {
        "resources": section(
            "What its container asks for and is held to.",
            requests=described(OPEN, "What it asks for."),
            limits=described(OPEN, "What it is held to."),
        ),
        "probes": section(
            "Thresholds of its probes.",
            **{name: _probe(name) for name in ("startup", "liveness", "readiness")},
        ),
    }


def service_account(description: str, name: str) -> Schema:
    """Return the values of a ServiceAccount; `name` says what it is called by default."""
    return section(
        description,
        create=described(FLAG, "Whether it is made."),
        name=described(NAME, name),
        annotations=described(LABELS, "Its annotations."),
    )


def _pods() -> dict[str, Schema]:
    """Return what all pods of a chart have alike."""
    return {
        "podAnnotations": described(LABELS, "Annotations of all pods."),
        "podLabels": described(LABELS, "Labels of all pods."),
        "nodeSelector": described(LABELS, "Nodes for all pods."),
        "tolerations": described(OBJECTS, "Taints that all pods tolerate."),
        "affinity": described(OPEN, "Affinity of all pods."),
        "priorityClassName": described(NAME, "Priority of all pods."),
    }


def disruption_budget(description: str, movable: str) -> Schema:
    """Return the values of a PodDisruptionBudget."""
    return section(
        description,
        enabled=described(FLAG, "Whether there is one."),
        maxUnavailable=number(movable, 1, 1000),
    )


def network_policy(**own: Schema) -> Schema:
    """Return the values of the NetworkPolicies; `own` is what only this chart has."""
    return section(
        "Nothing in and nothing out but what a workload needs.",
        enabled=described(FLAG, "Whether there are NetworkPolicies."),
        **own,
        extraEgress=described(OBJECTS, "Further egress rules for all pods."),
    )


def scraped_by() -> Schema:
    """Return the value that names who may read metrics."""
    return described(
        OBJECTS, "Who may scrape; when empty everybody while monitoring.kind is set, else nobody."
    )


def names_at() -> Schema:
    """Return the value that says where DNS is."""
    return described(OBJECTS, "Where names are resolved.")


def monitoring() -> Schema:
    """Return the values of the monitors."""
    return section(
        "How Prometheus finds the metrics.",
        kind=choice("What is made, if the cluster knows it.", "None", "PodMonitor", "ServiceMonitor"),
        interval=described(TEXT, "How often metrics are read.", pattern="^[0-9]+(ms|s|m)$"),
        labels=described(LABELS, "Labels of monitors and rules, which the Prometheus resource selects by."),
        dashboards=section(
            "Dashboards of Grafana, each as a ConfigMap.",
            enabled=described(FLAG, "Whether they are made."),
            labels=described(LABELS, "What the sidecar of Grafana looks for."),
        ),
        rules=section(
            "Alerts, as a PrometheusRule.",
            enabled=described(FLAG, "Whether it is made, if the cluster knows the kind."),
        ),
    )


def _subchart() -> dict[str, Schema]:
    """Return what a parent chart gives; `global` is open, as other charts read it too."""
    shared = {
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
    return {"global": shared}


def _condition() -> Schema:
    """Return the switch that a parent chart may turn."""
    return described(FLAG, "For a parent chart, whose condition it may be.")


def whole_name(description: str, longest: int) -> Schema:
    """Return the value that names everything that a chart makes."""
    return described(NAME, description, maxLength=longest)


def _probe(name: str) -> Schema:
    names = ("initialDelaySeconds", "periodSeconds", "timeoutSeconds", "failureThreshold", "successThreshold")
    return section(
        f"The {name} probe.",
        **{
            each: number(f"{each}, as of any probe.", 0 if each.startswith("initial") else 1, 3600)
            for each in names
        },
    )
