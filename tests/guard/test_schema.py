from __future__ import annotations

import copy
import random
import sys
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csbook import json
from csbook.guard.schema import LAYOUTS_KEPT, NAMES_KEPT, Action, Drift, Fault, Policy, Sample, SchemaMonitor, _Slot
from csbook.types import Alert
from csbook.wire.shape import BOOLEAN, DECIMAL, INTEGER, NULL, NUMBER, TEXT, Field, Kind, kind_of, shape

ORDER = shape(
    {
        "e": TEXT,
        "E": INTEGER,
        "o": {"i": INTEGER, "q": DECIMAL, "p": DECIMAL, "m?": BOOLEAN, "n?": DECIMAL | NULL, "lv?": NUMBER | DECIMAL},
        "B?": [{"a": TEXT, "wb": DECIMAL}],
    }
)
DEPTH = shape({"bids": [[DECIMAL]], "asks": [[DECIMAL]]})
TABLES = {"order": ORDER, "depth": DEPTH}


def good() -> dict[str, Any]:
    return {
        "e": "order",
        "E": 1672531234567,
        "o": {"i": 1, "q": "1.000", "p": "30000", "m": True, "n": None, "lv": 1.5},
        "B": [{"a": "USDT", "wb": "-0.5"}, {"a": "BTC", "wb": "0"}],
    }


def told(drifts: list[Drift]) -> set[tuple[str, Fault]]:
    return {(drift.field, drift.fault) for drift in drifts}


def test_what_is_right_is_no_drift() -> None:
    monitor = SchemaMonitor(TABLES)
    for _ in range(3):
        assert monitor.check("order", good()) == []
    assert monitor.check("order", {"e": "", "E": 0, "o": {"p": "-1", "q": "1e-7", "i": 0}}) == []
    assert monitor.check("depth", {"bids": [["1", "2"]], "asks": []}) == []
    assert monitor.counts == {}


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("E", "1672531234567", "a whole number"),
        ("E", 1.5, "a whole number"),
        ("E", True, "a whole number"),
        ("E", None, "a whole number"),
        ("e", 7, "text"),
        ("o.q", 1, "a decimal number as text"),
        ("o.q", Decimal("1.5"), "a decimal number as text"),
        ("o.q", "1,5", "a decimal number as text"),
        ("o.q", "", "a decimal number as text"),
        ("o.q", "NaN", "a decimal number as text"),
        ("o.q", [], "a decimal number as text"),
        ("o.m", "true", "true or false"),
        ("o.m", 1, "true or false"),
        ("o.n", False, "a decimal number as text or null"),
        ("o", [], "an object"),
        ("B", {}, "an array"),
    ],
)
def test_a_field_of_another_kind(path: str, value: object, expected: str) -> None:
    monitor = SchemaMonitor(TABLES)
    message = good()
    place = message
    *parents, name = path.split(".")
    for parent in parents:
        place = place[parent]
    place[name] = value
    (drift,) = monitor.check("order", message)
    assert (drift.channel, drift.field, drift.fault, drift.expected) == ("order", path, Fault.RETYPED, expected)
    assert monitor.check("order", message) == []  # told once
    assert monitor.counts == {("order", path, Fault.RETYPED): 2}


def test_each_element_of_an_array_is_looked_at() -> None:
    monitor = SchemaMonitor(TABLES)
    message = good()
    message["B"][1]["wb"] = 0.5
    message["B"].append("USDT")
    assert told(monitor.check("order", message)) == {("B[].wb", Fault.RETYPED), ("B[]", Fault.RETYPED)}
    assert told(monitor.check("depth", {"bids": [["1", 2.5]], "asks": [{}]})) == {
        ("bids[][]", Fault.RETYPED),
        ("asks[]", Fault.RETYPED),
    }


def test_missing_and_unknown_fields() -> None:
    monitor = SchemaMonitor(TABLES)
    message = good()
    del message["o"]["p"], message["B"][0]["wb"], message["o"]["m"]
    message["o"]["new"] = {"deep": [1]}
    message["X"] = 1
    expected = {
        ("o.p", Fault.MISSING),
        ("B[].wb", Fault.MISSING),
        ("o.new", Fault.UNKNOWN),
        ("X", Fault.UNKNOWN),
    }
    drifts = monitor.check("order", message)
    assert told(drifts) == expected
    assert {str(drift) for drift in drifts} >= {
        "order: field 'o.p' is missing; expected a decimal number as text",
        "order: field 'X' is unknown",
    }
    for _ in range(4):
        assert monitor.check("order", message) == []
    assert monitor.counts == {("order", *what): 5 for what in expected}


