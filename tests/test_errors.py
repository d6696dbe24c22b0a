from __future__ import annotations

import inspect

import pytest

import csbook
from csbook import errors


def test_every_public_error_is_in_the_tree_and_in_its_drawing() -> None:
    drawing = inspect.getdoc(errors) or ""
    for name in errors.__all__:
        assert issubclass(getattr(errors, name), errors.CsbookError), name
        assert name in drawing, name


def test_bad_input_is_a_value_error_too() -> None:
    for kind in (errors.BadMessage, errors.PrecisionError, errors.UsageError, errors.OrderRefused):
        assert issubclass(kind, ValueError)
    assert issubclass(errors.AbiError, ImportError)


def test_errors_carry_fields() -> None:
    bad = errors.BadMessage("bids[3].price: zero", field="bids[3].price", offset=17)
    assert (str(bad), bad.field, bad.offset) == ("bids[3].price: zero", "bids[3].price", 17)
    unfit = errors.PrecisionError("too fine", field="asks[0].size", needed=9)
    assert (unfit.field, unfit.offset, unfit.needed) == ("asks[0].size", -1, 9)
    refused = errors.SubscribeError("no such stream", stream="btcusdt@depth7", code=2)
    assert (refused.stream, refused.code) == ("btcusdt@depth7", 2)
    assert errors.ConnectError("refused", url="ws://127.0.0.1:1").url == "ws://127.0.0.1:1"
    off_grid = errors.OrderRefused("price 1.23", field="price", nearest=("1.2", "1.3"))
    assert (off_grid.field, off_grid.nearest) == ("price", ("1.2", "1.3"))
    assert errors.HaltedError("halted: by hand", reason="by hand").reason == "by hand"
    rejected = errors.OrderRejected("no margin", order="the order", code="-2019")
    assert (rejected.order, rejected.code) == ("the order", "-2019")
    failed = errors.RequestError("no answer", status=503, unknown=True)
    assert (failed.status, failed.code, failed.unknown) == (503, "", True)


def test_the_module_resolves_after_import_csbook() -> None:
    assert csbook.errors is errors
    with pytest.raises(csbook.CsbookError):
        csbook.Book("X").apply_snapshot([["1", "x"]], [])
