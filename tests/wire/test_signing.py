from __future__ import annotations

import base64
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from csbook.credentials import Credentials, Secret
from csbook.errors import CredentialsError
from csbook.wire import signing


def openssl(*arguments: str, data: bytes) -> bytes:
    """The same by another hand."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("needs the openssl program")
    return subprocess.run([program, *arguments], input=data, capture_output=True, check=True, timeout=30).stdout


def openssl_hmac(secret: str, message: bytes) -> bytes:
    key = secret.encode().hex()
    return openssl("dgst", "-sha256", "-mac", "HMAC", "-macopt", f"hexkey:{key}", "-binary", data=message)


# -- made with openssl when the test runs ---------------------------------------------------------------------------


def test_hmac_agrees_with_openssl() -> None:
    dice = random.Random(7)
    for size in (0, 1, 63, 64, 65, 500):
        secret = "".join(chr(dice.randrange(33, 127)) for _ in range(dice.choice([1, 32, 64, 65, 200])))
        message = dice.randbytes(size)
        digest = openssl_hmac(secret, message)
        assert signing.hmac_hex(Secret(secret), message) == digest.hex()
        assert signing.hmac_base64(Secret(secret), message) == base64.b64encode(digest).decode()


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"exchange=EXCHANGE_2&symbol=BTCUSDT",
        b'{"exchange":"EXCHANGE_2","symbol":"BTCUSDT","side":"BUY","price":"30000.0","quantity":"0.001"}',
        '{"client_order_id":"\u00fc"}'.encode(),
    ],
)
def test_coinswitch_agrees_with_openssl(payload: bytes) -> None:
    headers = signing.coinswitch(Credentials("the-key", "the-secret"), 1672531234567, payload)
    expected = openssl_hmac("the-secret", b"1672531234567" + b"the-key" + payload).hex()
    assert headers == {
        "x-api-key": "the-key",
        "x-api-signature": expected,
        "x-api-timestamp": "1672531234567",
    }


def test_ed25519_agrees_with_openssl(tmp_path: Path) -> None:
    pytest.importorskip("cryptography")
    seed = bytes(range(1, 33))
    der = tmp_path / "seed.der"
    der.write_bytes(bytes.fromhex("302e020100300506032b657004220420") + seed)
    message = tmp_path / "message"
    message.write_bytes(b"POST/trade/api/v2/futures/order1700000000000")
    signature = openssl(
        "pkeyutl", "-sign", "-rawin", "-keyform", "DER", "-inkey", str(der), "-in", str(message), data=b""
    )
    headers = signing.coinswitch_ed25519(
        Credentials("00", seed.hex()), "post", "/trade/api/v2/futures/order", 1700000000000
    )
    assert headers["X-AUTH-SIGNATURE"] == signature.hex()


# -- known answers, from the venues' pages and their recomputation ---------------------------------------------------


def test_coinswitch_ed25519() -> None:
    pytest.importorskip("cryptography")
    credentials = Credentials("key", bytes(range(32)).hex())
    headers = signing.coinswitch_ed25519(credentials, "GET", "/trade/api/v2/time", 1700000000000)
    signature = headers["X-AUTH-SIGNATURE"]
    assert len(signature) == 128 and signature.startswith("36731d7e") and signature.endswith("57024504")
    assert (headers["X-AUTH-APIKEY"], headers["X-AUTH-EPOCH"]) == ("key", "1700000000000")


def test_ed25519_signs_the_decoded_path() -> None:
    pytest.importorskip("cryptography")
    credentials = Credentials("key", bytes(range(32)).hex())

    def signature(path: str) -> str:
        return signing.coinswitch_ed25519(credentials, "GET", path, 1)["X-AUTH-SIGNATURE"]

    assert signature("/a?b=x%2Cy+z") == signature("/a?b=x,y z")
    assert signature("/a?b=%c3%bc") == signature("/a?b=\u00fc")
    assert signature("/a?b=%zz") != signature("/a?b=zz")


@pytest.mark.parametrize("secret", ["00" * 31, "00" * 33, "zz" * 32, "a-word"])
def test_ed25519_wants_a_seed(secret: str) -> None:
    with pytest.raises(CredentialsError, match="64 hexadecimal digits") as caught:
        signing.coinswitch_ed25519(Credentials("key", secret), "GET", "/", 1)
    assert secret not in str(caught.value)


def test_ed25519_without_cryptography(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric.ed25519", None)
    with pytest.raises(ImportError, match=r"csbook\[trade\]"):
        signing.coinswitch_ed25519(Credentials("key", "00" * 32), "GET", "/", 1)


BINANCE = "2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9"
SPOT = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"


@pytest.mark.parametrize(
    ("secret", "query", "body", "signature"),
    [
        (
            BINANCE,
            "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC&recvWindow=5000"
            "&timestamp=1591702613943",
            b"",
            "3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9",
        ),
        (
            BINANCE,
            "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC",
            b"quantity=1&price=9000&recvWindow=5000&timestamp=1591702613943",
            "30baaf0fab549bbeda7f5ef201898b34122da25fd23c646cac2c529aebe670a4",
        ),
        (
            SPOT,
            "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000"
            "&timestamp=1499827319559",
            b"",
            "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71",
        ),
    ],
)
def test_binance(secret: str, query: str, body: bytes, signature: str) -> None:
    assert signing.binance(Credentials("key", secret), query, body) == signature


def test_binance_does_not_sign_the_misprint_of_its_page() -> None:
    """The page prints the digest of a text with a blank in it, which nobody sends."""
    query, body = (
        "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC",
        b"quantity=1&price=9000&recvWindow=5000&timestamp=",
    )
    printed = "f9d0ae5e813ef6ccf15c2b5a434047a0181cb5a342b903b367ca6d27a66e36f2"
    assert signing.binance(Credentials("key", BINANCE), query, body + b" 1591702613943") == printed
    assert signing.binance(Credentials("key", BINANCE), query, body + b"1591702613943") != printed


@pytest.mark.parametrize(
    ("key", "secret", "timestamp", "payload", "signature"),
    [
        (
            "test_api_key", "test_secret", 1700000000000, b"category=linear&symbol=BTCUSDT",
            "fd4f31228a46109dc6673062328693696df9a96c7ff04e6491a45e7f63a0fdd7",
        ),
        (
            "test_api_key", "test_secret", 1700000000000,
            b'{"category": "linear", "symbol": "BTCUSDT", "orderLinkId": "test-order-1"}',
            "2df4a0603d69c08d5dea29ba85b46eb7db64ce9e9ebd34a7802a3d69700cb2a1",
        ),
        (
            "testkey", "testsecret", 1658384314791, b"category=linear&symbol=BTCUSDT",
            "da6213487e070e4d08e4f5d0cd9dadd8684519516f65ce3109007d2770aff690",
        ),
        (
            "testkey", "testsecret", 1658384314791,
            b'{"category":"linear","symbol":"BTCUSDT","side":"Buy","orderType":"Limit","qty":"0.001","price":"15000",'
            b'"timeInForce":"GTC"}',
            "0bab8ea81b259dac2eca7a635ab40612efa8c060753254660d86d0f2296b8582",
        ),
    ],
)  # fmt: skip
def test_bybit(key: str, secret: str, timestamp: int, payload: bytes, signature: str) -> None:
    assert signing.bybit(Credentials(key, secret), timestamp, 5000, payload) == {
        "X-BAPI-API-KEY": key,
        "X-BAPI-TIMESTAMP": str(timestamp),
        "X-BAPI-RECV-WINDOW": "5000",
        "X-BAPI-SIGN": signature,
    }


@pytest.mark.parametrize(
    ("secret", "expires", "signature"),
    [
        ("test_secret", 1700000000000, "bacffe7500499eb829bb58c45d36d1b3e5ac67c14eaeba91df5e99ccee013925"),
        ("testsecret", 1662350400000, "b38c4f23eca76c513b6542823c0882c502bdea24e31f6d6af028af804c5c850a"),
    ],
)
def test_bybit_socket(secret: str, expires: int, signature: str) -> None:
    assert signing.bybit_socket(Credentials("key", secret), expires) == signature


KUCOIN = "f03a5284-5c39-4aaa-9b20-dea10bdcf8e3"


@pytest.mark.parametrize(
    ("secret", "method", "path", "body", "signature"),
    [
        (KUCOIN, "POST", "/api/v1/deposit-addresses", b'{"currency":"BTC"}',
         "7QP/oM0ykidMdrfNEUmng8eZjg/ZvPafjIqmxiVfYu4="),
        (KUCOIN, "POST", "/api/v1/deposit-address", b'{"currency":"XBT"}',
         "ni2D7a6NKPHHdIN/Rm8ZUix5xheGowT54v/5nIG+ztc="),
        ("testsecret", "get", "/api/v1/positions?currency=USDT", b"",
         "KQlO2IP7LM/fXMDM9gb0mzIY8UyOzpF7UJDd2DZ0D/A="),
        ("testsecret", "POST", "/api/v1/bullet-private", b"",
         "poyD9axAauOVND7PAhGMxA07sApnOx/crM5dhyeEddo="),
        ("testsecret", "POST", "/api/v1/orders",
         b'{"clientOid":"5c52e11203aa677f33e493fb","side":"buy","symbol":"XBTUSDTM","leverage":3,"type":"limit",'
         b'"price":"0.1","size":1}',
         "R71OOykdrX+gHWkhJTYl8TgKkMvzWYdLCMGDk9kt5wI="),
    ],
)  # fmt: skip
def test_kucoin(secret: str, method: str, path: str, body: bytes, signature: str) -> None:
    headers = signing.kucoin(Credentials("key", secret, "x"), 1547015186532, method, path, body)
    assert (headers["KC-API-SIGN"], headers["KC-API-TIMESTAMP"]) == (signature, "1547015186532")
    assert (headers["KC-API-KEY"], headers["KC-API-KEY-VERSION"]) == ("key", "2")


@pytest.mark.parametrize(
    ("secret", "passphrase", "signature"),
    [
        (KUCOIN, "QWIxMjM0NTY3OCkoKiZeJSQjQA==", "HFkKIy8cKfQF3Ognmbamq9Bd8VfYy3eUQj7uC8NvMes="),
        ("testsecret", "testpass", "5geeOuzPRVAMNghwj4ECAxLPxLiO667f7Kkx53zWBsc="),
    ],
)
def test_kucoin_passphrase(secret: str, passphrase: str, signature: str) -> None:
    headers = signing.kucoin(Credentials("key", secret, passphrase), 1, "GET", "/")
    assert headers["KC-API-PASSPHRASE"] == signature


def test_kucoin_needs_a_passphrase() -> None:
    with pytest.raises(CredentialsError, match="passphrase"):
        signing.kucoin(Credentials("key", "secret"), 1, "GET", "/")