@pytest.mark.parametrize("message", [None, [], [good()], "order", 7, 1.5, True, b"{}"])
def test_a_message_that_is_no_object(message: object) -> None:
    monitor = SchemaMonitor(TABLES)
    (drift,) = monitor.check("order", message)
    assert (drift.field, drift.fault, drift.action) == ("", Fault.RETYPED, Action.HALT)
    assert str(drift).startswith("order: the message is ")


def test_a_channel_without_a_table() -> None:
    monitor = SchemaMonitor(TABLES)
    (drift,) = monitor.check("LIQUIDATION", {"anything": 1})
    assert (drift.channel, drift.fault, drift.action) == ("LIQUIDATION", Fault.UNKNOWN, Action.WARN)
    assert monitor.check("LIQUIDATION", {}) == []
    assert monitor.counts == {("LIQUIDATION", "", Fault.UNKNOWN): 2}


def test_the_policy_says_what_follows() -> None:
    gentle = Policy(unknown=Action.DEGRADE, optional=Action.HALT, required=Action.DEGRADE)
    monitor = SchemaMonitor({**TABLES, "other": ORDER}, gentle, {"other": Policy()})

    def actions(channel: str) -> dict[str, Action]:
        message = {"e": 1, "E": 1, "o": {"i": 1, "q": "1", "m": "x"}, "X": 1}
        return {drift.field: drift.action for drift in monitor.check(channel, message)}

    degrade, halt, warn = Action.DEGRADE, Action.HALT, Action.WARN
    assert actions("order") == {"e": degrade, "o.p": degrade, "o.m": halt, "X": degrade}
    assert actions("other") == {"e": halt, "o.p": halt, "o.m": warn, "X": warn}


def test_an_alert_names_no_value() -> None:
    monitor = SchemaMonitor(TABLES)
    (drift,) = monitor.check("order", {**good(), "e": {"secret": "hunter2"}})
    assert drift.alert() == Alert("schema", "order: field 'e' is an object; expected text (halt)")


def test_after_forgetting_it_is_told_again() -> None:
    monitor = SchemaMonitor(TABLES)
    message = {**good(), "X": 1}
    assert len(monitor.check("order", message)) == 1
    monitor.check("new", {})
    monitor.forget()
    assert len(monitor.check("order", message)) == 1
    assert len(monitor.check("new", {})) == 1
    assert monitor.counts[("order", "X", Fault.UNKNOWN)] == 2


def test_order_of_the_keys_is_no_drift() -> None:
    monitor = SchemaMonitor(TABLES)
    for seed in range(200):
        dice = random.Random(seed)
        message = good()
        names = list(message)
        dice.shuffle(names)
        assert monitor.check("order", {name: message[name] for name in names}) == []


# -- hostile input ----------------------------------------------------------------------------------------------------


def size_of(thing: object, seen: set[int] | None = None) -> int:
    """The bytes of everything that is held by it."""
    seen = set() if seen is None else seen
    if id(thing) in seen or isinstance(thing, type | Kind | Field):
        return 0
    seen.add(id(thing))
    held: list[object] = [getattr(thing, name, None) for name in getattr(type(thing), "__slots__", ())]
    held += vars(thing).values() if hasattr(thing, "__dict__") else ()
    if isinstance(thing, dict):
        held += [*thing.keys(), *thing.values()]
    elif isinstance(thing, list | tuple | set):
        held += thing
    return sys.getsizeof(thing) + sum(size_of(entry, seen) for entry in held)


def test_a_hundred_thousand_unknown_fields() -> None:
    monitor = SchemaMonitor(TABLES)
    message = {**good(), **{f"field{number:06}": number for number in range(100_000)}}
    drifts = monitor.check("order", message)
    assert len(drifts) == NAMES_KEPT + 1
    assert told(drifts) >= {("field000000", Fault.UNKNOWN), ("...", Fault.UNKNOWN)}
    assert sum(monitor.counts.values()) == 100_000
    assert monitor.check("order", message) == []
    assert sum(monitor.counts.values()) == 200_000
    assert size_of(monitor) < 200_000


