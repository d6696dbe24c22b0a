"""Limits that endpoints share, bans, and signatures in the query: what not every venue has, over real sockets."""

from __future__ import annotations

import pytest

from csbook.credentials import Credentials
from csbook.net.origin import http_origin
from csbook.net.rest import Rest, RestPolicy
from csbook.types import Alert, Side
from csbook.venues.binance_trading import TRADING
from csbook.venues.trading import Draft
from csbook.wire.request import Verdict
from doorkeeper import Doorkeeper
from scripted import until
from standing import StandingTime

DRAFT = Draft("BTCUSDT", Side.BUY, "LIMIT", "0.001", "30000.0", "c-1")


async def pooled(venue: Doorkeeper, time: StandingTime, alerts: list[Alert], warm_every: float = 1e9) -> Rest:
    """Of a venue whose endpoints share their limits, and whose signature stands in the query."""
    now = {"serverTime": time.clock.now_ns() // 1_000_000}
    venue.rest["GET", "/fapi/v1/time"] = lambda asked: (200, now)
    url = http_origin(venue.rest_url)
    rest = Rest(
        TRADING,
        Credentials("the-api-key", "the-secret"),
        url,
        timing=time.timing,
        policy=RestPolicy(tries=1, warm_every=warm_every),
        on_alert=alerts.append,
    )
    await rest.open()
    return rest


@pytest.mark.parametrize(("count", "window"), [(300, 10.5), (1200, 60.5)])
async def test_a_request_is_under_every_limit_that_it_shares(count: int, window: float) -> None:
    """300 orders in 10 s and 1,200 in 60 s: each holds, whichever is met first."""
    table, time = TRADING, StandingTime()
    async with Doorkeeper() as venue:
        rest = await pooled(venue, time, [])
        for limit in ("orders_10s", "orders_1m"):
            if table.limits[limit].count != count:
                del rest._budgets[limit]
        del rest._budgets["weight"]
        place = table.place(Draft("BTCUSDT", Side.BUY, "LIMIT", "1", "9000", "c-1"))
        for _ in range(count):
            assert await rest._admitted(place, False, 0.0) is None
        failure = (await rest.send(place)).failure
        assert failure is not None and failure.verdict is Verdict.UNSENT
        assert failure.retry_after_s == pytest.approx(window)
        assert await rest._admitted(table.amend(DRAFT), False, 0.0) is not None  # counted with them
        assert await rest._admitted(table.cancel("BTCUSDT", order_id="1"), False, 0.0) is None  # counted elsewhere
        await rest.close()


async def test_costs_add_up_over_endpoints() -> None:
    table, time = TRADING, StandingTime()
    async with Doorkeeper() as venue:
        rest = await pooled(venue, time, [])
        for _ in range(25):  # 40 each, of the 1,000 that are not kept for a halt
            assert await rest._admitted(table.open_orders(), False, 0.0) is None
        assert await rest._admitted(table.balances(), False, 0.0) is not None
        assert await rest._admitted(table.open_orders(), True, 0.0) is None
        await rest.close()


async def test_a_ban_shuts_every_endpoint_of_the_address_for_as_long_as_the_venue_says() -> None:
    table, time, alerts = TRADING, StandingTime(), []  # type: ignore[var-annotated]
    async with Doorkeeper() as venue:
        rest = await pooled(venue, time, alerts)
        venue.rest["GET", "/fapi/v3/balance"] = lambda asked: (418, {"code": -1003, "msg": ""}, {"Retry-After": "600"})
        venue.rest["DELETE", "/fapi/v1/order"] = lambda asked: (200, {})
        await rest.send(table.balances())
        assert [alert.text for alert in alerts] == ["this address is shut out, says the venue: none for 600 s"]
        cancel = table.cancel("BTCUSDT", order_id="1")
        await time.move(599.0)
        failure = (await rest.send(cancel, urgent=True)).failure
        assert failure is not None and failure.verdict is Verdict.UNSENT
        await time.move(2.0)
        assert (await rest.send(cancel)).failure is None
        await rest.close()


async def test_nothing_is_asked_of_a_venue_that_shut_this_address_out_not_even_the_time() -> None:
    time = StandingTime()
    async with Doorkeeper() as venue:
        rest = await pooled(venue, time, [], warm_every=20.0)
        venue.rest["GET", "/fapi/v3/balance"] = lambda asked: (418, {"code": -1003, "msg": ""}, {"Retry-After": "600"})
        await rest.send(TRADING.balances())
        asked = len(venue.asked)
        for _ in range(29):
            await time.move(20.0)
        assert len(venue.asked) == asked
        await time.move(40.0)
        await until(lambda: len(venue.asked) > asked)
        await rest.close()


async def test_too_many_orders_do_not_shut_the_cancels() -> None:
    table, time = TRADING, StandingTime()
    async with Doorkeeper() as venue:
        rest = await pooled(venue, time, [])
        venue.rest["POST", "/fapi/v1/order"] = lambda asked: (429, {"code": -1015, "msg": "too many orders"})
        venue.rest["DELETE", "/fapi/v1/order"] = lambda asked: (200, {})
        await rest.send(table.place(DRAFT))
        failure = (await rest.send(table.amend(DRAFT))).failure
        assert failure is not None and failure.verdict is Verdict.UNSENT
        assert (await rest.send(table.cancel("BTCUSDT", order_id="1"))).failure is None
        await rest.close()


async def test_a_signature_in_the_query_is_hidden_when_it_is_echoed() -> None:
    time, alerts = StandingTime(), []  # type: ignore[var-annotated]
    async with Doorkeeper() as venue:
        rest = await pooled(venue, time, alerts)
        for echo in (lambda query: f"bad {query}", lambda query: f"bad {query.rpartition('=')[2]}"):
            venue.rest["POST", "/fapi/v1/order"] = lambda asked: (400, {"code": -1102, "msg": echo(asked.query)})  # noqa: B023
            answer = await rest.send(TRADING.place(DRAFT))
            signature = venue.asked[-1].query.rpartition("signature=")[2]
            assert len(signature) == 64 and answer.failure is not None and "<hidden>" in answer.failure.text
            assert signature[:12] not in repr(answer) and "the-api-key" not in repr(answer)
        await rest.close()


async def test_the_login_of_a_stream_is_made_by_the_servers_time() -> None:
    time = StandingTime()
    async with Doorkeeper() as venue:
        rest = await pooled(venue, time, [])
        rest.offset_ns = 5_000_000_000
        made: list[tuple[Credentials, int]] = []
        rest._trading = type("Table", (), {"login": lambda self, *said: made.append(said)})()
        await rest.have_keys()
        rest.login(rest._trading)
        assert made == [(rest._credentials, time.clock.now_ns() // 1_000_000 + 5_000)]
        await rest.close()
