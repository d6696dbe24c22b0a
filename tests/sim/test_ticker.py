from __future__ import annotations

from decimal import Decimal

from csbook.sim.market import Instrument
from csbook.sim.recording import Deal
from csbook.sim.ticker import Ticker

IT = Instrument("XUSDT", 10, 2, 3, 0, 0, 0)


def deal(price: int, size: int) -> Deal:
    return Deal(0, 0, 1, price, size, True)


def test_one_trade() -> None:
    ticker = Ticker(IT)
    assert (ticker.trades, ticker.fresh) == (0, False)
    ticker.add(deal(300, 500))
    assert (ticker.trades, ticker.fresh) == (1, True)
    assert ticker.message(99) == {
        "e": "24hrTicker",
        "E": 99,
        "s": "XUSDT",
        "p": "0.00",
        "P": "0.000",
        "w": "30.00",
        "c": "30.00",
        "Q": "0.500",
        "o": "30.00",
        "h": "30.00",
        "l": "30.00",
        "v": "0.500",
        "q": "15.00000",
    }


def test_rolling() -> None:
    ticker = Ticker(IT)
    for price, size in ((300, 1000), (310, 2000), (290, 500), (297, 250)):
        ticker.add(deal(price, size))
    said = ticker.message(1)
    base = Decimal("3.750")
    quote = 30 * Decimal(1) + 31 * Decimal(2) + 29 * Decimal("0.5") + Decimal("29.7") * Decimal("0.25")
    assert (said["o"], said["h"], said["l"], said["c"], said["Q"]) == ("30.00", "31.00", "29.00", "29.70", "0.250")
    assert (said["p"], said["P"]) == ("-0.30", "-1.000")
    assert Decimal(str(said["v"])) == base
    assert Decimal(str(said["q"])) == quote
    assert Decimal(str(said["w"])) == (quote / base).quantize(Decimal("0.01"))
