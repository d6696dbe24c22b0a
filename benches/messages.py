"""The courses: real messages where a recording is at hand, seeded ones otherwise, each with the judge's answers.

Two shapes. A snapshot is CoinSwitch's ``depth<N>``: ``{"lastUpdateId":..,"bids":[[p,q],..],"asks":[..]}`` with eight
decimals. A change is Binance's USD-M diff in its stream envelope, chained by ``pu``. A lap has the same content every
time and new update ids, so that no contender may skip it as old; after a lap of changes one more change, not timed,
takes the book back to where the lap began. So a book lives through all laps and is as aged as it gets.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from benches.judge import JudgeBook
from benches.words import Answer, Levels

SEED = 20_240_808
FIRST_ID = 5_000_000_000_000
RECORDING = Path(__file__).resolve().parents[2] / "shared" / "data" / "binance_usdm" / "hftbacktest_btcusdt_20240808.gz"

Pairs = list[list[str]]


def decimal_text(value: int, decimals: int) -> str:
    return f"{value // 10**decimals}.{value % 10**decimals:0{decimals}d}"


def packed(pairs: Pairs) -> str:
    return json.dumps(pairs, separators=(",", ":"))


class Snapshots:
    """``count`` different books of ``levels`` a side, around a price that walks."""

    repeats = 1

    def __init__(self, levels: int, count: int) -> None:
        rng = random.Random(SEED + levels)
        middle = 3_014_999
        self.tails: list[bytes] = []
        for _ in range(count):
            middle += rng.randint(-150, 150)
            bids, asks = (self._side(rng, middle, step, levels) for step in (-1, 1))
            self.tails.append(f',"bids":{packed(bids)},"asks":{packed(asks)}}}'.encode())
        judge = JudgeBook()
        self.answers: list[Answer] = [judge.feed(message) for message in self.lap(0)]
        self.final: tuple[Levels, Levels] | None = judge.levels()

    @staticmethod
    def _side(rng: random.Random, price: int, step: int, levels: int) -> Pairs:
        side = []
        for _ in range(levels):
            price += step * rng.randint(1, 4)
            size = int(rng.expovariate(1 / 250_000_000)) + 1  # one digit before the point, in 2 % of the levels two
            side.append([decimal_text(price * 10**6, 8), decimal_text(size, 8)])
        return side

    def lap(self, number: int) -> list[bytes]:
        first = FIRST_ID + number * len(self.tails)
        return [b'{"lastUpdateId":%d%b' % (first + at, tail) for at, tail in enumerate(self.tails)]

    def rewind(self, number: int) -> bytes | None:
        return None


class Changes:
    """A book to start from, and the changes of a lap."""

    repeats = 1
    SPAN = 50  # ids that a change covers

    def __init__(self, bids: Pairs, asks: Pairs, changes: list[tuple[Pairs, Pairs]], origin: str) -> None:
        judge = JudgeBook()
        judge.snapshot(bids, asks)
        begin = (dict(judge.bids), dict(judge.asks))
        before = judge.touch()
        self.start = f'{{"lastUpdateId":{FIRST_ID},"bids":{packed(bids)},"asks":{packed(asks)}}}'.encode()
        self.tails = [f'"b":{packed(bid)},"a":{packed(ask)}}}}}'.encode() for bid, ask in changes]
        self.answers: list[Answer] = []
        moved = 0
        for bid, ask in changes:
            judge.delta(bid, ask)
            touch = judge.touch()
            moved += touch != before
            before = touch
            self.answers.append(touch)
        self.final: tuple[Levels, Levels] | None = judge.levels()
        back = [self._way_back(now, then) for now, then in zip((judge.bids, judge.asks), begin, strict=True)]
        self.tails.append(f'"b":{packed(back[0])},"a":{packed(back[1])}}}}}'.encode())
        sizes = [Decimal(pair[1]) for change in changes for side in change for pair in side]
        count, size = len(changes), sum(map(len, self.lap(0)))
        self.about = (
            f"{origin}; {count} messages of {len(sizes) / count:.0f} changes and {size / count:.0f} bytes on average, "
            f"{sizes.count(Decimal(0)) / len(sizes):.0%} deletes, the touch moves in {moved / count:.0%}; "
            f"{len(bids):,} + {len(asks):,} levels"
        )

    @staticmethod
    def _way_back(now: dict[Decimal, Decimal], then: dict[Decimal, Decimal]) -> Pairs:
        gone = [[str(price), "0"] for price in now if price not in then]
        return gone + [[str(price), str(size)] for price, size in then.items() if now.get(price) != size]

    def _message(self, index: int, tail: bytes) -> bytes:
        before = FIRST_ID + index * self.SPAN
        return (
            b'{"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","E":1723161256299,"T":1723161256298,'
            b'"s":"BTCUSDT","U":%d,"u":%d,"pu":%d,%b' % (before + 1, before + self.SPAN, before, tail)
        )

    def lap(self, number: int) -> list[bytes]:
        first = number * len(self.tails)
        return [self._message(first + at, tail) for at, tail in enumerate(self.tails[:-1])]

    def rewind(self, number: int) -> bytes | None:
        return self._message((number + 1) * len(self.tails) - 1, self.tails[-1])


class Market:
    """A book that lives by dice, in ticks: what is changed, how far from the touch and how often the touch moves."""

    def __init__(self, levels: int, seed: int) -> None:
        self.rng = random.Random(seed)
        self.levels = levels
        self.sides: list[list[int]] = []  # best first, in ticks
        for step in (-1, 1):
            price = 618_000
            side = []
            for _ in range(levels):
                price += step * self.rng.randint(1, 4)
                side.append(price)
            self.sides.append(side)

    def pair(self, ticks: int, size: int) -> list[str]:
        return [decimal_text(ticks * 10, 2), decimal_text(size, 3)]

    def size(self) -> int:
        return int(self.rng.expovariate(1 / 900)) + 1

    def snapshot(self) -> tuple[Pairs, Pairs]:
        bids, asks = ([self.pair(ticks, self.size()) for ticks in side] for side in self.sides)
        return bids, asks

    def move_touch(self) -> tuple[int, int, int]:
        """The best level of a side goes, or a better one comes: (side, ticks, size)."""
        which = self.rng.randrange(2)
        side, step = self.sides[which], (-1, 1)[which]
        spread = self.sides[1][0] - self.sides[0][0]
        if spread > 1 and (spread > 6 or self.rng.random() < 0.5):
            side.insert(0, side[0] - step * self.rng.randint(1, min(spread - 1, 3)))
            return which, side[0], self.size()
        return which, side.pop(0), 0

    def elsewhere(self, deletes: float, reach: int) -> tuple[int, int, int]:
        """A change below the touch, its distance log-uniform: mostly near, some far."""
        which = self.rng.randrange(2)
        side, step = self.sides[which], (-1, 1)[which]
        rank = min(int(reach ** self.rng.random()), len(side) - 1)
        dice = self.rng.random()
        if dice < deletes and len(side) > self.levels * 0.9:
            return which, side.pop(rank), 0
        ticks = side[rank] + step
        vacant = rank + 1 == len(side) or side[rank + 1] != ticks
        if vacant and dice < 2 * deletes and len(side) < self.levels * 1.1:
            side.insert(rank + 1, ticks)
            return which, ticks, self.size()
        return which, side[rank], self.size()

    def change(self, count: int, touch: float, deletes: float, reach: int) -> tuple[Pairs, Pairs]:
        """One message of ``count`` different prices, in the venue's order: rising."""
        changed: dict[tuple[int, int], int] = {}
        if self.rng.random() < touch:
            which, ticks, size = self.move_touch()
            changed[which, ticks] = size
        while len(changed) < count:
            which, ticks, size = self.elsewhere(deletes, reach)
            changed[which, ticks] = size
        bids, asks = (
            [self.pair(ticks, size) for (which, ticks), size in sorted(changed.items()) if which == wanted]
            for wanted in (0, 1)
        )
        return bids, asks


