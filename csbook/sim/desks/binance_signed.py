"""Whose a request is at Binance: the key's header, the timestamp's window, the signature. Fact sheet binance, 5.1.

What is signed is the query as it was sent, straight after it the form body as it was sent, both without the parameter
``signature`` itself, wherever it stands. A parameter that stands in both counts as the query has it.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from hashlib import sha256
from urllib.parse import parse_qsl

from csbook.sim.accounts import Account
from csbook.sim.desks.binance_codes import Coded, missing

__all__ = ["AHEAD_MS", "LONGEST_WINDOW_MS", "WINDOW_MS", "check", "fields", "owner"]

AHEAD_MS = 1_000  # a timestamp is less than that ahead of the venue's
WINDOW_MS = 5_000  # and so far behind it, at most, unless ``recvWindow`` says otherwise
LONGEST_WINDOW_MS = 60_000


def fields(query: str, body: bytes) -> dict[str, str]:
    """The parameters of a request. Raises Refusal for a body that is no text."""
    try:
        form = body.decode("ascii")
        pairs = [*parse_qsl(form, keep_blank_values=True), *parse_qsl(query, keep_blank_values=True)]
    except ValueError:
        raise Coded(-1100, "Illegal characters found in a parameter.") from None
    return {name: value for name, value in pairs if value}


def owner(headers: Mapping[str, str], accounts: Iterable[Account]) -> Account:
    """The account whose key stands in the header. Header names are lower case. Raises Refusal (401)."""
    api_key = headers.get("x-mbx-apikey", "")
    if not api_key:
        raise Coded(-2014, "API-key format invalid.", 401)
    for account in accounts:
        if hmac.compare_digest(account.api_key.encode(), api_key.encode()):
            return account
    raise Coded(-2015, "Invalid API-key, IP, or permissions for action.", 401)


def check(account: Account, query: str, body: bytes, asked: Mapping[str, str], now_ms: int) -> None:
    """Raises Refusal unless the account signed this, just now."""
    for name in ("signature", "timestamp"):
        if name not in asked:
            raise missing(name)
    timestamp, window = _ms("timestamp", asked["timestamp"]), _ms("recvWindow", asked.get("recvWindow", str(WINDOW_MS)))
    if window > LONGEST_WINDOW_MS:
        raise Coded(-1131, f"recvWindow must be less than {LONGEST_WINDOW_MS}.")
    if timestamp >= now_ms + AHEAD_MS:
        raise Coded(-1021, f"Timestamp for this request was {AHEAD_MS}ms ahead of the server's time.")
    if now_ms - timestamp > window:
        raise Coded(-1021, "Timestamp for this request is outside of the recvWindow.")
    signed = _unsigned(query).encode() + _unsigned(body.decode("ascii")).encode()
    right = hmac.new(account.api_secret.encode(), signed, sha256).hexdigest()
    if not hmac.compare_digest(right.encode(), asked["signature"].encode()):
        raise Coded(-1022, "Signature for this request is not valid.")


def _unsigned(text: str) -> str:
    return "&".join(part for part in text.split("&") if not part.startswith("signature="))


def _ms(name: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 16):
        raise Coded(-1100, f"Illegal characters found in parameter '{name}'.")
    return int(text)
