from __future__ import annotations

import copy
import dataclasses
import io
import logging
import os
import pickle
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import csbook
from csbook.credentials import Credentials, Secret, fingerprint
from csbook.errors import CredentialsError

KEY, SECRET, PHRASE = "k3y-of-an-account", "s3cret-of-an-account", "a phrase to pass"
HIDDEN = (KEY, SECRET, PHRASE)


def told(failing: Callable[[], object], *hidden: str) -> str:
    """Everything that an error's traceback can show, the locals of its frames included; nothing hidden is in it."""
    with pytest.raises(CredentialsError) as caught:
        failing()
    assert caught.value.__cause__ is None and caught.value.__context__ is None
    # our frames only: those above are the caller's, who has the secrets in hand
    trace = caught.value.__traceback__
    while trace is not None and "csbook" not in Path(trace.tb_frame.f_code.co_filename).parent.name:
        trace = trace.tb_next
    text = "".join(traceback.TracebackException(CredentialsError, caught.value, trace, capture_locals=True).format())
    assert "csbook" in text
    for word in hidden or HIDDEN:
        assert word not in text
    return str(caught.value)


def private(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def values(credentials: Credentials) -> tuple[str, str, str | None]:
    phrase = credentials.passphrase
    return credentials.api_key, credentials.api_secret.reveal(), None if phrase is None else phrase.reveal()


# -- what shows -----------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Holder:
    credentials: Credentials
    secret: Secret


def test_nothing_shows_them(caplog: pytest.LogCaptureFixture) -> None:
    credentials = Credentials(KEY, SECRET, PHRASE)
    secret = credentials.api_secret
    holder = Holder(credentials, secret)
    shown = [
        repr(credentials), str(credentials), f"{credentials}", f"{credentials!r:>40}", repr(secret), str(secret),
        f"{secret}", f"{secret:>20}", repr([secret]), repr(holder), repr(dataclasses.asdict(holder)),
        repr(dir(credentials)), repr(dir(secret)), repr(copy.deepcopy(holder)), repr(copy.copy(secret)),
    ]  # fmt: skip
    logging.getLogger("csbook").warning("%s %r %s", credentials, secret, holder)
    for text in [*shown, caplog.text]:
        assert not any(word in text for word in HIDDEN), text
    assert repr(credentials) == f"<Credentials {fingerprint(KEY)}>"
    assert not hasattr(credentials, "__dict__") and not hasattr(secret, "__dict__")


@pytest.mark.parametrize(
    "thing", [Credentials(KEY, SECRET), Secret(SECRET), Holder(Credentials(KEY, SECRET), Secret("x"))]
)
def test_nothing_is_pickled(thing: Any) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(thing, protocol)


def test_secrets_compare() -> None:
    assert Secret("a") == Secret("a") != Secret("b")
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert Secret("a") != "a"


def test_a_fingerprint_is_short_and_steady() -> None:
    assert fingerprint("key") == "2c70e12b7a06"  # the first 12 digits of its SHA-256
    assert Credentials("key", "x").fingerprint == Secret("key").fingerprint == "2c70e12b7a06"


def test_they_are_offered_at_the_top() -> None:
    assert csbook.Credentials is Credentials


# -- what they must be ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (("", SECRET), "api_key is malformed"),
        ((KEY, ""), "api_secret is malformed"),
        ((f"{KEY}\r\nX-Other: 1", SECRET), "api_key is malformed"),
        ((KEY, f"{SECRET} {SECRET}"), "api_secret is malformed"),
        ((KEY, f"{SECRET}é"), "api_secret is malformed"),
        ((KEY, SECRET * 50), "api_secret is malformed"),
        ((KEY, SECRET.encode()), "api_secret is a bytes"),
        ((None, SECRET), "api_key is missing"),
        ((KEY, SECRET, f"{PHRASE}\n"), "passphrase is malformed"),
        ((KEY, SECRET, 5), "passphrase is a int"),
    ],
)
def test_what_cannot_be_a_key(arguments: Any, field: str) -> None:
    assert field in told(lambda: Credentials(*arguments))


