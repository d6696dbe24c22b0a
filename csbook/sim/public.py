"""Public REST as aiohttp brings it: what a call costs, and the dialect's answer."""

from __future__ import annotations

from collections import deque

from aiohttp import web

from csbook.clock import Clock
from csbook.sim.board import Board
from csbook.sim.connection import Conduct
from csbook.sim.sockets import as_answer

__all__ = ["PublicCalls"]


class PublicCalls:
    """Serves the calls of a dialect. ``weights`` is what they may cost an address in a window of so many seconds."""

    def __init__(self, board: Board, clock: Clock, conduct: Conduct, weights: tuple[int, float] | None) -> None:
        self._board = board
        self._clock = clock
        self._conduct = conduct
        self._weights = weights
        self._spent: dict[str, deque[tuple[int, int]]] = {}  # when, and how much, by address

    async def serve(self, request: web.Request) -> web.Response:
        """One call."""
        speech = self._board.speech
        resource = request.match_info.route.resource
        path = "" if resource is None else resource.canonical
        query = {**request.query, **request.match_info}
        self._conduct.counts["calls"] += 1
        if self.is_over(request.remote or "", speech.weight(path, query)):
            self._conduct.counts["limited"] += 1
            return self.over()
        return as_answer(speech.call(path, query, self._board, self._clock))

    def over(self) -> web.Response:
        """The answer to a call that is one too many."""
        return as_answer(self._board.speech.over())

    def is_over(self, address: str, weight: int) -> bool:
        """Count a call, or a signed request that costs weight, too. What is turned away costs nothing. O(calls)."""
        if self._weights is None or not weight:
            return False
        most, seconds = self._weights
        now = self._clock.monotonic_ns()
        spent = self._spent.setdefault(address, deque())
        while spent and spent[0][0] <= now - round(seconds * 1e9):
            spent.popleft()
        if sum(cost for _, cost in spent) + weight > most:
            return True
        spent.append((now, weight))
        return False
