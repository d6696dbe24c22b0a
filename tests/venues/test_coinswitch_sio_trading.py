"""The trading table of the official futures API: its signature, its JSON numbers, and what it has not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from csbook.credentials import Credentials, Secret
from csbook.errors import OrderRefused, UsageError
from csbook.json import dumps
from csbook.types import OrderStatus, Side
from csbook.venues import trading_table
from csbook.venues.coinswitch_sio import DIALECT
from csbook.venues.coinswitch_sio_trading import TRADING, number
from csbook.venues.trading import Draft, Trading
from csbook.wire.request import Request, Verdict

pytest.importorskip("cryptography")
KEYS = Credentials("the-public-half", bytes(range(32)).hex())
ID = "01936474-a76f-767e-a056-ca1d41915778"
DRAFT = Draft("BTCUSDT", Side.BUY, "LIMIT", "0.010", "95000.10", ID)


def test_it_is_found_by_name() -> None:
    table: Trading = trading_table("coinswitch-sio")
    assert table is TRADING and (table.name, table.title) == (DIALECT.name, DIALECT.title)


def test_the_vectors_of_the_sheet(shared_data: Path) -> None:
    """Whatever the body: it is not signed."""
    vectors = json.loads((shared_data.parent / "venues/samples/coinswitch/signature_vectors.json").read_text())
    assert len(vectors) == 4
    for vector in vectors:
        path, _, query = vector["path"].partition("?")
        request = Request("x", vector["method"], path, query=query, body=b"whatever")
        signed = TRADING.sign(request, Credentials("key", vector["seed_hex"]), int(vector["epoch"]))
        assert signed.headers["X-AUTH-SIGNATURE"] == vector["signature_hex"]
        assert (signed.headers["X-AUTH-APIKEY"], signed.headers["X-AUTH-EPOCH"]) == ("key", vector["epoch"])
        assert signed.headers["Content-Type"] == "application/json" and signed.query == query


def test_what_is_sent_is_what_is_signed() -> None:
    orders = TRADING.sign(TRADING.place(DRAFT), KEYS, 1700000000000).headers["X-AUTH-SIGNATURE"]
    assert orders.startswith("df72ea45b2e2ccfc") and orders.endswith("32be792109")
    asked = TRADING.order("BTCUSDT", client_order_id=ID)
    by_hand = replace(asked, path=f"{asked.path}?{asked.query}", query="")
    assert TRADING.sign(asked, KEYS, 5).headers == TRADING.sign(by_hand, KEYS, 5).headers
    assert TRADING.sign(TRADING.server_time(), KEYS, 5).headers == {}


def test_an_order_has_json_numbers_digit_by_digit() -> None:
    request = TRADING.place(DRAFT)
    assert (request.method, request.path, request.command) == ("POST", "/trade/api/v2/futures/order", True)
    assert request.body == (
        b'{"exchange":"EXCHANGE_2","symbol":"BTCUSDT","side":"BUY","order_type":"LIMIT","price":95000.10,'
        b'"quantity":0.010,"reduce_only":false,"time_in_force":"GTC","client_order_id":"%b"}' % ID.encode()
    )
    market = json.loads(TRADING.place(Draft("B", Side.SELL, "MARKET", "1", None, ID, reduce_only=True)).body)
    assert market["quantity"] == 1 and market["reduce_only"] is True
    assert not {"price", "time_in_force"} & market.keys()


@pytest.mark.parametrize("text", ["1e3", "01", ".5", "5.", "-1", "1,2", "", "nan", "1} ,{", "\u0661", "1\n"])
def test_what_is_no_plain_number_is_not_sent(text: str) -> None:
    with pytest.raises(OrderRefused, match="plain decimal number") as caught:
        number(text, "price")
    assert caught.value.field == "price"
    with pytest.raises(OrderRefused):
        TRADING.place(replace(DRAFT, size=text))


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (replace(DRAFT, client_order_id="c-1"), "client_order_id"), (replace(DRAFT, post_only=True), "post_only"),
        (replace(DRAFT, position_side="LONG"), "position_side"),
    ],
)  # fmt: skip
def test_what_the_venue_has_not(draft: Draft, field: str) -> None:
    with pytest.raises(OrderRefused) as caught:
        TRADING.place(draft)
    assert caught.value.field == field
    with pytest.raises(OrderRefused, match="cannot amend"):
        TRADING.amend(DRAFT)


def test_an_order_is_cancelled_by_the_venues_id() -> None:
    assert json.loads(TRADING.cancel("BTCUSDT", order_id="5", client_order_id=ID).body) == {
        "exchange": "EXCHANGE_2",
        "order_id": "5",
    }
    with pytest.raises(OrderRefused, match="its own order id"):
        TRADING.cancel("BTCUSDT", client_order_id=ID)


def test_limits_of_polling() -> None:
    for endpoint in ("order", "open_orders", "closed_orders", "positions", "balances", "place"):
        assert (TRADING.limits[endpoint].count, TRADING.limits[endpoint].window_s) == (20, 60.0)


@pytest.mark.parametrize(
    "ask",
    [
        TRADING.new_token, TRADING.extend_token, lambda: TRADING.read_token(b"{}"),
        lambda: TRADING.stream_path(Secret("")), lambda: TRADING.read_event({}, 7),
    ],
)  # fmt: skip
def test_there_is_no_private_stream(ask: Callable[[], object]) -> None:
    assert "polled" in TRADING.stream_lacks
    with pytest.raises(UsageError, match="coinswitch-sio has no"):
        ask()


def test_the_transcribed_answers(shared_data: Path) -> None:
    folder = shared_data.parent / "venues/samples/coinswitch"

    def sample(name: str) -> bytes:
        return (folder / f"transcribed_futures_rest_{name}.json").read_bytes()

    (placed,) = TRADING.read_order(TRADING.place(DRAFT), sample("place_order"), 7).orders
    assert (placed.order_id, placed.status, placed.size) == (ID, OrderStatus.NEW, Decimal("0.01"))
    (canceled,) = TRADING.read_order(TRADING.cancel("D", order_id="5"), sample("cancel_order"), 7).orders
    assert canceled.canceling and canceled.status is OrderStatus.NEW
    (asked,) = TRADING.read_order(TRADING.order("D", order_id="5"), sample("order_status"), 7).orders
    assert (asked.status, asked.average_price) == (OrderStatus.FILLED, Decimal("0.28"))
    page = TRADING.read_orders(sample("open_orders"), 7)
    assert len(page.orders) == 1 and page.cursor_ms == 1732684383674
    assert len(TRADING.read_canceled(sample("cancel_all"))) == 2
    (position,) = TRADING.read_positions(sample("positions"), 7)
    assert (position.size, position.entry_price) == (Decimal("0.01"), Decimal(95000))
    (balance,) = TRADING.read_balances(sample("wallet_balance"), 7)
    assert (balance.asset, balance.wallet, balance.available) == ("USDT", Decimal("60960.82"), Decimal("60910.77"))
    assert TRADING.read_instruments(sample("instrument_info"), {"BTCUSDT": Decimal("0.1")})["BTCUSDT"].tick == Decimal(
        "0.1"
    )


def test_a_401_is_the_key_and_a_5xx_leaves_it_open() -> None:
    body = dumps({"message": "Invalid Access"})
    for status, verdict in ((401, Verdict.KEY), (500, Verdict.UNKNOWN), (429, Verdict.RATE), (422, Verdict.REJECTED)):
        failure = TRADING.judge(TRADING.place(DRAFT), status, body, None)
        assert failure is not None and failure.verdict is verdict
