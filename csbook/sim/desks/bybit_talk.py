"""A private socket of Bybit's: a login by signature, topics, pings. Fact sheet bybit, section 4.

The names of topics come in two styles, ``order`` and ``order.linear``; one request has one of them. Nothing is told of
what was before a topic was asked for. A login may be struck by the faults of requests, as the operation ``login``.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Collection, Iterable, Mapping
from hashlib import sha256
from typing import Any
from uuid import uuid4

from csbook import json
from csbook.sim.accounts import Account
from csbook.sim.desk import PrivateTalk
from csbook.sim.speech import Reply

__all__ = ["TOPICS", "BybitTalk"]

TOPICS = ("order", "execution", "position", "wallet")
_STYLED = tuple(f"{topic}.linear" for topic in TOPICS if topic != "wallet")


class BybitTalk(PrivateTalk):
    """One socket; ``accounts`` may log in to it, ``fate`` says what strikes a login."""

    beat = None
    hears_pongs = False

    def __init__(
        self, accounts: Iterable[Account], now_ms: Callable[[], int], fate: Callable[[str], str] = lambda operation: ""
    ) -> None:
        super().__init__()
        self._accounts = accounts
        self._now_ms = now_ms
        self._fate = fate
        self._topics: set[str] = set()
        self._name = str(uuid4())

    def wants(self, topic: str) -> bool:
        return topic in self._topics or f"{topic}.linear" in self._topics

    def form(self, stream: str) -> bool:
        return stream in self._topics

    def dress(self, stream: str, payload: bytes) -> bytes:
        """In the style that was asked for."""
        if stream in self._topics:
            return payload
        return payload.replace(f'"topic":"{stream}"'.encode(), f'"topic":"{stream}.linear"'.encode(), 1)

    def hear(self, said: bytes, held: Collection[str]) -> Reply:
        try:
            request = json.loads(said)
        except json.JSONDecodeError:
            return self._refused({}, "error:invalid JSON")
        if not isinstance(request, dict):
            return self._refused({}, "error:an object is expected")
        match request.get("op"):
            case "ping":
                told = {"req_id": _name_of(request), "op": "pong", "args": [str(self._now_ms())], "conn_id": self._name}
                return Reply([json.dumps(told)], request=False, alive=True)
            case "auth":
                return self._let_in(request)
            case "subscribe" | "unsubscribe" as name:
                return self._asked(request, name == "subscribe")
            case name:
                return self._refused(request, f"error:unknown op {str(name)[:32]}")

    def _let_in(self, request: Mapping[str, Any]) -> Reply:
        fate = self._fate("login")
        if fate == "request_lost":
            return Reply()
        if fate in ("request_429", "request_503"):
            return self._refused(request, "too many visits" if fate == "request_429" else "internal error")
        if self.account is not None:
            return self._refused(request, "error:repeated auth")
        account = self._owner(request.get("args"))
        if isinstance(account, str):
            return self._refused(request, account)
        self.account = account
        if fate == "answer_lost":
            return Reply()
        if fate == "answer_503":
            return self._refused(request, "internal error")
        return Reply([self._said(request, True, "")])

    def _owner(self, given: object) -> Account | str:
        """Whose login it is, or why it is none; nothing of it is repeated."""
        match given:
            case [str() as api_key, int() | str() as until, str() as signature]:
                expires = str(until)
            case _:
                return "Params Error"
        if isinstance(until, bool) or not (expires.isascii() and expires.isdecimal() and len(expires) <= 16):
            return "Params Error"
        if int(expires) <= self._now_ms():
            return "Params Error: expires must lie in the future"
        for account in self._accounts:
            if hmac.compare_digest(account.api_key.encode(), api_key.encode()):
                text = f"GET/realtime{expires}".encode()
                right = hmac.new(account.api_secret.encode(), text, sha256).hexdigest()
                if hmac.compare_digest(right.encode(), signature.encode()):
                    return account
                return "10004: error sign"
        return "10003: API key is invalid"

    def _asked(self, request: Mapping[str, Any], wanted: bool) -> Reply:
        topics = request.get("args")
        if self.account is None:
            return self._refused(request, "error:request not authorized")
        if not isinstance(topics, list) or not topics or not all(isinstance(topic, str) for topic in topics):
            return self._refused(request, "error:args must be an array of topics")
        asked = set(topics)
        for topic in topics:
            if topic not in TOPICS and topic not in _STYLED:
                return self._refused(request, f"error:handler not found,topic:{topic[:64]}")
            if (topic in self._topics) == wanted:
                why = "already" if wanted else "not"
                return self._refused(request, f"error:{why} subscribed,topic:{topic}")
        if asked & set(_STYLED) and asked & {topic.removesuffix(".linear") for topic in _STYLED}:
            return self._refused(request, "error:topics of one category and of all are not to be mixed")
        self._topics = self._topics | asked if wanted else self._topics - asked
        return Reply([self._said(request, True, "")])

    def _refused(self, request: Mapping[str, Any], why: str) -> Reply:
        return Reply([self._said(request, False, why)], refused=True)

    def _said(self, request: Mapping[str, Any], success: bool, text: str) -> bytes:
        return json.dumps(
            {
                "success": success,
                "ret_msg": text,
                "op": str(request.get("op", ""))[:32],
                "conn_id": self._name,
                "req_id": _name_of(request),
            }
        )


def _name_of(request: Mapping[str, Any]) -> str:
    return str(request.get("req_id", ""))[:64]
