"""Recorded messages as seeds: found, put into a target's shape, and passed."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from csbook import _core

from . import recorded
from .table import TARGETS


def test_lines_become_messages(tmp_path: Path) -> None:
    path = tmp_path / "lines.gz"
    with gzip.open(path, "wb") as out:
        out.write(b'1626969600.1: {"stream":"x","s":"SUSHIUSDT"}\nwss://x <-> y\n17 {"topic":"orderbook.1.DOGEUSDT"}\n')
    assert recorded.messages(path) == [b'{"stream":"x","s":"BTCUSDT"}', b'{"topic":"orderbook.1.BTCUSDT"}']


def test_a_target_without_use_for_them(tmp_path: Path) -> None:
    assert recorded.inputs(TARGETS["decimal"], tmp_path) == []
    assert recorded.inputs(TARGETS["scan-binance"], tmp_path) == []


@pytest.mark.parametrize("name", [name for name, target in TARGETS.items() if target.recorded])
def test_recorded_messages_pass(name: str, shared_data: Path) -> None:
    before, one = _core._scanner(), TARGETS[name].make()
    inputs = recorded.inputs(TARGETS[name], shared_data)
    try:
        for data in inputs:
            assert len(data) <= TARGETS[name].longest
            one(data)
    finally:
        _core._scanner(before)
    assert inputs
