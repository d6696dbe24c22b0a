"""Nothing secret is shown: what the whole suite logs, and every error of csbook that it makes, is searched.

A plugin of pytest. Every secret that comes to be in a test is noted (those of credentials and listenKeys, the client's
and the local venue's own); the root logger listens at level 1, to aiohttp and picows, too. When the test ends, none of
its secrets may stand in what was logged, in the text of an error, in the locals of csbook's frames in a traceback that
a test caught, or in a tape.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from csbook.credentials import Secret
from csbook.errors import CsbookError
from csbook.sim import accounts, keys

SHORTEST = 16  # characters; what is shorter is a word that a test made up
MOST_TEXT = 4_000_000  # characters of one test that are searched
CSBOOK = str(Path(__file__).resolve().parents[1] / "csbook")

secrets: set[str] = set()  # of the test that runs
shown: dict[str, None] = {}  # in the order of their first time
lasting: set[str] = set()  # of fixtures that serve more than one test


def noted(value: object) -> None:
    """This must not be seen."""
    if isinstance(value, str) and len(value) >= SHORTEST and len(set(value)) > 3:
        secrets.add(value)


class _Listener(logging.Handler):
    """Everything that is logged, as it would be written."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = f"{record.getMessage()} {record.args!r}"
        except Exception:
            text = f"{record.msg!r} {record.args!r}"
        if record.exc_info and record.exc_info[1] is not None:
            text += f" {record.exc_info[1]!r}"
            shown.update(dict.fromkeys(locals_of(record.exc_info[1])))
        shown[text] = None


def locals_of(error: BaseException | None) -> Iterator[str]:
    """What a traceback printed with its locals would say of csbook's own frames, along the chain of causes."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield f"{error} {error!r} {getattr(error, '__notes__', '')}"
        trace = error.__traceback__
        while trace is not None:
            frame = trace.tb_frame
            if frame.f_code.co_filename.startswith(CSBOOK) and "/sim/" not in frame.f_code.co_filename:
                for name, value in frame.f_locals.items():
                    try:
                        yield f"{frame.f_code.co_name}.{name} = {value!r}"
                    except Exception:
                        continue  # half made
            trace = trace.tb_next
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


class _Looking:
    """``pytest.raises``, with a look at what was caught."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __enter__(self) -> Any:
        return self._inner.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Any:
        if isinstance(error, CsbookError):
            shown.update(dict.fromkeys(locals_of(error)))
        return self._inner.__exit__(kind, error, trace)


def leaked() -> list[str]:
    """What was shown of what must not be, each as the place and a few letters."""
    text = "\n".join(shown)[-MOST_TEXT:]
    found = []
    for secret in sorted(secrets | lasting):
        at = text.find(secret)
        if at >= 0:
            around = text[max(0, at - 120) : at + len(secret) + 40].replace(secret, secret[:3] + "...")
            found.append(around.replace("\n", " | "))
    return found


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    folder = getattr(item, "funcargs", {}).get("tmp_path")
    if folder is not None:
        for path in Path(folder).rglob("*tape*"):
            if path.is_file():
                shown[path.read_bytes().decode("latin-1")] = None
    try:
        return (yield)
    finally:
        found = leaked()
        secrets.clear()
        shown.clear()
        assert not found, f"shown by {item.nodeid}: {found}"


def pytest_configure(config: pytest.Config) -> None:
    """Note what is secret where it is made."""
    make_secret, make_error, raises = Secret.__init__, CsbookError.__init__, pytest.raises

    def secret_made(self: Secret, value: str) -> None:
        noted(value)
        make_secret(self, value)

    def error_made(self: CsbookError, *args: object) -> None:
        make_error(self, *args)
        shown[str(args)] = None

    def drawn(draw: Any) -> Any:
        def token(size: int) -> str:
            value: str = draw(size)
            if size == 32:  # api secrets and listenKeys; an api key is half of it
                noted(value)
            return value

        return token

    def raising(*given: Any, **named: Any) -> Any:
        made = raises(*given, **named)
        return _Looking(made) if hasattr(made, "__enter__") else made

    Secret.__init__ = secret_made  # type: ignore[method-assign]
    CsbookError.__init__ = error_made  # type: ignore[method-assign]
    for module in (accounts, keys):
        module.token_hex = drawn(module.token_hex)  # type: ignore[attr-defined]
    pytest.raises = raising  # type: ignore[assignment]
    logging.getLogger().setLevel(1)
    logging.getLogger().addHandler(_Listener(1))
