"""The trading table of the HFT surface: V5's shapes under the official signature, and a stream that cannot be had."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from csbook.credentials import Credentials, Secret
from csbook.errors import OrderRefused, UsageError
from csbook.json import dumps
from csbook.types import OrderStatus, Side
from csbook.venues import trading_table
from csbook.venues.coinswitch_hft import DIALECT
from csbook.venues.coinswitch_hft_trading import TRADING
from csbook.venues.trading import Draft, Trading
from csbook.wire.request import Verdict
from v5_samples import ORDER

DRAFT = Draft("BTCUSDT", Side.BUY, "LIMIT", "0.001", "15000", "my-order-1")


def test_it_is_found_by_name() -> None:
    table: Trading = trading_table("coinswitch-hft")
    assert table is TRADING and (table.name, table.title) == (DIALECT.name, DIALECT.title)


def test_the_official_signature_over_the_path() -> None:
    ed25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
    seed = bytes(range(32))
    keys = Credentials("the-public-half", seed.hex())
    public = ed25519.Ed25519PrivateKey.from_private_bytes(seed).public_key()
    for request, text in (
        (TRADING.place(DRAFT), b"POST/v5/order/create1756460688504"),
        (
            TRADING.order("BTCUSDT", client_order_id="my-order-1"),
            b"GET/v5/order/realtime?category=linear&symbol=BTCUSDT&orderLinkId=my-order-11756460688504",
        ),
    ):
        headers = TRADING.sign(request, keys, 1756460688504).headers
        public.verify(bytes.fromhex(headers["X-AUTH-SIGNATURE"]), text)
        assert headers["X-AUTH-EPOCH"] == "1756460688504" and headers["Content-Type"] == "application/json"
    assert TRADING.sign(TRADING.server_time(), keys, 1).headers == {}


def test_orders_are_v5s() -> None:
    body = json.loads(TRADING.place(replace(DRAFT, position_side="SHORT", reduce_only=True)).body)
    assert body == {
        "category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.001",
        "price": "15000", "timeInForce": "GTC", "positionIdx": 2, "reduceOnly": True, "orderLinkId": "my-order-1",
    }  # fmt: skip


def test_what_is_not_told_of_is_not_offered() -> None:
    for draft in (replace(DRAFT, post_only=True), replace(DRAFT, time_in_force="GTD")):
        with pytest.raises(OrderRefused):
            TRADING.place(draft)
    with pytest.raises(OrderRefused, match="cannot amend"):
        TRADING.amend(DRAFT)


def test_the_envelopes_of_the_sheet(shared_data: Path) -> None:
    folder = shared_data.parent / "venues/samples/coinswitch"
    good, bad = ((folder / f"doc_hft_rest_envelope_{name}.json").read_bytes() for name in ("ok", "error"))
    request = TRADING.place(DRAFT)
    assert TRADING.judge(request, 200, good, None) is None
    (report,) = TRADING.read_order(request, good, 7).orders
    assert (report.order_id, report.client_order_id, report.status) == (
        "1234567890", "my-order-1", OrderStatus.PENDING,
    )  # fmt: skip
    failure = TRADING.judge(request, 200, bad, None)
    assert failure is not None and (failure.verdict, failure.code) == (Verdict.REJECTED, "10001")
    assert "Invalid parameter" in failure.text
    assert TRADING.read_time(good) == 1756460688504_000_000


def test_a_403_is_the_keys() -> None:
    failure = TRADING.judge(TRADING.place(DRAFT), 403, b"", None)
    assert failure is not None and failure.verdict is Verdict.KEY and not failure.banned
    failure = TRADING.judge(TRADING.place(DRAFT), 400, b'{"message":"X-AUTH-EPOCH"}', None)
    assert failure is not None and failure.verdict is Verdict.REJECTED


def test_answers_are_v5s() -> None:
    row = {**ORDER, "orderStatus": "PartiallyFilled"}
    (report,) = TRADING.read_orders(dumps({"retCode": 0, "result": {"list": [row]}}), 7).orders
    assert (report.status, report.filled) == (OrderStatus.PARTIALLY_FILLED, Decimal(1))


def test_the_stream_names_what_is_unknown() -> None:
    for word in ("NATS login", "socket/signature", "api_key", "expires", "CONNECT", "auth_token", "fields"):
        assert word in TRADING.stream_lacks
    with pytest.raises(UsageError, match="coinswitch-hft has no private stream: its NATS login is not documented"):
        TRADING.stream_path(Secret(""))
    with pytest.raises(UsageError, match="no private stream"):
        TRADING.read_event({}, 7)
