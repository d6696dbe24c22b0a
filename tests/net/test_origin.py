from __future__ import annotations

import pytest

from csbook.errors import UsageError
from csbook.net.origin import http_origin, websocket_origin

PATH = "/pro/realtime-rates-socket/futures/{stream}"


def test_the_dialect_appends_its_path() -> None:
    origin = websocket_origin("wss://api-trading.coinswitch.co")
    expected = "wss://api-trading.coinswitch.co/pro/realtime-rates-socket/futures/btcusdt@depth20"
    assert origin.url(PATH, stream="btcusdt@depth20") == expected
    assert str(origin) == "wss://api-trading.coinswitch.co"


def test_a_leading_path_stays() -> None:
    origin = websocket_origin("wss://relay.example:8443/a/b/")
    assert origin.url("/ws/{stream}", stream="!ticker@arr") == "wss://relay.example:8443/a/b/ws/!ticker@arr"
    assert str(origin) == "wss://relay.example:8443"


@pytest.mark.parametrize("host", ["127.0.0.1:81", "127.8.9.1", "localhost:5", "[::1]:7"])
def test_plain_is_for_loopback(host: str) -> None:
    assert str(websocket_origin(f"ws://{host}")) == f"ws://{host}"
    assert str(http_origin(f"http://{host}")) == f"http://{host}"


@pytest.mark.parametrize("host", ["example.com", "10.0.0.1", "localhost.example.com", "0.0.0.0", "[::2]"])
def test_and_for_nothing_else(host: str) -> None:
    with pytest.raises(UsageError, match="not encrypted"):
        websocket_origin(f"ws://{host}")
    with pytest.raises(UsageError, match=r"rest_url .* not encrypted"):
        http_origin(f"http://{host}")


@pytest.mark.parametrize(
    "text",
    [
        "", "btcusdt", "https://x.y", "wss://", "wss:///path", "ftp://x.y", "wss://x.y?a=1", "wss://x.y/#z", "wss://x.y:port",
        "wss://x.y:99999", "wss://x y", "wss://x.y/{stream}", "wss://ü.example", "wss://[::1",
    ],
)  # fmt: skip
def test_no_origin(text: str) -> None:
    with pytest.raises(UsageError, match="expected wss://"):
        websocket_origin(text)


def test_a_password_is_refused_and_not_repeated() -> None:
    with pytest.raises(UsageError) as caught:
        websocket_origin("wss://me:hunter2@x.y")
    assert "hunter2" not in str(caught.value)
