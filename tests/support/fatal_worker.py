"""A payment worker whose process ends, without a word, at an order that says so: `fatal-...`."""

import os
import signal
from decimal import Decimal

from orderflow.events import Order
from orderflow.payments.gateway import Charge, SimulatedGateway
from orderflow.payments.reaction import payment_service
from orderflow.payments.settings import PaymentSettings
from orderflow.streaming.process import run_worker


class FatalGateway(SimulatedGateway):
    """Charges every order but the fatal ones."""

    def charge(self, order: Order, idempotency_key: str, attempt: int) -> Charge:
        if order.order_id.startswith("fatal-"):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().charge(order, idempotency_key, attempt)


def main() -> None:
    """Work until a fatal order comes."""
    run_worker(payment_service(FatalGateway(success_rate=1), unit_price=Decimal(1)), PaymentSettings())
