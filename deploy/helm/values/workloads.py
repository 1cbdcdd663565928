"""The values that each service has."""

from deploy.helm.values.derived import scaling, service_settings
from deploy.helm.values.pieces import (
    FLAG,
    KEY,
    LABELS,
    NAME,
    OBJECTS,
    TEXT,
    Schema,
    choice,
    described,
    number,
    section,
)
from deploy.helm.values.sections import container, service_account


def orders() -> Schema:
    """Return the values of the Order Service."""
    return _workload(
        "orders",
        "Order Service: the HTTP API.",
        "Pods.",
        apiKeys=section(
            "Keys that may place and read orders.",
            secretName=described(NAME, "Secret with them, comma separated; when empty everybody may."),
            key=described(KEY, "Their key in the Secret."),
        ),
        service=section(
            "The Service of the API.",
            type=choice("Its type.", "ClusterIP", "NodePort", "LoadBalancer"),
            port=number("Its port.", 1, 65535),
            annotations=described(LABELS, "Its annotations."),
        ),
        ingress=section(
            "An Ingress to the API.",
            enabled=described(FLAG, "Whether there is one."),
            className=described(NAME, "Its class; the cluster's default when empty."),
            host=described(TEXT, "Host it answers for; every host when empty."),
            annotations=described(LABELS, "Its annotations."),
            tlsSecret=described(NAME, "Secret with the host's certificate; plain HTTP when empty."),
        ),
        httpRoute=section(
            "A route of the Gateway API to the API.",
            enabled=described(FLAG, "Whether there is one."),
            parentRefs=described(OBJECTS, "Gateways that it belongs to."),
            hostnames=described(
                {"type": "array", "items": TEXT}, "Hosts it answers for; every host when empty."
            ),
        ),
    )


def worker(service: str, description: str, **more: Schema) -> Schema:
    """Return the values of a service that works off a topic."""
    return _workload(service, description, "Pods while scaling is off.", scaling=scaling(), **more)


def _workload(of: str, description: str, replicas: str, **more: Schema) -> Schema:
    return section(
        description,
        enabled=described(FLAG, "Whether the service runs."),
        replicas=number(replicas, 0, 10_000),
        config=service_settings(of),
        **container(),
        serviceAccount=service_account(
            "Its ServiceAccount, which has no token and no rights.",
            "Its name; the workload's full name, or `default` if none is made, when empty.",
        ),
        **more,
    )


def smtp() -> Schema:
    """Return the values of the login at a mail server."""
    return section(
        "Login at the mail server config.smtpHost, if it asks for one.",
        secretName=described(NAME, "Secret with it; none when empty."),
        usernameKey=described(KEY, "Key of the user name."),
        passwordKey=described(KEY, "Key of the password."),
    )
