"""unicorn-binance-local-depth-cache: the manager's own updates and reads, without its threads and sockets."""

from __future__ import annotations

from typing import Any

import orjson
from unicorn_binance_local_depth_cache.manager import BinanceLocalDepthCacheManager

from benches.peers._lists import parse_all
from benches.words import Job

NAME = "unicorn-binance-local-depth-cache"
PACKAGES = ("unicorn-binance-local-depth-cache",)
MARKET = "btcusdt"
TOUCH = "bid = bids(market, limit_count=1)[0][0]\nask = asks(market, limit_count=1)[0][0]"


def _manager() -> Any:
    """Its initialiser starts threads and asks the venue, so the state that the updates need is set here."""
    manager = BinanceLocalDepthCacheManager.__new__(BinanceLocalDepthCacheManager)
    manager.exchange = "binance.com-futures"
    manager.stop_request = False
    manager.default_refresh_interval = None
    manager.depth_caches = {}
    manager.threading_lock_ask = {}
    manager.threading_lock_bid = {}
    manager._add_depthcache(MARKET)
    manager.depth_caches[MARKET]["is_synchronized"] = True
    return manager


def _names() -> dict[str, Any]:
    manager = _manager()
    return {
        "loads": orjson.loads, "apply": manager._apply_updates, "reset": manager._reset_depth_cache,
        "bids": manager.get_bids, "asks": manager.get_asks, "market": MARKET,
    }  # fmt: skip


APPLY = 'reset(market)\napply(body["asks"], body["bids"], market)'


def snapshot(levels: int) -> Job:
    return Job(f"body = loads(message)\n{APPLY}\n{TOUCH}", _names())


def parsed(levels: int) -> Job:
    return Job(f"body = message\n{APPLY}\n{TOUCH}", _names(), prepare=parse_all)


def delta(start: bytes) -> Job:
    names = _names()
    body = orjson.loads(start)
    names["apply"](body["asks"], body["bids"], MARKET)
    return Job(f'data = loads(message)["data"]\napply(data["a"], data["b"], market)\n{TOUCH}', names)


def reads(payload: bytes) -> dict[str, Job]:
    names = _names()
    body = orjson.loads(payload)
    names["apply"](body["asks"], body["bids"], MARKET)
    return {"touch": Job(TOUCH, names)}