def test_from_env(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSBOOK_COINSWITCH_SIO_API_KEY", KEY)
    assert "CSBOOK_COINSWITCH_SIO_API_SECRET must be set" in told(lambda: Credentials.from_env("coinswitch-sio"))
    monkeypatch.setenv("CSBOOK_COINSWITCH_SIO_API_SECRET", SECRET)
    assert values(Credentials.from_env("coinswitch-sio")) == (KEY, SECRET, None)
    monkeypatch.setenv("CSBOOK_COINSWITCH_SIO_API_PASSPHRASE", PHRASE)
    assert values(Credentials.from_env("coinswitch-sio")) == (KEY, SECRET, PHRASE)
    monkeypatch.setenv("CSBOOK_COINSWITCH_SIO_API_SECRET", f"{SECRET} ")
    assert "api_secret is malformed" in told(lambda: Credentials.from_env("coinswitch-sio"))


# -- from a file ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        (f'{{"api_key": "{KEY}", "api_secret": "{SECRET}"}}', None),
        (f'\n {{"API_KEY": "{KEY}", "api_secret": "{SECRET}", "passphrase": "{PHRASE}"}}\n', PHRASE),
        (f"API_KEY={KEY}\nAPI_SECRET={SECRET}\n", None),
        (f"# mine\n\nexport api_key = {KEY}\nAPI_SECRET='{SECRET}'\npassphrase=\"{PHRASE}\"", PHRASE),
        (f"api_secret={SECRET}\r\napi_key={KEY}\r\n", None),
    ],
)
def test_from_a_file(tmp_path: Path, text: str, phrase: str | None) -> None:
    assert values(Credentials.from_file(private(tmp_path / "keys", text))) == (KEY, SECRET, phrase)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "api_key and api_secret missing"),
        (f"API_KEY={KEY}", "api_secret missing"),
        (f"API_KEY={KEY}\nSECRET={SECRET}", "line 2 is no KEY=VALUE of a known name"),
        (f"{KEY}\n{SECRET}", "line 1 is no KEY=VALUE"),
        (f"API_KEY={KEY}\nAPI_SECRET={SECRET}\nAPI_SECRET={SECRET}x", "line 3 names api_secret again"),
        (f"API_KEY={KEY}\nAPI_SECRET={SECRET} {SECRET}", "api_secret is malformed"),
        (f"API_KEY={KEY}\nAPI_SECRET=", "api_secret is malformed"),
        (f'{{"api_key": "{KEY}", "api_secret": "{SECRET}"', "it is no JSON object"),
        (
            f'{{"api_key": "{KEY}", "api_secret": "{SECRET}", "API_SECRET": "x"}}',
            "it is no JSON object that names each",
        ),
        (f'{{"api_key": "{KEY}", "api_secret": "{SECRET}", "{PHRASE}": 1}}', "it has names that are not known"),
        (f'{{"api_key": "{KEY}", "api_secret": {{"value": "{SECRET}"}}}}', "api_secret is a dict"),
        (f'{{"api_key": "{KEY}", "api_secret": null}}', "api_secret is missing"),
        ("API_KEY=" + "k" * 70000, "larger than 65536 bytes"),
        (f"API_KEY={KEY}\nAPI_SECRET=\udcff", "api_secret is malformed"),
    ],
)
def test_a_file_of_another_shape(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "keys"
    path.write_bytes(text.encode(errors="surrogateescape"))
    path.chmod(0o600)
    message = told(lambda: Credentials.from_file(path))
    assert why in message and str(path) in message


@pytest.mark.skipif(os.name != "posix", reason="rights of files are POSIX's")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601, 0o620])
def test_a_file_that_others_can_open(tmp_path: Path, mode: int) -> None:
    path = private(tmp_path / "keys", f"API_KEY={KEY}\nAPI_SECRET={SECRET}", mode)
    assert f"others can read it (mode {mode:04o}); chmod 600 it" in told(lambda: Credentials.from_file(path))


