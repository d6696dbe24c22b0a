"""When a command ends."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import pytest

from csbook.cli.stop import SIGNALS, Stop

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are sent as on POSIX")


async def test_after_its_seconds() -> None:
    with Stop() as stop:
        async with asyncio.timeout(40):
            await stop.wait(0.01)
        assert stop.is_set


async def test_by_a_word_from_within() -> None:
    with Stop() as stop:
        stop.now()
        await stop.wait(None)


@pytest.mark.parametrize("number", SIGNALS)
async def test_a_signal_ends_it_in_good_order(number: signal.Signals) -> None:
    with Stop() as stop:
        stop.arm()
        os.kill(os.getpid(), number)
        await asyncio.wait_for(stop.wait(None), 5)


@pytest.mark.parametrize("number", SIGNALS)
async def test_before_anything_is_open_a_signal_cancels(number: signal.Signals) -> None:
    with pytest.raises(asyncio.CancelledError), Stop():
        os.kill(os.getpid(), number)
        await asyncio.sleep(5)


async def test_the_second_signal_does_not_wait_for_the_good_order() -> None:
    with pytest.raises(asyncio.CancelledError), Stop() as stop:
        stop.arm()
        os.kill(os.getpid(), signal.SIGINT)
        await stop.wait(None)
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(5)


async def test_the_signals_are_given_back() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with Stop():
        assert [signal.getsignal(number) for number in SIGNALS] != before
    assert [signal.getsignal(number) for number in SIGNALS] == before
