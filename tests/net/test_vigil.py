"""The rules and the latch, looked at when time alone could change what they say."""

from __future__ import annotations

import threading
from decimal import Decimal, localcontext
from pathlib import Path

import pytest

from csbook import Book
from csbook.account import Account
from csbook.errors import HaltedError
from csbook.guard.killswitch import Cause, KillSwitch
from csbook.guard.latchfile import LatchFile
from csbook.guard.tripwire import Tripwire, Tripwires
from csbook.net.vigil import Vigil
from csbook.types import Alert, Fill, Order, OrderStatus, Side
from csbook.wire.private import OrderReport, PositionReport
from virtual import Virtual, virtually

D = Decimal


class Watch:
    def __init__(self, time: Virtual, folder: Path | None = None, **rules: object) -> None:
        self.account = Account()
        self.alerts: list[Alert] = []
        self.halts: list[tuple[Cause, str]] = []
        self.vigil = Vigil(
            self.account,
            Tripwires(Tripwire(**rules)),  # type: ignore[arg-type]
            time.timing,
            tell=self.alerts.extend,
            halt=lambda cause, reason: self.halts.append((cause, reason)),
        )
        file = None if folder is None else LatchFile(folder / "halt.json")
        halt_files = () if folder is None else (folder / "HALT",)
        self.vigil.switch = KillSwitch(file, halt_files=halt_files)
        self.vigil.switch.load(time.clock.now_ns())

    def filled(self, side: Side, size: str, price: str, fee: str = "0", number: int = 1) -> None:
        at = number * 1_000_000
        fill = Fill("BTCUSDT", side, D(price), D(size), str(number), str(number), "", D(fee), "USDT", event_time_ns=at)
        report = OrderReport(
            "BTCUSDT", OrderStatus.FILLED, "", str(number), side, "LIMIT", size=D(size), filled=D(size), fill=fill,
            event_time_ns=at,
        )  # fmt: skip
        self.account.apply(report, at)


def book_of(bid: str, ask: str) -> Book:
    book = Book("BTCUSDT")
    book.apply_snapshot([[bid, "1"]], [[ask, "1"]])
    return book


@virtually
async def test_profit_is_what_was_realised_and_what_would_be(time: Virtual) -> None:
    watch = Watch(time)
    assert watch.vigil.profit() == 0
    watch.filled(Side.BUY, "2", "100", "0.5", 1)
    assert watch.vigil.profit() is None  # no book says what it is worth
    watch.vigil.follow(book_of("109.0", "111.0"))
    assert watch.vigil.profit() == D("19.5")
    watch.filled(Side.SELL, "2", "105", "0.5", 2)
    assert watch.vigil.profit() == D("9.0")
    watch.filled(Side.BUY, "1", "0.00001", "0.00001", 3)
    with localcontext(prec=3):
        watch.vigil.follow(book_of("12345.0", "12347.0"))
        assert watch.vigil.profit() == D("12354.99998")


@virtually
async def test_hedged_legs_are_worth_something_each(time: Virtual) -> None:
    watch = Watch(time)
    for leg, size, entry in (("LONG", "1", "100"), ("SHORT", "-1", "120")):
        watch.account.apply(PositionReport("BTCUSDT", D(size), D(entry), leg, event_time_ns=5), 5)
    watch.vigil.follow(book_of("109.0", "111.0"))
    assert watch.vigil.profit() == D(20)


@virtually
async def test_a_loss_halts_once(time: Virtual) -> None:
    watch = Watch(time, loss=D(10))
    watch.filled(Side.BUY, "1", "100", number=1)
    watch.vigil.follow(book_of("88.0", "90.0"))
    assert watch.vigil.due(time.timing.now()) <= time.timing.now()
    for _ in range(3):
        await watch.vigil.run(time.timing.now())
    assert watch.halts == [(Cause.LOSS, watch.halts[0][1])]
    assert watch.halts[0][1].startswith("the profit is -11.0") and watch.halts[0][1].endswith(", the limit -10")


@virtually
async def test_rejections_are_judged_at_once(time: Virtual) -> None:
    watch = Watch(time, rejects=2)
    watch.vigil.rejected()
    assert not watch.halts
    watch.vigil.rejected()
    assert watch.halts == [(Cause.REJECTS, "2 orders were rejected within 60 s")]


@virtually
async def test_a_stale_book_counts_where_orders_stand(time: Virtual) -> None:
    watch = Watch(time, book_stale_after=5.0)
    book = book_of("100.0", "101.0")
    book.clear("gone")
    watch.vigil.follow(book)
    now = time.timing.now()
    assert watch.vigil.tripwires.due(now, exposed=0, quoted=set()) == float("inf")
    order = Order("BTCUSDT", Side.BUY, "LIMIT", D(1), D(99), OrderStatus.PENDING, "a")
    watch.account.placing(order, time.clock.now_ns())
    await watch.vigil.run(now)
    assert not watch.halts
    await watch.vigil.run(now + 5.0)
    time.clock.advance(5_000_000_000)
    await watch.vigil.run(time.timing.now())
    assert [cause for cause, _ in watch.halts] == [Cause.BOOK]


@virtually
async def test_a_file_trips_it(time: Virtual, tmp_path: Path) -> None:
    watch = Watch(time, tmp_path)
    await watch.vigil.run(time.timing.now())
    assert watch.vigil.due(time.timing.now()) == time.timing.now() + 1.0
    (tmp_path / "HALT").touch()
    time.clock.advance(1_000_000_000)
    await watch.vigil.run(time.timing.now())
    assert [cause for cause, _ in watch.halts] == [Cause.FILE] and watch.alerts[0].kind == "halt"
    assert watch.vigil.switch.durable  # the disk has it
    with pytest.raises(HaltedError, match="remove it first"):
        watch.vigil.rearm("me")
    (tmp_path / "HALT").unlink()
    assert "re-armed by me" in watch.vigil.rearm("me").text
    await watch.vigil.run(time.timing.now())
    assert len(watch.halts) == 1 and not watch.vigil.switch.halted


async def test_re_arming_waits_for_the_thread_that_writes(tmp_path: Path) -> None:
    """The thread must not write its halt behind a re-arming that it has not seen."""
    time = Virtual()
    watch = Watch(time, tmp_path)
    watch.vigil.trip(Cause.HAND, "stop")
    switch = watch.vigil.switch
    under_way, go_on = threading.Event(), threading.Event()
    sync = switch.sync

    def slowly() -> list[Alert]:
        under_way.set()
        assert go_on.wait(5)
        return sync()

    switch.sync = slowly  # type: ignore[method-assign]
    thread = threading.Thread(target=watch.vigil._sync)
    thread.start()
    assert under_way.wait(5)
    threading.Timer(0.02, go_on.set).start()
    watch.vigil.rearm("me")
    thread.join(5)
    record = LatchFile(tmp_path / "halt.json").read()
    assert record is not None and not record.halted and not switch.halted
