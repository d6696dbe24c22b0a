"""The sending side: ``python -m benches.wire.server RATE SECONDS CORE`` (RATE 0: as fast as it goes, CORE -1: any).

Prints its port, serves one connection in blocking sockets and no library, and ends by itself. Between two messages it
does not sleep: the time at which one leaves is the time at which it was due. The stamp is taken just before ``send``.
"""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import sys
from itertools import count
from time import monotonic_ns

from benches.messages import Snapshots
from benches.wire import DIFFERENT, EPOCH, HEAD, LEVELS, pin

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
PATIENCE_S = 15.0  # for a client to come and to subscribe
STAMP = b"STAMP"
BLOCK = 64  # messages a send, flat out


def framed(payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((0x81, size)) + payload
    return b"\x81\x7e" + size.to_bytes(2, "big") + payload


def handshake(client: socket.socket) -> None:
    request = b""
    while b"\r\n\r\n" not in request:
        part = client.recv(4096)
        if not part:
            raise ConnectionError("the client left during the handshake")
        request += part
    key = re.search(rb"(?i)^sec-websocket-key:\s*(\S+)", request, re.MULTILINE)
    if key is None:
        raise ConnectionError("no WebSocket handshake")
    accept = base64.b64encode(hashlib.sha1(key[1] + GUID).digest())
    client.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )


def subscription(client: socket.socket) -> int:
    """Wait for a masked text frame with an id, as every client here sends one."""
    seen = b""
    while True:
        part = client.recv(4096)
        if not part:
            raise ConnectionError("the client left before it subscribed")
        seen += part
        if len(seen) < 6 or len(seen) < 6 + (seen[1] & 0x7F):
            continue
        mask = seen[2:6]
        text = bytes(byte ^ mask[at & 3] for at, byte in enumerate(seen[6 : 6 + (seen[1] & 0x7F)]))
        found = re.search(rb'"id":\s*(\d+)', text)
        if found is not None:
            return int(found[1])
        seen = seen[6 + (seen[1] & 0x7F) :]


def send_paced(client: socket.socket, tails: list[bytes], rate: int, seconds: float) -> None:
    step = 1_000_000_000 // rate
    due = monotonic_ns() + step
    end = due + int(seconds * 1e9)
    size = len(HEAD) + 19
    prefixes = [b"\x81\x7e" + (size + len(tail)).to_bytes(2, "big") + HEAD for tail in tails]
    for at in count():
        which = at % len(tails)
        prefix, tail = prefixes[which], tails[which]
        while (now := monotonic_ns()) < due:
            pass
        if now >= end:
            return
        client.send(b"%b%d%b" % (prefix, EPOCH + monotonic_ns(), tail))
        due += step


def send_flat_out(client: socket.socket, tails: list[bytes], seconds: float) -> None:
    end = monotonic_ns() + int(seconds * 1e9)
    size = len(HEAD) + 19
    blocks = []
    for start in range(0, len(tails), BLOCK):
        parts = [
            b"\x81\x7e" + (size + len(tail)).to_bytes(2, "big") + HEAD + STAMP + tail
            for tail in tails[start : start + BLOCK]
        ]
        blocks.append(b"".join(parts))
    for at in count():
        now = monotonic_ns()
        if now >= end:
            return
        client.sendall(blocks[at % len(blocks)].replace(STAMP, b"%d" % (EPOCH + now)))


def serve(rate: int, seconds: float, core: int) -> None:
    pin(core)
    tails = Snapshots(LEVELS, DIFFERENT).tails
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(PATIENCE_S)
        print(listening.getsockname()[1], flush=True)
        client, _ = listening.accept()
    with client:
        client.settimeout(PATIENCE_S)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        handshake(client)
        client.sendall(framed(b'{"result":null,"id":%d}' % subscription(client)))
        try:
            if rate:
                send_paced(client, tails, rate, seconds)
            else:
                send_flat_out(client, tails, seconds)
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            return  # the client has what it wants


if __name__ == "__main__":
    serve(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
