"""What happened, as it stands on the wire: event types, their topics and keys. Pure; knows no Kafka client.

A record's value is UTF-8 JSON. Decoding drops unknown fields and names the path of a bad one.
"""

from orderflow.events.base import Event, InvalidEvent, NotJson, encode
from orderflow.events.notifications import Notification
from orderflow.events.orders import Order, OrderForm, decode_order, place_order
from orderflow.events.payments import Payment, decode_payment
from orderflow.events.statuses import OrderStatus

__all__ = [
    "Event",
    "InvalidEvent",
    "NotJson",
    "Notification",
    "Order",
    "OrderForm",
    "OrderStatus",
    "Payment",
    "decode_order",
    "decode_payment",
    "encode",
    "place_order",
]
