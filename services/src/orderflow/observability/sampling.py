"""Whether a trace is sampled, as OpenTelemetry's samplers decide it. Pure."""

from __future__ import annotations

from collections.abc import Callable

_ALL = 1 << 64


def sampler_of(name: str, ratio: float) -> Callable[[int, bool | None], bool]:
    """Return what decides from a trace's id and from what its caller decided (None: there was none).

    The ratio is that of the lowest 64 bits of the id, so every process decides alike.
    """
    parent_based, root = name.startswith("parentbased_"), name.removeprefix("parentbased_")
    bound = {"always_on": _ALL, "always_off": 0}.get(root, round(ratio * _ALL))

    def decide(trace_id: int, caller: bool | None) -> bool:
        if parent_based and caller is not None:
            return caller
        return trace_id % _ALL < bound

    return decide
