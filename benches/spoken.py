"""The same seeded market in the words of each venue: what one message of each dialect costs from bytes to touch.

The shapes are those of the venues' own messages: Bybit's delta in its topic, KuCoin's one change as text, the packet
of Socket.IO, one book of the NATS subject. A lap is like the laps of ``messages``: content the same, ids rising.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal

from benches.judge import JudgeBook
from benches.messages import FIRST_ID, SEED, Changes, Market, Pairs, Snapshots, packed
from benches.words import Answer, Levels

__all__ = ["SPOKEN", "Spoken"]


class Spoken:
    """A start, and a lap of messages in one dialect. ``say(id, bids, asks)`` writes one."""

    repeats = 1

    def __init__(
        self,
        about: str,
        say: Callable[[int, Pairs, Pairs], bytes],
        start: bytes | None,
        changes: list[tuple[Pairs, Pairs]],
        begin: tuple[Pairs, Pairs] = ([], []),
    ) -> None:
        self.start = start
        self._say = say
        judge = JudgeBook()
        judge.snapshot(*begin)
        before = (dict(judge.bids), dict(judge.asks))
        self.answers: list[Answer] = []
        for bids, asks in changes:
            if start is None:
                judge.snapshot(bids, asks)
            else:
                judge.delta(bids, asks)
            self.answers.append(judge.touch())
        self.final: tuple[Levels, Levels] | None = judge.levels()
        self._changes = changes
        self._back: list[tuple[Pairs, Pairs]] = []
        if start is not None and (judge.bids, judge.asks) != before:
            back = [Changes._way_back(now, then) for now, then in zip((judge.bids, judge.asks), before, strict=True)]
            self._back = [(back[0], back[1])]
        size = sum(map(len, self.lap(0))) / len(changes)
        self.about = f"seeded ({SEED}); {about}, {size:.0f} bytes on average"

    def _first(self, number: int) -> int:
        return FIRST_ID + 1 + number * (len(self._changes) + len(self._back))

    def lap(self, number: int) -> list[bytes]:
        first = self._first(number)
        return [self._say(first + at, bids, asks) for at, (bids, asks) in enumerate(self._changes)]

    def rewind(self, number: int) -> bytes | None:
        if not self._back:
            return None
        assert len(self._back) == 1
        return self._say(self._first(number) + len(self._changes), *self._back[0])


def _bybit(number: int, bids: Pairs, asks: Pairs, kind: str = "delta") -> bytes:
    data = f'{{"s":"BTCUSDT","b":{packed(bids)},"a":{packed(asks)},"u":{number},"seq":66544703342}}'
    head = f'{{"topic":"orderbook.50.BTCUSDT","type":"{kind}","ts":1687940967466,"data":'
    return f'{head}{data},"cts":1687940967464}}'.encode()


def _kucoin(number: int, bids: Pairs, asks: Pairs) -> bytes:
    side, (price, size) = ("buy", bids[0]) if bids else ("sell", asks[0])
    data = f'{{"sequence":{number},"change":"{price},{side},{size}","timestamp":1731897467182}}'
    head = '{"topic":"/contractMarket/level2:XBTUSDTM","type":"message","subject":"level2"'
    return f'{head},"sn":{number},"data":{data}}}'.encode()


def _sio(number: int, bids: Pairs, asks: Pairs) -> bytes:
    book = f'{{"s":"BTCUSDT","timestamp":{number},"bids":{packed(bids)},"asks":{packed(asks)}}}'
    return f'42/exchange_2,["FETCH_ORDER_BOOK_CS_PRO",{book}]'.encode()


def _hft(number: int, bids: Pairs, asks: Pairs) -> bytes:
    levels = f'"b":{packed(bids)},"a":{packed(asks)}'
    return f'{{"t":{number},"m":"BTC/USDT",{levels},"e":"COINSWITCHX","E":{number - 2}}}'.encode()


def _snapshots(count: int) -> list[tuple[Pairs, Pairs]]:
    course = Snapshots(20, count)
    books = [json.loads(message) for message in course.lap(0)]
    return [(book["bids"], book["asks"]) for book in books]


def bybit(count: int) -> Spoken:
    """About six changes a message on a book of 50 levels a side."""
    market = Market(50, SEED)
    bids, asks = market.snapshot()
    changes = [market.change(6, touch=0.3, deletes=0.2, reach=50) for _ in range(count)]
    start = _bybit(FIRST_ID, bids, asks, "snapshot")
    return Spoken("deltas of 6 changes on 50 levels", _bybit, start, changes, (bids, asks))


def kucoin(count: int) -> Spoken:
    """One change a message on a book of 500 levels a side; the last one takes the first back."""
    market = Market(500, SEED)
    bids, asks = market.snapshot()
    changes: list[tuple[Pairs, Pairs]] = []
    judge = JudgeBook()
    judge.snapshot(bids, asks)
    for _ in range(count // 2):  # each change, and then what undoes it: a lap ends where it began
        made = market.change(1, touch=0.0, deletes=0.0, reach=50)
        side, pairs = (0, made[0]) if made[0] else (1, made[1])
        held = (judge.bids, judge.asks)[side].get(Decimal(pairs[0][0]), Decimal(0))
        undone: Pairs = [[pairs[0][0], str(held)]]
        changes += [made, (undone, []) if side == 0 else ([], undone)]
    rest = {"sequence": FIRST_ID, "symbol": "XBTUSDTM", "bids": bids, "asks": asks, "ts": 1}
    start = json.dumps({"code": "200000", "data": rest}).encode()
    return Spoken("one change a message on 500 levels", _kucoin, start, changes, (bids, asks))


def sio(count: int) -> Spoken:
    return Spoken("packets of 20 levels a side", _sio, None, _snapshots(count))


def hft(count: int) -> Spoken:
    return Spoken("books of 20 levels a side", _hft, None, _snapshots(count))


SPOKEN: dict[str, tuple[str, Callable[[int], Spoken], float]] = {
    "bybit": ("BTCUSDT", bybit, 0.5),
    "kucoin": ("XBTUSDTM", kucoin, 0.35),
    "coinswitch-sio": ("BTCUSDT", sio, 0.15),
    "coinswitch-hft": ("BTC/USDT", hft, 0.15),
}
