from __future__ import annotations

import pytest

from csbook.errors import UsageError
from csbook.venues import dialect, names, trading_names, trading_table
from csbook.venues.trading import Page


def test_what_can_be_traded_on_can_be_read() -> None:
    assert set(trading_names()) <= set(names())


@pytest.mark.parametrize("name", trading_names())
def test_each_table_agrees_with_itself(name: str) -> None:
    table, public = trading_table(name), dialect(name)
    assert (table.name, table.title) == (public.name, public.title)
    assert set(table.abilities) <= {"post_only", "amend", "reduce_only", "hedge", "cancel_all"}
    for limit in table.limits.values():
        assert 0 <= limit.reserve < limit.count and limit.window_s > 0
    assert {"cancel_all", "cancel", "open_orders"} <= {name for name, limit in table.limits.items() if limit.reserve}


def test_no_such_venue() -> None:
    with pytest.raises(UsageError, match="cannot trade on 'mars'; csbook trades on: coinswitch"):
        trading_table("mars")


def test_a_page_without_a_cursor_is_the_last() -> None:
    assert Page(()).cursor_ms is None
