"""Types of the intake; the frames themselves come in at C level, from a reader."""

from collections.abc import Callable
from typing import Any, Protocol, type_check_only

from picows import WSTransport
from typing_extensions import disjoint_base

from csbook._core import Book, Router

MAX_MESSAGE: int

@type_check_only
class Line(Protocol):
    """What an intake tells its connection. Called inside the read of a frame: synchronous, quick, and never raising."""

    def connected(self, transport: WSTransport) -> None:
        """The handshake is done; frames may follow in the same read."""
    def cold(self, payload: bytes, receive_time_ns: int) -> None:
        """A message that is not the router's."""
    def refused(self) -> None:
        """The router refused a message and says why."""
    def waiting(self) -> None:
        """The router keeps a change that cannot be applied yet."""
    def moved(self) -> None:
        """The router has changes of state to take."""
    def failed(self, callback: Callable[[Book], object], error: Exception) -> None:
        """An on_book callback raised."""
    def ping(self, payload: bytes) -> None:
        """A ping, to be answered at once with the same payload."""
    def closed(self, code: int, reason: bytes) -> None:
        """The venue's close frame."""
    def violated(self, code: int, reason: str) -> None:
        """The venue broke the protocol: close with this code."""
    def disconnected(self) -> None:
        """The socket is gone."""

@disjoint_base
class Intake:
    heard_ns: int
    depth_ns: int
    messages: int
    payload_bytes: int
    bursts: int
    source: int
    framed: bool
    def __init__(
        self,
        line: Line,
        router: Router | None,
        callbacks: list[Callable[[Book], Any]],
        call_soon: Callable[..., Any],
        source: int = 0,
    ) -> None: ...
    def deliver(self, payload: bytes) -> None:
        """A message that was found inside a framed conversation, while its frame is being read."""
    def reset(self) -> None:
        """A new connection: what the last one left half done is gone. The counters go on."""
    def flush(self) -> None:
        """End the burst that is open, if one is."""
    def publish(self) -> None:
        """Hand out the books that changed since the last burst; inside of one, its end will."""
    def latencies(self) -> list[int]:
        """How many messages fell into each bucket of wire to book; ``latency.percentile`` reads it."""
