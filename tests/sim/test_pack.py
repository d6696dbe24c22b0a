"""The packer, on small made-up sessions: what is kept is enough, what does not join is refused."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any

import pytest

from csbook.errors import BadMessage, UsageError
from csbook.sim.pack import main, pack
from csbook.sim.recording import load
from csbook.sim.textbook import TextBook

Line = dict[str, Any]


def depth(time: int, first: int, last: int, before: int, bids: list[list[str]], asks: list[list[str]]) -> Line:
    return {
        "data": {"e": "depthUpdate", "E": time, "T": time, "U": first, "u": last, "pu": before, "b": bids, "a": asks}
    }


def trade(time: int, number: int, price: str = "10.00", size: str = "0.001") -> Line:
    return {"data": {"e": "trade", "E": time, "T": time - 1, "s": "X", "t": number, "p": price, "q": size, "m": True}}


def snapshot(time: int, last: int, bids: list[list[str]], asks: list[list[str]]) -> Line:
    return {"lastUpdateId": last, "E": time, "bids": bids, "asks": asks}


def lines(*messages: Line) -> list[bytes]:
    return [b"17 " + json.dumps(message).encode() for message in messages]


SMALL = [
    depth(1, 1, 4, 0, [], []),
    snapshot(5, 6, [["10.00", "1.000"]], [["10.10", "2.000"]]),
    depth(6, 5, 7, 4, [["10.00", "3.000"]], []),
    trade(6, 41),
    depth(8, 8, 9, 7, [], [["10.10", "0.000"], ["10.20", "1.500"]]),
    trade(9, 42, "10.20"),
]


def test_a_small_session() -> None:
    market = load(pack(lines(*SMALL)))
    assert [(c.at_ms, c.update_id, c.bids, c.asks) for c in market.changes] == [
        (0, 6, [(100, 1000)], [(101, 2000)]),
        (1, 7, [(100, 3000)], []),
        (3, 9, [], [(101, 0), (102, 1500)]),
    ]
    assert [(d.at_ms, d.lag_ms, d.id, d.price, d.size, d.buyer_is_maker) for d in market.deals] == [
        (1, 1, 41, 100, 1, True),
        (4, 1, 42, 102, 1, True),
    ]
    assert market.started_ms == 5


@pytest.mark.parametrize("seed", range(5))
def test_the_best_levels_are_exact_after_every_message(seed: int) -> None:
    rng = random.Random(seed)

    def levels(low: int, high: int, count: int, *, deleting: bool = True) -> list[list[str]]:
        prices = rng.sample(range(low, high), count)
        return [[f"{p / 10:.1f}0", f"0.00{rng.randrange(0 if deleting else 1, 4)}"] for p in prices]

    messages = [snapshot(0, 10, levels(1, 100, 60, deleting=False), levels(100, 200, 60, deleting=False))]
    for number in range(200):
        bids, asks = levels(1, 100, rng.randrange(8)), levels(100, 200, rng.randrange(8))
        messages.append(depth(number, 10 + number, 11 + number, 10 + number, bids, asks))
    messages[1]["data"]["U"] = 9
    market = load(pack(lines(*messages, trade(300, 1)), depth=5))
    whole, packed = TextBook(), TextBook()
    kept = 0
    for message, change in zip(messages, market.changes, strict=True):
        said = message.get("data", {"b": message.get("bids"), "a": message.get("asks")})
        sides = [[(round(float(p) * 10), int(q[-1])) for p, q in said[side]] for side in "ba"]
        whole.change(sides[0], sides[1], change.update_id)
        packed.change(change.bids, change.asks, change.update_id)
        assert (packed.bids(5), packed.asks(5)) == (whole.bids(5), whole.asks(5))
        assert set(change.bids) <= set(sides[0])
        kept += len(change.bids) + len(change.asks)
    assert kept < sum(len(m.get("data", {}).get(s, ())) for m in messages for s in "ba")


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        (SMALL[:1] + SMALL[2:], "no snapshot"),
        ([SMALL[1], *SMALL], "two snapshots"),
        (SMALL[:2], "no diffs or no trades"),
        ([SMALL[1], depth(8, 8, 9, 7, [], []), SMALL[5]], "no diff joins"),
        ([*SMALL, depth(10, 11, 12, 10, [], [])], "gap in the diffs"),
        ([*SMALL, trade(10, 44)], "gap in the trades"),
        ([*SMALL, depth(10, 10, 12, 9, [["1.1", "0.001"]], [])], "decimals"),
        ([*SMALL, depth(10, 10, 12, 9, [["-1.10", "0.001"]], [])], "decimals"),
        ([*SMALL, depth(10, 10, 12, 9, [["1.11", "0.001"]], [])], "tick"),
        ([*SMALL, depth(10, 10, 12, 9, [["1.10", "0.001"], ["1.10", "0.002"]], [])], "twice"),
    ],
)
def test_what_cannot_be_packed(messages: list[Line], reason: str) -> None:
    with pytest.raises(BadMessage, match=reason):
        pack(lines(*messages))


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = tmp_path / "session.gz", tmp_path / "market.xz"
    source.write_bytes(gzip.compress(b"\n".join(lines(*SMALL))))
    main([str(source), str(target)])
    assert load(target.read_bytes()).symbol == "X"
    assert "3 depth messages, 2 trades" in capsys.readouterr().out
    with pytest.raises(UsageError, match="usage"):
        main([])