@pytest.mark.skipif(os.name != "posix", reason="links, pipes and devices are POSIX's")
def test_no_link_no_pipe_no_folder_no_device(tmp_path: Path) -> None:
    real = private(tmp_path / "keys", f"API_KEY={KEY}\nAPI_SECRET={SECRET}")
    link = tmp_path / "link"
    link.symlink_to(real)
    assert "it is a link" in told(lambda: Credentials.from_file(link))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    assert "no regular file" in told(lambda: Credentials.from_file(pipe))  # and it does not wait for a writer
    assert "no regular file" in told(lambda: Credentials.from_file(tmp_path))
    assert "no regular file" in told(lambda: Credentials.from_file("/dev/zero"))
    assert "No such file" in told(lambda: Credentials.from_file(tmp_path / "none"))


@pytest.mark.skipif(os.name != "posix", reason="O_NOFOLLOW is POSIX's")
def test_a_link_that_appears_in_between(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = private(tmp_path / "keys", f"API_KEY={KEY}\nAPI_SECRET={SECRET}")
    link = tmp_path / "link"
    link.symlink_to(real)
    monkeypatch.setattr(Path, "is_symlink", lambda self: False)  # it was none a moment ago
    assert "cannot take credentials" in told(lambda: Credentials.from_file(link))


@pytest.mark.skipif(os.name != "posix", reason="owners of files are POSIX's")
def test_a_file_of_another_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = private(tmp_path / "keys", f"API_KEY={KEY}\nAPI_SECRET={SECRET}")
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    assert "it belongs to another user" in told(lambda: Credentials.from_file(path))


# -- from a function ------------------------------------------------------------------------------------------------


def test_a_function_is_called_at_the_first_use_and_after_a_refused_key() -> None:
    calls: list[int] = []

    def manager() -> tuple[str, str]:
        calls.append(1)
        return f"{KEY}{len(calls)}", SECRET

    credentials = Credentials.from_callable(manager)
    assert (repr(credentials), calls, credentials.is_loaded) == ("<Credentials not loaded>", [], False)
    assert credentials.api_key == f"{KEY}1"
    assert credentials.api_secret.reveal() == SECRET and len(calls) == 1
    assert credentials.refused() and not credentials.is_loaded
    assert credentials.api_key == f"{KEY}2"


def test_a_function_may_give_credentials_or_three_values() -> None:
    inner = Credentials(KEY, SECRET, PHRASE)
    assert values(Credentials.from_callable(lambda: inner)) == (KEY, SECRET, PHRASE)
    assert values(Credentials.from_callable(lambda: [KEY, SECRET, PHRASE])) == (KEY, SECRET, PHRASE)


def test_fixed_credentials_have_no_others() -> None:
    credentials = Credentials(KEY, SECRET)
    assert not credentials.refused() and credentials.is_loaded


def test_a_function_that_fails() -> None:
    def raising() -> None:
        raise OSError(f"cannot reach the vault with {SECRET}")

    assert "the function raised OSError" in told(lambda: Credentials.from_callable(raising).load())
    for given in (None, KEY, (KEY,), (KEY, SECRET, PHRASE, 1), {KEY: SECRET}):
        credentials = Credentials.from_callable(lambda given=given: given)  # type: ignore[misc]
        assert "expected (api_key, api_secret)" in told(credentials.load)
    assert "api_secret is malformed" in told(lambda: Credentials.from_callable(lambda: (KEY, f"{SECRET} ")).api_key)
    assert "expected a function" in told(lambda: Credentials.from_callable(KEY))  # type: ignore[arg-type]


def test_the_hook_of_uncaught_errors_shows_nothing() -> None:
    out = io.StringIO()
    try:
        Credentials(KEY, f"{SECRET} ")
    except CredentialsError as error:
        traceback.print_exception(error, file=out)
    assert SECRET not in out.getvalue() and "api_secret is malformed" in out.getvalue()
    assert sys.excepthook is sys.__excepthook__
