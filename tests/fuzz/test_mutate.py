"""The fuzzer itself: it repeats, it stays bounded, and a short run of it finds nothing."""

from __future__ import annotations

import random

import pytest

from .__main__ import SCENES, Round, work
from .mutate import LARGEST, MUTATIONS, Mutation, mutate
from .samples import Market

MESSAGE = Market(random.Random(1), "binance", "BTCUSDT").message()


@pytest.mark.parametrize("mutation", sorted(set(MUTATIONS), key=lambda mutation: mutation.__name__))
def test_every_mutation_takes_any_payload(mutation: Mutation) -> None:
    rng = random.Random(2)
    changed = 0
    for payload in (b"", b"{", b"[]", b"\xff\x00", MESSAGE):
        for _ in range(50):
            changed += mutation(rng, payload, (MESSAGE, b"")) != payload
    assert changed


def test_a_seed_repeats() -> None:
    first, second = (
        [mutate(rng, MESSAGE, [MESSAGE]) for _ in range(200)] for rng in (random.Random(3), random.Random(3))
    )
    assert first == second
    assert len(set(first)) > 150


def test_payloads_stay_bounded() -> None:
    rng = random.Random(4)
    payload = MESSAGE
    for _ in range(2000):
        payload = mutate(rng, payload, [MESSAGE])
        assert len(payload) <= LARGEST


def test_messages_of_a_market_are_taken() -> None:
    rounds = [Round(5, number) for number in range(len(SCENES))]
    for number, fuzz in enumerate(rounds):
        seen = set()
        for step in range(30):
            for market in fuzz.markets:
                seen.add(fuzz.feed(market.message(), step).name)
            fuzz.resync(step)
        if not SCENES[number].endswith("coarse"):
            assert "APPLIED" in seen, (SCENES[number], seen)
            assert "REFUSED" not in seen, (SCENES[number], seen)


def test_a_short_run_finds_nothing() -> None:
    assert work(seed=6, first=0, rounds=150, seconds=20) > 0
