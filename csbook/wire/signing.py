"""How a request says whose it is: one function a scheme, from its parts to the headers or the signature.

Pure, and the same bytes in give the same bytes out; the time is an argument. Every scheme signs exactly what is sent,
so that query and body are made once and passed both here and to the wire. The rules are those of the venues' own
pages; their known answers are in the tests.

* ``coinswitch``: hex HMAC-SHA256 of timestamp + key + payload. The payload is the body, or the query where there is
  no body. The listenKey endpoint signs nothing whether its body is empty or ``{}``.
* ``coinswitch_ed25519``: the venue's official scheme; hex Ed25519 of METHOD + decoded path and query + epoch.
* ``binance``: hex HMAC-SHA256 of the query and the body, with nothing between them; it is the last parameter.
* ``bybit``: hex HMAC-SHA256 of timestamp + key + window + (query or body); its sockets sign ``GET/realtime`` + expires.
* ``kucoin``: base64 HMAC-SHA256 of timestamp + METHOD + path and query + body; the passphrase is signed, too.
"""

from __future__ import annotations

import base64
import hmac
import re

from csbook.credentials import Credentials, Secret
from csbook.errors import CredentialsError

__all__ = [
    "binance",
    "bybit",
    "bybit_socket",
    "coinswitch",
    "coinswitch_ed25519",
    "decoded",
    "hmac_base64",
    "hmac_hex",
    "kucoin",
]

_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_SEED = re.compile(r"[0-9A-Fa-f]{64}", re.ASCII)


def hmac_hex(secret: Secret, message: bytes) -> str:
    """Lower-case hex of HMAC-SHA256."""
    return hmac.digest(secret.reveal().encode(), message, "sha256").hex()


def hmac_base64(secret: Secret, message: bytes) -> str:
    """Base64 of HMAC-SHA256, with its padding."""
    return base64.b64encode(hmac.digest(secret.reveal().encode(), message, "sha256")).decode()


def coinswitch(credentials: Credentials, timestamp_ms: int, payload: bytes) -> dict[str, str]:
    """The headers of the unofficial dialect."""
    key = credentials.api_key
    return {
        "x-api-key": key,
        "x-api-signature": hmac_hex(credentials.api_secret, f"{timestamp_ms}{key}".encode() + payload),
        "x-api-timestamp": str(timestamp_ms),
    }


def binance(credentials: Credentials, query: str, body: bytes = b"") -> str:
    """The signature of a query and a form body as they are sent; append it as the last parameter."""
    return hmac_hex(credentials.api_secret, query.encode() + body)


def bybit(credentials: Credentials, timestamp_ms: int, window_ms: int, payload: bytes) -> dict[str, str]:
    """The headers of a v5 request; ``payload`` is the query or the body, byte by byte as it is sent."""
    key = credentials.api_key
    return {
        "X-BAPI-API-KEY": key,
        "X-BAPI-TIMESTAMP": str(timestamp_ms),
        "X-BAPI-RECV-WINDOW": str(window_ms),
        "X-BAPI-SIGN": hmac_hex(credentials.api_secret, f"{timestamp_ms}{key}{window_ms}".encode() + payload),
    }


def bybit_socket(credentials: Credentials, expires_ms: int) -> str:
    """The signature that authenticates a private socket; ``expires_ms`` must lie in the future."""
    return hmac_hex(credentials.api_secret, f"GET/realtime{expires_ms}".encode())


def kucoin(credentials: Credentials, timestamp_ms: int, method: str, path: str, body: bytes = b"") -> dict[str, str]:
    """The headers of a version 2 key. ``path`` carries its query, not percent-encoded.

    Raises CredentialsError where the credentials have no passphrase.
    """
    passphrase = credentials.passphrase
    if passphrase is None:
        raise CredentialsError("the keys of kucoin have a passphrase, and none was given")
    return {
        "KC-API-KEY": credentials.api_key,
        "KC-API-TIMESTAMP": str(timestamp_ms),
        "KC-API-SIGN": hmac_base64(credentials.api_secret, f"{timestamp_ms}{method.upper()}{path}".encode() + body),
        "KC-API-PASSPHRASE": hmac_base64(credentials.api_secret, passphrase.reveal().encode()),
        "KC-API-KEY-VERSION": "2",
    }


def coinswitch_ed25519(credentials: Credentials, method: str, path: str, epoch_ms: int) -> dict[str, str]:
    """The headers of the official dialects. ``path`` carries its query; the body is not signed.

    Raises CredentialsError where the secret is no Ed25519 seed of 64 hexadecimal digits, and ImportError where the
    package ``cryptography`` is missing.
    """
    if not _SEED.fullmatch(credentials.api_secret.reveal()):
        raise CredentialsError("the secret of this venue is an Ed25519 seed; expected 64 hexadecimal digits")
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    except ImportError:
        raise ImportError("Ed25519 needs the package cryptography: pip install 'csbook[trade]'") from None
    seed = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(credentials.api_secret.reveal()))
    message = method.upper().encode() + decoded(path) + str(epoch_ms).encode()
    return {
        "X-AUTH-APIKEY": credentials.api_key,
        "X-AUTH-SIGNATURE": seed.sign(message).hex(),
        "X-AUTH-EPOCH": str(epoch_ms),
    }


def decoded(path: str) -> bytes:
    """Path and query without percent-encoding: ``%2C`` is a comma, ``+`` a blank."""
    return _ESCAPE.sub(lambda match: bytes((int(match[1], 16),)), path.encode().replace(b"+", b" "))
