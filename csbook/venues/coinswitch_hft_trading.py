"""CoinSwitch PRO HFT, the private half: REST ``dma`` in V5's shapes. Fact sheet coinswitch: 6.1 and 6.4.

* The signature is the official one, Ed25519 over method, path with its query, and epoch, which is mandatory here; the
  success of an answer is its ``retCode``, whatever HTTP says.
* Documented are the calls that place, list and tell fills and positions. The calls that cancel, that tell the wallet
  and the closed orders are not in the visible part of the official table; public programs use them, as V5 has them.
* Neither the codes nor the limits are published. The codes are read as V5's, and the limits here are our own. An amend
  and post-only orders are not told of, so they are not offered.
* There is a private stream over NATS. Its credentials come by REST, and how they travel in CONNECT is not documented:
  who knows it says it in the setting ``login``, and whose subjects they are in ``sub_account_id``. Without both the
  account is polled. What the fields of its messages are is not documented, either, so that each message is a hint upon
  which the account is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from csbook.credentials import Credentials, Secret
from csbook.errors import BadMessage, UsageError
from csbook.venues.coinswitch_hft import DIALECT
from csbook.venues.trading import Limit, Place, Trading
from csbook.venues.v5 import V5Trading
from csbook.wire import signing
from csbook.wire.admission import PrivateSession
from csbook.wire.fields import load
from csbook.wire.private import Hint
from csbook.wire.private_nats import PrivateNatsSession
from csbook.wire.request import Failure, Request, Signed
from csbook.wire.session import Pace, Unknown
from csbook.wire.userdata import PrivateEvent

__all__ = ["TRADING", "HftTrading"]

_JSON = {"Content-Type": "application/json"}
_SIGNATURE = "socket_signature"  # the endpoint
_VALUES = ("api_key", "expires", "signature")
_PLACE = re.compile(r"\{(\w*)\}")
_ACCOUNT = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_PRINTABLE = re.compile(r"[!-~]{1,2048}", re.ASCII)

# The guesses that have a name: fields of CONNECT.
LOGINS: Mapping[str, Mapping[str, str]] = {
    "user_pass": {"user": "{api_key}", "pass": "{signature}"},
    "auth_token": {"auth_token": "{signature}"},
    "fields": {name: f"{{{name}}}" for name in _VALUES},
}


class HftTrading(V5Trading):
    """The table; stateless. See ``venues.trading.Trading`` for the meaning of the methods.

    ``login``: fields of CONNECT, with ``{api_key}``, ``{expires}`` and ``{signature}`` in their texts.
    """

    name = DIALECT.name
    title = DIALECT.title
    abilities = frozenset({"cancel_all", "fills", "hedge", "reduce_only"})
    limits: Mapping[str, Limit] = {
        "place": Limit(10, 1.0),
        "cancel": Limit(10, 1.0, reserve=4),
        "cancel_all": Limit(10, 1.0, reserve=3),
        "order": Limit(10, 1.0),
        "open_orders": Limit(10, 1.0, reserve=4),
        "closed_orders": Limit(10, 1.0),
        "fills": Limit(10, 1.0),
        "positions": Limit(10, 1.0),
        "balances": Limit(10, 1.0),
    }
    clock_tolerance_s = 5.0
    ban_s = 0.0
    stream_lacks = (
        "its NATS login is not documented: how api_key, expires and signature of /dma/api/v1/socket/signature travel "
        "(in CONNECT as user, pass or auth_token, or in a message of their own), how they are renewed, and what "
        "fields the order and trade messages have; orders, positions and balances are polled over REST, unless the "
        "settings 'login' and 'sub_account_id' say what is known"
    )
    reconcile_every_s = 15.0
    settings: Mapping[str, str] = {
        "login": f"how the credentials go into CONNECT: {', '.join(LOGINS)}, or its fields with "
        "{api_key}, {expires} and {signature} in their texts",
        "sub_account_id": "whose subjects to subscribe to",
    }

    def __init__(self, login: Mapping[str, str] | None = None, sub_account_id: str = "") -> None:
        self._login = dict(login or {})
        self._account = sub_account_id
        if login:
            self.stream_lacks = ""
            self.has_token = True

    def configured(self, settings: Mapping[str, object]) -> Trading:
        super().configured(settings)
        account, login = settings.get("sub_account_id"), settings.get("login")
        if account is None or login is None:
            raise UsageError("settings 'login' and 'sub_account_id' are given together or not at all")
        text = str(account) if type(account) is int else account
        if not isinstance(text, str) or not _ACCOUNT.fullmatch(text):
            raise UsageError("setting 'sub_account_id' is no id; expected 1 to 64 letters, digits, '-' or '_'")
        return HftTrading(_fields(login), text)

    def sign(self, request: Request, credentials: Credentials, timestamp_ms: int) -> Signed:
        headers: Mapping[str, str] = request.headers
        if request.signed:
            path = f"{request.path}?{request.query}" if request.query else request.path
            signed = signing.coinswitch_ed25519(credentials, request.method, path, timestamp_ms)
            headers = {**_JSON, **request.headers, **signed}
        return Signed(request.query, headers)

    def judge(self, request: Request, status: int, body: bytes, retry_after: str | None) -> Failure | None:
        """The credentials of the socket come without the envelope."""
        if request.endpoint == _SIGNATURE and 200 <= status < 300 and not _is_enveloped(body):
            return None
        return super().judge(request, status, body, retry_after)

    # -- the private stream -----------------------------------------------------------------------------------------

    def new_token(self) -> Request:
        if not self.has_token:
            return super().new_token()
        return Request(_SIGNATURE, "GET", "/dma/api/v1/socket/signature")

    def read_token(self, body: bytes) -> Secret:
        return _credentials(body)["signature"]

    def read_place(self, body: bytes) -> Place:
        values = _credentials(body)

        def filled(text: str) -> Secret:
            return Secret(_PLACE.sub(lambda match: values[match[1]].reveal(), text))

        return Place(login={name: filled(text) for name, text in self._login.items()})

    def stream_path(self, token: Secret) -> str:
        return super().stream_path(token) if self.stream_lacks else "/"

    def converse(
        self, *, pace: Pace, confirm_within: float, login: Callable[[], bytes], place: Place
    ) -> PrivateSession | None:
        subject = f"v1.f.ex1.private.subAccountId.{self._account}"
        return PrivateNatsSession(
            pace=pace,
            subjects=(f"{subject}.order", f"{subject}.trade"),
            login=place.login,
            confirm_within=confirm_within,
        )

    def read_event(self, message: Any, receive_time_ns: int) -> list[PrivateEvent]:
        """Each is a hint, whatever it holds; that of another sub-account is unknown."""
        if self.stream_lacks or not isinstance(message, dict):
            return super().read_event(message, receive_time_ns)
        data = message.get("data")
        whose = data.get("sub_account_id") if isinstance(data, dict) else None
        if whose is not None and str(whose) != self._account:
            return [Unknown("a message of another sub-account")]
        kind = str(message.get("channel", "")).rpartition(".")[2]
        return [_HINTS.get(kind, _HINTS["order"])]


_HINTS = {"order": Hint("an order message"), "trade": Hint("a trade message")}


def _fields(login: object) -> dict[str, str]:
    """The fields of CONNECT. Raises UsageError."""
    if isinstance(login, str) and login in LOGINS:
        return dict(LOGINS[login])
    fields = dict(login) if isinstance(login, Mapping) else {}
    for name, text in fields.items():
        if not isinstance(name, str) or not name or not isinstance(text, str) or set(_PLACE.findall(text)) - {*_VALUES}:
            fields = {}
            break
    if not fields:
        raise UsageError(
            f"setting 'login' is none of {', '.join(LOGINS)}, and no fields of CONNECT whose texts name nothing but "
            f"{', '.join(f'{{{name}}}' for name in _VALUES)}"
        )
    return fields


def _is_enveloped(body: bytes) -> bool:
    try:
        said = load(body)
    except BadMessage:
        return True
    return not isinstance(said, dict) or "retCode" in said


def _credentials(body: bytes) -> dict[str, Secret]:
    """The three values; an error shows nothing of them."""
    said = load(body)
    if isinstance(said, dict) and isinstance(said.get("result"), dict):
        said = said["result"]
    values = {}
    for name in _VALUES:
        value = said.get(name) if isinstance(said, dict) else None
        held = Secret(str(value) if type(value) is int else value if isinstance(value, str) else "")
        del value
        if not _PRINTABLE.fullmatch(held.reveal()):
            raise BadMessage(f"the answer holds no {name!r} of the socket's credentials", field=name)
        values[name] = held
    return values


TRADING = HftTrading()
