from __future__ import annotations

import dataclasses

import pytest

import csbook
from csbook import venues
from csbook.errors import UsageError
from csbook.venues.dialect import BookAnswer, Rest


def test_each_venue_is_found_by_its_own_name() -> None:
    assert "coinswitch" in venues.names()
    for name in venues.names():
        dialect = venues.dialect(name)
        assert dialect.name == name
        assert dialect.default_depth in (dialect.offered or (None,))
        assert dialect.ws_origin.startswith("wss://") and dialect.rest_origin.startswith("https://")
        assert "book" in dialect.channels
        for depth in dialect.offered or (None,):
            book = dialect.streams("book", "BTCUSDT", depth)
            assert book and all("{" not in name for name in book)
        assert csbook.Router(dialect.table, [csbook.Book("X")]).venue == dialect.table
        assert dialect.official or dialect.instead, "an unofficial dialect names what to try instead"
        limits = dataclasses.astuple(dialect.limits)
        assert all(limit > 0 for limit in limits)


def test_an_unknown_venue_is_told_what_there_is() -> None:
    with pytest.raises(UsageError, match=r"'binnance'.*coinswitch"):
        venues.dialect("binnance")


def test_facts_do_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        venues.dialect("coinswitch").title = "other"  # type: ignore[misc]


def test_the_streams_of_a_channel() -> None:
    coinswitch, binance = venues.dialect("coinswitch"), venues.dialect("binance")
    assert coinswitch.streams("book", "BTCUSDT", 5) == ("btcusdt@depth5",)
    assert coinswitch.streams("book", "BTCUSDT", 0) == ("btcusdt@depth", "btcusdt@depth20")  # snapshots anchor changes
    assert coinswitch.streams("touch", "BTCUSDT") == ()
    assert coinswitch.channels == ("book", "trades", "tickers", "all_tickers")
    assert binance.streams("book", "btcusdt", 0) == ("btcusdt@depth@100ms",)
    assert binance.streams("all_tickers", "") == ("!ticker@arr",)
    assert {channel: binance.path(channel) for channel in binance.channels} == {
        "book": "/public/stream", "touch": "/public/stream",
        "trades": "/market/stream", "tickers": "/market/stream", "all_tickers": "/market/stream",
    }  # fmt: skip


def test_what_an_audit_compares_with() -> None:
    read = BookAnswer([], [])
    assert Rest(1, 1.0, snapshot="/s").comparable == ""  # nobody can read it
    assert Rest(1, 1.0, snapshot="/s", read_book=lambda payload: read).comparable == "/s"
    assert Rest(1, 1.0, snapshot="/s", audit="/a", read_book=lambda payload: read).comparable == "/a"
