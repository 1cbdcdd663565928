"""What the ACLs of a Strimzi KafkaUser say to a broker. Pure; a pod of the test cluster runs it too."""

from collections.abc import Iterator, Mapping
from typing import Any

from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

KINDS = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "transactionalId": ResourceType.TRANSACTIONAL_ID,
    "cluster": ResourceType.BROKER,
}
OPERATIONS = {
    "All": AclOperation.ALL,
    "Alter": AclOperation.ALTER,
    "AlterConfigs": AclOperation.ALTER_CONFIGS,
    "Create": AclOperation.CREATE,
    "Delete": AclOperation.DELETE,
    "Describe": AclOperation.DESCRIBE,
    "DescribeConfigs": AclOperation.DESCRIBE_CONFIGS,
    "Read": AclOperation.READ,
    "Write": AclOperation.WRITE,
}


def bindings_of(user: str, acl: Mapping[str, Any]) -> Iterator[AclBinding]:
    """Yield the rights of one entry of a KafkaUser's `spec.authorization.acls`."""
    resource = acl["resource"]
    prefixed = resource.get("patternType") == "prefix"
    for operation in acl["operations"]:
        yield AclBinding(
            KINDS[resource["type"]],
            resource.get("name", "kafka-cluster"),
            ResourcePatternType.PREFIXED if prefixed else ResourcePatternType.LITERAL,
            f"User:{user}",
            "*",
            OPERATIONS[operation],
            AclPermissionType.ALLOW,
        )
