"""Where a connection is dialled: the same address each time, or one that the venue gives out for each dial."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import quote, urlsplit
from uuid import uuid4

from csbook import json
from csbook.errors import ConnectError, UsageError
from csbook.net.fetch import Fetcher
from csbook.net.origin import Origin, websocket_origin

__all__ = ["Address", "Locate", "bullet"]


@dataclass(frozen=True, slots=True)
class Address:
    """A URL, and what its venue wants of the conversation."""

    url: str = field(repr=False)  # it may carry a token
    options: Mapping[str, Any] = field(default_factory=dict)


Locate: TypeAlias = Callable[[], Awaitable[Address]]


def bullet(fetcher: Fetcher, path: str, origin: Origin | None) -> Locate:
    """KuCoin's way (fact sheet kucoin, section 1): a POST gives a token, a host and the pings that it wants.

    A token is good for one dial, so each one asks anew. ``origin`` replaces the host that the venue names.
    """

    async def locate() -> Address:
        answer = await fetcher.post(path)
        try:
            data = json.loads(answer)["data"]
            server = data["instanceServers"][0]
            parts = urlsplit(str(server["endpoint"]))
            base = origin or websocket_origin(f"{parts.scheme}://{parts.netloc}", "the endpoint of the venue's token")
            token = quote(str(data["token"]), safe="")
            options = {
                "ping_interval": _seconds(server["pingInterval"]),
                "ping_timeout": _seconds(server["pingTimeout"]),
            }
        except UsageError as error:
            raise ConnectError(str(error), url=str(fetcher.origin)) from None
        except (KeyError, IndexError, TypeError, ValueError) as error:
            why = f"the answer for a token lacks or spoils {type(error).__name__}: {str(error)[:60]}"
            raise ConnectError(f"cannot connect by {fetcher.origin}: {why}", url=str(fetcher.origin)) from None
        url = f"{base}{base.path}{parts.path or '/'}?token={token}&connectId={uuid4().hex}"
        return Address(url, options)

    return locate


def _seconds(milliseconds: Any) -> float:
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int) or not 100 <= milliseconds <= 3_600_000:
        raise ValueError(f"{milliseconds!r} ms; expected 100 to 3600000")
    return milliseconds / 1000.0
