"""The low-latency surface's table against the fact sheet (sections 6.2 and 6.3)."""

from __future__ import annotations

import pytest

from csbook.venues.coinswitch_hft import DIALECT


@pytest.mark.parametrize(
    ("symbol", "spelled"),
    [("BTCUSDT", "BTC/USDT"), ("btc/usdt", "BTC/USDT"), ("SOLINR", "SOL/INR"), ("USDT", "USDT"), ("XYZ", "XYZ")],
)
def test_spelling(symbol: str, spelled: str) -> None:
    assert DIALECT.spell(symbol) == spelled
    assert DIALECT.streams("book", symbol) == (f"v1.f.public.futures.depth-update.{spelled}",)


def test_the_documented_address_and_what_is_not_documented() -> None:
    assert DIALECT.ws_origin + DIALECT.path("book") == "wss://pc-nats-prod.coinswitch.co/"
    assert DIALECT.channels == ("book",)
    assert not DIALECT.sequenced and DIALECT.official
