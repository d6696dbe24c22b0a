"""The mutations: they repeat, and they stay bounded."""

from __future__ import annotations

import random

import pytest

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
