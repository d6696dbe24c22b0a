"""A request leaves when it is sent; and a coroutine that was begun ends as it would have."""

from __future__ import annotations

import asyncio
import io
from asyncio.selector_events import _SelectorSocketTransport  # type: ignore[attr-defined]
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from csbook.net.prompt import PromptRequest, begun


@asynccontextmanager
async def echo() -> AsyncIterator[str]:
    """A server that answers with the body that it read."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    app = web.Application(client_max_size=2**26)
    app.router.add_route("*", "/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def asked(session: aiohttp.ClientSession, method: str, url: str, body: bytes | io.BytesIO | None) -> bytes:
    async with session.request(method, url, data=body) as response:
        return await response.read()


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT"])
async def test_a_request_over_a_warm_connection_leaves_before_the_loop_turns(
    monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    happened: list[str] = []
    write = _SelectorSocketTransport.write

    def noted(transport: Any, data: Any) -> None:
        if bytes(data[:8]).startswith(method.encode()):
            happened.append("written" if bytes(data).endswith(b"\r\n\r\nbody") else "a part is written")
        write(transport, data)

    async with echo() as url, aiohttp.ClientSession(request_class=PromptRequest) as session:
        assert await asked(session, "GET", url, None) == b""
        monkeypatch.setattr(_SelectorSocketTransport, "write", noted)
        asyncio.get_running_loop().call_soon(happened.append, "the loop has turned")
        assert await asked(session, method, url, b"body") == b"body"
    assert happened == ["written", "the loop has turned"]


async def test_bodies_of_every_size_arrive_whole() -> None:
    async with echo() as url, aiohttp.ClientSession(request_class=PromptRequest) as session:
        for size in (0, 1, 10, 70_000, 10_000_000):
            body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
            # what is large is written in parts, and waits until the peer has taken some of it
            assert await asked(session, "POST", url, io.BytesIO(body) if size > 100_000 else body) == body


async def test_a_connection_that_is_lost_is_an_error_of_the_client() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with server, aiohttp.ClientSession(request_class=PromptRequest) as session:
        with pytest.raises(aiohttp.ClientError):
            await asked(session, "POST", url, b"body")


async def test_what_never_waits_is_done_at_once() -> None:
    done: list[int] = []

    async def work() -> None:
        done.append(1)

    rest = begun(work())
    assert done == [1]
    await rest
    assert done == [1]


async def test_what_waits_goes_on_where_it_waited() -> None:
    seen: list[Any] = []
    future: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def work() -> None:
        seen.append("begun")
        seen.append(await future)
        await asyncio.sleep(0)
        with suppress(ValueError):
            await failing
        seen.append("done")

    failing: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    failing.set_exception(ValueError("on the way"))
    task = asyncio.create_task(begun(work()))  # type: ignore[arg-type]
    assert seen == ["begun"]
    await asyncio.sleep(0)
    assert seen == ["begun"] and not task.done()
    future.set_result(7)
    await task
    assert seen == ["begun", 7, "done"]


async def test_what_it_raises_is_raised() -> None:
    async def at_once() -> None:
        raise KeyError("at once")

    async def later() -> None:
        await asyncio.sleep(0)
        raise KeyError("later")

    with pytest.raises(KeyError, match="at once"):
        begun(at_once())
    rest = begun(later())
    with pytest.raises(KeyError, match="later"):
        await rest


async def test_it_is_cancelled_where_it_waits() -> None:
    seen: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise
        finally:
            seen.append("cleaned up")

    task = asyncio.create_task(begun(work()))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["cancelled", "cleaned up"]


def test_what_is_given_up_is_closed() -> None:
    seen: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(0)
        finally:
            seen.append("cleaned up")

    rest = begun(work())
    rest.send(None)
    rest.close()
    assert seen == ["cleaned up"]
