"""Where a venue is: scheme, host, port and a leading path. The dialect appends its own paths.

Only ``wss`` and ``https`` leave the machine; their plain forms are for loopback, where the local venue and tests live.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import SplitResult, quote, urlsplit

from csbook.errors import UsageError

__all__ = ["Origin", "http_origin", "websocket_origin"]


@dataclass(frozen=True, slots=True)
class Origin:
    """``str()`` gives scheme, host and port, without the path."""

    scheme: str
    authority: str  # host and port, as a URL spells them
    path: str  # leading, without a slash at its end

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"

    def url(self, template: str, *, stream: str = "") -> str:
        """The address of a path of the dialect; ``{stream}`` in it becomes the stream's name."""
        return f"{self}{self.path}{template.format(stream=quote(stream, safe='!@'))}"


def websocket_origin(text: str, name: str = "url") -> Origin:
    """The origin that ``text`` says. Raises UsageError: not a URL, or plain ``ws`` to another machine."""
    return _origin(text, name, secure="wss", plain="ws")


def http_origin(text: str, name: str = "rest_url") -> Origin:
    """The same for ``https``, and ``http`` on loopback."""
    return _origin(text, name, secure="https", plain="http")


def _origin(text: str, name: str, *, secure: str, plain: str) -> Origin:
    how = f"{secure}://host[:port][/path], or {plain}:// on loopback"
    try:
        parts = urlsplit(text)
        authority = _authority(parts)
    except ValueError as error:
        raise UsageError(f"{name} is no address ({error}); expected {how}") from None
    if parts.username is not None or parts.password is not None:
        raise UsageError(f"{name} carries a user name or password; expected {how}")
    if parts.query or parts.fragment or not text.isascii() or any(c in text for c in " {}\r\n\t"):
        raise UsageError(f"{name} is {text!r}; expected {how}, and nothing behind the path")
    if parts.scheme == plain and not _is_loopback(parts.hostname or ""):
        raise UsageError(f"{name} is {text!r}: {plain}:// is not encrypted and only for loopback; expected {how}")
    if parts.scheme not in (secure, plain) or not authority:
        raise UsageError(f"{name} is {text!r}; expected {how}")
    return Origin(parts.scheme, authority, parts.path.rstrip("/"))


def _authority(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    return host if parts.port is None else f"{host}:{parts.port}"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
