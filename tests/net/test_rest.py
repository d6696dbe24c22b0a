"""Requests over real sockets, against a venue that does what the test says; time stands unless it is moved."""

from __future__ import annotations

import asyncio
import socket
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from counterparty import FUTURES, TIME, Answering, Asked, Counterparty, Drop, Silence, status
from csbook.clock import LiveClock
from csbook.credentials import Credentials
from csbook.errors import ConnectError, CredentialsError
from csbook.net.origin import http_origin
from csbook.net.rest import Rest, RestPolicy
from csbook.net.timing import Timing
from csbook.types import Alert, Side
from csbook.venues.coinswitch_trading import TRADING
from csbook.venues.trading import Draft
from csbook.wire.request import Answer, Request, Verdict
from scripted import open_sockets, until
from standing import StandingTime

ORDER = f"{FUTURES}/order"
DRAFT = Draft("BTCUSDT", Side.BUY, "LIMIT", "0.001", "30000.0", "c-1")
PLACE = TRADING.place(DRAFT)
CANCEL = TRADING.cancel("BTCUSDT", order_id="5")
QUERY = TRADING.order("BTCUSDT", client_order_id="c-1")
OK: Answering = lambda asked: (200, {"data": {"order_id": "5"}})  # noqa: E731


class Bench:
    def __init__(self, venue: Counterparty, time: StandingTime | None, **options: Any) -> None:
        self.venue = venue
        self.alerts: list[Alert] = []
        credentials = options.pop("credentials", None) or venue.credentials
        self.rest = Rest(
            TRADING,
            credentials,
            http_origin(options.pop("url", venue.rest_url)),
            timing=time.timing if time is not None else Timing(),
            policy=RestPolicy(**options),
            on_alert=self.alerts.append,
        )

    def kinds(self) -> list[str]:
        return [alert.kind for alert in self.alerts]


@asynccontextmanager
async def stand(time: StandingTime | None = None, **options: Any) -> AsyncIterator[tuple[Counterparty, Bench]]:
    before = open_sockets()
    async with Counterparty() as venue:
        if time is not None:
            venue.now_ms = lambda: time.clock.now_ns() // 1_000_000
        for path in (("POST", ORDER), ("DELETE", ORDER), ("GET", ORDER)):
            venue.answers[path] = OK
        bench = Bench(venue, time, **options)
        await bench.rest.open()
        try:
            yield venue, bench
        finally:
            await bench.rest.close()
    await until(lambda: open_sockets() <= before)


async def sent(bench: Bench, time: StandingTime, request: Request, seconds: float, **options: Any) -> Answer:
    """The answer, with time moved on until it is there."""
    sending = asyncio.ensure_future(bench.rest.send(request, **options))
    for _ in range(2000):
        if sending.done():
            break
        await asyncio.sleep(0.001)
        if time.asleep > 1:  # one keeps the connection warm
            await time.move(seconds)
    return await sending


# -- the connection -------------------------------------------------------------------------------------------------


async def test_the_connection_is_warm_before_the_first_order() -> None:
    async with stand() as (venue, bench):
        assert [asked.path for asked in venue.asked] == [TIME]
        answer = await bench.rest.send(PLACE)
        assert (answer.status, answer.failure) == (200, None) and b"order_id" in answer.body
        assert answer.asked_ns <= answer.answered_ns
        first, order = venue.asked
        assert order.connection == first.connection
        assert (order.method, order.path, order.body) == ("POST", ORDER, PLACE.body)
        assert order.headers["content-type"] == "application/json"


async def test_orders_do_not_wait_behind_queries() -> None:
    async with stand() as (venue, bench):
        await bench.rest.send(QUERY)
        await bench.rest.send(PLACE)
        await bench.rest.send(QUERY)
        assert [asked.connection for asked in venue.asked] == [0, 1, 0, 1]


