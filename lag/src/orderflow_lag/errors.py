"""Why offsets could not be read.

LagError
├── BrokerUnavailable     no answer in time; the lag is unknown, which is not zero
├── AccessDenied          the broker knows us and says no
└── ReadFailed            any other answer that is an error
"""


class LagError(Exception):
    """The brokers could not be read; what they hold is unknown."""


class BrokerUnavailable(LagError):
    """No broker or coordinator answered in time; the caller may try again."""


class AccessDenied(LagError):
    """The credentials were refused or lack the Describe right; trying again does not help."""


class ReadFailed(LagError):
    """A broker answered with an error that is neither of the others."""
