"""Our Payment Service before a gateway that never answers for one user, whose order backs off for ever."""

from __future__ import annotations

from decimal import Decimal

from orderflow.events import Order
from orderflow.payments.gateway import Charge, GatewayTimeout, SimulatedGateway
from orderflow.payments.reaction import payment_service
from orderflow.payments.settings import PaymentSettings
from orderflow.streaming.process import run_worker

WAITING_USER = "user-that-waits"
# Every contender gets it, and the peers ask for a timestamp.
WAITING_ORDER = (
    b'{"order_id":"WAITS","user_id":"user-that-waits","amount":1.00,"items":1,'
    b'"timestamp":"2026-01-01T12:00:00.000000Z"}'
)


class OneUserWaits(SimulatedGateway):
    """Answers everybody else."""

    def charge(self, order: Order, idempotency_key: str, attempt: int) -> Charge:
        if order.user_id == WAITING_USER:
            raise GatewayTimeout("the payment gateway did not answer")
        return super().charge(order, idempotency_key, attempt)


if __name__ == "__main__":
    run_worker(payment_service(OneUserWaits(success_rate=0.8), unit_price=Decimal(1)), PaymentSettings())
