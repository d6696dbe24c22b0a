"""The trading floor: who is subscribed to what, and the market's march through time.

Owns the market's place in time. At ``speed`` above 0 market time is the injected clock's monotonic time, multiplied;
what the machine cannot follow comes late, and says so: the event time of a message is the clock's now less its
lateness. At speed 0 the market takes a step whenever every client has taken the last one (a client in a delay or a
stall excepted), and stands while nobody is subscribed.

``pause`` leaves nothing owed: every depth stream whose last message was not of the book's last update is sent once
more.

Where orders of this venue's accounts stand in a symbol, the exchange is asked what each step of the replay does to
them; ``stir`` publishes what they do themselves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Iterable, Iterator

from csbook.clock import Clock
from csbook.sim.board import Board, Message
from csbook.sim.connection import Conduct, Connection
from csbook.sim.exchange import Exchange
from csbook.sim.market import Listing, Market
from csbook.sim.recording import Deal

__all__ = ["Floor"]

BREATH = 256  # events between two looks at the sockets
NAP_S = (0.001, 0.05)  # shortest and longest sleep between looks at the clock
PATIENCE_S = 5.0  # publish() does not wait longer for slow clients


class Floor:
    """The market, its board and the connections that watch it."""

    def __init__(
        self,
        market: Market,
        board: Board,
        conduct: Conduct,
        clock: Clock,
        speed: float,
        exchange: Exchange | None = None,
    ) -> None:
        self.board = board
        self.connections: dict[Connection, None] = {}
        self._market = market
        self._conduct = conduct
        self._clock = clock
        self._speed = speed
        self._exchange = exchange
        self._watchers: dict[str, dict[Connection, None]] = {}
        self._moving = asyncio.Event()
        self._base_ms = 0.0  # market time when the market was last set moving, and while it stands
        self._base_ns = 0  # the clock then

    def start(self) -> None:
        """Market time begins."""
        self.resume()

    # -- who is here

    def enter(self, connection: Connection) -> None:
        """A connection was opened."""
        self.connections[connection] = None

    def leave(self, connection: Connection) -> None:
        """A connection is gone, with all its subscriptions."""
        self.unsubscribe(connection, list(connection.streams))
        self.connections.pop(connection, None)
        connection.gone.set()

    def subscribe(self, connection: Connection, streams: Iterable[str]) -> None:
        """From now on; the current depth or ticker is sent at once."""
        for stream in streams:
            connection.streams[stream] = None
            self._watchers.setdefault(stream, {})[connection] = None
            first = self.board.watch(stream, self.now_ms())
            if first is not None:
                connection.offer(first, connection.framed(first.payload, stream))

    def unsubscribe(self, connection: Connection, streams: Iterable[str]) -> None:
        """Not any more, and not even what is still queued."""
        for stream in streams:
            connection.streams.pop(stream, None)
            connection.retract(stream)
            watchers = self._watchers.get(stream, {})
            watchers.pop(connection, None)
            if not watchers:
                self._watchers.pop(stream, None)
                self.board.forget(stream)

    # -- time

    def now_ms(self) -> int:
        """Wall time in ms, as the venue tells it."""
        return self._clock.now_ns() // 1_000_000

    def pause(self) -> None:
        """The market stands still, and everybody is sent where."""
        if self._moving.is_set():
            self._base_ms = self._position_ms()
            self._moving.clear()
        self._conduct.at_rest = True
        self._send(self.board.settle(self.now_ms()))
        self.rouse()

    def resume(self) -> None:
        """The market goes on from where it stood."""
        if not self._moving.is_set():
            self._base_ns = self._clock.monotonic_ns()
            self._moving.set()
        self._conduct.at_rest = False

    def rouse(self) -> None:
        """End all delays and stalls."""
        for connection in self.connections:
            connection.rouse()

    async def publish(self) -> None:
        """Send the current depth to every subscriber, whole and at once; returns when it is written."""
        self._send(self.board.repeat(self.now_ms()), sound=True)
        loop = asyncio.get_running_loop()
        late = loop.time() + PATIENCE_S
        while not all(connection.idle for connection in self.connections) and loop.time() < late:
            self.rouse()  # again and again: the next message may bring the next stall
            await asyncio.sleep(0.001)

    async def run(self) -> None:
        """Move the market, for ever."""
        while True:
            await self._moving.wait()
            await (self._march() if self._speed else self._rush())

    def step(self, count: int = 1) -> None:
        """Take the market's next events now, whether it moves or stands."""
        for _ in range(count):
            at_ms, listing, deal = self._market.step()
            if not self._speed or not self._moving.is_set():
                self._base_ms = at_ms
            self._send(self._said(at_ms, listing, deal, self.now_ms()))
        self._rest()

    def catch_up(self) -> None:
        """Everything up to now, at once; for a clock that has just been moved."""
        if self._speed and self._moving.is_set():
            position = self._position_ms()
            for at_ms, listing, deal in self._market.advance(position):
                event_ms = int(self._clock.now_ns() / 1e6 - (position - at_ms) / self._speed)
                self._send(self._said(at_ms, listing, deal, event_ms))
            self._send(self.board.flush(position, self.now_ms()))

    def stir(self, listing: Listing, prints: Iterable[Deal]) -> None:
        """Orders have changed a symbol's book: say so, and the trades that were made."""
        now, at_ms = self.now_ms(), self._position_ms()
        for deal in prints:
            self._send(self.board.event(at_ms, listing, deal, now))
        self._send(self.board.event(at_ms, listing, None, now))
        self._rest()

    def _rest(self) -> None:
        """At rest nobody is owed anything."""
        if self._conduct.at_rest:
            self._send(self.board.settle(self.now_ms()))

    def _said(self, at_ms: float, listing: Listing, deal: Deal | None, event_ms: int) -> Iterator[Message]:
        """The messages of a step that the market has just taken."""
        if listing.overlay is None or self._exchange is None:
            return self.board.event(at_ms, listing, deal, event_ms)
        return self._disturbed(self._exchange.moved(listing, deal), at_ms, listing, event_ms)

    def _disturbed(self, prints: list[Deal], at_ms: float, listing: Listing, event_ms: int) -> Iterator[Message]:
        for part in prints:
            yield from self.board.event(at_ms, listing, part, event_ms)
        yield from self.board.event(at_ms, listing, None, event_ms)

    def _position_ms(self) -> float:
        if not self._moving.is_set() or not self._speed:
            return self._base_ms
        return self._base_ms + (self._clock.monotonic_ns() - self._base_ns) * self._speed / 1e6

    async def _march(self) -> None:
        """Everything up to now, then sleep until there is more."""
        position = self._position_ms()
        for taken, (at_ms, listing, deal) in enumerate(self._market.advance(position), 1):
            event_ms = int(self._clock.now_ns() / 1e6 - (self._position_ms() - at_ms) / self._speed)
            self._send(self._said(at_ms, listing, deal, event_ms))
            if taken % BREATH == 0:
                await asyncio.sleep(0)
                if not self._moving.is_set():
                    return
        self._send(self.board.flush(position, self.now_ms()))
        next_ms = min(self._market.due_ms, self.board.due_ms())
        shortest, longest = NAP_S
        await asyncio.sleep(min(max((next_ms - position) / self._speed / 1000, shortest), longest))

    async def _rush(self) -> None:
        """One step, as soon as everybody has taken the last one."""
        if not self.board.watched:
            await asyncio.sleep(NAP_S[0])
            return
        at_ms, listing, deal = self._market.step()
        self._base_ms = at_ms
        now = self.now_ms()
        self._send(self._said(at_ms, listing, deal, now))
        self._send(self.board.flush(at_ms, now))
        await asyncio.sleep(0)
        waits = 0
        while any(connection.behind for connection in self.connections):
            waits += 1
            await asyncio.sleep(0 if waits < BREATH else NAP_S[0])

    def _send(self, messages: Iterable[Message], *, sound: bool = False) -> None:
        for message in messages:
            watchers = self._watchers.get(message.stream)
            framed: dict[Hashable, bytes] = {}  # once for all who are sent the same bytes
            for connection in watchers or ():
                form = connection.talk.form(message.stream)
                if (data := framed.get(form)) is None:
                    data = framed[form] = connection.framed(message.payload, message.stream)
                connection.offer(message, data, sound=sound)
