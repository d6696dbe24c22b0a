from __future__ import annotations

import json
import random

import pytest

from csbook.errors import UsageError
from csbook.sim.faults import (
    EVENT_KINDS,
    KINDS,
    REQUEST_KINDS,
    Faults,
    as_faults,
    event_verdict,
    mangled,
    request_verdict,
    verdict,
)

DEPTH = b'{"lastUpdateId":5,"bids":[["61800.20","2.909"],["61800.10","0.696"]],"asks":[["61800.30","1.5"]]}'


def test_texts() -> None:
    faults = as_faults(["drop=0.01", "split=.5", "stall=0.001:8s", "delay=1e-1:50ms", "drop=0.02"])
    assert faults == Faults(drop=0.02, split=0.5, stall=0.001, stall_s=8.0, delay=0.1, delay_s=0.05)
    assert as_faults("reorder=1") == Faults(reorder=1.0)
    assert as_faults(()) == Faults()
    assert as_faults(faults) is faults
    assert not Faults()
    assert Faults(drop=0.1)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "drop, duplicate"),
        ("lose=0.1", "'lose' is no fault"),
        ("drop", "RATE is ''"),
        ("drop=", "RATE is ''"),
        ("drop=often", "RATE is 'often', and a share from 0 to 1"),
        ("drop=-0.1", "RATE is '-0.1'"),
        ("drop=nan", "RATE is 'nan'"),
        ("drop=1.5", "drop: the rate is 1.5"),
        ("drop=0.1:5s", "drop takes no time"),
        ("stall=0.1:", "TIME is ''"),
        ("stall=0.1:8", "TIME is '8', and a time with its unit"),
        ("stall=0.1:xs", "TIME is 'x'"),
        ("stall=0.1:0s", "stall: the time is 0.0 s"),
        ("delay=0.1:9999s", "delay: the time is 9999.0 s"),
    ],
)
def test_bad_texts_name_the_field_and_what_is_expected(text: str, named: str) -> None:
    with pytest.raises(UsageError, match="fault") as caught:
        as_faults(text)
    assert named in str(caught.value)
    assert "expected" in str(caught.value)


def test_rates_are_shares_of_one_whole() -> None:
    with pytest.raises(UsageError, match=r"add up to 1\.1"):
        as_faults(["drop=0.6", "split=0.5"])
    as_faults([f"{kind}=0.125" for kind in KINDS])


def test_texts_of_the_private_part() -> None:
    faults = as_faults(["event_delay=0.1:20ms", "answer_lost=0.05:0s", "request_lost=0.05:2s", "request_429=0.1"])
    assert faults == Faults(
        event_delay=0.1, event_delay_s=0.02, answer_lost=0.05, request_lost=0.05, request_lost_s=2.0, request_429=0.1
    )
    assert faults
    assert not any(faults.rates())
    for text in ("event_drop=0.1:5s", "event_delay=0.1:0s", "request_503=2", "answer_429=0.1"):
        with pytest.raises(UsageError, match="fault"):
            as_faults(text)


@pytest.mark.parametrize("kinds", [KINDS, EVENT_KINDS, REQUEST_KINDS])
def test_each_table_is_a_whole_of_its_own(kinds: tuple[str, ...]) -> None:
    share = 1 / len(kinds)
    everything = {kind: 1 / len(group) for group in (KINDS, EVENT_KINDS, REQUEST_KINDS) for kind in group}
    assert Faults(**everything).rates(kinds) == (share,) * len(kinds)
    with pytest.raises(UsageError, match=f"faults {kinds[0]} ...: the rates add up to"):
        Faults(**{**everything, kinds[0]: share + 0.01})


def test_verdicts_of_events_and_requests_keep_their_rates_and_their_seed() -> None:
    faults = Faults(**dict.fromkeys(EVENT_KINDS, 0.1), **dict.fromkeys(REQUEST_KINDS, 0.15))
    for judge, name, kinds, share in (
        (event_verdict, "default/1", EVENT_KINDS, 1000),
        (request_verdict, "place", REQUEST_KINDS, 1500),
    ):
        fates = [judge(faults, 3, name, index) for index in range(10_000)]
        assert fates == [judge(faults, 3, name, index) for index in range(10_000)]
        assert fates[:200] != [judge(faults, 4, name, index) for index in range(200)]
        assert fates[:200] != [judge(faults, 3, "other", index) for index in range(200)]
        for kind in kinds:
            assert abs([fate.kind for fate in fates].count(kind) - share) < 150, kind
    assert event_verdict(Faults(request_429=1.0), 1, "x", 1).kind == ""
    assert request_verdict(Faults(event_drop=1.0), 1, "x", 1).kind == ""


def test_a_verdict_depends_on_seed_connection_and_index_alone() -> None:
    faults = Faults(drop=0.3, split=0.3)
    fates = [verdict(faults, 1, 1, index) for index in range(200)]
    assert fates == [verdict(faults, 1, 1, index) for index in range(200)]
    assert fates != [verdict(faults, 2, 1, index) for index in range(200)]
    assert fates != [verdict(faults, 1, 2, index) for index in range(200)]
    assert {fate.kind for fate in fates} == {"", "drop", "split"}
    assert all(0.0 <= draw < 1.0 for fate in fates for draw in fate.draws)


def test_rates_are_kept() -> None:
    faults = Faults(**dict.fromkeys(KINDS, 0.1))
    kinds = [verdict(faults, 3, 1, index).kind for index in range(10_000)]
    for kind in KINDS:
        assert 850 < kinds.count(kind) < 1150, kind
    assert 1800 < kinds.count("") < 2200


def test_none_and_always() -> None:
    assert verdict(Faults(), 1, 1, 1).kind == ""
    assert all(verdict(Faults(stall=1.0), 1, 1, index).kind == "stall" for index in range(100))


def test_no_mangled_depth_can_be_read_as_a_book() -> None:
    rng = random.Random(5)
    seen = set()
    for _ in range(2000):
        draws = tuple(rng.random() for _ in range(6))
        bad = mangled(DEPTH, draws)
        assert bad == mangled(DEPTH, draws)
        assert bad.isascii()
        try:
            read = json.loads(bad)
        except ValueError:
            seen.add("cut" if DEPTH.startswith(bad) else "garbage")
            continue
        seen.add("number")
        texts = [text for level in read["bids"] + read["asks"] for text in level]
        assert sum(not isinstance(t, str) or not t.replace(".", "", 1).isdigit() for t in texts) == 1
    assert seen == {"cut", "garbage", "number"}


def test_mangling_what_has_no_numbers() -> None:
    for how in (0.0, 0.5, 0.9):
        with pytest.raises(ValueError):
            json.loads(mangled(b"{}", (how, 0.0, 0.0, 0.0)))
