"""The keys of an account, and what keeps them out of sight.

A secret lives in a ``Secret``, which shows nothing of itself: not in repr, str or format, not in ``vars``, a pickle, a
copy or the locals of a traceback. ``reveal()`` is the one way out, and is called in the expression that signs, never
into a name. An api key is told by its fingerprint, too: some venues let anyone listen who knows it.

What is read here is checked here, and no error shows what it was given: where a value is wrong the text names the
field, and the cause of an error is never chained, since it may quote the value.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn, TypeAlias

from csbook.errors import CredentialsError

__all__ = ["Credentials", "Secret", "fingerprint"]

_PRINTABLE = re.compile(r"[!-~]{1,512}", re.ASCII)  # it goes into a header as it is
_PHRASE = re.compile(r"[ -~]{1,512}", re.ASCII)
_LARGEST = 64 * 1024  # bytes of a file of keys
_NAMES = ("api_key", "api_secret", "passphrase")
_FORMAT = "JSON or lines of KEY=VALUE, with api_key, api_secret and, where the venue has one, passphrase"


def fingerprint(text: str) -> str:
    """A short name for something that must not be shown: 12 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


class Secret:
    """A text that does not show. Equal secrets are equal; the comparison takes the same time wherever they differ."""

    __slots__ = ("__text",)

    def __init__(self, text: str) -> None:
        self.__text = text

    def reveal(self) -> str:
        return self.__text

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.__text)

    def __repr__(self) -> str:
        return "<secret>"

    def __format__(self, how: str) -> str:
        return format("<secret>", how)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self.__text.encode(), other.__text.encode())

    def __hash__(self) -> int:
        return hash(self.__text)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret is not pickled")


class _Pair:
    """The three values, checked."""

    __slots__ = ("key", "passphrase", "secret")

    def __init__(self, key: Secret, secret: Secret, passphrase: Secret | None) -> None:
        self.key = key
        self.secret = secret
        self.passphrase = passphrase


class Credentials:
    """An api key with its secret; KuCoin's have a passphrase, too.

    ``repr`` shows the fingerprint of the key and nothing else. Raises CredentialsError for what cannot be a key: it
    must be text of 1 to 512 printable ASCII characters without blanks.
    """

    __slots__ = ("_made_by", "_pair")

    def __init__(self, api_key: str, api_secret: str, passphrase: str | None = None) -> None:
        self._made_by: Callable[[], object] | None = None
        self._pair: _Pair | None = None
        held = _held((api_key, api_secret, passphrase))
        del api_key, api_secret, passphrase  # no frame of a traceback may hold them
        self._pair = _checked(held)

    @classmethod
    def from_env(cls, venue: str) -> Credentials:
        """From ``CSBOOK_<VENUE>_API_KEY``, ``.._API_SECRET`` and, where it is set, ``.._API_PASSPHRASE``.

        ``-`` in the venue's name is ``_`` in theirs. Raises CredentialsError, naming the variable that is missing.
        """
        prefix = f"CSBOOK_{venue.upper().replace('-', '_')}_API_"
        missing = [prefix + name for name in ("KEY", "SECRET") if not os.environ.get(prefix + name)]
        if missing:
            raise CredentialsError(f"no credentials for {venue!r}: {' and '.join(missing)} must be set")
        held = _held(tuple(os.environ.get(prefix + name) or None for name in ("KEY", "SECRET", "PASSPHRASE")))
        return cls._of(_checked(held, f"{prefix}KEY and {prefix}SECRET"))

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Credentials:
        """From a file that its owner alone can read (``chmod 600``).

        Two formats::

            {"api_key": "...", "api_secret": "...", "passphrase": "..."}

            # or lines; blank ones and comments are skipped, names count in either case, quotes are optional
            API_KEY=...
            API_SECRET=...

        ``passphrase`` is optional in both. Raises CredentialsError: for a file that is a link, no regular file, owned
        by another user, open to the group or to others, too large, or of another shape. (Windows has no such rights:
        there the file's place has to protect it.)
        """
        name = os.fspath(path)
        text = Secret(_read(name))
        return cls._of(_checked(_parsed(text, name), name))

    @classmethod
    def from_callable(cls, f: Callable[[], object]) -> Credentials:
        """From a secrets manager: ``f()`` gives ``(api_key, api_secret)``, a passphrase after them, or Credentials.

        It is called at the first use, and again when the venue has refused the key that it gave: a rotated key is
        taken up without a restart. It may block; csbook calls it off the loop's thread. Raises CredentialsError at the
        first use when it fails; what it raised is not chained, only its type is named.
        """
        kind = "" if callable(f) else type(f).__name__
        if kind:
            del f
            raise CredentialsError(f"from_callable was given a {kind}; expected a function")
        made = cls.__new__(cls)
        made._made_by = f
        made._pair = None
        return made

    @classmethod
    def _of(cls, pair: _Pair) -> Credentials:
        made = cls.__new__(cls)
        made._made_by = None
        made._pair = pair
        return made

    @property
    def api_key(self) -> str:
        return self.load().key.reveal()

    @property
    def api_secret(self) -> Secret:
        return self.load().secret

    @property
    def passphrase(self) -> Secret | None:
        return self.load().passphrase

    @property
    def fingerprint(self) -> str:
        """A short hash of the api key, for logs and file names."""
        return self.load().key.fingerprint

    @property
    def is_loaded(self) -> bool:
        """False: the next use calls the function of ``from_callable``."""
        return self._pair is not None

    def load(self) -> _Pair:
        """Have them ready. Raises CredentialsError where the function of ``from_callable`` fails."""
        if self._pair is None:
            assert self._made_by is not None
            self._pair = _asked(self._made_by)
        return self._pair

    def refused(self) -> bool:
        """The venue does not take the key. True when the next use asks for another one, by ``from_callable``."""
        if self._made_by is None:
            return False
        self._pair = None
        return True

    def __repr__(self) -> str:
        shown = self._pair.key.fingerprint if self._pair is not None else "not loaded"
        return f"<Credentials {shown}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("credentials are not pickled: make them where they are used")

    def __copy__(self) -> Credentials:
        return self

    def __deepcopy__(self, memo: object) -> Credentials:
        return self


