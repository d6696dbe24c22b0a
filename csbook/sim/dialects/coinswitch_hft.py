"""CoinSwitch's low-latency surface: NATS over WebSocket, a byte stream. Fact sheet coinswitch, 6 and 7.4.

Every message is cut into frames at random places, as nothing says that it is not. Public depth alone is served: what
the other payloads look like is not documented. How many levels the venue shows is unknown; here it is ``LEVELS``.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping
from random import Random
from typing import ClassVar

from csbook import json
from csbook.clock import Clock
from csbook.sim.board import Board
from csbook.sim.frames import BINARY, frame
from csbook.sim.speech import Channel, Reply, Response, Said, Speech, Talk

__all__ = ["LEVELS", "SPEECH", "CoinSwitchHft"]

LEVELS = 20
LONGEST_LINE = 4096
LONGEST_PAYLOAD = 1 << 20
PUBLIC = ("v1.f.public.", "v1.f.ex1.public.")


class _Talk(Talk):
    opcode: ClassVar[int] = BINARY
    beat = frame(BINARY, b"PING\r\n")
    hears_pongs = False

    def __init__(self, streams: Collection[str], limit: int, number: int) -> None:
        self._streams = streams
        self._limit = limit
        self._number = number
        self._buffer = b""
        self._subjects: dict[str, str] = {}  # by sid
        self._verbose = False
        self._dice = Random(number)

    def greet(self) -> Reply:
        said = {
            "server_id": "csbook",
            "server_name": "csbook",
            "version": "2.10.0",
            "proto": 1,
            "host": "127.0.0.1",
            "port": 0,
            "headers": True,
            "max_payload": LONGEST_PAYLOAD,
            "client_id": self._number,
        }
        return Reply([b"INFO %b\r\n" % json.dumps(said)])

    def hear(self, said: bytes, held: Collection[str]) -> Reply:
        self._buffer += said
        answers: list[bytes] = []
        refused = alive = asked = False
        while b"\r\n" in self._buffer:
            line, _, rest = self._buffer.partition(b"\r\n")
            words = line.decode("utf-8", "replace").split()
            match [words[0].upper() if words else "", *words[1:]]:
                case ["PONG"]:
                    alive = True
                case ["PING"]:
                    answers.append(b"PONG\r\n")
                case ["CONNECT", *_]:
                    self._verbose = b'"verbose":true' in line.replace(b" ", b"")
                case ["SUB", subject, *_, sid]:
                    asked = True
                    if not subject.startswith(PUBLIC) and subject != ">":
                        refused = True
                        answers.append(
                            f"-ERR 'Permissions Violation for Subscription to \"{subject[:64]}\"'\r\n".encode()
                        )
                    elif len(self._subjects) >= self._limit:
                        return Reply([b"-ERR 'maximum subscriptions exceeded'\r\n"], refused=True, end="subscriptions")
                    else:
                        self._subjects[sid] = subject
                case ["UNSUB", sid, *_]:
                    asked = True
                    self._subjects.pop(sid, None)
                case ["PUB" | "HPUB", subject, *_, size] if size.isdecimal() and int(size) <= LONGEST_PAYLOAD:
                    if len(rest) < int(size) + 2:
                        break  # not whole yet
                    rest = rest[int(size) + 2 :]
                    refused = True
                    answers.append(f"-ERR 'Permissions Violation for Publish to \"{subject[:64]}\"'\r\n".encode())
                case [""]:
                    pass
                case _:
                    return Reply([b"-ERR 'Unknown Protocol Operation'\r\n"], refused=True, end="protocol error")
            if self._verbose and words and words[0].upper() in ("CONNECT", "SUB", "UNSUB"):
                answers.append(b"+OK\r\n")
            self._buffer = rest
        if len(self._buffer) > LONGEST_LINE + LONGEST_PAYLOAD:
            return Reply([b"-ERR 'maximum control line exceeded'\r\n"], refused=True, end="protocol error")
        wanted = [stream for stream in self._streams if self._numbers(stream)]
        return Reply(
            answers,
            sorted(stream for stream in wanted if stream not in held),
            [stream for stream in held if stream not in wanted],
            refused,
            request=asked,
            alive=alive,
        )

    def _numbers(self, stream: str) -> list[tuple[str, bool]]:
        """The subscriptions that a subject is for, and whether each is by a wildcard."""
        found = []
        for sid, subject in self._subjects.items():
            if subject == stream or _matches(subject.split("."), stream.split(".")):
                found.append((sid, subject != stream))
        return found

    def form(self, stream: str) -> Hashable:
        return self

    def dress(self, stream: str, payload: bytes) -> bytes:
        """One MSG for each subscription; on a wildcard an array."""
        out = b""
        for sid, wild in self._numbers(stream):
            body = b"[%b]" % payload if wild else payload
            out += b"MSG %b %b %d\r\n%b\r\n" % (stream.encode(), sid.encode(), len(body), body)
        return out

    def cuts(self, data: bytes) -> list[bytes]:
        places = sorted({self._dice.randrange(1, len(data)) for _ in range(self._dice.randrange(4))} if data else ())
        return [data[begin:end] for begin, end in zip([0, *places], [*places, len(data)], strict=True)]


def _matches(pattern: list[str], subject: list[str]) -> bool:
    for i, token in enumerate(pattern):
        if token == ">":
            return i == len(pattern) - 1 and len(subject) > i
        if i >= len(subject) or token not in ("*", subject[i]):
            return False
    return len(pattern) == len(subject)


class CoinSwitchHft(Speech):
    paths = ("/",)

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self._talks = 0

    def channels(self) -> Iterable[Channel]:
        for symbol in self.symbols:
            yield Channel(self._named(self.dialect.book_stream, symbol), symbol, depth=LEVELS)

    def depth(self, said: Said) -> bytes:
        return json.dumps(
            {
                "t": said.event_ms,
                "m": self.name(said.channel.symbol),
                "b": said.bids,
                "a": said.asks,
                "e": "COINSWITCHX",
                "E": said.event_ms,
            }
        )

    def talk(self, path: str, query: Mapping[str, str]) -> Talk:
        self._talks += 1
        return _Talk(self.streams, self.streams_per_connection, self._talks)

    def call(self, path: str, query: Mapping[str, str], board: Board, clock: Clock) -> Response:
        raise AssertionError("there is no public REST")


SPEECH = CoinSwitchHft
