"""Percentiles from the intake's counters.

Bucket ``b`` below 32 holds the value ``b``; above, each power of two is cut into 16: a percentile is off by 3 % at
most. Counters add up over connections; they are never reset, so two readings can be subtracted.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["middle", "percentile"]


def middle(bucket: int) -> int:
    """The value in the middle of a bucket."""
    if bucket < 32:
        return bucket
    shift = bucket // 16 - 1
    return ((bucket - 16 * shift) << shift) + (1 << shift) // 2


def percentile(counts: Sequence[int], share: float) -> int:
    """The value that ``share`` (0 to 1) of the counted ones do not exceed, in the unit counted; 0 where none was."""
    total = sum(counts)
    if total == 0:
        return 0
    wanted = max(1, -int(-share * total // 1))
    seen = 0
    for bucket, count in enumerate(counts):
        seen += count
        if seen >= wanted:
            return middle(bucket)
    return 0
