"""What became of the orders in a log, and what is wrong with it. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Report:
    """What became of the orders in the log; in_flight are those no group has committed past.

    expired: without an outcome, but too old to judge, since the topics no longer hold that time.
    dead_lettered: records with a dead letter. revived: paid or declined although one of their records is a
    dead letter: it was replayed, its id came twice, or a decline was retried in vain.
    lost: handled, yet without an outcome, or paid without a notification, or promised and not there.
    duplicated: more than one payment, notification or dead letter. out_of_order: a user's payment or
    notification overtook an earlier order's. contradictory: two records that cannot both be true.
    """

    accepted: int = 0
    paid: int = 0
    declined: int = 0
    rejected: int = 0
    failed: int = 0
    in_flight: int = 0
    expired: int = 0
    dead_lettered: int = 0
    revived: int = 0
    lost: int = 0
    duplicated: int = 0
    out_of_order: int = 0
    contradictory: int = 0
    examples: tuple[str, ...] = ()

    @property
    def outcomes(self) -> dict[str, int]:
        """Where the accepted orders went; together as many as were accepted, or one was lost."""
        names = "paid", "declined", "rejected", "failed", "in_flight", "expired"
        return {name: getattr(self, name) for name in names}

    @property
    def ok(self) -> bool:
        """Return whether every guarantee held."""
        return not (self.lost or self.duplicated or self.out_of_order or self.contradictory)
