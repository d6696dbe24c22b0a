"""What Binance says when it says no: a code, a text that goes with it, and the HTTP status. Fact sheet binance, 5.2."""

from __future__ import annotations

from collections.abc import Mapping

from csbook import json
from csbook.sim.exchange import Refusal
from csbook.sim.speech import Response

__all__ = ["Coded", "invalid", "missing", "refused", "unexpected"]

KINDS: Mapping[str, tuple[int, str]] = {
    "rate": (-1015, "Too many new orders."),
    "number": (-1100, "Illegal characters found in a parameter."),
    "symbol": (-1121, "Invalid symbol."),
    "type": (-1116, "Invalid orderType."),
    "time_in_force": (-1115, "Invalid timeInForce."),
    "too_small": (-4003, "Quantity less than or equal to zero."),
    "too_large": (-4005, "Quantity greater than max quantity."),
    "size_step": (-1111, "Precision is over the maximum defined for this asset."),
    "price_missing": (-1102, "Mandatory parameter 'price' was not sent, was empty/null, or malformed."),
    "price_unexpected": (-1106, "Parameter 'price' sent when not required."),
    "price_range": (-4002, "Price greater than max price."),
    "price_step": (-4014, "Price not increased by tick size."),
    "notional": (-4164, "Order's notional must be no smaller than 5 (unless you choose reduce only)."),
    "position_side": (-4061, "Order's position side does not match user's setting."),
    "duplicate": (-4116, "ClientOrderId is duplicated."),
    "reduce_only": (-2022, "ReduceOnly Order is rejected."),
    "margin": (-2019, "Margin is insufficient."),
    "post_only": (-5022, "Due to the order could not be executed as maker, the Post Only order will be rejected."),
    "fok": (-5021, "Due to the order could not be filled immediately, the FOK order has been rejected."),
    "unknown_order": (-2013, "Order does not exist."),
    "ended": (-2013, "Order does not exist."),
    "unmodified": (-5027, "No need to modify the order."),
    "listen_key": (-1125, "This listenKey does not exist."),
}
_NOT_CANCELED = (-2011, "Unknown order sent.")


class Coded(Refusal):
    """A refusal with the venue's code."""

    def __init__(self, code: int, words: str, status: int = 400) -> None:
        super().__init__(status, words, "coded")
        self.code = code


def missing(name: str) -> Coded:
    return Coded(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def unexpected(name: str) -> Coded:
    return Coded(-1106, f"Parameter '{name}' sent when not required.")


def invalid(name: str) -> Coded:
    return Coded(-1130, f"Data sent for parameter '{name}' is not valid.")


def refused(operation: str, refusal: Refusal) -> Response:
    """A refusal as an answer to an operation; what has no code of its own is -1102, as it was said."""
    if isinstance(refusal, Coded):
        code, words = refusal.code, refusal.message
    elif operation == "cancel" and refusal.kind in ("unknown_order", "ended"):
        code, words = _NOT_CANCELED
    else:
        code, words = KINDS.get(refusal.kind, (-1102, refusal.message))
    status = 429 if refusal.kind == "rate" else refusal.status if isinstance(refusal, Coded) else 400
    return Response(json.dumps({"code": code, "msg": words}), status)
