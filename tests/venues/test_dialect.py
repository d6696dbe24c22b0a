from __future__ import annotations

import dataclasses

import pytest

from csbook import venues
from csbook.errors import UsageError


def test_each_venue_is_found_by_its_own_name() -> None:
    assert "coinswitch" in venues.names()
    for name in venues.names():
        dialect = venues.dialect(name)
        assert dialect.name == name
        assert dialect.default_depth in dialect.depths
        assert dialect.ws_origin.startswith("wss://") and dialect.rest_origin.startswith("https://")
        assert "{symbol}" in dialect.book_stream and "{depth}" in dialect.book_stream
        assert dialect.official or dialect.instead, "an unofficial dialect names what to try instead"
        limits = dataclasses.astuple(dialect.limits)
        assert all(limit > 0 for limit in limits)


def test_an_unknown_venue_is_told_what_there_is() -> None:
    with pytest.raises(UsageError, match=r"'binnance'.*coinswitch"):
        venues.dialect("binnance")


def test_facts_do_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        venues.dialect("coinswitch").title = "other"  # type: ignore[misc]
