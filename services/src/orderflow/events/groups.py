"""The consumer groups of the pipeline, and the topics each of them reads. Pure."""

from __future__ import annotations

from orderflow.events.topics import NOTIFICATIONS, ORDER_STATUS, ORDERS, PAYMENTS

PAYMENT_SERVICE = "payment-service"
NOTIFICATION_SERVICE = "notification-service"
ANALYTICS = "analytics"

TOPICS_OF: dict[str, tuple[str, ...]] = {
    PAYMENT_SERVICE: (ORDERS,),
    NOTIFICATION_SERVICE: (PAYMENTS,),
    ANALYTICS: (ORDERS, PAYMENTS, NOTIFICATIONS, ORDER_STATUS),
}
