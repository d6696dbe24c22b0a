"""Asking by REST, against a real server on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from csbook.errors import ConnectError, RequestError
from csbook.net.fetch import Fetcher
from csbook.net.origin import http_origin

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def stand(handler: Handler, path: str = "", **options: float) -> AsyncIterator[Fetcher]:
    application = web.Application()
    application.router.add_route("*", "/{tail:.*}", handler)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with Fetcher(http_origin(f"http://127.0.0.1:{runner.addresses[0][1]}{path}"), **options) as fetcher:  # type: ignore[arg-type]
            yield fetcher
    finally:
        await runner.cleanup()


async def test_what_was_asked_for() -> None:
    seen: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(f"{request.method} {request.rel_url}")
        return web.Response(body=b"x" * 300_000)

    async with stand(answer, "/lead") as fetcher:
        assert await fetcher.get("/depth?symbol=A&limit=5") == b"x" * 300_000
        assert len(await fetcher.post("/bullet")) == 300_000
    assert seen == ["GET /lead/depth?symbol=A&limit=5", "POST /lead/bullet"]


@pytest.mark.parametrize(("status", "retry"), [(429, "7"), (418, ""), (503, ""), (302, ""), (404, "")])
async def test_any_other_answer_is_an_error_with_its_status(status: int, retry: str) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text="no more", headers={"Retry-After": retry} if retry else {})

    async with stand(answer) as fetcher:
        with pytest.raises(RequestError, match=rf"answered {status}.*no more") as caught:
            await fetcher.get("/x")
    assert caught.value.status == status and not caught.value.unknown
    assert ("retry after 7" in str(caught.value)) is bool(retry)


async def test_no_answer_in_time() -> None:
    async def answer(_: web.Request) -> web.Response:
        await asyncio.sleep(5.0)
        return web.Response()

    async with stand(answer, within=0.05) as fetcher:
        with pytest.raises(ConnectError, match=r"no answer within 0\.05 s"):
            await fetcher.get("/x")


async def test_nobody_there() -> None:
    async with Fetcher(http_origin("http://127.0.0.1:1")) as fetcher:
        with pytest.raises(ConnectError, match=r"cannot ask http://127\.0\.0\.1:1"):
            await fetcher.get("/x")


async def test_an_answer_without_end_is_cut() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * (1 << 20))
        except ConnectionError:
            return response

    async with stand(answer) as fetcher:
        with pytest.raises(RequestError, match="more than 16777216 bytes"):
            await fetcher.get("/x")


async def test_closing_twice_and_unused() -> None:
    fetcher = Fetcher(http_origin("http://127.0.0.1:1"))
    await fetcher.close()
    await fetcher.close()
