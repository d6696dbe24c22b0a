"""What a client may say on a public socket, and what it is told: sans-I/O, text in, answer out.

Requests are ``{"method":"SUBSCRIBE" | "UNSUBSCRIBE","params":[stream, ...],"id":n}`` and
``{"method":"LIST_SUBSCRIPTIONS","id":n}``. The answer is ``{"result":null,"id":n}``, for a list
``{"result":[...],"id":n}``, or ``{"error":{"code":..,"msg":..},"id":n}``. Ids are positive integers; where there is
none to repeat the answer's id is null. A request is done whole or not at all. Codes, Binance's where it has one: 0
unknown property, 1 wrong type, 2 invalid request (unknown method, unknown stream, too many streams), 3 invalid JSON.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from csbook import json

__all__ = ["Answer", "answer"]


@dataclass(frozen=True, slots=True)
class Answer:
    """The confirmation's payload, and what has been agreed to."""

    payload: bytes
    subscribe: list[str] = field(default_factory=list)  # new ones only
    unsubscribe: list[str] = field(default_factory=list)
    refused: bool = False


class _Refused(Exception):
    def __init__(self, code: int, msg: str) -> None:
        super().__init__(msg)
        self.code = code
        self.msg = msg


def answer(text: str | bytes, held: Collection[str], streams: Collection[str] | None, limit: int) -> Answer:
    """Judge one request of a connection that holds the streams ``held``; ``streams`` are all that there are.

    None: a name is not looked at.
    """
    request_id = None
    try:
        try:
            request = json.loads(text)
        except json.JSONDecodeError as error:
            raise _Refused(3, f"Invalid JSON: {error}") from error
        if not isinstance(request, dict):
            raise _Refused(1, "Invalid request: an object is expected")
        request_id = _request_id(request)
        return _judged(request, request_id, held, streams, limit)
    except _Refused as refusal:
        said = {"error": {"code": refusal.code, "msg": refusal.msg}, "id": request_id}
        return Answer(json.dumps(said), refused=True)


def _request_id(request: dict[str, Any]) -> int:
    request_id = request.get("id")
    if type(request_id) is not int or not 0 < request_id < 1 << 63:
        raise _Refused(1, "Invalid request: id must be a positive integer")
    return request_id


def _judged(
    request: dict[str, Any], request_id: int, held: Collection[str], streams: Collection[str] | None, limit: int
) -> Answer:
    for name in request:
        if name not in ("method", "params", "id"):
            raise _Refused(0, f"Unknown property: {name}")
    match request.get("method"):
        case "SUBSCRIBE":
            wanted = _params(request)
            for stream in wanted:
                if streams is not None and stream not in streams:
                    raise _Refused(2, f"Invalid request: unknown stream {stream[:64]!r}")
            new = [stream for stream in wanted if stream not in held]
            if len(held) + len(new) > limit:
                raise _Refused(2, f"Invalid request: too many streams, {limit} are allowed on a connection")
            return Answer(_done(None, request_id), subscribe=new)
        case "UNSUBSCRIBE":
            gone = [stream for stream in _params(request) if stream in held]
            return Answer(_done(None, request_id), unsubscribe=gone)
        case "LIST_SUBSCRIPTIONS":
            return Answer(_done(list(held), request_id))
        case method:
            raise _Refused(2, f"Invalid request: unknown method {str(method)[:64]!r}")


def _params(request: dict[str, Any]) -> list[str]:
    params = request.get("params")
    if not isinstance(params, list) or not params or not all(isinstance(stream, str) for stream in params):
        raise _Refused(1, "Invalid request: params must be an array of stream names")
    return list(dict.fromkeys(params))


def _done(result: list[str] | None, request_id: int) -> bytes:
    return json.dumps({"result": result, "id": request_id})
