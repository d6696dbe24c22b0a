"""Requests that are with the kernel when they are sent, and not in the loop's next turn.

aiohttp writes head and body in a task. From Python 3.12 on it starts that task at once; before, the task has to wait
for its turn, behind whatever else the loop has to do: a burst of market data, say.
"""

from __future__ import annotations

import sys
from collections.abc import Coroutine, Generator
from types import coroutine
from typing import Any

try:
    import aiohttp
except ImportError:
    raise ImportError("trading needs aiohttp: pip install 'csbook[trade]'") from None

__all__ = ["PromptRequest", "begun"]


class PromptRequest(aiohttp.ClientRequest):
    """For ``ClientSession(request_class=...)``: writes its body while it is sent, on any Python."""

    if sys.version_info < (3, 12):

        def write_bytes(self, *arguments: Any, **named: Any) -> Coroutine[Any, Any, None]:
            return begun(super().write_bytes(*arguments, **named))


def begun(work: Coroutine[Any, Any, None]) -> Coroutine[Any, Any, None]:
    """Run a coroutine until it waits for something; the coroutine that is returned does the rest.

    Raises what it raises until then.
    """
    try:
        awaited = work.send(None)
    except StopIteration:
        return _nothing()
    return _rest(work, awaited)


async def _nothing() -> None:
    pass


async def _rest(work: Coroutine[Any, Any, None], awaited: Any) -> None:
    await _resumed(work, awaited)


@coroutine
def _resumed(work: Coroutine[Any, Any, None], awaited: Any) -> Generator[Any, Any, None]:
    while True:
        thrown: BaseException | None = None
        sent = None
        try:
            sent = yield awaited
        except GeneratorExit:
            work.close()
            raise
        except BaseException as error:
            thrown = error
        try:
            awaited = work.send(sent) if thrown is None else work.throw(thrown)
        except StopIteration:
            return
