"""For schemathesis (SCHEMATHESIS_HOOKS): what JSON Schema cannot say about our requests."""

from typing import Any

import schemathesis


@schemathesis.hook
def map_body(_context: schemathesis.HookContext, body: Any) -> Any:
    """Write whole numbers without a decimal point: JSON Schema takes 2.0 for an integer, we do not."""
    if not isinstance(body, dict):
        return body
    counts = {name: body[name] for name in ("items", "quantity") if isinstance(body.get(name), float)}
    return body | {name: int(value) for name, value in counts.items() if value.is_integer()}