def seeded_changes(count: int, levels: int = 1000) -> Changes:
    """About 21 changes a message, 5 to 60, on a book of ``levels`` a side."""
    market = Market(levels, SEED + levels)
    bids, asks = market.snapshot()
    changes = []
    for _ in range(count):
        number = min(5 + int(market.rng.expovariate(1 / 17)), 60)
        changes.append(market.change(number, touch=0.38, deletes=0.16, reach=levels))
    return Changes(bids, asks, changes, f"seeded ({SEED + levels})")


def near_touch_changes(count: int, levels: int) -> Changes:
    """One change a message, among the best eight levels of a book of ``levels`` a side."""
    market = Market(levels, SEED)
    bids, asks = market.snapshot()
    changes = [market.change(1, touch=0.2, deletes=0.2, reach=8) for _ in range(count)]
    return Changes(bids, asks, changes, f"seeded ({SEED})")


def _recorded(limit: int) -> Iterator[dict[str, object]]:
    """The REST snapshot, then the diffs that follow it."""
    snapshot_id: int | None = None
    with gzip.open(RECORDING, "rb") as lines:
        for line in lines:
            body = line.partition(b" ")[2]
            if body.startswith(b'{"lastUpdateId"'):
                snapshot = json.loads(body)
                snapshot_id = snapshot["lastUpdateId"]
                yield snapshot
            elif snapshot_id is not None and b'"e":"depthUpdate"' in body[:80]:
                data = json.loads(body)["data"]
                if data["u"] >= snapshot_id:
                    yield data
                    limit -= 1
                    if limit == 0:
                        return


def recorded_changes(count: int, aged: int) -> Changes | None:
    """``count`` real diffs on the book that ``aged`` of them made; None where the recording is not at hand."""
    if not RECORDING.is_file():
        return None
    judge = JudgeBook()
    changes: list[tuple[Pairs, Pairs]] = []
    start: tuple[Pairs, Pairs] = ([], [])
    for at, body in enumerate(_recorded(aged + count)):
        bids, asks = body.get("b", body.get("bids")), body.get("a", body.get("asks"))
        assert isinstance(bids, list)
        assert isinstance(asks, list)
        if at > aged:
            changes.append((bids, asks))
            continue
        judge.delta(bids, asks)
        if at == aged:
            start = (
                [[str(price), str(judge.bids[price])] for price in sorted(judge.bids, reverse=True)],
                [[str(price), str(judge.asks[price])] for price in sorted(judge.asks)],
            )
    return Changes(*start, changes, "Binance USD-M BTCUSDT, 2024-08-08, ids renumbered")
