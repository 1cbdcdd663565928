"""Rights that a test gives on a broker."""

from typing import Any

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from orderflow_local.kafka import Broker


def grant(broker: Broker, principal: str, kind: ResourceType, name: str, operation: AclOperation) -> None:
    """Allow a principal, `User:` and a name, one operation on one resource."""
    binding = AclBinding(
        kind, name, ResourcePatternType.LITERAL, principal, "*", operation, AclPermissionType.ALLOW
    )
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    admin.create_acls([binding])[binding].result(20)


def revoke_all(broker: Broker, principal: str) -> None:
    """Take every right from somebody."""
    kind, pattern, operation = ResourceType.ANY, ResourcePatternType.ANY, AclOperation.ANY
    anything: Any = None
    whose = AclBindingFilter(kind, anything, pattern, principal, anything, operation, AclPermissionType.ANY)
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    admin.delete_acls([whose])[whose].result(20)
