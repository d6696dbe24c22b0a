"""Rows of V5 as the fact sheet shows them (bybit 4.1 to 4.3)."""

from __future__ import annotations

from typing import Any

ORDER: dict[str, Any] = {
    "category": "linear", "symbol": "BTCUSDT", "orderId": "5cf98598-39a7-459e-97bf-76ca765ee020", "orderLinkId": "c-1",
    "side": "Sell", "orderType": "Limit", "timeInForce": "PostOnly", "price": "72.5", "qty": "2", "positionIdx": 2,
    "orderStatus": "PartiallyFilled", "cancelType": "UNKNOWN", "rejectReason": "EC_NoError", "avgPrice": "75",
    "leavesQty": "1", "cumExecQty": "1", "cumExecValue": "75", "cumExecFee": "0.3", "reduceOnly": False,
    "createdTime": "1672364262444", "updatedTime": "1672364262457",
}  # fmt: skip
EXECUTION: dict[str, Any] = {
    "category": "linear", "symbol": "BTCUSDT", "execId": "0ab1bdf7-4219-438b-b30a-32ec863018f7",
    "execPrice": "95900.1", "execQty": "0.5", "execFee": "26.3725275", "execType": "Trade", "execValue": "47950.05",
    "feeRate": "0.00055", "leavesQty": "0", "orderId": "9aac161b-8ed6-450d-9cab-c5cc67c21784", "orderLinkId": "",
    "orderPrice": "94942.5", "orderQty": "0.5", "orderType": "Market", "side": "Sell", "execTime": "1746270400353",
    "isMaker": False, "seq": 140612148849382, "execPnl": "0.05", "closedSize": "0.5", "feeCurrency": "USDT",
    "extraFees": [],
}  # fmt: skip
POSITION: dict[str, Any] = {
    "positionIdx": 0, "symbol": "XRPUSDT", "side": "Sell", "size": "75", "entryPrice": "0.3615", "leverage": "10",
    "updatedTime": "1672364174449", "seq": 8327597863,
}  # fmt: skip
