from __future__ import annotations

import pytest

from csbook.errors import RequestError
from csbook.wire.request import Answer, Failure, Request, Signed, Verdict, query_of, seconds_of


@pytest.mark.parametrize(
    ("pairs", "query"),
    [
        ([], ""),
        ([("symbol", "BTCUSDT")], "symbol=BTCUSDT"),
        ([("a", "1"), ("b", "2")], "a=1&b=2"),
        ([("id", "x y&z=/+%~-_.")], "id=x%20y%26z%3D%2F%2B%25~-_."),
        ([("id", "\u00fc")], "id=%C3%BC"),
    ],
)
def test_a_query_is_encoded_once(pairs: list[tuple[str, str]], query: str) -> None:
    assert query_of(pairs) == query


def test_what_must_not_show_does_not() -> None:
    assert repr(Signed("a=1", {"x-api-key": "key"})) == "<Signed>"
    assert "listenKey" not in repr(Answer(1, 2, 200, b'{"listenKey":"abc"}'))


@pytest.mark.parametrize("verdict", Verdict)
def test_a_failure_as_an_error(verdict: Verdict) -> None:
    error = Failure(verdict, "the venue answered 503", 503, "-1").error("place BTCUSDT")
    assert isinstance(error, RequestError)
    assert str(error) == "place BTCUSDT: the venue answered 503"
    assert (error.status, error.code, error.unknown) == (503, "-1", verdict is Verdict.UNKNOWN)


def test_a_request_is_no_command_unless_it_says_so() -> None:
    assert not Request("time", "GET", "/time").command


@pytest.mark.parametrize(
    ("header", "seconds"),
    [(None, None), ("7", 7.0), (" 7 ", 7.0), ("soon", None), ("-1", None), ("999999999999", 3600.0), ("0", 0.0)],
)
def test_how_long_a_venue_wants_to_be_left_alone(header: str | None, seconds: float | None) -> None:
    assert seconds_of(header) == seconds
