"""What `helm test` runs: place an order over HTTP, and wait for PAID or DECLINED on its topics."""

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
    """Return 0 when an order was accepted and decided, 1 otherwise."""
    order_id, seconds = f"ORD-{uuid.uuid4()}", float(os.environ["TIMEOUT_SECONDS"])
    if not place(order_id, time.monotonic() + seconds):
        return 1
    watch = ("orderflow", "orders", "watch", order_id, "--since", "15m", "--timeout", f"{seconds:g}")
    outcome = DECIDED.get(subprocess.run(watch, check=False).returncode)
    print(f"{order_id} is {outcome or 'not decided, see above'}", flush=True)
    return 0 if outcome else 1


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