async def test_nagle_is_off() -> None:
    async with stand() as (_, bench):
        session = bench.rest._commands
        assert session is not None and session.connector is not None
        held = [connection for pool in session.connector._conns.values() for connection, _ in pool]  # type: ignore[attr-defined]
        (protocol,) = held
        sock = protocol.transport.get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_it_is_kept_warm_while_nothing_is_ordered() -> None:
    time = StandingTime()
    async with stand(time) as (venue, bench):
        for wanted in (2, 3):
            await time.move(19.9)
            assert len(venue.of(TIME)) == wanted - 1
            await time.move(0.1)
            await until(lambda wanted=wanted: len(venue.of(TIME)) == wanted and time.asleep)
        await time.move(15.0)
        await bench.rest.send(PLACE)
        await time.move(15.0)
        assert len(venue.of(TIME)) == 3  # the order warmed it
        await time.move(5.0)
        await until(lambda: len(venue.of(TIME)) == 4)
        assert {asked.connection for asked in venue.asked} == {0}


async def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
    before = open_sockets()
    bench = Bench(Counterparty(), None, url=url, backoff_base=0.001)
    with pytest.raises(ConnectError, match=r"cannot trade at http://127\.0\.0\.1:.* not sent: cannot connect"):
        await bench.rest.open()
    assert open_sockets() == before
    answer = await bench.rest.send(PLACE)
    assert answer.failure is not None and answer.failure.verdict is Verdict.UNSENT


async def test_a_venue_that_does_not_tell_the_time_can_be_traded_on() -> None:
    async with Counterparty() as venue:
        venue.answers["GET", TIME] = status(404, "no such path")
        venue.answers["POST", ORDER] = OK
        bench = Bench(venue, None)
        await bench.rest.open()
        assert bench.kinds() == ["clock"] and (await bench.rest.send(PLACE)).failure is None
        await bench.rest.close()


async def test_only_encrypted_but_on_loopback() -> None:
    with pytest.raises(ValueError, match="not encrypted"):
        http_origin("http://coinswitch.co")


async def test_redirects_are_not_followed() -> None:
    async with stand() as (venue, bench):
        venue.answers["POST", ORDER] = status(307, "", Location="/elsewhere")
        answer = await bench.rest.send(PLACE)
        assert answer.failure is not None and answer.failure.verdict is Verdict.UNKNOWN
        assert len(venue.of(ORDER)) == 1 and not venue.of("/elsewhere")


async def test_an_origin_with_a_path() -> None:
    async with Counterparty() as venue:
        venue.answers["GET", f"/gate{TIME}"] = venue.answers["GET", TIME]
        bench = Bench(venue, None, url=f"{venue.rest_url}/gate/")
        await bench.rest.open()
        assert [asked.path for asked in venue.asked] == [f"/gate{TIME}"]
        await bench.rest.close()


# -- commands: what is known of them, and never twice ---------------------------------------------------------------


async def test_a_refusal_is_certain() -> None:
    async with stand() as (venue, bench):
        venue.answers["POST", ORDER] = status(400, "insufficient balance")
        failure = (await bench.rest.send(PLACE)).failure
        assert failure is not None and failure.verdict is Verdict.REJECTED
        assert failure.text == "the venue answered 400: insufficient balance"


@pytest.mark.parametrize("code", [500, 502, 503, 504])
@pytest.mark.parametrize("request_", [PLACE, CANCEL], ids=["place", "cancel"])
async def test_a_5xx_leaves_a_command_open(code: int, request_: Request) -> None:
    async with stand() as (venue, bench):
        venue.answers[request_.method, ORDER] = status(code, "busy")
        failure = (await bench.rest.send(request_)).failure
        assert failure is not None and failure.verdict is Verdict.UNKNOWN and failure.status == code
        assert len(venue.of(ORDER)) == 1 and bench.rest.lost == 1


async def hang_up(asked: Asked) -> Any:
    raise Drop


async def say_nothing(asked: Asked) -> Any:
    raise Silence


