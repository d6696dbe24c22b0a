from __future__ import annotations

import json
from decimal import Decimal

from csbook.sim.accounts import Account, Terms
from csbook.sim.desks.coinswitch_events import balance_event, expiry_event, order_event, position_event
from csbook.sim.market import Instrument
from csbook.sim.matching import Match
from csbook.sim.tickets import Ticket
from csbook.types import OrderStatus, Side

IT = Instrument("BTCUSDT", 10, 2, 3, 0, 0, 0)
AT = 1_700_000_000_123
# Every key of the guide's example (3.2.1), in its order.
GUIDE = ["s", "c", "S", "o", "f", "q", "p", "x", "X", "i", "l", "z", "L", "n", "N", "T", "t", "rp"]


def test_an_order_event_has_the_guide_s_fields_and_four_more() -> None:
    account = Account("a", Terms(maker_rate="0.0002"))
    ticket = Ticket(account, IT, 81, Side.BUY, "LIMIT", "GTC", 1000, 300_000, False, "mine", "BOTH", 1, 1)
    said = json.loads(order_event(ticket, AT))
    assert list(said) == ["e", "E", "T", "o"]
    assert (said["e"], said["E"], said["T"]) == ("ORDER_TRADE_UPDATE", AT, AT)
    assert list(said["o"]) == [*GUIDE, "m", "R", "ps", "ap"]
    assert {key: said["o"][key] for key in ("x", "X", "i", "l", "z", "t", "p", "q", "m")} == {
        "x": "NEW", "X": "NEW", "i": 81, "l": "0.000", "z": "0.000", "t": 0, "p": "30000.00", "q": "1.000", "m": False,
    }  # fmt: skip
    fill = account.apply(ticket, 300_000, 500, 12345, True, AT * 10**6)
    ticket.status = OrderStatus.PARTIALLY_FILLED
    said = json.loads(order_event(ticket, AT, fill, Match(ticket, None, 300_000, 500, 12345)))["o"]
    assert {key: said[key] for key in ("x", "X", "l", "z", "L", "n", "N", "t", "rp", "m", "ap")} == {
        "x": "TRADE", "X": "PARTIALLY_FILLED", "l": "0.500", "z": "0.500", "L": "30000.00", "n": "3", "N": "USDT",
        "t": 12345, "rp": "0", "m": True, "ap": "30000",
    }  # fmt: skip
    balance = json.loads(balance_event(account, AT))
    assert balance["a"] == {"m": "BALANCE_UPDATE", "B": [{"a": "USDT", "wb": "99997", "cw": "99997", "bc": "0"}]}
    holding = account.holding(IT, "BOTH")
    for alone in (False, True):
        position = json.loads(position_event(holding, Decimal(30010), AT, alone=alone))
        assert position["e"] == ("POSITION_UPDATE" if alone else "ACCOUNT_UPDATE")
        assert position["a"].get("m") == (None if alone else "POSITION_UPDATE")
        assert position["a"]["P"] == [
            {"s": "BTCUSDT", "pa": "0.5", "ep": "30000", "cr": "0", "up": "5", "mt": "cross", "iw": "0", "ps": "BOTH"}
        ]


def test_a_flat_position_and_the_end_of_a_key() -> None:
    account = Account("a")
    said = json.loads(position_event(account.holding(IT, "LONG"), Decimal(5), AT))["a"]["P"][0]
    assert (said["pa"], said["ep"], said["up"], said["ps"]) == ("0", "0", "0", "LONG")
    assert json.loads(expiry_event(AT)) == {"e": "listenKeyExpired", "E": AT}
