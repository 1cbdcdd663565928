"""A consumer group: who owns which partition, and how long a rebalance lets partitions rest."""

from __future__ import annotations

from collections.abc import Sequence

from bench.autoscale.log import Partition


class Group:
    """Gives partitions to members evenly; those that have to rest do so for `pause` seconds.

    With the protocol of KIP-848 as few partitions move as can be, and only those rest. With the eager
    protocol, the clients' default before it, ranges are dealt anew and every partition rests.
    """

    def __init__(self, partitions: Sequence[Partition], pause: float, *, eager: bool) -> None:
        self.partitions = partitions
        self.rebalances = 0
        self._pause, self._eager = pause, eager
        self._members: tuple[str, ...] = ()
        self._stable_at = float("-inf")

    def stable(self, now: float) -> bool:
        """Return whether no rebalance is under way."""
        return now >= self._stable_at

    def join(self, members: Sequence[str], now: float, *, at_once: bool = False) -> None:
        """Take the members of this moment; assign anew when they are not those of before."""
        if tuple(members) == self._members:
            return
        if self.stable(now) and not at_once:
            self.rebalances += 1
        self._members = tuple(members)
        owners = (
            ranges(len(self.partitions), self._members)
            if self._eager
            else assigned([partition.owner for partition in self.partitions], self._members)
        )
        pause = 0.0 if at_once else self._pause
        for partition, owner in zip(self.partitions, owners, strict=True):
            if owner != partition.owner or self._eager:
                partition.commit()
                partition.owner, partition.rests_until = owner, now + pause
        self._stable_at = now + pause


def ranges(partitions: int, members: Sequence[str]) -> list[str | None]:
    """Return the owner of each partition as the range assignor deals them, by the members' names."""
    if not members:
        return [None] * partitions
    floor, extra = divmod(partitions, len(members))
    order = sorted(members)
    return [member for place, member in enumerate(order) for _ in range(floor + (place < extra))]


def assigned(owners: Sequence[str | None], members: Sequence[str]) -> list[str | None]:
    """Return the new owner of each partition: counts differ by one at most, few partitions move."""
    if not members:
        return [None] * len(owners)
    floor, extra = divmod(len(owners), len(members))
    held = {member: [i for i, owner in enumerate(owners) if owner == member] for member in members}
    # Who holds most already gets the places above the floor.
    order = sorted(members, key=lambda member: -len(held[member]))
    room = {member: floor + (place < extra) for place, member in enumerate(order)}
    result: list[str | None] = [None] * len(owners)
    for member in members:
        for index in held[member][: room[member]]:
            result[index] = member
        room[member] -= min(room[member], len(held[member]))
    free = [member for member in order for _ in range(room[member])]
    for index, owner in enumerate(result):
        if owner is None:
            result[index] = free.pop()
    return result
