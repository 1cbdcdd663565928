"""What can go wrong on this machine, each as one sentence a person can act on."""


class LocalError(Exception):
    """The system cannot start or go on here; the text says what is wrong, where and what to do."""


class DistributionUnavailable(LocalError):
    """Kafka or the Java that runs it cannot be had on this machine."""


class BrokerFailed(LocalError):
    """The embedded broker ended or did not answer in time; its log says why."""
