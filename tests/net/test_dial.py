from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import picows
import pytest

from csbook.errors import ConnectError
from csbook.net.dial import Route, dial
from scripted import ScriptedVenue, open_sockets, until


class Listener(picows.WSListener):  # type: ignore[misc]
    def __init__(self) -> None:
        self.gone = False

    def on_ws_disconnected(self, transport: Any) -> None:
        self.gone = True


async def opened(url: str, **options: Any) -> Any:
    within = options.pop("within", 5.0)
    return await dial(url, "the origin", Listener, route=Route(**options), within=within)


async def test_a_connection() -> None:
    async with ScriptedVenue() as venue:
        transport = await opened(venue.url)
        sock = transport.underlying_transport.get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        transport.disconnect()
        await transport.wait_disconnected()


async def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    before = open_sockets()
    with pytest.raises(ConnectError, match="cannot connect to the origin: Connect") as caught:
        await opened(f"ws://127.0.0.1:{port}")
    assert caught.value.url == "the origin"
    assert isinstance(caught.value.__cause__, OSError)
    assert open_sockets() == before


async def test_no_such_host() -> None:
    with pytest.raises(ConnectError, match="cannot connect"):
        await opened("ws://no-such-host.invalid")


@pytest.mark.parametrize("status", [403, 404, 429, 503])
async def test_the_venue_says_no(status: int) -> None:
    async with ScriptedVenue() as venue:
        venue.status = status
        before = open_sockets()
        with pytest.raises(ConnectError, match=f"the venue answered {status}"):
            await opened(venue.url)
        await until(lambda: open_sockets() <= before)


async def test_redirects_are_not_followed() -> None:
    async with ScriptedVenue() as venue:
        venue.status = 302
        with pytest.raises(ConnectError, match="302"):
            await opened(venue.url)
        assert venue.attempts == 1


async def test_a_venue_that_says_nothing() -> None:
    async with ScriptedVenue() as venue:
        venue.mute = True
        before = open_sockets()
        with pytest.raises(ConnectError, match=r"no answer within 0\.05 s"):
            await opened(venue.url, within=0.05)
        await until(lambda: open_sockets() <= before)


async def test_a_venue_that_hangs_up_in_the_handshake() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ConnectError, match="closed during the handshake"):
            await opened(f"ws://127.0.0.1:{port}")


async def test_cancelled_half_way_leaves_nothing_open() -> None:
    async with ScriptedVenue() as venue:
        venue.mute = True
        before = open_sockets()
        dialling = asyncio.ensure_future(opened(venue.url))
        await until(lambda: venue.attempts)
        dialling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await dialling
        await until(lambda: open_sockets() <= before)


async def test_source_address() -> None:
    async with ScriptedVenue() as venue:
        transport = await opened(venue.url, source_address=("127.0.0.1", 0))
        assert transport.underlying_transport.get_extra_info("sockname")[0] == "127.0.0.1"
        transport.disconnect()
        await transport.wait_disconnected()
        with pytest.raises(ConnectError):
            await opened(venue.url, source_address=("203.0.113.7", 0))  # not ours


@pytest.mark.skipif(sys.platform != "linux", reason="SO_BUSY_POLL is Linux's")
async def test_busy_poll() -> None:
    async with ScriptedVenue() as venue:
        try:
            transport = await opened(venue.url, busy_poll_us=50)
        except ConnectError as error:
            assert "not permitted" in str(error)  # takes a right that this process has not
            return
        sock = transport.underlying_transport.get_extra_info("socket")
        assert sock.getsockopt(socket.SOL_SOCKET, 46) == 50
        transport.disconnect()
        await transport.wait_disconnected()


async def test_through_an_http_proxy() -> None:
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        host, _, port = asked[0].split(b" ")[1].decode().partition(":")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await relay(reader, writer, host, int(port))

    async with ScriptedVenue() as venue, await asyncio.start_server(serve, "127.0.0.1", 0) as proxy:
        port = proxy.sockets[0].getsockname()[1]
        transport = await opened(venue.url, proxy=f"http://me:secret@127.0.0.1:{port}")
        assert asked[0].startswith(b"CONNECT 127.0.0.1:")
        transport.disconnect()
        await transport.wait_disconnected()
        await asyncio.sleep(0.01)


async def test_through_a_socks_proxy() -> None:
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, methods = await reader.readexactly(2)
        await reader.readexactly(methods)
        writer.write(b"\x05\x00")
        head = await reader.readexactly(4)
        if head[3] == 3:
            size = (await reader.readexactly(1))[0]
            host = (await reader.readexactly(size)).decode()
        else:
            host = socket.inet_ntoa(await reader.readexactly(4))
        port = int.from_bytes(await reader.readexactly(2), "big")
        asked.append(f"{host}:{port}".encode())
        writer.write(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
        await relay(reader, writer, host, port)

    async with ScriptedVenue() as venue, await asyncio.start_server(serve, "127.0.0.1", 0) as proxy:
        port = proxy.sockets[0].getsockname()[1]
        transport = await opened(venue.url, proxy=f"socks5://127.0.0.1:{port}")
        assert asked[0].startswith(b"127.0.0.1:")
        transport.disconnect()
        await transport.wait_disconnected()
        await asyncio.sleep(0.01)


async def test_a_proxy_that_says_no() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 407 No\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as proxy:
        port = proxy.sockets[0].getsockname()[1]
        with pytest.raises(ConnectError, match="407") as caught:
            await opened("ws://127.0.0.1:1", proxy=f"http://me:secret@127.0.0.1:{port}")
        assert "secret" not in str(caught.value)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A key and a certificate of localhost."""
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    )
    try:
        subprocess.run([*command.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no openssl to make a certificate with")
    return key, certificate


async def test_encrypted(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    key, trusted = certificate
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(trusted, key)
    async with ScriptedVenue(context) as venue:
        url = venue.url.replace("ws://127.0.0.1", "wss://localhost")
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        transport = await opened(url)
        assert transport.is_secure
        transport.disconnect()
        await transport.wait_disconnected()
        monkeypatch.setenv("SSL_CERT_FILE", str(key))
        before = open_sockets()
        with pytest.raises(ConnectError, match=r"(?i)certificate"):
            await opened(url)
        await until(lambda: open_sockets() <= before)


async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int) -> None:
    there, back = await asyncio.open_connection(host, port)

    async def pump(a: asyncio.StreamReader, b: asyncio.StreamWriter) -> None:
        while data := await a.read(65536):
            b.write(data)
        b.close()

    await asyncio.gather(pump(reader, back), pump(there, writer))


def test_a_route_does_not_show_its_password() -> None:
    assert "secret" not in repr(Route(proxy="http://me:secret@x"))
