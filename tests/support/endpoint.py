"""The HTTP endpoint of a process, as a test asks it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any


class Probed:
    """Something that serves health and metrics on a port of this machine."""

    port: int

    def get(self, path: str) -> tuple[int, str]:
        """Return status and body of the endpoint; status 0 while nothing listens."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return 0, ""

    def verdict(self, path: str) -> tuple[int, Any]:
        """Return status and body of a page that is JSON."""
        status, body = self.get(path)
        return status, json.loads(body)

    def metric(self, name: str) -> float:
        """Return the sum of a metric's series, 0 where there is none."""
        lines = self.get("/metrics")[1].splitlines()
        return sum(
            float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith((name + "{", name + " "))
        )
