"""The chart of the end-to-end tests' Kafka, with the files that its values take from elsewhere."""

from typing import Any

from support.kafka_image import FOLDER
from support.kube.chart import REPOSITORY

CHART = FOLDER.parent / "charts" / "kafka"
USERS = REPOSITORY / "deploy" / "strimzi" / "users.yaml"
SUPPORT = REPOSITORY / "tests" / "support"


def values(**more: Any) -> dict[str, Any]:
    """Return the values of a Kafka with our users, and with the stand-in for the Topic Operator."""
    return {
        "users": USERS.read_text(),
        "rights": (SUPPORT / "kafka_users.py").read_text(),
        "standIn": {
            "enabled": True,
            "program": (SUPPORT / "strimzi_stand_in.py").read_text(),
            "topics": (SUPPORT / "strimzi_topics.py").read_text(),
        },
        **more,
    }
