"""The listenKey, and the user data stream that it opens, as a customer sees them."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import aiohttp
import pytest

from csbook.clock import TapeClock
from csbook.sim import Terms
from customer import heard
from usdm import LISTEN, usdm

START = 1_700_000_000_000_000_000
MS = 1_000_000
D = Decimal


async def test_one_listen_key_an_account() -> None:
    clock = TapeClock(START)
    async with usdm(clock=clock) as (venue, customer):
        for method in ("PUT",):
            status, said = await customer.ask(method, LISTEN)
            assert (status, said["code"]) == (400, -1125)
        key = await customer.key()
        clock.advance(3000 * 10**9)
        assert await customer.key() == key, "the same, for an hour more"
        clock.advance(3000 * 10**9)
        assert await customer.ask("PUT", LISTEN) == (200, {"listenKey": key})
        clock.advance(3599 * 10**9)
        assert venue._listen_keys.owner(key) is venue.account
        clock.advance(10**9)
        assert (await customer.ask("PUT", LISTEN))[1]["code"] == -1125
        assert await customer.key() != key
        assert await customer.ask("DELETE", LISTEN) == (200, {})
        assert (await customer.ask("PUT", LISTEN))[1]["code"] == -1125


PATHS = ("/private/ws?listenKey={key}", "/private/ws/{key}", "/private/stream?listenKey={key}")


@pytest.mark.parametrize("path", PATHS)
async def test_a_fill_is_told(path: str) -> None:
    clock = TapeClock(START)
    accounts = {"a": Terms(), "b": Terms()}
    async with (
        usdm("a", "b", accounts=accounts, clock=clock) as (venue, customer, other),
        await customer.listen(path) as stream,
        await other.listen(path) as theirs,
    ):
        _, order = await customer.place("BUY", "0.010", "61000.0", newClientOrderId="one")
        clock.advance(5 * MS)
        venue.cross(str(order["orderId"]), "0.004")
        events = await heard(stream, 4)
        if "stream?" in path:
            key = await customer.key()
            assert {event["stream"] for event in events} == {key}
            events = [event["data"] for event in events]
        at = START // MS
        assert [(event["e"], event["E"]) for event in events] == [
            ("ORDER_TRADE_UPDATE", at), ("TRADE_LITE", at + 5), ("ACCOUNT_UPDATE", at + 5),
            ("ORDER_TRADE_UPDATE", at + 5),
        ]  # fmt: skip
        fill = venue.account.fills[0]
        taken_in, lite, account, traded = events
        assert (taken_in["o"]["x"], taken_in["o"]["X"], taken_in["o"]["t"]) == ("NEW", "NEW", 0)
        assert not {"n", "N"} & taken_in["o"].keys()
        assert (lite["t"], lite["l"], lite["L"], lite["m"]) == (int(fill.trade_id), "0.004", "61000.00", True)
        o = traded["o"]
        assert (o["x"], o["X"], o["c"], o["i"]) == ("TRADE", "PARTIALLY_FILLED", "one", order["orderId"])
        assert (o["l"], o["L"], o["z"], o["q"], o["ap"]) == ("0.004", "61000.00", "0.004", "0.010", "61000")
        assert (o["t"], o["m"], o["n"], o["N"], o["rp"]) == (int(fill.trade_id), True, "0.0488", "USDT", "0")
        assert account["a"]["m"] == "ORDER"
        (balance,), (position,) = account["a"]["B"], account["a"]["P"]
        assert D(balance["wb"]) == venue.account.balances["USDT"].wallet
        assert (position["pa"], position["ep"], position["ps"]) == ("0.004", "61000", "BOTH")
        with pytest.raises(asyncio.TimeoutError):
            await theirs.receive(timeout=0.02)


async def test_only_the_events_that_were_named() -> None:
    path = "/private/ws?listenKey={key}&events=ACCOUNT_UPDATE/listenKeyExpired"
    without = path.replace("/listenKeyExpired", "")
    async with (
        usdm() as (venue, customer),
        await customer.listen(path) as stream,
        await customer.listen(without) as deaf,
    ):
        await customer.place("BUY", "0.001", None)
        assert [event["e"] for event in await heard(stream, 1) + await heard(deaf, 1)] == ["ACCOUNT_UPDATE"] * 2
        venue.expire_listen_keys()
        (event,) = await heard(stream, 1)
        assert event.keys() == {"e", "E"} and event["e"] == "listenKeyExpired"
        await customer.place("BUY", "0.001", None)
        for silent in (stream, deaf):
            with pytest.raises(asyncio.TimeoutError):
                await silent.receive(timeout=0.02)
            assert not silent.closed


async def test_a_key_that_is_given_back_ends_its_streams() -> None:
    async with usdm() as (_, customer), await customer.listen() as stream:
        assert await customer.ask("DELETE", LISTEN) == (200, {})
        assert [event["e"] for event in await heard(stream, 1)] == ["listenKeyExpired"]


async def test_who_has_no_good_key_is_turned_away() -> None:
    async with usdm() as (venue, customer):
        for target in ("/private/ws", "/private/ws?listenKey=x", "/private/ws/x", "/private/stream?listenKey=x"):
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                await customer.session.ws_connect(venue.ws_url + target)
            assert caught.value.status == 401


async def test_on_the_private_route_everything_is_acknowledged_and_nothing_comes_of_it() -> None:
    async with usdm() as (_, customer), await customer.listen() as stream:
        await stream.send_json({"method": "SUBSCRIBE", "params": ["btcusdt@depth"], "id": 7})
        assert await heard(stream, 1) == [{"result": None, "id": 7}]
        await stream.send_str("nonsense")
        assert "error" in (await heard(stream, 1))[0]
