"""One client's connection, from the venue's side: what it is owed, when it is written, and what goes wrong on the way.

Only here are frames written; the server reads. One task, ``run``, takes from the queue and writes, so that whatever
it is in the middle of (a frame in pieces, a stall) nothing else gets between. Rules:

* confirmations and pings go ahead of data and suffer no faults;
* a newer depth or ticker message takes the place of one of its stream that still waits (``conflated``), so a slow
  client costs no memory; trades wait, up to ``backlog``, and then, or when nothing could be written for
  ``slow_after_s``, the client is dropped with 1008;
* during a stall trades are lost (``lost``), as if they had never been sent;
* a private stream is one of events that all wait like trades; its faults are its own (``event_...``), and it is known
  to them by its account and its number among that account's streams;
* whoever ends the connection leaves a ``Farewell``; the server carries it out.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf

from csbook.clock import LiveClock
from csbook.sim.alarms import Alarms
from csbook.sim.faults import EVENT_KINDS, KINDS, REQUEST_KINDS, Faults, Verdict, event_verdict, mangled, verdict
from csbook.sim.frames import PONG, cut, fragments, frame
from csbook.sim.speech import Message, Talk

__all__ = ["COUNTERS", "Conduct", "Connection", "Farewell"]

COUNTERS = (
    "connections", "turned_away",  # sockets admitted, and not
    "requests", "refused",  # of clients, and how many were answered with an error
    "calls", "limited",  # of public REST, and how many were one too many
    "messages", "conflated", "lost",  # data messages written, replaced before that, lost in a stall
    "pings", "pongs",  # sent, and answered
    "no_pong", "too_fast", "slow",  # why clients were dropped
    "events",  # made for private streams, whoever listens
    *KINDS, *EVENT_KINDS, *REQUEST_KINDS,  # faults injected
)  # fmt: skip

HIGH_WATER, LOW_WATER = 256 * 1024, 64 * 1024  # bytes in the transport: from the one on wait for the other
CUT_S = 0.001  # between the pieces of a frame, so that they leave one by one


@dataclass(slots=True)
class Conduct:
    """How the venue behaves at the moment; shared by its connections and read each time."""

    faults: Faults
    seed: int
    ping_interval_s: float
    pong_deadline_s: float
    slow_after_s: float
    backlog: int
    messages_per_second: int
    at_rest: bool = False  # the market stands still: nothing may be held back for a next message
    alarms: Alarms = field(default_factory=lambda: Alarms(LiveClock()))  # what delays and stalls are timed by
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTERS, 0))


@dataclass(frozen=True, slots=True)
class Farewell:
    """How a connection ends: with a close frame, or where ``code`` is None without a word."""

    code: int | None
    reason: str = ""


@dataclass(slots=True, eq=False)
class _Entry:
    message: Message
    data: bytes  # the message as a frame, shared by all who get it
    sound: bool  # no fault may touch it


class Connection:
    """A client's connection; ``private`` is the name of a private stream, ``expire`` what ends its keys."""

    def __init__(
        self,
        number: int,
        transport: asyncio.Transport,
        conduct: Conduct,
        *,
        talk: Talk | None = None,
        private: str = "",
        expire: Callable[[], object] = lambda: None,
    ) -> None:
        self.number = number
        self.talk = talk or Talk()
        self.private = private
        self.settling = False  # nothing is held back for a next message, even if the market moves
        self.streams: dict[str, None] = {}  # subscribed, in that order
        self.farewell: Farewell | None = None
        self.gone = asyncio.Event()  # set when the floor has seen it off
        self._transport = transport
        self._conduct = conduct
        self._control: deque[bytes] = deque()
        self._queue: deque[_Entry] = deque()
        self._waiting: dict[str, _Entry] = {}  # the replaceable ones in the queue
        self._held: _Entry | None = None  # sent after the next one
        self._expire = expire
        self._last: _Entry | None = None  # behind it the connection ends
        self._parting = Farewell(None)
        self._ending: Farewell | None = None  # when all answers are out
        self._index = 0  # of the next data message
        self._busy = False
        self._asleep = False
        self._stalled = False
        self._wake = asyncio.Event()  # there is something to write
        self._rouse = asyncio.Event()  # delays and stalls end now
        self._heard: deque[float] = deque()
        self._pong_due = inf

    def framed(self, payload: bytes, stream: str) -> bytes:
        """A data message as this client's frames."""
        talk = self.talk
        return b"".join(frame(talk.opcode, part) for part in talk.cuts(talk.dress(stream, payload)))

    # -- called by the server and the floor; none of these waits

    def confirm(self, payload: bytes) -> None:
        """Answer a request."""
        self._urgent(frame(self.talk.opcode, payload))

    def pong(self, payload: bytes) -> None:
        """Answer a client's ping."""
        self._urgent(frame(PONG, payload))

    def offer(self, message: Message, data: bytes, *, sound: bool = False) -> None:
        """Queue a data message; ``data`` is it as a frame."""
        if self.farewell is not None:
            return
        counts = self._conduct.counts
        if (older := self._waiting.get(message.stream)) is not None:
            older.message, older.data, older.sound = message, data, sound or older.sound
            counts["conflated"] += 1
            return
        if not message.replaceable and self._stalled:
            counts["lost"] += 1
            return
        if len(self._queue) >= self._conduct.backlog:
            counts["slow"] += 1
            self.hang_up(Farewell(1008, "too slow"))
            return
        entry = _Entry(message, data, sound)
        self._queue.append(entry)
        if message.replaceable:
            self._waiting[message.stream] = entry
        self._wake.set()

    def offer_last(self, message: Message, data: bytes, farewell: Farewell) -> None:
        """Queue a message that no fault touches, and end the connection when it is out."""
        if self.farewell is None:
            self._last, self._parting = _Entry(message, data, True), farewell
            self._queue.append(self._last)
            self._wake.set()

    def retract(self, stream: str) -> None:
        """Forget what is queued for a stream that the client has left."""
        self._waiting.pop(stream, None)
        if self._held is not None and self._held.message.stream == stream:
            self._held = None
        if any(entry.message.stream == stream for entry in self._queue):
            self._queue = deque(entry for entry in self._queue if entry.message.stream != stream)

    def hang_up(self, farewell: Farewell) -> None:
        """End the connection as soon as the frame being written is out. The first reason stands."""
        if self.farewell is None:
            self.farewell = farewell
        self._wake.set()
        self._rouse.set()

    def part(self, reason: str) -> None:
        """End the connection as soon as every answer is out."""
        self._ending = Farewell(1008, reason)
        self._wake.set()

    def abort(self) -> None:
        """End the connection without another byte."""
        self._transport.abort()

    def rouse(self) -> None:
        """End a delay or a stall now, and let go of what is held back while the market is at rest."""
        self._rouse.set()
        self._wake.set()

    def heard_from(self, now: float) -> None:
        """The client sent a frame: more than so many in a second and it is dropped."""
        heard = self._heard
        while heard and heard[0] <= now - 1.0:
            heard.popleft()
        heard.append(now)
        if len(heard) > self._conduct.messages_per_second and self.farewell is None:
            self._conduct.counts["too_fast"] += 1
            self.hang_up(Farewell(1008, "too many messages"))

    def heard_pong(self) -> None:
        """The client answered, or where it is the client that has to ping, did so."""
        if self.talk.beat is None:
            self._pong_due = asyncio.get_running_loop().time() + self._conduct.pong_deadline_s
            return
        if self._pong_due != inf:
            self._conduct.counts["pongs"] += 1
        self._pong_due = inf

    @property
    def behind(self) -> bool:
        """Whether something is on its way out; a delay or a stall does not count."""
        return self.farewell is None and not self._asleep and bool(self._busy or self._queue or self._control)

    @property
    def idle(self) -> bool:
        """Whether there is nothing more to write, or nobody to write to."""
        return self.farewell is not None or not (self._busy or self._queue or self._control)

    @property
    def silent(self) -> bool:
        """Whether it is idle, and nothing is held back either."""
        return self.farewell is not None or (self.idle and self._held is None)

    # -- the writing task

    async def run(self) -> Farewell:
        """Write what there is to write until somebody says farewell."""
        loop = asyncio.get_running_loop()
        beat = self.talk.beat
        next_ping = inf if beat is None else loop.time() + self._conduct.ping_interval_s
        if beat is None:
            self._pong_due = loop.time() + self._conduct.pong_deadline_s
        while self.farewell is None:
            self._wake.clear()
            now = loop.time()
            if now >= self._pong_due:
                self._conduct.counts["no_pong"] += 1
                self.hang_up(Farewell(1008, "no pong"))
            elif beat is not None and now >= next_ping:
                next_ping = now + self._conduct.ping_interval_s
                self._pong_due = min(self._pong_due, now + self._conduct.pong_deadline_s)
                self._conduct.counts["pings"] += 1
                self._urgent(beat)
            elif self._control:
                await self._write(self._control.popleft())
            elif self._ending is not None:
                self.hang_up(self._ending)
            elif self._queue:
                await self._deliver(self._next())
            elif self._held is not None and not self._holds:
                await self._release()
            else:
                await self._sleep(self._wake, min(next_ping, self._pong_due) - now)
        return self.farewell

    @property
    def _holds(self) -> bool:
        """Whether a message may wait for the next one."""
        if self.private:
            return bool(self._conduct.faults.event_reorder) and not self.settling
        return bool(self._conduct.faults.reorder) and not self._conduct.at_rest

    def _next(self) -> _Entry:
        entry = self._queue.popleft()
        self._waiting.pop(entry.message.stream, None)
        return entry

    async def _deliver(self, entry: _Entry) -> None:
        self._busy = True
        try:
            if entry.sound:
                await self._release()
                await self._send(entry.data)
                if entry is self._last:
                    self.hang_up(self._parting)
                return
            faults, seed = self._conduct.faults, self._conduct.seed
            if self.private:
                fate = event_verdict(faults, seed, self.private, self._index)
            else:
                fate = verdict(faults, seed, self.number, self._index)
            self._index += 1
            await self._suffer(entry, fate)
        finally:
            self._busy = False

    async def _suffer(self, entry: _Entry, fate: Verdict) -> None:
        counts = self._conduct.counts
        kind = fate.kind.removeprefix("event_")
        if kind == "reorder":
            if self._held is None:
                self._held = entry
                return
            kind = ""  # this one is the next of the one that is held
        if kind:
            counts[fate.kind] += 1
        match kind:
            case "drop":
                return
            case "expire":
                self._expire()
                return
            case "disconnect":
                self.hang_up(Farewell(None) if fate.draws[0] < 0.5 else Farewell(1001, "going away"))
                return
            case "delay" if self.private:
                await self._nap(self._conduct.faults.event_delay_s * (0.1 + 0.9 * fate.draws[0]))
            case "delay":
                await self._nap(self._conduct.faults.delay_s * fate.draws[0])
            case "stall":
                self._stalled = True
                await self._nap(self._conduct.faults.stall_s)
                self._stalled = False
            case _:
                pass
        if self.farewell is not None:
            return
        if kind == "split":
            await self._split(entry, fate)
        elif kind == "malformed":
            await self._send(self.framed(mangled(entry.message.payload, fate.draws), entry.message.stream))
        else:
            await self._send(entry.data)
            if kind == "duplicate":
                await self._send(entry.data)
        if self._held is not None:
            counts["event_reorder" if self.private else "reorder"] += 1
            await self._release()

    async def _split(self, entry: _Entry, fate: Verdict) -> None:
        """Several frames, or one frame in several writes, or several of both."""
        how, many, where, *_ = fate.draws
        parts = 2 + int(many * 3)
        pieces = [entry.data]
        if how < 2 / 3:
            dressed = self.talk.dress(entry.message.stream, entry.message.payload)
            pieces = [piece for part in self.talk.cuts(dressed) for piece in fragments(self.talk.opcode, part, parts)]
        self._conduct.counts["messages"] += 1
        for piece in pieces:
            if how < 1 / 3:
                await self._write(piece)
                continue
            for part in cut(piece, parts, where):
                await self._write(part)
                await asyncio.sleep(CUT_S)

    async def _release(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            await self._send(held.data)

    async def _send(self, data: bytes) -> None:
        self._conduct.counts["messages"] += 1
        await self._write(data)

    def _urgent(self, data: bytes) -> None:
        self._control.append(data)
        self._wake.set()

    async def _nap(self, seconds: float) -> None:
        self._rouse.clear()
        self._asleep = True
        try:
            await self._conduct.alarms.wait(self._rouse, seconds)
        finally:
            self._asleep = False

    @staticmethod
    async def _sleep(until: asyncio.Event, seconds: float) -> None:
        try:
            async with asyncio.timeout(None if seconds == inf else max(seconds, 0.0)):
                await until.wait()
        except TimeoutError:
            pass

    async def _write(self, data: bytes) -> None:
        transport = self._transport
        if transport.get_write_buffer_size() > HIGH_WATER:
            await self._room()
        if not transport.is_closing():
            transport.write(data)

    async def _room(self) -> None:
        """Wait until the client has read; a transport has no other public sign than the size of its buffer."""
        loop = asyncio.get_running_loop()
        late = loop.time() + self._conduct.slow_after_s
        while self._transport.get_write_buffer_size() > LOW_WATER and self.farewell is None:
            if self._transport.is_closing():
                return
            if loop.time() > late:
                self._conduct.counts["slow"] += 1
                self.hang_up(Farewell(1008, "too slow"))
                return
            await asyncio.sleep(0.001)