_Held: TypeAlias = tuple[Secret | type | None, ...]  # a value, nothing, or the type of what is no text


def _held(values: tuple[object, ...]) -> _Held:
    """The same, out of sight."""
    return tuple(None if v is None else Secret(v) if isinstance(v, str) else type(v) for v in values)


def _checked(held: _Held, source: str = "") -> _Pair:
    """The values, or the error that names what is wrong with them."""
    where = f"{source}: " if source else ""
    for name, value in zip(_NAMES, held, strict=False):
        if value is None and name == "passphrase":
            continue
        if not isinstance(value, Secret):
            got = "missing" if value is None else f"a {value.__name__}"
            raise CredentialsError(f"{where}{name} is {got}; expected text")
        if not (_PHRASE if name == "passphrase" else _PRINTABLE).fullmatch(value.reveal()):
            how = "printable ASCII characters" if name == "passphrase" else "printable ASCII characters without blanks"
            raise CredentialsError(f"{where}{name} is malformed; expected 1 to 512 {how}")
    key, secret, passphrase = (*held, None)[:3]
    assert isinstance(key, Secret) and isinstance(secret, Secret) and not isinstance(passphrase, type)
    return _Pair(key, secret, passphrase)


def _asked(f: Callable[[], object]) -> _Pair:
    """What the secrets manager says."""
    failure = ""
    pair: _Pair | None = None
    held: _Held = ()
    try:
        given = f()
        if isinstance(given, Credentials):
            pair = given.load()
        elif isinstance(given, (tuple, list)) and len(given) in (2, 3):
            held = _held(tuple(given))
        else:
            failure = f"the function gave a {type(given).__name__}; expected (api_key, api_secret) or Credentials"
        del given
    except CredentialsError as error:
        failure = str(error)
    except Exception as error:
        failure = f"the function raised {type(error).__name__}"
    # outside of the handler: the error that f raised may quote what it read, and would be kept as the context
    if failure:
        raise CredentialsError(f"no credentials: {failure}")
    return pair if pair is not None else _checked(held, "what the function gave")


def _read(name: str) -> str:
    """The text of a file that nobody else can read."""
    flags = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    failure = ""
    data = b""
    try:
        if Path(name).is_symlink():  # told by name; O_NOFOLLOW closes the race
            failure = "it is a link; name the file itself"
        else:
            file = os.open(name, flags)
            try:
                failure = _open_to_others(os.fstat(file))
                if not failure:
                    data = os.read(file, _LARGEST + 1)
            finally:
                os.close(file)
    except OSError as error:
        failure = error.strerror or type(error).__name__
    if not failure and len(data) > _LARGEST:
        failure = f"it is larger than {_LARGEST} bytes"
    if failure:
        del data
        raise CredentialsError(f"cannot take credentials from {name}: {failure}")
    return data.decode("utf-8", "replace")


def _open_to_others(status: os.stat_result) -> str:
    """Why a file is not private; empty when it is."""
    if not stat.S_ISREG(status.st_mode):
        return "it is no regular file"
    if os.name != "posix":
        return ""
    if status.st_uid != os.geteuid():
        return "it belongs to another user"
    if status.st_mode & 0o077:
        return f"others can read it (mode {stat.S_IMODE(status.st_mode):04o}); chmod 600 it"
    return ""


def _parsed(text: Secret, name: str) -> _Held:
    """The three values of a file's text."""
    is_json = text.reveal().lstrip().startswith("{")
    found, failure = _json(text) if is_json else _lines(text)
    if not failure and not {"api_key", "api_secret"} <= found.keys():
        failure = f"{' and '.join(sorted({'api_key', 'api_secret'} - found.keys()))} missing"
    if failure:
        raise CredentialsError(f"cannot take credentials from {name}: {failure}; expected {_FORMAT}")
    return tuple(found.get(each) for each in _NAMES)


def _json(text: Secret) -> tuple[Mapping[str, Secret | type | None], str]:
    import json

    def once(pairs: list[tuple[str, object]]) -> dict[str, Secret | type | None]:
        names = [name.lower() for name, _ in pairs]
        if len(set(names)) != len(names):
            raise ValueError
        return dict(zip(names, _held(tuple(value for _, value in pairs)), strict=True))

    try:
        found = json.loads(text.reveal(), object_pairs_hook=once)
    except (ValueError, RecursionError):
        return {}, "it is no JSON object that names each value once"
    if set(found) - set(_NAMES):
        return {}, "it has names that are not known"
    return found, ""


def _lines(text: Secret) -> tuple[Mapping[str, Secret | type | None], str]:
    found: dict[str, Secret | type | None] = {}
    for number, line in enumerate(text.reveal().splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        name, sign, value = stripped.removeprefix("export ").partition("=")
        name, value = name.strip().lower(), value.strip()
        if not sign or name not in _NAMES:
            return {}, f"line {number} is no KEY=VALUE of a known name"
        if name in found:
            return {}, f"line {number} names {name} again"
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        found[name] = Secret(value)
    return found, ""
