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
    assert set(table.abilities) <= {"post_only", "amend", "reduce_only", "hedge", "cancel_all", "fills"}
    for limit in table.limits.values():
        assert 0 <= limit.reserve < limit.count and limit.window_s > 0
    for endpoint in ("cancel_all", "cancel", "open_orders"):  # a halt has room in every limit that it meets
        met = [table.limits[name] for name in (endpoint, *table.pools.get(endpoint, ())) if name in table.limits]
        assert met and all(limit.reserve for limit in met)
    for names_ in table.pools.values():
        assert set(names_) <= table.limits.keys()
    assert table.times_in_force and table.order_types and table.list_window_s > 0


def test_no_such_venue() -> None:
    with pytest.raises(UsageError, match="cannot trade on 'mars'; csbook trades on: binance, "):
        trading_table("mars")


def test_a_page_without_a_cursor_is_the_last() -> None:
    assert Page(()).cursor_ms is None
