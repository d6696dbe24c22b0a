"""The search for secrets finds them: a search that finds nothing must be one that can."""

from __future__ import annotations

import logging
import secrets as random
from collections.abc import Iterator

import pytest

import secrecy
from csbook.credentials import Secret
from csbook.errors import UsageError


@pytest.fixture
def hidden() -> Iterator[str]:
    """A secret of this test; what was shown of it is forgotten in the end."""
    text = random.token_urlsafe(24)
    Secret(text)
    yield text
    secrecy.shown.clear()


@pytest.mark.parametrize("name", ["", "csbook.net", "aiohttp.client", "picows"])
def test_a_log_of_any_logger_at_any_level(hidden: str, name: str) -> None:
    logging.getLogger(name).log(1, "dialled %s", f"/ws/{hidden}")
    (found,) = secrecy.leaked()
    assert "/ws/" in found and hidden not in found


def test_the_text_of_an_error(hidden: str) -> None:
    with pytest.raises(UsageError):
        raise UsageError(f"no such key: {hidden}")
    assert secrecy.leaked()


def test_an_error_that_nobody_raised(hidden: str) -> None:
    UsageError(hidden)
    assert secrecy.leaked()


def test_the_locals_of_a_frame_of_csbook(hidden: str) -> None:
    source = "def carried(key):\n    raise error(key)"
    scope: dict[str, object] = {"error": lambda key: UsageError("hidden")}
    exec(compile(source, f"{secrecy.CSBOOK}/net/made_up.py", "exec"), scope)
    carried = scope["carried"]
    with pytest.raises(UsageError):
        carried(hidden)  # type: ignore[operator]
    assert secrecy.leaked()


def test_what_is_hidden_stays_hidden(hidden: str) -> None:
    logging.getLogger("csbook").warning("%r", Secret(hidden))
    assert secrecy.leaked() == []
