"""The ways a submission to the log can end, other than well. Pure."""


class Refused(Exception):
    """The records are certainly not in the log and will not be; its text says why."""


class Overloaded(Refused):
    """Too many wait already."""


class RecordTooLarge(Refused):
    """Kafka takes no record of this size."""


class Undecided(Exception):
    """Whether the records are in the log is not known; its text says why."""
