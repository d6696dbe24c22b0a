"""Recorded messages as seeds: read where they lie, never kept here.

Only recordings under a permissive licence are named; what they are and where they come from is told beside them.
"""

from __future__ import annotations

import gzip
import re
from itertools import islice
from pathlib import Path

from .target import Target

FILES = {
    "coinswitch": ("coinswitch/documented_examples.jsonl",),
    "binance": (
        "binance_usdm/hftbacktest_btcusdt_20240808.gz",
        "binance_usdm/cryptofeed_20210722_sushiusdt_ctkusdt.txt.gz",
        "binance_coinm/cryptofeed_20210722_5sym.txt.gz",
    ),
    "bybit": ("bybit/cryptofeed_v5_linear_20250613_orderbook1.txt.gz",),
    "kucoin": ("kucoin/cryptofeed_spot_20210425_4sym.txt.gz", "derived/kucoin_futures_shape_BCHSV.jsonl.gz"),
}
EACH = 200  # messages of a file


def messages(path: Path) -> list[bytes]:
    """The JSON objects of the first lines, whatever stands in front of them, under the symbol that targets know."""
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as lines:
        found = [line[line.index(b"{") :].rstrip() for line in islice(lines, EACH) if b"{" in line]
    return [re.sub(rb'(?<=[":.])[A-Z0-9]{2,12}(?:USDT|USDTM|USD_PERP)(?=")', b"BTCUSDT", message) for message in found]


def inputs(target: Target, folder: Path) -> list[bytes]:
    """Recorded messages as inputs of a target; none where it has no use for them."""
    if target.recorded is None:
        return []
    venue = target.name.removeprefix("scan-").partition("-")[0]
    paths = [folder / name for name in FILES.get(venue, [file for files in FILES.values() for file in files])]
    found = [message for path in paths if path.exists() for message in messages(path)]
    return [target.recorded(message)[: target.longest] for message in found]
