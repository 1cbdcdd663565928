"""What polls teach: how fast records arrive, how fast a consumer works, how long a rebalance takes. Pure.

samples    one poll, as the caller saw it
memory     what one poll leaves for the next and a restart must not lose
reading    the lag reader's answer as a sample
arrivals   end offsets to records per second
forecast   where arrivals are heading
service    commits to the rate of a consumer, the commit interval and stalls
settling   whether the group is as the replicas say, and how long that takes
effect     whether a scale-up helped
learning   all of it in order
"""

from orderflow_operator.rates.learning import learn
from orderflow_operator.rates.memory import LastScale, Memory, durable
from orderflow_operator.rates.reading import samples_of, subscription
from orderflow_operator.rates.samples import PartitionSample, Sample, Target

__all__ = [
    "LastScale",
    "Memory",
    "PartitionSample",
    "Sample",
    "Target",
    "durable",
    "learn",
    "samples_of",
    "subscription",
]
