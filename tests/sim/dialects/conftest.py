"""A board that speaks a dialect, and a market that is moved by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from csbook.sim.board import Board
from csbook.sim.market import Market
from csbook.sim.recording import packaged
from csbook.venues import dialect

NOW = 1_700_000_000_000


class Stage:
    """``told`` is what the streams that were watched have said, parsed."""

    def __init__(self, venue: str) -> None:
        self.market = Market(packaged(), ["BTCUSDT"])
        self.board = Board(self.market, dialect(venue))
        self.speech = self.board.speech

    def watch(self, stream: str) -> Any:
        first = self.board.watch(stream, NOW)
        return None if first is None else json.loads(first.payload)

    def run(self, until_ms: float) -> list[Any]:
        found = []
        for at, listing, deal in self.market.advance(until_ms):
            found += [*self.board.event(at, listing, deal, NOW + at), *self.board.flush(at, NOW + at)]
        return [json.loads(message.payload) for message in found]


@pytest.fixture
def stage() -> Callable[[str], Stage]:
    return Stage
