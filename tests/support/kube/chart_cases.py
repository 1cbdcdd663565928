"""Our charts and values that try all of them, for the tests that both have to pass."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from support.kube.chart import CHART, OPERATOR_NAMESPACE, RELEASE, SERVICES_CHART, Helm, Values

from deploy.helm.values.__main__ import schemas

# What the cluster that the tests share does not know.
FOREIGN = ("HTTPRoute", "PodMonitor", "PrometheusRule", "ServiceMonitor")

PLAIN: Values = {
    "kafka": {"bootstrapServers": "kafka-0:9092,kafka-1:9092", "tls": False, "auth": {"type": "None"}}
}
DATABASE: Values = {"database": {"existingSecret": "tables"}}
MTLS: Values = {"kafka": {"auth": {"type": "Tls"}, "cluster": {"listener": "mtls", "port": 9094}}}
EVERYTHING: Values = {
    "fullnameOverride": "shop",
    "image": {"tag": "1.2.3", "pullPolicy": "Always"},
    "config": {"topicPrefix": "eu.", "partitions": 24, "replicationFactor": 3, "logLevel": "DEBUG"},
    "extraEnv": [
        {
            "name": "OTEL_EXPORTER_OTLP_HEADERS",
            "valueFrom": {"secretKeyRef": {"name": "traces", "key": "key"}},
        },
        {"name": "OTEL_EXPORTER_OTLP_TIMEOUT", "value": "5"},
    ],
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
    "analytics": {"replicas": 2, "scaling": {"enabled": True, "maxReplicas": 3}},
    "database": {
        "bundled": {
            "enabled": True,
            "image": {"repository": "mirror/postgres", "tag": "17.7"},
            # One that is made would be another one each time.
            "password": {"existingSecret": "database", "key": "secret"},
            "storage": {"size": "5Gi", "className": "fast"},
        }
    },
    "networkPolicy": {
        "apiFrom": [{"namespaceSelector": {}}],
        "metricsFrom": [{"podSelector": {"matchLabels": {"app": "prometheus"}}}],
        "extraEgress": [{"ports": [{"port": 443, "protocol": "TCP"}]}],
    },
    "monitoring": {
        "kind": "ServiceMonitor",
        "labels": {"release": "kube-prometheus-stack"},
        "dashboards": {"enabled": True},
        "rules": {"enabled": True},
    },
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
    "analytics": {"enabled": False},
    "database": {},
    "podDisruptionBudget": {"enabled": False},
    "networkPolicy": {"enabled": False},
    "test": {"enabled": False},
}
MONITORING = "monitoring.coreos.com/v1"
MONITORED = tuple(f"--api-versions={MONITORING}/{kind}" for kind in ("ServiceMonitor", "PrometheusRule"))

OPERATOR_EVERYTHING: Values = {
    "fullnameOverride": "scaler",
    "image": {"tag": "1.2.3", "pullPolicy": "Always"},
    "replicas": 3,
    "config": {"pollIntervalSeconds": 2.5, "secretRefreshSeconds": 3600, "countMarkers": False},
    "watchNamespaces": ["default", "kube-public"],
    "secrets": {"default": ["operator", "orderflow-cluster-ca-cert"]},
    "rbac": {"aggregate": False},
    "serviceAccount": {"annotations": {"example.com/role": "reader"}},
    "service": {"port": 80, "annotations": {"example.com/a": "b"}},
    "podDisruptionBudget": {"maxUnavailable": 2},
    "networkPolicy": {
        "metricsFrom": [{"podSelector": {"matchLabels": {"app": "prometheus"}}}],
        "apiServerTo": [{"ipBlock": {"cidr": "10.0.0.1/32"}}],
        "kafkaTo": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"strimzi.io/kind": "Kafka"}}}],
        "kafkaPorts": [9093],
        "extraEgress": [{"ports": [{"port": 8080, "protocol": "TCP"}]}],
    },
    **{key: EVERYTHING[key] for key in ("monitoring", "podAnnotations", "podLabels", "nodeSelector")},
    **{key: EVERYTHING[key] for key in ("tolerations", "affinity", "priorityClassName", "global")},
}
OPERATOR_BARE: Values = {
    "replicas": 1,
    "crds": {"enabled": False},
    "rbac": {"create": False},
    "serviceAccount": {"create": False, "name": "default"},
    "service": {"enabled": False},
    "networkPolicy": {"enabled": False},
}


@dataclass(frozen=True)
class ChartCase:
    """One chart: a release of it, values that try it, and those whose rendering is kept."""

    chart: Path
    release: str
    namespace: str
    variants: Mapping[str, Values]
    goldens: Mapping[str, Values]
    image: str
    given: Values = field(default_factory=dict)

    @property
    def schema(self) -> dict[str, Any]:
        """The schema of its values, as it should be."""
        return schemas()[self.chart]

    def __str__(self) -> str:
        return self.chart.name

    def helm(self, helm: Helm) -> Helm:
        """Return a helm that works on this chart."""
        return replace(
            helm, release=self.release, namespace=self.namespace, chart=self.chart, given=self.given
        )


SERVICES = ChartCase(
    SERVICES_CHART,
    "orderflow",
    "orderflow",
    {
        "as it is": {},
        "client certificates": MTLS,
        "Kafka without Strimzi or a login": PLAIN,
        "a database of its own": {"database": {"bundled": {"enabled": True}}},
        "everything": EVERYTHING,
        "next to nothing": BARE,
    },
    {
        "api-with-scram": {
            "payments": {"enabled": False},
            "notifications": {"enabled": False},
            "analytics": {"enabled": False},
            "topics": {"enabled": False},
            "networkPolicy": {"enabled": False},
        },
        "scaled-worker-with-mtls": {
            **MTLS,
            "orders": {"enabled": False},
            "notifications": {"enabled": False},
            "analytics": {"enabled": False},
            "topics": {"enabled": False},
            "networkPolicy": {"enabled": False},
        },
        "analytics-with-its-database": {
            "orders": {"enabled": False},
            "payments": {"enabled": False},
            "notifications": {"enabled": False},
            "topics": {"enabled": False},
            "database": {"bundled": {"enabled": True, "password": {"existingSecret": "database"}}},
        },
        "closed-network-and-topics-without-strimzi": {
            **PLAIN,
            "payments": {"enabled": False},
            "notifications": {"enabled": False},
            "orders": {"enabled": False},
            "analytics": {"enabled": False},
            "test": {"enabled": False},
        },
    },
    image="registry.example/orderflow:0.1.0",
    given=DATABASE,
)
OPERATOR = ChartCase(
    CHART,
    RELEASE,
    OPERATOR_NAMESPACE,
    {
        "as it is": {},
        "CRDs go, no roles for people": {"crds": {"keep": False}, "rbac": {"aggregate": False}},
        "some namespaces": {"watchNamespaces": ["default"], "secrets": {"default": ["operator"]}},
        "everything": OPERATOR_EVERYTHING,
        "next to nothing": OPERATOR_BARE,
    },
    {
        "operator": {"crds": {"enabled": False}},
        "operator-of-one-namespace": {
            "crds": {"enabled": False},
            "rbac": {"aggregate": False},
            "watchNamespaces": ["orderflow"],
            "secrets": {"orderflow": ["orderflow-operator", "orderflow-cluster-ca-cert"]},
            "monitoring": {"kind": "ServiceMonitor"},
        },
    },
    image="registry.example/orderflow-operator:0.1.0",
)
CASES = (SERVICES, OPERATOR)
