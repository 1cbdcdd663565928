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


def revoke(broker: Broker, principal: str, kind: ResourceType, name: str, operation: AclOperation) -> None:
    """Take from a principal what it was allowed on one resource."""
    anything: Any = None
    which = AclBindingFilter(
        kind,
        name,
        ResourcePatternType.LITERAL,
        principal,
        anything,
        operation,
        AclPermissionType.ALLOW,
    )
    _delete(broker, which)


def revoke_all(broker: Broker, principal: str) -> None:
    """Take every right from somebody."""
    kind, pattern, operation = ResourceType.ANY, ResourcePatternType.ANY, AclOperation.ANY
    anything: Any = None
    whose = AclBindingFilter(kind, anything, pattern, principal, anything, operation, AclPermissionType.ANY)
    _delete(broker, whose)


def _delete(broker: Broker, which: AclBindingFilter) -> None:
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    admin.delete_acls([which])[which].result(20)
