"""Orders, fills, positions and events as Binance words them: against the fact sheet's examples, and real messages."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from csbook.sim.accounts import Account, Terms
from csbook.sim.desks import binance_words as words
from csbook.sim.exchange import News
from csbook.sim.market import Instrument
from csbook.sim.matching import Match
from csbook.sim.tickets import Ticket
from csbook.types import OrderStatus, Side

IT = Instrument("ETHUSDT", 4, 3, 2, 0, 0, 0)  # ticks of 0.004, sizes of 0.01
AT = 1_700_000_000_123
# every key of the sheet's example (4.2), but for the activation price and the callback rate of a trailing stop
SHEET = [
    "s", "c", "S", "o", "f", "q", "p", "ap", "sp", "x", "X", "i", "l", "z", "L", "N", "n", "T", "t", "b", "a", "m", "R",
    "wt", "ot", "ps", "cp", "pP", "si", "ss", "rp", "V", "pm", "gtd",
]  # fmt: skip


def ticket(account: Account | None = None, **changes: Any) -> Ticket:
    made = Ticket(
        account or Account("a"), IT, 9, Side.SELL, "LIMIT", "GTC", 300, 600_000, False, "mine", "BOTH",
        AT * 10**6, AT * 10**6,
    )  # fmt: skip
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def filled(account: Account, order: Ticket, size: int = 3) -> News:
    match = Match(order, None, 600_000, size, 77)
    fill = account.apply(order, match.price, match.size, match.id, True, AT * 10**6)
    order.status = OrderStatus.PARTIALLY_FILLED
    return News(order, "TRADE", AT, fill, match)


def test_an_order_event() -> None:
    account = Account("a", Terms(maker_rate="0.0002"))
    order = ticket(account)
    said = json.loads(words.order_event(News(order, "NEW", AT)))
    assert {key: said[key] for key in ("e", "E", "T")} == {"e": "ORDER_TRADE_UPDATE", "E": AT, "T": AT}
    assert set(said["o"]) == set(SHEET) - {"n", "N"}, "nothing was paid"
    assert {key: said["o"][key] for key in ("x", "X", "i", "l", "z", "t", "p", "q", "m", "ap")} == {
        "x": "NEW", "X": "NEW", "i": 9, "l": "0", "z": "0.00", "t": 0, "p": "2400.000", "q": "3.00", "m": False,
        "ap": "0",
    }  # fmt: skip
    said = json.loads(words.order_event(filled(account, order)))["o"]
    assert set(said) == set(SHEET)
    assert {key: said[key] for key in ("x", "X", "l", "z", "L", "n", "N", "t", "rp", "m", "ap")} == {
        "x": "TRADE", "X": "PARTIALLY_FILLED", "l": "0.03", "z": "0.03", "L": "2400.000", "n": "0.0144", "N": "USDT",
        "t": 77, "rp": "0", "m": True, "ap": "2400",
    }  # fmt: skip


def test_a_fill_in_all_its_forms() -> None:
    account = Account("a", Terms(maker_rate="0.0002"))
    news = filled(account, ticket(account, side=Side.SELL))
    lite = json.loads(words.lite_event(news))
    assert lite == {
        "e": "TRADE_LITE", "E": AT, "T": AT, "s": "ETHUSDT", "q": "3.00", "p": "2400.000", "m": True, "c": "mine",
        "S": "SELL", "L": "2400.000", "l": "0.03", "t": 77, "i": 9,
    }  # fmt: skip
    assert news.fill is not None
    row = words.fill_row(news.fill)
    assert (row["id"], row["orderId"], row["buyer"], row["maker"]) == (77, 9, False, True)
    assert (row["price"], row["qty"], row["quoteQty"], row["commission"]) == ("2400", "0.03", "72", "0.0144")
    holding = account.holding(IT, "BOTH")
    said = json.loads(words.account_event(account, holding, Decimal(2390), AT))
    assert (said["e"], said["a"]["m"]) == ("ACCOUNT_UPDATE", "ORDER")
    assert said["a"]["B"] == [{"a": "USDT", "wb": "99999.9856", "cw": "99999.9856", "bc": "0"}]
    assert said["a"]["P"] == [
        {"s": "ETHUSDT", "pa": "-0.03", "ep": "2400", "bep": "2400", "cr": "0", "up": "0.3", "mt": "cross", "iw": "0",
         "ps": "BOTH"}
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("status", "reason", "word"),
    [
        (OrderStatus.NEW, "", "NEW"),
        (OrderStatus.PARTIALLY_FILLED, "", "PARTIALLY_FILLED"),
        (OrderStatus.FILLED, "", "FILLED"),
        (OrderStatus.CANCELED, "", "CANCELED"),
        (OrderStatus.EXPIRED, "ioc", "EXPIRED"),
        (OrderStatus.EXPIRED, "self_trade", "EXPIRED_IN_MATCH"),
        (OrderStatus.REJECTED, "", "REJECTED"),
    ],
)
def test_the_words_for_a_status(status: OrderStatus, reason: str, word: str) -> None:
    order = ticket(status=status, reason=reason)
    assert words.order_row(order)["status"] == word
    assert json.loads(words.order_event(News(order, "EXPIRED", AT)))["o"]["X"] == word


def test_rows_of_an_order() -> None:
    order = ticket(status=OrderStatus.PARTIALLY_FILLED, filled=3, value=600_000 * 2 + 600_001, post_only=True)
    row = words.order_row(order)
    assert (row["avgPrice"], row["cumQuote"], row["executedQty"]) == ("2400.00133333", "72.00004", "0.03")
    assert (row["timeInForce"], row["time"], "cumQty" in row) == ("GTX", AT, False)
    command = words.order_row(order, command=True)
    assert command["cumQty"] == "0.03" and "time" not in command
    taken_in = words.order_row(order, command=True, taken_in=True)
    assert (taken_in["status"], taken_in["avgPrice"], taken_in["cumQuote"]) == ("NEW", "0", "0")
    market = words.order_row(ticket(type="MARKET", price=None))
    assert (market["price"], market["type"], market["origType"]) == ("0", "MARKET", "MARKET")


def test_what_nobody_holds() -> None:
    account = Account("a")
    row = words.position_row(account, words.nothing(IT, "LONG"), Decimal(2400))
    assert (row["positionSide"], row["positionAmt"], row["entryPrice"], row["notional"]) == ("LONG", "0.00", "0", "0")
    assert words.unrealised(words.nothing(IT, "LONG"), Decimal(5)) == 0
    assert account.holdings == {}, "asking makes no position"


def test_the_end_of_a_key_does_not_repeat_it() -> None:
    assert json.loads(words.expiry_event(AT)) == {"e": "listenKeyExpired", "E": AT}


def test_real_events_have_the_same_fields(shared_data: Path) -> None:
    """What the venue has sent when an order was filled: the fields that both have are of the same kinds."""
    with gzip.open(shared_data / "private" / "binance_usdm.tsv.gz", "rt", encoding="utf-8") as lines:
        messages = [json.loads(line.partition("\t")[2]) for line in lines]
    account = Account("a")
    news = filled(account, ticket(account))
    ours = json.loads(words.order_event(news))
    held = json.loads(words.account_event(account, account.holding(IT, "BOTH"), Decimal(2400), AT))
    seen = {"ORDER_TRADE_UPDATE": 0, "ACCOUNT_UPDATE": 0}
    for message in (message.get("data", message) for message in messages):
        if message["e"] == "ORDER_TRADE_UPDATE" and message["o"]["x"] == "TRADE":
            shared = set(message["o"]) & set(ours["o"])
            assert {key: type(message["o"][key]) for key in shared} == {key: type(ours["o"][key]) for key in shared}
            assert {"s", "c", "S", "o", "f", "q", "p", "ap", "x", "X", "i", "l", "z", "L", "n", "N", "t", "m"} <= shared
        elif message["e"] == "ACCOUNT_UPDATE" and message["a"].get("P") and message["a"].get("B"):
            rows = message["a"]
            for mine, real, least in (
                (held["a"]["P"][0], rows["P"][0], {"s", "pa", "ep"}),
                (held["a"]["B"][0], rows["B"][0], {"a", "wb"}),
            ):
                shared = set(mine) & set(real)
                assert least <= shared
                assert all(type(mine[key]) is type(real[key]) for key in shared - {"bep"})
        else:
            continue
        seen[message["e"]] += 1
    assert all(seen.values()), seen
