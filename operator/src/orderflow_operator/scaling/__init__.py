"""Observation and policy to a decision with its inputs, limiters and reason. Pure.

types     what goes in and what comes out
inputs    memory and sample to the inputs, rounded once
sizing    how many replicas the load asks for, among the sizes that make a difference
holds     what forbids any change; the first one wins
limits    what bounds a change: pauses, ceilings, the stabilization window
findings  what a decision says about each condition
words     the same for people
decide    all of it in order; what the caller needs
"""

from orderflow_operator.rates import (
    LastScale,
    Memory,
    PartitionSample,
    Sample,
    Target,
    durable,
    learn,
    samples_of,
    subscription,
)
from orderflow_operator.scaling.decide import decide, remember, step
from orderflow_operator.scaling.inputs import inputs
from orderflow_operator.scaling.types import Decision, Finding, Inputs, Limiter, Load

__all__ = [
    "Decision",
    "Finding",
    "Inputs",
    "LastScale",
    "Limiter",
    "Load",
    "Memory",
    "PartitionSample",
    "Sample",
    "Target",
    "decide",
    "durable",
    "inputs",
    "learn",
    "remember",
    "samples_of",
    "step",
    "subscription",
]
