"""Rounds of a market: its messages are taken, a short run finds nothing, and a note outlives its writer."""

from __future__ import annotations

from pathlib import Path

from .rounds import SCENES, Note, Round, work


def test_messages_of_a_market_are_taken() -> None:
    for number, scene in enumerate(SCENES):
        fuzz = Round(5, number)
        seen = set()
        for step in range(30):
            for market in fuzz.markets:
                seen.add(fuzz.feed(market.message(), step).name)
            fuzz.resync(step)
        if not scene.endswith("coarse"):
            assert "APPLIED" in seen, (scene, seen)
            assert "REFUSED" not in seen, (scene, seen)


def test_a_short_run_finds_nothing() -> None:
    assert work(seed=6, first=0, rounds=150, seconds=20) > 0


def test_a_note_is_read_back(tmp_path: Path) -> None:
    note = Note(tmp_path / "note")
    assert Note.read(tmp_path / "note") is None
    note.write(7, 12, b"payload")
    assert Note.read(tmp_path / "note") == (7, 12, b"payload")