@pytest.mark.parametrize("request_", [PLACE, CANCEL], ids=["place", "cancel"])
async def test_a_connection_lost_after_the_sending_leaves_it_open_and_is_sent_once(request_: Request) -> None:
    """aiohttp itself would send a DELETE again over a kept connection that breaks."""
    async with stand() as (venue, bench):
        venue.answers[request_.method, ORDER] = hang_up
        failure = (await bench.rest.send(request_)).failure
        assert failure is not None and failure.verdict is Verdict.UNKNOWN
        assert "the connection was lost before the answer" in failure.text
        await asyncio.sleep(0.02)
        assert len(venue.of(ORDER)) == 1


async def test_no_answer_in_time_leaves_it_open() -> None:
    time = StandingTime()
    async with stand(time, answer_within=5.0) as (venue, bench):
        venue.answers["POST", ORDER] = say_nothing
        answer = await sent(bench, time, PLACE, 1.0)
        assert answer.failure is not None and answer.failure.verdict is Verdict.UNKNOWN
        assert answer.failure.text == "no answer within 5 s"
        assert answer.answered_ns - answer.asked_ns == 5_000_000_000
        assert len(venue.of(ORDER)) == 1
        venue.answers["POST", ORDER] = OK
        assert (await bench.rest.send(PLACE)).failure is None  # over a new connection


