"""The texts users read, by language. Pure."""

from __future__ import annotations

from typing import Literal

from orderflow.events import Payment
from orderflow_process.text import printable

Language = Literal["en", "ru"]

_TEXTS: dict[Language, dict[str, str]] = {
    "en": {
        "SUCCESS": "Your order {order_id} is paid: {amount:.2f}. Thank you!",
        "FAILED": "The payment of {amount:.2f} for your order {order_id} was declined: {reason}.",
    },
    "ru": {
        "SUCCESS": "Ваш заказ {order_id} оплачен: {amount:.2f}. Спасибо!",
        "FAILED": "Платёж {amount:.2f} по заказу {order_id} отклонён: {reason}.",
    },
}
_SUBJECTS: dict[Language, dict[str, str]] = {
    "en": {"SUCCESS": "Order {order_id} is paid", "FAILED": "Order {order_id}: payment declined"},
    "ru": {"SUCCESS": "Заказ {order_id} оплачен", "FAILED": "Заказ {order_id}: платёж отклонён"},
}
# Longer ones are cut: a notification must fit where its payment did.
_MAX_REASON = 500
_NO_REASON: dict[Language, str] = {"en": "no reason given", "ru": "причина не указана"}


def text_of(payment: Payment, language: Language) -> str:
    """Return what the user reads about a payment."""
    reason = printable((payment.reason or _NO_REASON[language])[:_MAX_REASON])
    return _TEXTS[language][payment.status].format(
        order_id=payment.order_id, amount=payment.amount, reason=reason
    )


def subject_of(payment: Payment, language: Language) -> str:
    """Return the subject line of the e-mail about a payment."""
    return _SUBJECTS[language][payment.status].format(order_id=payment.order_id)
