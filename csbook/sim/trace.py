"""What has changed in a book since somebody last looked, level by level.

Two states are compared, whatever led from one to the other: a recorded change, orders of this venue's accounts, or the
recording's start over.
"""

from __future__ import annotations

from csbook.sim.market import Listing

__all__ = ["Trace"]

Change = tuple[bool, int, int]  # bid, price, the new size; 0: the level is gone


class Trace:
    """The best ``depth`` levels of a listing as they were at the last look."""

    __slots__ = ("_asks", "_bids", "_depth", "_listing", "sequence")

    def __init__(self, listing: Listing, depth: int) -> None:
        self._listing = listing
        self._depth = depth
        self._bids, self._asks = map(dict, listing.top(depth))
        self.sequence = listing.update_id  # one more with every change that was seen

    def look(self) -> list[Change]:
        """The changes since the last look, those that delete first: on the way no book is crossed. O(depth)."""
        bids, asks = map(dict, self._listing.top(self._depth))
        sides = ((True, self._bids, bids), (False, self._asks, asks))
        found = [(bid, price, 0) for bid, before, now in sides for price in before if price not in now]
        found += [
            (bid, price, size) for bid, before, now in sides for price, size in now.items() if before.get(price) != size
        ]
        self._bids, self._asks = bids, asks
        self.sequence += len(found)
        return found
