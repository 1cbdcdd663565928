"""What `helm test` runs: place an order over HTTP, wait for its outcome on the topics, ask the API for it."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid

DECIDED = {0: "PAID", 3: "DECLINED"}  # exit codes of `orderflow orders watch`


def main() -> int:
    """Return 0 when an order was accepted and decided, and is known to be so, 1 otherwise."""
    order_id, seconds = f"ORD-{uuid.uuid4()}", float(os.environ["TIMEOUT_SECONDS"])
    if not place(order_id, time.monotonic() + seconds):
        return 1
    watch = ("orderflow", "orders", "watch", order_id, "--since", "15m", "--timeout", f"{seconds:g}")
    outcome = DECIDED.get(subprocess.run(watch, check=False).returncode)
    print(f"{order_id} is {outcome or 'not decided, see above'}", flush=True)
    if not outcome or os.environ.get("READ_BACK") != "true":
        return 0 if outcome else 1
    return 0 if read_back(order_id, outcome, time.monotonic() + seconds) else 1


def read_back(order_id: str, outcome: str, deadline: float) -> bool:
    """Return whether the API tells of the outcome, the payment and the notification before the deadline."""
    url = f"{os.environ['ORDERFLOW_URL']}/orders/{order_id}"
    request = urllib.request.Request(url, headers={"X-API-Key": os.environ.get("API_KEY", "")})
    while True:
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                said = answer.read().decode()
        except urllib.error.HTTPError as error:
            said = error.read().decode()
        except OSError as error:
            said = json.dumps({"error": str(error)})
        found = json.loads(said)
        if found.get("status") == outcome and found.get("payment") and found.get("notification"):
            print(f"{url} tells it: {said}", flush=True)
            return True
        if time.monotonic() > deadline:
            print(f"{url} does not tell that {order_id} is {outcome}: {said}", flush=True)
            return False
        time.sleep(1)


def place(order_id: str, deadline: float) -> bool:
    """Return whether the order was accepted before the deadline; a service that starts is asked again."""
    url = f"{os.environ['ORDERFLOW_URL']}/orders"
    order = {"order_id": order_id, "user_id": "helm-test", "amount": "1.00", "items": 1}
    headers = {"Content-Type": "application/json", "X-API-Key": os.environ.get("API_KEY", "")}
    while True:
        request = urllib.request.Request(url, json.dumps(order).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                print(f"{url} accepted it: {answer.read().decode()}", flush=True)
                return True
        except urllib.error.HTTPError as error:
            said, final = f"{error.code} {error.read().decode()}", error.code != 503
        except OSError as error:
            said, final = str(error), False
        if final or time.monotonic() > deadline:
            print(f"{url} does not accept {order_id}: {said}", flush=True)
            return False
        time.sleep(1)


if __name__ == "__main__":
    sys.exit(main())
