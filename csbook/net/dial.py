"""One WebSocket connection, opened or cleanly not opened.

Whatever goes wrong on the way (name, route, TLS, proxy, handshake, time) comes out as ConnectError with the origin in
its text. The socket is made here, so that a dial that fails or is cancelled half way leaves nothing open: picows
keeps the transport alive when its handshake is cancelled. Redirects are not followed: the address was given by name.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import picows
from picows import WSTransport

from csbook.errors import ConnectError

__all__ = ["Route", "dial"]

_LOG = logging.getLogger("csbook.net")
_SO_BUSY_POLL = 46  # Linux
_MAX_FRAME = 16 * 1024 * 1024  # the payload limit of the core
_READ_BUFFER = 256 * 1024  # a burst is what one read brings: room for a busy one


@dataclass(frozen=True, slots=True)
class Route:
    """The way out: a proxy, a local address, a busy-polling socket."""

    proxy: str | None = field(default=None, repr=False)  # it may carry a password
    source_address: tuple[str, int] | None = None
    busy_poll_us: int | None = None


async def dial(
    url: str, origin: str, listener: Callable[[], Any], *, route: Route, within: float, logger: Any = _LOG
) -> WSTransport:
    """The open connection; ``listener`` makes the picows listener that serves it.

    ``logger`` is given to picows, which logs the request line at level DEBUG: one that carries a key needs a logger
    that hides it. Raises ConnectError, after at most ``within`` seconds.
    """
    opened: list[socket.socket] = []

    async def connect(target: picows.WSParsedURL) -> socket.socket:
        made = await _connected(target.host, target.port, route, within / 2)
        opened.append(made)
        return made

    transport = None
    try:
        async with asyncio.timeout(within):
            transport, made = await picows.ws_connect(
                listener,
                url,
                enable_auto_pong=False,
                max_frame_size=_MAX_FRAME,
                max_redirects=0,
                logger_name=logger,
                proxy=route.proxy,
                read_buffer_init_size=_READ_BUFFER,
                socket_factory=connect,
                websocket_handshake_timeout=within,
            )
        if made is None:
            # picows answers so when the peer hangs up in the middle of the handshake
            raise ConnectionResetError("the connection was closed during the handshake")
        return transport
    except TimeoutError as error:
        raise ConnectError(f"cannot connect to {origin}: no answer within {within:g} s", url=origin) from error
    except Exception as error:
        raise ConnectError(f"cannot connect to {origin}: {_reason(error)}", url=origin) from error
    finally:
        if transport is None:
            await _abandon(opened)


def _reason(error: Exception) -> str:
    response = getattr(error, "response", None)
    if response is not None and getattr(response, "status", None) not in (None, 101):
        return f"the venue answered {int(response.status)} {getattr(response.status, 'phrase', '')}".rstrip()
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


async def _connected(host: str, port: int, route: Route, within: float) -> socket.socket:
    """A connected socket, by the first address of the host that answers."""
    loop = asyncio.get_running_loop()
    failure: OSError = OSError(f"{host} has no address")
    for family, kind, protocol, _, address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if route.busy_poll_us is not None and sys.platform == "linux":
                sock.setsockopt(socket.SOL_SOCKET, _SO_BUSY_POLL, route.busy_poll_us)
            if route.source_address is not None:
                sock.bind(route.source_address)
            async with asyncio.timeout(within):
                await loop.sock_connect(sock, address)
            return sock
        except TimeoutError:
            sock.close()
            failure = OSError(f"no answer from {address[0]} within {within:g} s")
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
    raise failure


async def _abandon(sockets: list[socket.socket]) -> None:
    """Close what a failed dial left open. A transport may own the socket: it is told by the end of the stream."""
    for sock in sockets:
        if sock.fileno() == -1:
            continue
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
    try:
        for _ in range(10):
            if all(sock.fileno() == -1 for sock in sockets):
                return
            await asyncio.sleep(0)
    finally:
        for sock in sockets:
            sock.close()
