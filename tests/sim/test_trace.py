from __future__ import annotations

from csbook.sim.market import Market
from csbook.sim.recording import packaged
from csbook.sim.speech import ALL
from csbook.sim.trace import Trace


def test_changes_lead_from_look_to_look_and_delete_first() -> None:
    market = Market(packaged(), ["BTCUSDT"])
    listing = market.listings["BTCUSDT"]
    trace = Trace(listing, ALL)
    sides = [dict(side) for side in listing.top(ALL)]
    begin, seen = trace.sequence, 0
    assert trace.look() == []
    for _ in range(200):
        market.step()
        found = trace.look()
        seen += len(found)
        gone = [size == 0 for _, _, size in found]
        assert gone == sorted(gone, reverse=True)
        for bid, price, size in found:
            sides[not bid][price] = size
            if not size:
                del sides[not bid][price]
        assert sides == [dict(side) for side in listing.top(ALL)]
    assert seen > 100 and trace.sequence == begin + seen
