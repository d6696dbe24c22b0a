from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

import csbook
from csbook import Feed, Side, State, Trade
from csbook.errors import ConnectError, LimitError, PrecisionError, SubscribeError, UsageError
from csbook.feed import connect
from csbook.net.setting import Policy
from scripted import Client, ScriptedVenue, confirm, depth, open_sockets, refuse, until

POLICY = Policy(backoff_base=0.01, backoff_cap=0.05, confirm_within=0.5, pong_within=0.5)
TRADE = '{"e":"trade","E":1,"s":"BTCUSDT","t":%d,"p":"30150.00","q":"0.1","b":88,"a":92,"T":1,"m":true}'
TICKER = '{"e":"24hrTicker","E":1,"s":"%s","c":"30150.00"}'


@asynccontextmanager
async def stand(*symbols: str, policy: Policy = POLICY, **options: Any) -> AsyncIterator[tuple[ScriptedVenue, Feed]]:
    """A venue and a feed that is not entered; at the end nothing may be left."""
    before = open_sockets()
    async with ScriptedVenue() as venue:
        yield venue, Feed("coinswitch", symbols or ("BTCUSDT",), url=venue.url, _policy=policy, **options)
    await until(lambda: open_sockets() <= before and len(asyncio.all_tasks()) == 1)


def of(venue: ScriptedVenue, stream: str) -> Client:
    """The connection that serves a stream now."""
    return next(c for c in reversed(venue.clients) if stream in c.streams and not c.gone.is_set())


