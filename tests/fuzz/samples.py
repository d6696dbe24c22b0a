"""A small seeded market that says what happens in it the way a venue would: coherent messages to damage.

One ``Market`` is one symbol of one dialect. ``message()`` moves the market and says so; ``snapshot()`` is the whole
book now, as the venue's REST interface or, on ``bybit``, its stream would give it. It shares no code with csbook.
"""

from __future__ import annotations

import json
import random
from decimal import Decimal
from typing import Any

TICK = Decimal("0.1")
MIDDLE = 30_000
DIALECTS = ("coinswitch", "binance", "bybit", "kucoin", "coinswitch-sio", "coinswitch-hft")


class Market:
    """The book of one symbol as dicts of decimal text, moved by a generator."""

    def __init__(self, rng: random.Random, dialect: str, symbol: str, *, depth: int = 20, named: bool = False) -> None:
        self.rng = rng
        self.dialect = dialect
        self.symbol = symbol
        self.depth = depth
        self.named = named
        self.id = rng.randint(1_000, 10_000_000)
        self.time_ms = 1_700_000_000_000
        self.bids: dict[int, str] = {}
        self.asks: dict[int, str] = {}
        self.middle = MIDDLE
        self.begun = False
        for step in range(depth + 10):
            self.bids[self.middle - 1 - step] = self._size()
            self.asks[self.middle + 1 + step] = self._size()

    def _size(self) -> str:
        return f"{self.rng.randint(1, 99_999) / 1000:.3f}"

    @staticmethod
    def _price(ticks: int) -> str:
        return str(ticks * TICK)

    def _levels(self, side: dict[int, str], best_first: list[int]) -> list[list[str]]:
        return [[self._price(ticks), side[ticks]] for ticks in best_first[: self.depth]]

    def _sides(self) -> tuple[list[list[str]], list[list[str]]]:
        return (
            self._levels(self.bids, sorted(self.bids, reverse=True)),
            self._levels(self.asks, sorted(self.asks)),
        )

    def _move(self) -> tuple[list[list[str]], list[list[str]]]:
        """Change a few levels; the changes as a venue would tell them."""
        changes: tuple[list[list[str]], list[list[str]]] = ([], [])
        for told, side, sign in ((changes[0], self.bids, -1), (changes[1], self.asks, 1)):
            steps = {1 + int(self.rng.expovariate(0.2)) for _ in range(self.rng.randint(0, 5))}
            for ticks in (self.middle + sign * step for step in sorted(steps)):
                if self.rng.random() < 0.3 and len(side) > 2:
                    side.pop(ticks, None)
                    told.append([self._price(ticks), self.rng.choice(("0", "0.000"))])
                else:
                    side[ticks] = self._size()
                    told.append([self._price(ticks), side[ticks]])
        return changes

    def _text(self, message: dict[str, Any], stream: str) -> bytes:
        value: Any = {"stream": stream, "data": message} if self.named else message
        return json.dumps(value, separators=(",", ":") if self.rng.random() < 0.9 else None).encode()

    def message(self) -> bytes:
        """The next message: mostly of the book, now and then of something else."""
        self.time_ms += self.rng.randint(1, 200)
        kind = self.rng.random()
        if self.dialect == "coinswitch-sio":
            return self._packet(kind)
        if self.dialect == "coinswitch-hft":
            return self._list(kind)
        if kind < 0.06:
            return self._trade()
        if kind < 0.12 and self.dialect == "binance":
            return self._quote()
        if kind < 0.08:
            return json.dumps({"result": None, "id": self.rng.randint(1, 9)}).encode()
        return self.depth_message()

    def depth_message(self) -> bytes:
        """The next message of the book itself."""
        if self.dialect == "binance":
            return self._diff()
        if self.dialect == "bybit":
            return self._bybit()
        if self.dialect == "kucoin":
            return self._kucoin()
        if self.dialect == "coinswitch-sio":
            return self._packet(1.0)
        if self.dialect == "coinswitch-hft":
            return self._list(0.2)
        return self._whole()

    def _whole(self) -> bytes:
        self._move()
        self.id += self.rng.randint(0, 3)
        bids, asks = self._sides()
        return self._text(
            {"lastUpdateId": self.id, "bids": bids, "asks": asks}, f"{self.symbol.lower()}@depth{self.depth}"
        )

    def _packet(self, kind: float) -> bytes:
        """A Socket.IO packet, or the bare payload of an event: a book in one of its shapes, or none."""
        if kind < 0.06:
            return self.rng.choice((b"2", b'40/exchange_2,{"sid":"a"}', b"41/exchange_2,", b"43/exchange_2,7[]"))
        self._move()
        bids, asks = self._sides()
        name, word = "FETCH_ORDER_BOOK_CS_PRO", self.rng.choice(("s", "symbol", "pair"))
        message: dict[str, Any] = {word: self.symbol, "timestamp": self.time_ms, "bids": bids, "asks": asks}
        if kind < 0.10:
            message = {"success": True}
        elif kind < 0.14:
            name, message = "FETCH_TRADES_CS_PRO", {"E": self.time_ms, "p": bids[0][0], "q": "1", "s": self.symbol}
        elif kind < 0.40:
            message = {"data": message}
        elif kind < 0.50:
            message = {"b": message.pop("bids"), "a": message.pop("asks")} | message
        separators = (",", ":") if self.rng.random() < 0.8 else None
        if self.rng.random() < 0.3:
            return json.dumps(message, separators=separators).encode()
        head = self.rng.choice(("42/exchange_2,", "42/exchange_2,", "42/exchange_2,7"))
        return (head + json.dumps([name, message], separators=separators)).encode()

    def _list(self, kind: float) -> bytes:
        """One book of the low-latency surface, or an array of some, with others' and a trade between them."""
        entries: list[dict[str, Any]] = []
        for _ in range(1 if kind < 0.3 else self.rng.randint(1, 4)):
            self._move()
            bids, asks = self._sides()
            entries.append({
                "t": self.time_ms + self.rng.randint(-20, 20), "m": self.symbol, "b": bids, "a": asks,
                "e": "COINSWITCHX", "E": self.time_ms,
            })  # fmt: skip
            if self.rng.random() < 0.1:
                entries.append({"t": 0, "e": "COINSWITCHX", "m": "XRP/USDT", "p": "1.5", "q": "2"})
        separators = (",", ":") if self.rng.random() < 0.8 else None
        return json.dumps(entries[0] if kind < 0.3 else entries, separators=separators).encode()

    def _diff(self) -> bytes:
        first, before = self.id + 1, self.id
        bids, asks = self._move()
        self.id += self.rng.randint(1, 4)
        return self._text(
            {
                "e": "depthUpdate", "E": self.time_ms, "T": self.time_ms - 1, "s": self.symbol,
                "U": first, "u": self.id, "pu": before, "b": bids, "a": asks,
            },
            f"{self.symbol.lower()}@depth",
        )  # fmt: skip

    def _bybit(self) -> bytes:
        """A change; the first message, and now and then another, is a snapshot."""
        if not self.begun or self.rng.random() < 0.03:
            self._move()
            self.id += 1
            return self.snapshot()
        bids, asks = self._move()
        self.id += 1
        return self._orderbook("delta", bids, asks)

    def _orderbook(self, kind: str, bids: list[list[str]], asks: list[list[str]]) -> bytes:
        self.begun = True
        data = {"s": self.symbol, "b": bids, "a": asks, "u": self.id, "seq": self.id * 7}
        topic = f"orderbook.50.{self.symbol}"
        return json.dumps({"topic": topic, "type": kind, "ts": self.time_ms, "data": data, "cts": 1}).encode()

    def _kucoin(self) -> bytes:
        """One change, as text; now and then one without a price, which only counts."""
        buys = self.rng.random() < 0.5
        ticks = self.middle + (-1 if buys else 1) * (1 + int(self.rng.expovariate(0.2)))
        side = self.bids if buys else self.asks
        price, size = self._price(ticks), "0"
        if self.rng.random() < 0.05:
            price = "0"
        elif self.rng.random() < 0.3 and len(side) > 2:
            side.pop(ticks, None)
        else:
            size = side[ticks] = self._size()
        self.id += 1
        data = {"sequence": self.id, "change": f"{price},{'buy' if buys else 'sell'},{size}", "timestamp": self.time_ms}
        topic = f"/contractMarket/level2:{self.symbol}"
        return json.dumps({"topic": topic, "type": "message", "subject": "level2", "sn": 5, "data": data}).encode()

    def _quote(self) -> bytes:
        bids, asks = self._sides()
        return self._text(
            {
                "e": "bookTicker", "u": self.id, "s": self.symbol, "b": bids[0][0], "B": bids[0][1],
                "a": asks[0][0], "A": asks[0][1], "T": self.time_ms - 1, "E": self.time_ms,
            },
            f"{self.symbol.lower()}@bookTicker",
        )  # fmt: skip

    def _trade(self) -> bytes:
        return self._text(
            {
                "e": "trade", "E": self.time_ms, "s": self.symbol, "t": self.rng.randint(1, 10**9),
                "p": self._price(self.middle), "q": self._size(), "b": 88, "a": 92, "T": self.time_ms - 1,
                "m": self.rng.random() < 0.5,
            },
            f"{self.symbol.lower()}@trade",
        )  # fmt: skip

    def snapshot(self) -> bytes:
        """The whole book now."""
        bids, asks = self._sides()
        if self.dialect == "bybit":
            return self._orderbook("snapshot", bids, asks)
        if self.dialect == "kucoin":
            data = {"sequence": self.id, "symbol": self.symbol, "bids": bids, "asks": asks, "ts": self.time_ms * 10**6}
            return json.dumps({"code": "200000", "data": data}).encode()
        message: dict[str, Any] = {"lastUpdateId": self.id, "bids": bids, "asks": asks}
        if self.dialect == "binance":
            message |= {"E": self.time_ms, "T": self.time_ms - 1}
        return json.dumps(message).encode()
