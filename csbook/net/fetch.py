"""Public REST: bytes for a path, or an error that says what the venue said. Nothing is signed here.

One keep-alive connection, made with the first request. aiohttp is an extra and is imported then; a venue whose books
need no REST works without it.
"""

from __future__ import annotations

import asyncio
import logging
from types import TracebackType
from typing import TYPE_CHECKING, Self

from csbook.errors import ConnectError, RequestError
from csbook.net.dial import Route
from csbook.net.origin import Origin

if TYPE_CHECKING:
    import aiohttp

__all__ = ["Fetcher"]

_LOG = logging.getLogger("csbook.net")
_LARGEST = 16 * 1024 * 1024  # the payload limit of the core


class Fetcher:
    """GET and POST of one REST origin."""

    def __init__(self, origin: Origin, *, route: Route | None = None, within: float = 10.0) -> None:
        self.origin = origin
        self._route = route or Route()
        self._within = within
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def get(self, path: str) -> bytes:
        """The body of a 200 answer.

        Raises ConnectError where no answer came, RequestError with the status for any other answer; ``unknown`` is
        never set, since asking changes nothing.
        """
        return await self._request("GET", path)

    async def post(self, path: str) -> bytes:
        """The same with an empty POST."""
        return await self._request("POST", path)

    async def _request(self, method: str, path: str) -> bytes:
        import aiohttp

        if self._session is None:
            self._session = self._open()
        try:
            async with self._session.request(
                method, f"{self.origin}{self.origin.path}{path}", allow_redirects=False, proxy=self._route.proxy
            ) as answer:
                body = await answer.content.read(_LARGEST + 1)
                while len(body) <= _LARGEST and (more := await answer.content.read(_LARGEST + 1 - len(body))):
                    body += more
                status, retry_after = answer.status, answer.headers.get("Retry-After", "")
        except TimeoutError as error:
            raise self._failed(f"no answer within {self._within:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise self._failed(str(error) or type(error).__name__) from error
        if status != 200:
            said = body[:200].decode("utf-8", "replace")
            wait = f", retry after {retry_after[:16]}" if retry_after else ""
            raise RequestError(f"{self.origin} answered {status}{wait} to {method} {path}: {said}", status=status)
        if len(body) > _LARGEST:
            raise RequestError(f"{self.origin} sent more than {_LARGEST} bytes to {method} {path}", status=status)
        return body

    def _failed(self, why: str) -> ConnectError:
        return ConnectError(f"cannot ask {self.origin}: {why}", url=str(self.origin))

    def _open(self) -> aiohttp.ClientSession:
        try:
            import aiohttp
        except ImportError as error:
            raise ImportError("this venue needs REST: pip install 'csbook[trade]'") from error
        source = self._route.source_address
        connector = aiohttp.TCPConnector(limit=8, local_addr=None if source is None else (source[0], 0))
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=self._within),
            loop=asyncio.get_running_loop(),
        )
