"""Numbers by key, the newest of each partition: a chained hash table in arrays. Pure.

A dict and a deque would be simpler, but keep three objects for every order: 240,000 orders took 45 MB of a
worker, and take 7 MB so. It is for the memory alone: in time the two are alike.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator

_NOWHERE = -1
_FREE = 0


class _Ring:
    """The places of one partition; the next number takes the one that was filled longest ago."""

    __slots__ = ("end", "first", "next")

    def __init__(self, first: int, size: int) -> None:
        self.first = self.next = first
        self.end = first + size

    def places(self) -> Iterator[int]:
        """Return all places, the one that was filled longest ago first."""
        yield from range(self.next, self.end)
        yield from range(self.first, self.next)


class Rings:
    """Keeps the last `size` numbers of each partition. Keys and numbers have 64 bits, and no key is 0."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._known = 0
        self._rings: dict[int, _Ring] = {}
        self._unused: list[_Ring] = []
        # By place: a key, its number, and the next place whose key has the same low bits.
        self._keys, self._numbers, self._behind = array("q"), array("q"), array("i")
        # By the low bits of a key: the first place.
        self._heads, self._mask = array("i", [_NOWHERE]), 0

    def __len__(self) -> int:
        return self._known

    def get(self, key: int) -> int | None:
        """Return the number of a key."""
        place = self._heads[key & self._mask]
        while place != _NOWHERE:
            if self._keys[place] == key:
                return self._numbers[place]
            place = self._behind[place]
        return None

    def put(self, partition: int, key: int, number: int) -> None:
        """Keep the number of a key that is not known yet."""
        ring = self._rings.get(partition) or self._new_ring(partition)
        place, keys, heads, head = ring.next, self._keys, self._heads, key & self._mask
        if oldest := keys[place]:
            self._unlink(place, oldest)
        else:
            self._known += 1
        keys[place] = key
        self._numbers[place] = number
        self._behind[place] = heads[head]
        heads[head] = place
        place += 1
        ring.next = place if place < ring.end else ring.first

    def remove(self, key: int) -> None:
        """Forget one key: the others of its partition have room for one more again."""
        if self.get(key) is None:
            return
        place = self._keys.index(key)
        partition, ring = next(each for each in self._rings.items() if each[1].first <= place < each[1].end)
        kept = [(self._keys[each], self._numbers[each]) for each in ring.places() if self._keys[each]]
        self._empty(ring)
        for each, number in kept:
            if each != key:
                self.put(partition, each, number)

    def drop(self, partition: int) -> None:
        """Forget all keys of a partition."""
        ring = self._rings.pop(partition, None)
        if ring is not None:
            self._empty(ring)
            self._unused.append(ring)

    def _empty(self, ring: _Ring) -> None:
        for place in ring.places():
            if key := self._keys[place]:
                self._unlink(place, key)
                self._keys[place] = _FREE
                self._known -= 1
        ring.next = ring.first

    def _unlink(self, place: int, key: int) -> None:
        """Take a place out of its chain."""
        behind, heads, head = self._behind, self._heads, key & self._mask
        before = heads[head]
        if before == place:
            heads[head] = behind[place]
            return
        while (after := behind[before]) != place:
            before = after
        behind[before] = behind[place]

    def _new_ring(self, partition: int) -> _Ring:
        if self._unused:
            ring = self._unused.pop()
        else:
            ring, room = _Ring(len(self._keys), self._size), bytes(8 * self._size)
            self._keys.frombytes(room)
            self._numbers.frombytes(room)
            self._behind.frombytes(room[: 4 * self._size])
            self._widen()
        self._rings[partition] = ring
        return ring

    def _widen(self) -> None:
        """Have at least a head for every place."""
        if len(self._heads) >= len(self._keys):
            return
        heads = 1 << (len(self._keys) - 1).bit_length()
        self._heads, self._mask = array("i", [_NOWHERE]) * heads, heads - 1
        for place, key in enumerate(self._keys):
            if key:
                head = key & self._mask
                self._behind[place], self._heads[head] = self._heads[head], place
