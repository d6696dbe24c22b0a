"""News that a venue counts, in their order: what comes after newer news of the same thing is dropped."""

from __future__ import annotations

from csbook.wire.private import BalanceReport, PositionReport
from csbook.wire.userdata import PrivateEvent

__all__ = ["Newest"]


class Newest:
    """The counts that one connection has brought; of each position and each asset the highest is kept."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: dict[tuple[str, ...], int] = {}

    def of(self, events: list[PrivateEvent]) -> list[PrivateEvent]:
        """The same without what is older than what was seen. An equal count is let through: it says the same."""
        for event in events:
            if (type(event) is PositionReport or type(event) is BalanceReport) and event.sequence is not None:
                return [event for event in events if self._is_news(event)]
        return events

    def _is_news(self, event: PrivateEvent) -> bool:
        if isinstance(event, PositionReport):
            key: tuple[str, ...] = (event.symbol, event.position_side)
        elif isinstance(event, BalanceReport):
            key = (event.asset,)
        else:
            return True
        if event.sequence is None:
            return True
        if event.sequence < self._seen.get(key, event.sequence):
            return False
        self._seen[key] = event.sequence
        return True