def test_new_names_in_every_message() -> None:
    monitor = SchemaMonitor(TABLES)
    for number in range(3000):
        monitor.check("order", {**good(), f"name{number}": 1, "y" * 100_000: 2})
        monitor.check(f"channel{number}" * 100, {})
    assert sum(monitor.counts.values()) == 9000
    assert len(monitor.counts) <= 2 * (NAMES_KEPT + 1)
    assert size_of(monitor) < 1_000_000
    assert all(len(field) <= 70 and len(channel) <= 70 for channel, field, _ in monitor.counts)
    message = {**good(), "E": None}
    assert told(monitor.check("order", message)) == {("E", Fault.RETYPED)}  # what matters is still told by name


def test_as_many_layouts_as_there_are_orders_of_keys() -> None:
    monitor = SchemaMonitor(TABLES)
    dice = random.Random(3)
    for _ in range(10 * LAYOUTS_KEPT):
        inner = list(good()["o"].items())
        dice.shuffle(inner)
        assert monitor.check("order", {**good(), "o": dict(inner)}) == []
    assert size_of(monitor) < 200_000
    assert told(monitor.check("order", {**good(), "o": {}})) == {(f"o.{n}", Fault.MISSING) for n in "iqp"}


def test_deep_and_long_values() -> None:
    monitor = SchemaMonitor(TABLES)
    deep: Any = []
    for _ in range(900):
        deep = [deep]
    assert told(monitor.check("order", {**good(), "B": deep})) == {("B[]", Fault.RETYPED)}
    assert told(monitor.check("order", {**good(), "X": deep})) == {("X", Fault.UNKNOWN)}
    long = [{"a": "USDT", "wb": "1"}] * 500_000 + [7]
    assert monitor.check("order", {**good(), "B": long}) == []  # the end of an endless list is not looked at


def test_a_name_that_a_terminal_would_obey() -> None:
    monitor = SchemaMonitor(TABLES)
    (drift,) = monitor.check("order", {**good(), "\x1b[2J" + "z" * 80: 1})
    assert "\x1b" not in str(drift)
    assert len(drift.field) == 60


# -- against the slow way ---------------------------------------------------------------------------------------------

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-10, 10)
    | st.floats(allow_nan=False)
    | st.sampled_from(["1", "0.5", "", "x", "-", "1e3", "nan", "--1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("eEoBiqpmnawX"), inner, max_size=6),
    max_leaves=12,
)


def slowly(field: Field, value: object, path: str) -> set[tuple[str, Fault]]:
    """The same verdict in the plainest way."""
    if kind_of(value) not in field.kinds:
        return {(path, Fault.RETYPED)}
    found: set[tuple[str, Fault]] = set()
    if isinstance(value, list) and field.items is not None:
        for entry in value:
            found |= slowly(field.items, entry, f"{path}[]")
    if isinstance(value, dict) and field.shape is not None:
        dot = f"{path}." if path else ""
        for name, inner in field.shape.fields.items():
            if name in value:
                found |= slowly(inner, value[name], dot + name)
            elif inner.required:
                found.add((dot + name, Fault.MISSING))
        found |= {(dot + name, Fault.UNKNOWN) for name in value if name not in field.shape.fields}
    return found


def readable(message: object) -> bool:
    """Whether the monitor goes as far as the slow way: text of digits in a wrong order is left to the reader."""
    if isinstance(message, dict):
        return all(readable(entry) for entry in message.values())
    if isinstance(message, list):
        return all(readable(entry) for entry in message)
    return message not in ("-", "--1")


@given(st.lists(JSON_VALUES, max_size=4), st.lists(st.tuples(st.sampled_from("eEoBX"), JSON_VALUES), max_size=2))
def test_the_quick_way_finds_what_the_slow_way_finds(values: list[Any], changes: list[tuple[str, Any]]) -> None:
    monitor = SchemaMonitor(TABLES)
    changed = good()
    for name, value in changes:
        changed[name] = value
    seen: set[tuple[str, Fault]] = set()
    for message in [good(), *values, changed, good(), *copy.deepcopy(values), changed]:
        if not readable(message):
            continue
        wanted = slowly(Field(Kind.OBJECT, shape=ORDER), message, "")
        before = dict(monitor.counts)
        fresh = monitor.check("order", message)
        assert told(fresh) == wanted - seen
        counted = {key[1:] for key, count in monitor.counts.items() if count != before.get(key, 0)}
        assert counted == wanted
        seen |= wanted


@given(st.binary(max_size=200) | JSON_VALUES)
def test_nothing_raises(value: object) -> None:
    monitor = SchemaMonitor(TABLES)
    for channel in ("order", "depth", "other"):
        monitor.check(channel, value)
        monitor.check(channel, {"o": value, "bids": value})


def test_messages_as_they_come_from_the_wire() -> None:
    monitor = SchemaMonitor(TABLES)
    raw = json.dumps({**good(), "o": {**good()["o"], "q": 1.5}})
    assert told(monitor.check("order", json.loads(raw))) == {("o.q", Fault.RETYPED)}


def changed(path: str, value: object) -> dict[str, Any]:
    message: Any = good()
    place = message
    *parents, name = (int(part) if part.isdigit() else part for part in path.split("."))
    for parent in parents:
        place = place[parent]
    place[name] = value
    return message  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("e", 1, "e"), ("E", "1", "E"), ("E", 1.0, "E"), ("E", None, "E"), ("o.i", "1", "o.i"), ("o.q", 1, "o.q"),
        ("o.q", "", "o.q"), ("o.q", "1,5", "o.q"), ("o.p", None, "o.p"), ("o.m", 1, "o.m"), ("o", [], "o"),
        ("B", {}, "B"), ("B.0.wb", "x", "B[].wb"), ("B.1.wb", 5, "B[].wb"), ("B.1", None, "B[]"), ("B.1.a", 0, "B[].a"),
    ],
)  # fmt: skip
def test_a_field_retyped_in_a_message_that_is_known_is_noticed_each_time(path: str, value: object, field: str) -> None:
    monitor = SchemaMonitor(TABLES)
    for _ in range(3):
        assert monitor.check("order", good()) == []
    for turn in range(1, 4):
        assert told(monitor.check("order", changed(path, value))) == ({(field, Fault.RETYPED)} if turn == 1 else set())
        assert monitor.check("order", good()) == []
        assert monitor.counts == {("order", field, Fault.RETYPED): turn}