async def test_an_answer_that_is_cut_short_leaves_it_open() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if head.startswith(b"GET"):
                    body = b'{"serverTime":%d}' % (LiveClock().now_ns() // 1_000_000)
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
                else:
                    writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"data":{"order_id":"5"')
                    writer.close()
        except asyncio.IncompleteReadError:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        bench = Bench(Counterparty(), None, url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        await bench.rest.open()
        failure = (await bench.rest.send(PLACE)).failure
        assert failure is not None and failure.verdict is Verdict.UNKNOWN
        await bench.rest.close()


async def test_an_answer_without_an_end_is_given_up() -> None:
    async with stand() as (venue, bench):
        venue.answers["GET", ORDER] = lambda asked: (200, b"x" * (16 * 1024 * 1024 + 1))
        bench.rest._policy = RestPolicy(tries=1)
        failure = (await bench.rest.send(QUERY)).failure
        assert failure is not None and "larger than 16777216 bytes" in failure.text


async def test_a_command_that_cannot_leave_is_not_open() -> None:
    async with stand() as (venue, bench):
        await venue.stop()
        failure = (await bench.rest.send(PLACE)).failure
        assert failure is not None and failure.verdict in (Verdict.UNSENT, Verdict.UNKNOWN)
        failure = (await bench.rest.send(PLACE)).failure  # the kept connection is gone for certain now
        assert failure is not None and failure.verdict is Verdict.UNSENT and "not sent" in failure.text


async def test_cancelled_on_the_way() -> None:
    async with stand() as (venue, bench):
        venue.answers["POST", ORDER] = say_nothing
        sending = asyncio.ensure_future(bench.rest.send(PLACE))
        await until(lambda: venue.of(ORDER))
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        venue.answers["POST", ORDER] = OK
        assert (await bench.rest.send(PLACE)).failure is None


async def test_closed_while_something_is_under_way() -> None:
    async with stand() as (venue, bench):
        venue.answers["POST", ORDER] = say_nothing
        sending = asyncio.ensure_future(bench.rest.send(PLACE))
        await until(lambda: venue.of(ORDER))
        await bench.rest.close()
        failure = (await sending).failure
        assert failure is not None and failure.verdict is Verdict.UNKNOWN


# -- queries: asked again ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [status(503), hang_up, status(502, "<html>")], ids=["503", "lost", "502"])
async def test_a_query_is_asked_again(first: Answering) -> None:
    time = StandingTime()
    async with stand(time) as (venue, bench):
        left = [first, first]
        venue.answers["GET", ORDER] = lambda asked: left.pop()(asked) if left else OK(asked)
        answer = await sent(bench, time, QUERY, 1.0)
        assert answer.failure is None and len(venue.of(ORDER)) == 3 and bench.rest.retries == 2
        waits = [wait for wait in time.slept if wait < 1.0]
        assert len(waits) == 2 and 0.18 <= waits[0] <= 0.25 and 0.37 <= waits[1] <= 0.5


async def test_a_query_is_given_up_in_the_end() -> None:
    time = StandingTime()
    async with stand(time, tries=3) as (venue, bench):
        venue.answers["GET", ORDER] = status(503, "busy")
        answer = await sent(bench, time, QUERY, 5.0)
        assert answer.failure is not None and answer.failure.status == 503 and len(venue.of(ORDER)) == 3


@pytest.mark.parametrize("code", [400, 404, 422])
async def test_a_query_with_a_certain_answer_is_not(code: int) -> None:
    async with stand() as (venue, bench):
        venue.answers["GET", ORDER] = status(code, "no such order")
        answer = await bench.rest.send(QUERY)
        assert answer.failure is not None and answer.failure.status == code and len(venue.of(ORDER)) == 1


# -- limits ---------------------------------------------------------------------------------------------------------


async def test_the_venues_limit_is_kept_here() -> None:
    time = StandingTime()
    async with stand(time) as (venue, bench):
        for _ in range(20):
            assert (await bench.rest.send(PLACE)).failure is None
        failure = (await bench.rest.send(PLACE)).failure
        assert failure is not None and failure.verdict is Verdict.UNSENT
        assert failure.text == "not sent: the limit of 'place' is used up, and free again in 60.5 s"
        assert failure.retry_after_s == pytest.approx(60.5)
        assert len(venue.of(ORDER)) == 20
        await time.move(60.5)
        assert (await bench.rest.send(PLACE)).failure is None


async def test_who_has_patience_waits_for_the_limit() -> None:
    time = StandingTime()
    async with stand(time) as (venue, bench):
        for _ in range(20):
            await bench.rest.send(QUERY)
        waiting = [asyncio.ensure_future(bench.rest.send(QUERY, patience=100.0)) for _ in range(3)]
        hasty = await bench.rest.send(QUERY, patience=60.0)
        assert hasty.failure is not None and hasty.failure.verdict is Verdict.UNSENT
        await time.move(60.5)
        assert [(await each).failure for each in waiting] == [None] * 3
        assert len(venue.of(ORDER)) == 23


async def test_a_halt_has_a_part_of_its_own() -> None:
    time = StandingTime()
    async with stand(time) as (venue, bench):
        usual = [await bench.rest.send(CANCEL) for _ in range(8)]
        assert [answer.failure is None for answer in usual] == [True] * 6 + [False] * 2
        urgent = [await bench.rest.send(CANCEL, urgent=True) for _ in range(6)]
        assert [answer.failure is None for answer in urgent] == [True] * 4 + [False] * 2
        assert len(venue.of(ORDER, "DELETE")) == 10


async def test_the_limits_of_two_endpoints_are_two() -> None:
    async with stand(StandingTime()) as (_, bench):
        for _ in range(20):
            await bench.rest.send(PLACE)
        assert (await bench.rest.send(CANCEL)).failure is None


@pytest.mark.parametrize(("headers", "wait"), [({"Retry_After": "7"}, 7.0), ({}, 1.0), ({"Retry_After": "9999"}, 60.0)])
async def test_a_429_closes_the_endpoint(headers: dict[str, str], wait: float) -> None:
    time = StandingTime()
    async with stand(time) as (venue, bench):
        venue.answers["POST", ORDER] = status(429, "slow down", **headers)
        failure = (await bench.rest.send(PLACE)).failure
        assert failure is not None and failure.verdict is Verdict.RATE
        assert bench.kinds() == ["rate"] and bench.rest.rate_refusals == 1
        venue.answers["POST", ORDER] = OK
        failure = (await bench.rest.send(PLACE, urgent=True)).failure
        assert failure is not None and failure.verdict is Verdict.UNSENT and len(venue.of(ORDER)) == 1
        assert (await bench.rest.send(CANCEL)).failure is None  # the others are open
        await time.move(wait)
        assert (await bench.rest.send(PLACE)).failure is None


async def test_429s_in_a_row_wait_longer_until_one_succeeds() -> None:
    time = StandingTime()
    async with stand(time) as (venue, bench):
        waits = []
        venue.answers["POST", ORDER] = status(429)
        for _ in range(4):
            await bench.rest.send(PLACE)
            failure = (await bench.rest.send(PLACE)).failure
            assert failure is not None and failure.retry_after_s is not None
            waits.append(failure.retry_after_s)
            await time.move(failure.retry_after_s)
        assert waits == pytest.approx([1.0, 2.0, 4.0, 8.0])
        venue.answers["POST", ORDER] = OK
        assert (await bench.rest.send(PLACE)).failure is None
        venue.answers["POST", ORDER] = status(429)
        await bench.rest.send(PLACE)
        failure = (await bench.rest.send(PLACE)).failure
        assert failure is not None and failure.retry_after_s == pytest.approx(1.0)


async def test_a_query_waits_a_429_out() -> None:
    time = StandingTime()
    async with stand(time) as (venue, bench):
        left = [status(429)]
        venue.answers["GET", ORDER] = lambda asked: left.pop()(asked) if left else OK(asked)
        answer = await sent(bench, time, QUERY, 0.5, patience=10.0)
        assert answer.failure is None and len(venue.of(ORDER)) == 2


# -- clock and key --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [90_000, -90_000])
async def test_a_clock_that_is_off_is_told_and_does_not_matter(offset: int) -> None:
    time = StandingTime()
    async with Counterparty() as venue:
        venue.now_ms = lambda: time.clock.now_ns() // 1_000_000
        venue.offset_ms = offset
        venue.answers["POST", ORDER] = OK
        bench = Bench(venue, time)
        await bench.rest.open()
        (alert,) = bench.alerts
        assert alert.kind == "clock" and f"90.0 s {'behind' if offset > 0 else 'ahead of'} the venue's" in alert.text
        assert bench.rest.offset_ns == offset * 1_000_000
        assert (await bench.rest.send(PLACE)).failure is None
        await bench.rest.close()


@pytest.mark.parametrize("words", ["Invalid Access", "stale epoch"])
async def test_a_clock_that_jumps_is_found_out_by_the_first_refusal(words: str) -> None:
    time = StandingTime()
    async with stand(time) as (venue, bench):
        venue.offset_ms = 120_000
        venue.refusal = words
        answer = await bench.rest.send(PLACE)
        assert answer.failure is None
        assert [asked.path for asked in venue.asked] == [TIME, ORDER, TIME, ORDER]
        assert bench.kinds() == ["clock"] and bench.rest.retries == 1


async def test_a_refused_key_is_told_once_and_is_certain() -> None:
    time = StandingTime()
    async with stand(time) as (venue, bench):
        venue.key = "another-key"
        for _ in range(3):
            failure = (await bench.rest.send(PLACE)).failure
            assert failure is not None and failure.verdict is Verdict.KEY
        assert bench.kinds() == ["key"] and "not let in: the venue answered 401: Invalid Access" in bench.alerts[0].text


async def test_a_rotated_key_is_taken_up() -> None:
    venue_of: list[Counterparty] = []
    calls: list[str] = []

    def manager() -> tuple[str, str]:
        venue = venue_of[0]
        calls.append(venue.key)
        return venue.key, venue.secret

    async with Counterparty() as venue:
        venue_of.append(venue)
        venue.answers["POST", ORDER] = OK
        bench = Bench(venue, None, credentials=Credentials.from_callable(manager))
        await bench.rest.open()
        assert len(calls) == 1
        assert (await bench.rest.send(PLACE)).failure is None
        venue.key, venue.secret = "rotated-key", "rotated-secret"
        assert (await bench.rest.send(PLACE)).failure is None
        assert calls[-1] == "rotated-key" and len(calls) == 2 and bench.kinds() == ["key"]
        await bench.rest.close()


async def test_a_secrets_manager_that_fails() -> None:
    def manager() -> tuple[str, str]:
        raise OSError("the vault is sealed: s3cret")

    async with Counterparty() as venue:
        bench = Bench(venue, None, credentials=Credentials.from_callable(manager))
        with pytest.raises(CredentialsError, match="raised OSError") as caught:
            await bench.rest.open()
        assert "s3cret" not in str(caught.value) and not venue.asked


async def test_a_secrets_manager_that_fails_later() -> None:
    given: list[Any] = []

    async with Counterparty() as venue:
        given.append((venue.key, venue.secret))
        bench = Bench(venue, None, credentials=Credentials.from_callable(lambda: given.pop()))
        await bench.rest.open()
        venue.answers["POST", ORDER] = OK
        venue.key = "rotated-key"
        failure = (await bench.rest.send(PLACE)).failure
        assert failure is not None and failure.verdict is Verdict.KEY and "raised IndexError" in failure.text
        await bench.rest.close()


# -- what shows -----------------------------------------------------------------------------------------------------


async def test_nothing_secret_shows(caplog: pytest.LogCaptureFixture) -> None:
    """Every log at level 1 with the loop in debug mode, every text, repr and traceback with its locals."""
    asyncio.get_running_loop().set_debug(True)
    caplog.set_level(1)
    for name in ("aiohttp.client", "aiohttp.internal", "asyncio", "csbook", "csbook.net"):
        caplog.set_level(1, name)

    def echo(asked: Asked) -> Any:
        said = " ".join(asked.headers.values())
        return 400, {"message": f"{asked.headers['x-api-signature']} {asked.headers['x-api-key']} {said}"}

    texts: list[str] = []
    async with stand() as (venue, bench):
        for answering in (echo, hang_up, status(429), OK):
            venue.answers["POST", ORDER] = answering
            answer = await bench.rest.send(PLACE)
            texts += [repr(answer), repr(bench.rest), str(answer.failure)]
            if answer.failure is not None:
                try:
                    raise answer.failure.error("place")
                except Exception as error:
                    trace = traceback.TracebackException.from_exception(error, capture_locals=True)
                    texts += list(trace.format())
        texts += [str(alert) for alert in bench.alerts]
        venue.secret = "another"
        texts.append(repr(await bench.rest.send(CANCEL)))
        secrets = venue.hidden
    text = "\n".join([*texts, caplog.text])
    assert "<hidden>" in text
    for word in secrets:
        assert word not in text


async def test_the_venues_time_goes_on_whatever_this_machine_says() -> None:
    time = StandingTime()
    async with stand(time, warm_every=1e9) as (venue, bench):
        rest = bench.rest
        assert abs(rest.venue_ns() - time.clock.now_ns()) < 2_000_000  # told in ms
        venue.offset_ms = 90_000
        before = rest.venue_ns()
        await rest._compare()
        assert abs(rest.venue_ns() - before - 90_000_000_000) < 2_000_000
        time.clock.advance(1_000_000_000)
        assert abs(rest.venue_ns() - before - 91_000_000_000) < 2_000_000
        venue.offset_ms = 90_100  # the way's, not the clock's
        await rest._compare()
        assert abs(rest.venue_ns() - before - 91_000_000_000) < 2_000_000
        venue.offset_ms = 0
        latest = rest.venue_ns()
        await rest._compare()
        assert rest.venue_ns() == latest  # it stands rather than go back
        time.clock.advance(100_000_000_000)
        assert abs(rest.venue_ns() - time.clock.now_ns()) < 2_000_000
