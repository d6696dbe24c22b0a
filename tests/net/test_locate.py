from __future__ import annotations

import json
from typing import Any

import pytest

from csbook.errors import ConnectError
from csbook.net.fetch import Fetcher
from csbook.net.locate import Address, bullet
from csbook.net.origin import http_origin, websocket_origin

SERVER = {"endpoint": "wss://ws.example.com/", "protocol": "websocket", "pingInterval": 18000, "pingTimeout": 10000}


class Answering(Fetcher):
    """A venue that says what it is told; the wire is test_fetch's business."""

    def __init__(self, answer: Any) -> None:
        super().__init__(http_origin("http://127.0.0.1:1"))
        self.answer = answer
        self.asked: list[str] = []

    async def post(self, path: str) -> bytes:
        self.asked.append(path)
        return json.dumps(self.answer).encode()


def token(**server: Any) -> dict[str, Any]:
    return {"code": "200000", "data": {"token": "a/b+c", "instanceServers": [SERVER | server]}}


async def test_each_dial_has_a_token_of_its_own() -> None:
    fetcher = Answering(token())
    locate = bullet(fetcher, "/bullet", None)
    first, second = await locate(), await locate()
    assert fetcher.asked == ["/bullet", "/bullet"]
    assert first.url.startswith("wss://ws.example.com/?token=a%2Fb%2Bc&connectId=")
    assert first.url != second.url
    assert first.options == {"ping_interval": 18.0, "ping_timeout": 10.0}


async def test_another_host_may_be_wanted() -> None:
    locate = bullet(Answering(token()), "/bullet", websocket_origin("ws://127.0.0.1:7/lead"))
    assert (await locate()).url.startswith("ws://127.0.0.1:7/lead/?token=")


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({}, "token"),
        ({"data": {"token": "t", "instanceServers": []}}, "token"),
        (token(pingInterval="18000"), "token"),
        (token(pingInterval=0), "token"),
        (token(endpoint="ws://ws.example.com/"), "not encrypted"),
        (token(endpoint=5), "endpoint"),
        ([], "token"),
    ],
)
async def test_an_answer_that_is_none(answer: Any, text: str) -> None:
    with pytest.raises(ConnectError, match=text):
        await bullet(Answering(answer), "/bullet", None)()


def test_a_token_is_not_shown() -> None:
    assert "secret" not in repr(Address("wss://x/?token=secret"))