# -- what is refused before anything is sent ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"venue": "binanace"}, "unknown venue 'binanace'"),
        ({"symbols": []}, "no symbol"),
        ({"symbols": ["BTCUSDT", "btcusdt"]}, "named twice: BTCUSDT"),
        *[({"symbols": [bad]}, "is no symbol") for bad in ("", "BTC/USDT", "BTC USDT", "a@b", "ÄÖÜ", "{s}", 5, None)],
        ({"symbols": ["A" * 32]}, "is no symbol"),
        ({"depth": 7}, "depth is 7; .* offers 0, 5, 10, 20"),
        ({"depth": "20"}, "offers 0, 5, 10, 20"),
        ({"channels": ["touch"]}, "unknown channel 'touch'"),
        ({"channels": ["book", "candles"]}, "unknown channel 'candles'; .* book, trades, tickers, all_tickers"),
        ({"channels": []}, "no channel"),
        ({"connections": 9}, "connections is 9"),
        ({"connections": 0}, "connections is 0"),
        ({"url": "ws://example.com"}, "not encrypted"),
        ({"url": "https://example.com"}, "expected wss://"),
        ({"rest_url": "http://example.com"}, "rest_url .* not encrypted"),
        ({"scales": {"BTCUSDT": (19, 0)}}, "scales"),
        ({"scales": {"BTCUSDT": 3}}, "scales"),
        ({"stale_after": 0}, "stale_after is 0; expected seconds above 0"),
        ({"stale_after": float("nan")}, "stale_after"),
        ({"max_lag": -1.0}, "max_lag"),
        ({"max_lag": "1"}, "max_lag"),
        ({"proxy": "example.com:80"}, "proxy is no address"),
        ({"busy_poll_us": -1}, "busy_poll_us"),
        ({"busy_poll_us": 1.5}, "busy_poll_us"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_at_once(options: dict[str, Any], text: str) -> None:
    arguments: dict[str, Any] = {"venue": "coinswitch", "symbols": ["BTCUSDT"], **options}
    with pytest.raises(UsageError, match=text):
        connect(arguments.pop("venue"), arguments.pop("symbols"), **arguments)


def test_a_proxys_password_is_not_repeated() -> None:
    with pytest.raises(UsageError) as caught:
        connect("coinswitch", "BTCUSDT", proxy="bad://me:hunter2@x")
    assert "hunter2" not in str(caught.value)


def test_the_public_name_is_the_same() -> None:
    assert csbook.connect is connect
    assert csbook.Feed is Feed
    assert repr(connect("coinswitch", "BTCUSDT")) == "<Feed coinswitch BTCUSDT not entered>"


async def test_outside_of_its_block() -> None:
    async with stand() as (_, feed):
        with pytest.raises(UsageError, match="async with"):
            await feed.subscribe("ETHUSDT")
        async with feed:
            pass
        with pytest.raises(UsageError, match="async with"):
            await feed.unsubscribe("BTCUSDT")
        with pytest.raises(UsageError, match="entered once"):
            await feed.__aenter__()


# -- books ----------------------------------------------------------------------------------------------------------


async def test_a_live_book() -> None:
    async with stand("btcusdt", "ETHUSDT", depth=5) as (venue, feed), feed:
        assert list(feed.books) == ["BTCUSDT", "ETHUSDT"]
        assert sorted(client.path for client in venue.clients) == [
            f"/pro/realtime-rates-socket/futures/{name}@depth5" for name in ("btcusdt", "ethusdt")
        ]
        book = feed.books["BTCUSDT"]
        assert book.state is State.EMPTY  # no first book was waited for
        await of(venue, "btcusdt@depth5").send(depth(5))
        await until(lambda: book.state is State.LIVE)
        assert (book.best_bid, book.best_ask, book.sequence) == (100.0, 101.0, 5)
        assert feed.books["ETHUSDT"].state is State.EMPTY
    assert book.state is State.STALE  # nobody feeds it any more
    assert book.best_bid == 100.0


async def test_callbacks() -> None:
    async with stand() as (venue, feed):
        seen: list[Any] = []

        @feed.on_book
        def book_changed(book: csbook.Book) -> None:
            seen.append(book.sequence)
            if book.sequence == 6:
                raise RuntimeError("mine")

        @feed.on_state
        def state_changed(book: csbook.Book, old: State, new: State, reason: str) -> None:
            seen.append((book.symbol, old, new, reason))

        errors = []
        feed.on_error(errors.append)
        async with feed:
            client = venue.clients[0]
            for sequence in (5, 6, 7):
                await client.send(depth(sequence))
                await until(lambda sequence=sequence: sequence in seen)
            assert feed.stats()["callback_errors"] == 1
        assert seen == [
            ("BTCUSDT", State.EMPTY, State.LIVE, "message applied"), 5, 6, 7,
            ("BTCUSDT", State.LIVE, State.STALE, "feed closed"),
        ]  # fmt: skip
        assert [str(error) for error in errors] == ["mine"]
        assert callable(book_changed)
        assert callable(state_changed)


async def test_the_iterator_yields_each_changed_book_once_in_its_newest_state() -> None:
    async with stand("A", "B") as (venue, feed), feed:
        await of(venue, "a@depth20").send(depth(1))
        await until(lambda: feed.books["A"].sequence == 1)
        books = aiter(feed)
        assert await anext(books) is feed.books["A"]  # it was there before
        for sequence in range(2, 50):
            await of(venue, "a@depth20").send(depth(sequence))
            await of(venue, "b@depth20").send(depth(sequence))
        await until(lambda: feed.books["A"].sequence == feed.books["B"].sequence == 49)
        first, second = await anext(books), await anext(books)
        assert {first.symbol, second.symbol} == {"A", "B"}
        assert first.sequence == second.sequence == 49
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await anext(books)


async def test_leaving_ends_the_iterators() -> None:
    async with stand(channels=("book", "trades")) as (venue, feed):
        seen: list[State] = []

        async def read() -> None:
            seen.extend([book.state async for book in feed])

        async with feed:
            trades = feed.trades()
            reading = asyncio.ensure_future(read())
            await of(venue, "btcusdt@depth20").send(depth(1))
            await until(lambda: seen == [] and feed.books["BTCUSDT"].sequence == 1)
            await asyncio.sleep(0.01)
        await reading
        assert seen[-1] is State.STALE
        assert [trade async for trade in trades] == []


async def test_scales_and_the_precision_that_is_needed() -> None:
    async with stand(scales={"btcusdt": (1, 0)}) as (venue, feed):
        errors: list[Exception] = []
        feed.on_error(errors.append)
        async with feed:
            assert (feed.books["BTCUSDT"].price_decimals, feed.books["BTCUSDT"].size_decimals) == (1, 0)
            await venue.clients[0].send(depth(5, bid="100.25"), depth(6))
            await until(lambda: feed.books["BTCUSDT"].sequence == 6)
            assert feed.stats()["refused"] == 1
        assert isinstance(errors[0], PrecisionError)
        assert errors[0].needed == 2
        assert "btcusdt@depth20: bids[0].price: more decimals" in str(errors[0])


async def test_max_lag() -> None:
    async with stand(max_lag=1.0) as (venue, feed), feed:
        late = b'{"E":1000,"lastUpdateId":5,"bids":[["1","1"]],"asks":[["2","1"]]}'
        await venue.clients[0].send(late)
        await until(lambda: feed.books["BTCUSDT"].state is State.STALE)


async def test_stale_after() -> None:
    async with stand(stale_after=0.1) as (venue, feed), feed:
        reasons: list[str] = []
        feed.on_state(lambda book, old, new, reason: reasons.append(reason))
        await venue.clients[0].send(depth(5))
        await until(lambda: feed.books["BTCUSDT"].state is State.LIVE)
        await until(lambda: feed.books["BTCUSDT"].state is State.STALE)
        assert reasons == ["message applied", "no frame for 0.1 s"]


async def test_at_the_loss_no_callback_sees_a_live_book() -> None:
    """The state is gone before any await: neither a callback nor a task that runs then finds it LIVE."""
    async with stand() as (venue, feed), feed:
        book = feed.books["BTCUSDT"]
        await venue.clients[0].send(depth(5))
        await until(lambda: book.state is State.LIVE)
        states: list[tuple[State, bool]] = []
        feed.on_state(lambda b, old, new, reason: states.append((b.state, b.tradable(10**12))))
        await venue.clients[0].hang_up(1001)
        await until(lambda: states)
        assert states[0] == (State.STALE, False)
        await of_new(venue, 1)
        assert feed.stats()["reconnects"] <= 1


async def of_new(venue: ScriptedVenue, number: int) -> Client:
    client = await venue.client(number)
    await client.send(depth(1))
    return client


# -- records --------------------------------------------------------------------------------------------------------


async def test_trades_and_tickers() -> None:
    async with stand("BTCUSDT", "ETHUSDT", channels=("trades", "tickers", "all_tickers")) as (venue, feed), feed:
        assert len(venue.clients) == 1
        client = venue.clients[0]
        assert client.streams == [
            "btcusdt@trade", "ethusdt@trade", "btcusdt@ticker", "ethusdt@ticker", "!ticker@arr",
        ]  # fmt: skip
        assert feed.books == {}
        trades, tickers = feed.trades(), feed.tickers()
        heard: list[Trade] = []
        assert feed.on_trade(heard.append) == heard.append
        await client.send(TRADE % 1, TICKER % "BTCUSDT", "[" + TICKER % "A" + "," + TICKER % "B" + "]")
        trade = await anext(trades)
        assert (trade.symbol, trade.price, trade.side) == ("BTCUSDT", Decimal("30150.00"), Side.SELL)
        assert [(await anext(tickers)).symbol for _ in range(3)] == ["BTCUSDT", "A", "B"]
        assert heard == [trade]
        stats = feed.stats()
        assert (stats["records"], stats["dropped"], stats["streams"], stats["connections"]) == (4, 0, 5, 1)


async def test_all_tickers_need_no_symbol() -> None:
    async with ScriptedVenue() as venue, Feed("coinswitch", [], channels=("all_tickers",), url=venue.url) as feed:
        tickers = feed.tickers()
        await venue.clients[0].send("[" + TICKER % "A" + "]")
        assert (await anext(tickers)).symbol == "A"


async def test_losses_are_counted() -> None:
    async with stand(channels=("trades",)) as (venue, feed), feed:
        trades = feed.trades(limit=2)
        await venue.clients[0].send(*(TRADE % number for number in range(5)))
        await until(lambda: feed.stats()["records"] == 5)
        assert feed.stats()["dropped"] == 3
        assert [(await anext(trades)).id, (await anext(trades)).id] == [3, 4]


async def test_what_is_not_subscribed_or_not_offered() -> None:
    async with stand() as (_, feed), feed:
        with pytest.raises(UsageError, match="no channel 'trades'; it has book"):
            feed.trades()
        with pytest.raises(UsageError, match="'tickers' or 'all_tickers'"):
            feed.tickers()
        with pytest.raises(UsageError, match="no channel 'candles'"):
            feed.candles()


async def test_a_malformed_record_is_counted_and_told() -> None:
    async with stand(channels=("trades",)) as (venue, feed), feed:
        errors: list[Exception] = []
        feed.on_error(errors.append)
        trades = feed.trades()
        await venue.clients[0].send((TRADE % 1).replace("30150.00", "much"), TRADE % 2)
        assert (await anext(trades)).id == 2
        assert feed.stats()["refused"] == 1
        assert "field 'p' is 'much'; expected a decimal number above 0" in str(errors[0])


# -- connecting -----------------------------------------------------------------------------------------------------


async def test_a_refused_connection_names_the_origin_and_what_to_try() -> None:
    async with stand() as (venue, feed):
        url = venue.url
        await venue.stop_listening()
        with pytest.raises(ConnectError, match="cannot connect") as caught:
            async with feed:
                pytest.fail("nobody is there")
        assert url in str(caught.value)
        assert "coinswitch-sio" in str(caught.value)
        assert caught.value.url == url


async def test_a_refused_stream_is_named() -> None:
    async with stand("BTCUSDT", "NOPE") as (venue, feed):
        venue.answer = lambda request: refuse(request) if "nope@depth20" in request["params"] else confirm(request)
        with pytest.raises(SubscribeError, match="nope@depth20") as caught:
            await feed.__aenter__()
        assert caught.value.stream == "nope@depth20"
        assert feed.books == {}


async def test_more_books_than_sockets() -> None:
    async with stand(*(f"S{number}" for number in range(51))) as (venue, feed):
        with pytest.raises(LimitError, match="51 more connections"):
            await feed.__aenter__()
        assert venue.attempts == 0


@pytest.mark.parametrize("ending", [RuntimeError("mine"), asyncio.CancelledError()])
async def test_an_error_in_the_block_leaves_nothing_open(ending: BaseException) -> None:
    async with stand(channels=("book", "trades")) as (venue, feed):
        with pytest.raises(type(ending)):
            async with feed:
                raise ending
        await until(lambda: all(client.gone.is_set() for client in venue.clients))


async def test_cancelled_while_entering() -> None:
    async with stand() as (venue, feed):
        venue.answer = lambda request: None
        entering = asyncio.ensure_future(feed.__aenter__())
        await venue.client()
        entering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await entering


async def test_cancelled_in_the_middle_of_a_backoff() -> None:
    async with stand(policy=replace(POLICY, backoff_base=30.0, backoff_cap=30.0)) as (venue, feed):

        async def hold() -> None:
            async with feed:
                venue.clients[0].drop()
                await asyncio.sleep(60.0)

        holding = asyncio.ensure_future(hold())
        await until(lambda: venue.clients and venue.clients[0].gone.is_set())
        await asyncio.sleep(0.01)
        holding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await holding


# -- at runtime -----------------------------------------------------------------------------------------------------


async def test_subscribe_and_unsubscribe() -> None:
    async with stand(channels=("book", "trades")) as (venue, feed), feed:
        await feed.subscribe("ethusdt")
        assert list(feed.books) == ["BTCUSDT", "ETHUSDT"]
        eth = feed.books["ETHUSDT"]
        await of(venue, "ethusdt@depth20").send(depth(3))
        await until(lambda: eth.state is State.LIVE)
        assert of(venue, "ethusdt@trade") is of(venue, "btcusdt@trade")
        await feed.subscribe(["ETHUSDT"], channels=("tickers",))
        await feed.subscribe(["ETHUSDT", "BTCUSDT"])  # nothing new
        assert feed.books["ETHUSDT"] is eth
        assert len(venue.clients) == 3

        reasons: list[str] = []
        feed.on_state(lambda book, old, new, reason: reasons.append(reason))
        await feed.unsubscribe("ETHUSDT")
        assert list(feed.books) == ["BTCUSDT"]
        assert eth.state is State.STALE
        assert reasons == ["unsubscribed"]
        last = of(venue, "btcusdt@trade")
        await until(lambda: last.requests[-1]["params"] == ["ethusdt@trade", "ethusdt@ticker"])
        with pytest.raises(UsageError, match="ETHUSDT is not subscribed"):
            await feed.unsubscribe("ETHUSDT")
        await feed.subscribe("ETHUSDT")
        assert feed.books["ETHUSDT"] is not eth


async def test_a_refused_addition_changes_nothing() -> None:
    async with stand() as (venue, feed), feed:
        venue.answer = refuse
        with pytest.raises(SubscribeError):
            await feed.subscribe("NOPE", channels=("book", "trades"))
        assert list(feed.books) == ["BTCUSDT"]
        with pytest.raises(UsageError):
            feed.trades()
        assert feed.stats()["streams"] == 1
        with pytest.raises(UsageError, match="not subscribed"):
            await feed.unsubscribe("NOPE")


# -- stats ----------------------------------------------------------------------------------------------------------


async def test_stats() -> None:
    async with stand() as (venue, feed):
        async with feed:
            await venue.clients[0].send(depth(5), depth(6), depth(4), depth(7, bid="x"), "{}")
            await until(lambda: feed.stats()["messages"] == 6)  # one is the confirmation
            stats = feed.stats()
        assert {key: stats[key] for key in ("updates", "ignored", "refused", "cold", "unknown", "reconnects")} == {
            "updates": 2, "ignored": 1, "refused": 1, "cold": 2, "unknown": 1, "reconnects": 0,
        }  # fmt: skip
        assert stats["reader"] in ("pointer", "buffer")
        assert 0 < stats["latency_p50_ns"] <= stats["latency_p99_ns"] < 10**8
        assert stats["bytes"] > 300
        assert all(key == key.lower() for key in stats)
        after = feed.stats()
        assert after["updates"] == 2
        assert "closed" in repr(feed)


async def test_the_safe_reader_does_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSBOOK_READER", "buffer")
    async with stand() as (venue, feed), feed:
        await venue.clients[0].send(depth(5), depth(6))
        await until(lambda: feed.books["BTCUSDT"].sequence == 6)
        assert feed.stats()["reader"] == "buffer"
