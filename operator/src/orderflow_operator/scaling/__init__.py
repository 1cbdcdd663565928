"""Observation and policy to a decision with its inputs, limiters and reason. Pure.

types     what goes in and what comes out
memory    what one poll leaves for the next
sizing    how many consumers the load asks for, among the sizes that make a difference
holds     what forbids any change; first one wins
limits    what bounds a change: pauses, ceilings, the stabilization window
findings  what a decision says about each condition
words     the same for people
decide    all of it in order: learn, inputs, decide, remember
"""

from orderflow_operator.scaling.decide import decide, inputs, remember, step
from orderflow_operator.scaling.memory import LastScale, Memory, durable
from orderflow_operator.scaling.samples import samples_of
from orderflow_operator.scaling.types import (
    Decision,
    Finding,
    Inputs,
    Limiter,
    Load,
    PartitionSample,
    Sample,
    Target,
)

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
    "remember",
    "samples_of",
    "step",
]
