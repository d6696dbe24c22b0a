"""The receiving side: ``python -m benches.wire.clients NAME PORT SECONDS CORE RATE``; prints one line of JSON.

Every client does its work on a message, takes the time, and only then whatever else the measuring needs. csbook calls
back once for the messages that one read of the socket brought, with the newest of them; so for every client the newest
message of a read is the one that counts. A client tells p50 and p99 of the latencies after a warm-up, the messages a
second, and the last touch that it knew, to be checked.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import os
import socket
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from time import monotonic_ns
from typing import Any

from benches.messages import Snapshots
from benches.rounds import percentile
from benches.wire import DIFFERENT, EPOCH, HEAD, LEVELS, PATH, SUBSCRIBE, WARM_UP_S, pin

Touch = tuple[float, float]
DIGITS = slice(len(HEAD), len(HEAD) + 19)


class Log:
    """What a client has seen."""

    def __init__(self, seconds: float, rate: int) -> None:
        self.seconds = seconds
        self.flat_out = rate == 0
        self.latencies: list[int] = []
        self.messages = 0  # flat out, between the two marks
        self.lasted_ns = 0
        self.touch: Touch | None = None

    async def count(self, seen: Callable[[], int]) -> None:
        """Let the time pass, and mark how many messages were seen in it."""
        await asyncio.sleep(WARM_UP_S)
        first, began = seen(), monotonic_ns()
        await asyncio.sleep(self.seconds)
        self.messages, self.lasted_ns = seen() - first, monotonic_ns() - began

    def add_stamps(self, times: list[int], heads: list[bytes]) -> None:
        """Latencies from the times of receipt and the ids that came with them."""
        for now, head in zip(times, heads, strict=True):
            if head.isdigit():
                self.latencies.append(now + EPOCH - int(head))

    def told(self) -> dict[str, Any]:
        report: dict[str, Any] = {"touch": self.touch}
        if self.flat_out:
            report["rate"] = self.messages / self.lasted_ns * 1e9
            return report
        kept = self.latencies[len(self.latencies) // 10 :]
        if len(kept) < 20:
            raise SystemExit(f"only {len(self.latencies)} messages came")
        return {**report, "p50": percentile(kept, 0.5), "p99": percentile(kept, 0.99), "messages": len(kept)}


# -- picows listeners, from nothing to a book -------------------------------------------------------------------------


def listener_class(log: Log, work: Callable[[Any], Touch] | None) -> Any:
    """A listener that does ``work`` on a payload, or nothing, and takes the time."""
    from picows import WSListener, WSMsgType

    class Listener(WSListener):  # type: ignore[misc, unused-ignore]
        def __init__(self) -> None:
            self.count = 0
            self.times: list[int] = []
            self.heads: list[bytes] = []

        def on_ws_connected(self, transport: Any) -> None:
            transport.send(WSMsgType.TEXT, SUBSCRIBE)

        def on_ws_frame(self, transport: Any, frame: Any) -> None:
            if work is not None and self.count:
                log.touch = work(frame.get_payload_as_bytes())
            now = monotonic_ns()
            self.count += 1
            if frame.last_in_buffer:
                self.times.append(now)
                self.heads.append(frame.get_payload_as_bytes()[DIGITS])

    class Idle(Listener):
        def on_ws_frame(self, transport: Any, frame: Any) -> None:
            self.count += 1

    class Busy(Listener):
        def on_ws_frame(self, transport: Any, frame: Any) -> None:
            if work is not None and self.count:
                log.touch = work(frame.get_payload_as_bytes())
            self.count += 1

    if not log.flat_out:
        return Listener
    return Idle if work is None else Busy


async def over_picows(log: Log, port: int, work: Callable[[Any], Touch] | None) -> None:
    import picows

    listener: Any
    transport, listener = await picows.ws_connect(listener_class(log, work), f"ws://127.0.0.1:{port}{PATH}")
    await log.count(lambda: listener.count)
    transport.disconnect()
    await transport.wait_disconnected()
    log.add_stamps(listener.times, listener.heads)


def on_uvloop(main: Coroutine[Any, Any, None], spin: bool = False) -> None:
    import uvloop

    async def spinning() -> None:
        loop = asyncio.get_running_loop()

        def again() -> None:
            loop.call_soon(again)

        again()
        await main

    uvloop.run(spinning() if spin else main)


def picows_nothing(log: Log, port: int, core: int) -> None:
    on_uvloop(over_picows(log, port, None))


def picows_nothing_spin(log: Log, port: int, core: int) -> None:
    on_uvloop(over_picows(log, port, None), spin=True)


def picows_msgspec(log: Log, port: int, core: int) -> None:
    from benches.peers.msgspec_floats import snapshot

    on_uvloop(over_picows(log, port, snapshot(20).step()))  # type: ignore[arg-type, unused-ignore]


def picows_bisect(log: Log, port: int, core: int) -> None:
    from benches.peers.orjson_bisect import snapshot

    on_uvloop(over_picows(log, port, snapshot(20).step()))  # type: ignore[arg-type, unused-ignore]


# -- csbook -----------------------------------------------------------------------------------------------------------


async def over_csbook(log: Log, port: int) -> None:
    import csbook

    latencies = log.latencies

    def on_book(book: Any) -> None:
        log.touch = book.best_bid, book.best_ask
        latencies.append(monotonic_ns() + EPOCH - book.sequence)

    def on_book_flat_out(book: Any) -> None:
        log.touch = book.best_bid, book.best_ask

    async with csbook.connect("coinswitch", ["BTCUSDT"], url=f"ws://127.0.0.1:{port}") as feed:
        feed.on_book(on_book_flat_out if log.flat_out else on_book)
        await log.count(lambda: int(feed.stats()["messages"]))


def csbook_normal(log: Log, port: int, core: int) -> None:
    import csbook

    csbook.run(over_csbook(log, port))


def csbook_spin(log: Log, port: int, core: int) -> None:
    import csbook

    csbook.run(over_csbook(log, port), spin=True, cpu=core if core >= 0 else None)


# -- the floor --------------------------------------------------------------------------------------------------------


def subscribed(port: int) -> socket.socket:
    """A WebSocket by hand: handshake, and one masked frame with a mask of zeros."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=10)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    key = base64.b64encode(os.urandom(16)).decode()
    sock.sendall(
        f"GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += sock.recv(1)
    sock.sendall(bytes((0x81, 0x80 | len(SUBSCRIBE), 0, 0, 0, 0)) + SUBSCRIBE)
    return sock


def bare_socket(log: Log, port: int, core: int) -> None:
    """Non-blocking ``recv_into`` in a loop: nothing in Python can be sooner."""
    room = bytearray(1 << 20)
    times: list[int] = []
    heads: list[bytes] = []
    received = 0
    with subscribed(port) as sock:
        sock.setblocking(False)
        began = monotonic_ns() + int(WARM_UP_S * 1e9)
        end = began + int(log.seconds * 1e9)
        counting = False
        while (now := monotonic_ns()) < end:
            try:
                size = sock.recv_into(room)
            except BlockingIOError:
                continue
            if size == 0:
                break
            if log.flat_out:
                counting = counting or now >= began
                received += size if counting else 0
            else:
                times.append(monotonic_ns())
                at = room.rfind(HEAD, 0, size) + len(HEAD)
                heads.append(bytes(room[at : at + 19]))
    log.lasted_ns = monotonic_ns() - began
    log.add_stamps(times, heads)
    if log.flat_out:
        tails = Snapshots(LEVELS, DIFFERENT).tails
        log.messages = received * len(tails) // sum(4 + len(HEAD) + 19 + len(tail) for tail in tails)


@dataclass(frozen=True, slots=True)
class Client:
    title: str
    receive: Callable[[Log, int, int], None]  # log, port, core
    whole: bool = True  # False: it keeps no book


CLIENTS = {
    "picows": Client("picows, frame received, nothing done", picows_nothing, whole=False),
    "csbook": Client("csbook.connect, on_book", csbook_normal),
    "msgspec": Client("picows + msgspec, no book", picows_msgspec, whole=False),
    "bisect": Client("picows + orjson + bisect lists", picows_bisect),
    "csbook-spin": Client("csbook.connect, on_book, spin=True", csbook_spin),
    "picows-spin": Client("picows, nothing done, loop never sleeps", picows_nothing_spin, whole=False),
    "bare": Client("bare non-blocking socket, the floor", bare_socket, whole=False),
}


def main(name: str, port: int, seconds: float, core: int, rate: int) -> dict[str, Any]:
    if name != "csbook-spin":
        pin(core)  # csbook pins itself
    log = Log(seconds, rate)
    gc.freeze()
    gc.disable()
    CLIENTS[name].receive(log, port, core)
    return log.told()


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))))
