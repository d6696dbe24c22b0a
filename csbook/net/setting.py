"""What a feed's connections are told about themselves: where, how, and how long to wait for what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from csbook.guard.backoff import Backoff
from csbook.guard.watchdog import Patience
from csbook.net.dial import Route
from csbook.net.locate import Locate
from csbook.net.origin import Origin
from csbook.wire.plain import PlainSession
from csbook.wire.session import Session

__all__ = ["Policy", "Setting"]


@dataclass(frozen=True, slots=True)
class Policy:
    """Every wait of a connection, in seconds."""

    backoff_base: float = 1.0
    backoff_cap: float = 30.0
    backoff_jitter: float = 0.25
    healthy_after: float = 60.0
    dial_within: float = 10.0
    confirm_within: float = 10.0
    pong_within: float = 10.0
    first_data_within: float = 10.0
    data_within: float = 60.0
    audit_window: float = 3.0  # from the first copy of a book to the snapshot that it is compared with
    ticks_within: float = 5.0  # so often the prices of each book are held against its tick

    def backoff(self) -> Backoff:
        return Backoff(
            base=self.backoff_base,
            cap=self.backoff_cap,
            jitter=self.backoff_jitter,
            healthy_after=self.healthy_after,
        )


@dataclass(frozen=True, slots=True)
class Setting:
    """What the streams of a feed have in common."""

    origin: Origin
    path: str  # of the public socket; ``{stream}`` in it
    messages_per_second: int
    stale_after: float
    silence_after: float | None = None
    quiet: bool = False  # no data is owed, only frames of any kind
    converse: Callable[..., Session] = PlainSession
    locate: Locate | None = None  # where each dial asks for its address; None: origin and path
    hint: str = ""  # what to try when the venue cannot be reached
    route: Route = field(default_factory=Route)
    policy: Policy = field(default_factory=Policy)

    def patience(self) -> Patience:
        policy = self.policy
        return Patience(
            stale_after=self.stale_after,
            silence_after=self.silence_after,
            pong_within=policy.pong_within,
            first_data_within=None if self.quiet else policy.first_data_within,
            data_within=None if self.quiet else policy.data_within,
        )
