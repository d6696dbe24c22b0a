from __future__ import annotations

import aiohttp
import pytest

from csbook.sim import LocalVenue


@pytest.mark.parametrize(
    ("venue", "path", "weights", "status"),
    [
        ("binance", "/fapi/v1/depth?symbol=BTCUSDT&limit=1000", (40, 60.0), 429),
        ("bybit", "/v5/market/time", (2, 60.0), 403),
        ("kucoin", "/api/v1/level2/snapshot?symbol=XBTUSDTM", (6, 60.0), 429),
    ],
)
async def test_calls_have_a_budget(venue: str, path: str, weights: tuple[int, float], status: int) -> None:
    async with LocalVenue(venue, weights=weights) as sim, aiohttp.ClientSession() as session:
        said = []
        for _ in range(3):
            async with session.get(sim.rest_url + path) as answer:
                said.append(answer.status)
        assert said == [200, 200, status]
        assert (sim.counts["calls"], sim.counts["limited"]) == (3, 1)