def test_a_field_that_goes_or_comes_in_a_message_that_is_known() -> None:
    monitor = SchemaMonitor(TABLES)
    for _ in range(2):
        monitor.check("order", good())
    for turn in (1, 2):
        gone, more = good(), good()
        del gone["B"][1]["wb"]
        more["o"]["z"] = 1
        monitor.check("order", gone)
        monitor.check("order", more)
        monitor.check("order", good())
        assert monitor.counts == {("order", "B[].wb", Fault.MISSING): turn, ("order", "o.z", Fault.UNKNOWN): turn}


def test_a_known_message_is_not_judged_again(monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[object] = []
    judge = _Slot.judge
    monkeypatch.setattr(_Slot, "judge", lambda slot, value, fresh: (judged.append(value), judge(slot, value, fresh))[1])
    monitor = SchemaMonitor(TABLES)
    other = changed("o.n", "0.5")
    for message in (good(), other):
        monitor.check("order", message)
        assert judged
        judged.clear()
    for message in (good(), other, {**good(), "B": []}, changed("o.q", "-7.25"), changed("B.0.a", "ETH")):
        assert monitor.check("order", message) == [] and judged == []
    monitor.check("order", changed("o.q", "1e5"))
    assert judged, "an exponent is judged by its exact form"
    assert monitor.counts == {}


def test_more_forms_than_are_kept_are_judged_as_before() -> None:
    table = {"wide": shape({f"f{number}?": DECIMAL for number in range(6)})}
    monitor = SchemaMonitor(table)
    messages = [{f"f{bit}": "1" for bit in range(6) if number >> bit & 1} for number in range(64)]
    for _ in range(2):
        assert [monitor.check("wide", message) for message in messages] == [[]] * 64
    for turn in (1, 2):
        for message in messages[1:]:
            monitor.check("wide", {**message, next(iter(message)): None})
        assert sum(monitor.counts.values()) == 63 * turn


# -- fast channels ----------------------------------------------------------------------------------------------------


def test_the_first_and_every_nth() -> None:
    sample = Sample(every=10)
    assert [count for count in range(1, 45) if sample.due(count)] == [1, 11, 21, 31, 41]
    sample.opened()
    assert [count for count in range(45, 60) if sample.due(count)] == [45, 55]


def test_a_count_that_jumps() -> None:
    sample = Sample(every=10)
    assert [count for count in (1, 8, 30, 33, 39, 40, 1000, 1001) if sample.due(count)] == [1, 30, 40, 1000]


def test_no_such_sample() -> None:
    with pytest.raises(ValueError, match="every is 0"):
        Sample(0)
