"""The standard library in orjson's place: the same texts accepted, the same values, the same bytes written."""

from __future__ import annotations

import gzip
import json as standard
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from csbook import json
from csbook.json import MAX_NESTING, SHALLOW, JSONDecodeError, plain_dumps, plain_loads
from fuzz.mutate import NUMBERS, TOKENS, mutate
from oracle import dump, seed_depth

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def orjson() -> ModuleType:
    return pytest.importorskip("orjson", reason="orjson cannot be installed here, so there is nothing to agree with")


def verdict(loads: Any, payload: Any) -> str:
    """The value with its types, or that there is none."""
    try:
        value = loads(payload)
    except JSONDecodeError:
        return "refused"
    return shown(value)


def shown(value: Any) -> str:
    """Its repr, by a way that takes any depth: type, then content."""
    out: list[str] = []
    stack = [value]
    while stack:
        top = stack.pop()
        out.append(type(top).__name__)
        if isinstance(top, list):
            out.append(str(len(top)))
            stack.extend(top)
        elif isinstance(top, dict):
            out.append(ascii(list(top)))
            stack.extend(top.values())
        else:
            out.append(ascii(top))
    return " ".join(out)


TEXTS: list[Any] = [
    b"", b" ", b"\n1\t\r ", b"\x0b1", b"1\x0c", b"\xa01", b"1 \x00", b"\xef\xbb\xbf1", "1".encode("utf-16"), b"1 2",
    b"{}{}",
    b"nul", b"truex", b"True", b"NaN", b"[NaN]", b"Infinity", b'{"a":-Infinity}', b"-", b"[-]", b"1.e5", b"1e+", b"+1",
    b"-0", b"-0.0", b"-0e1", b"0e1", b"1E5", b"1" * 308, b"1" * 309, b"[" + b"1" * 310 + b"]", b"9" * 309, b"1" * 5000,
    b"-" + b"1" * 310, b"0" * 400, b"1e309", b"-1e309", b"2e308", b"123456789012345678901234567890.5",
    b"18446744073709551615", b"18446744073709551616", b"-9223372036854775808", b"-9223372036854775809",
    b'"\x7f"', b'"\x00"', b'"\x1f"', b'"\n"', b'"\\u0000"', b'"\\x"', b'"\\u12"', b'"\\u 123"', b'"\\u+123"',
    b'"\\uD83D\\uDE00"',
    b'"\\ud83d"', b'"\\ude00"', b'"\\ud83d\\u0041"', b'"\\ud83d\\\\ude00"', b'"\\\\ud83d"', b'"\\\\\\ud83d"',
    b'"\\ud83d\\ud83d\\ude00"', b'"\\ud83d\\ude00\\ude00"', b'"\\ud83d \\ude00"', b'{"\\udead":1}',
    b'{"a":"\\ud800","a":1}', b'"\xed\xa0\x80"', b'"\xc0\x80"', b'"\xf4\x90\x80\x80"', b'"\xe2\x82"', b"\xff",
    '"\u00e9\u4e2d\U0001f600\ufffe"'.encode(), '"\u00e9" x', '"\ud800"', "[1]", bytearray(b"[1]"),
    memoryview(b'{"a":null}'),
    b'{"a":1,"a":2}', b'{"a":1,"b":2,"a":3}', b'{"a" "b"}', b'{"a"::1}', b'{"a":1,}', b"{,}", b"[1,]", b"[,1]",
    b"[1 2]",
    b'{"a":1]', b"[1}", b"{1:2}", b"{'a':1}", b'{"a"}', b"[", b"{", b'{"a"', b'{"a":', b'["', b'"\\', b"[]]", b"]",
    b",", b":",
    b'{"":{"":[[],{}]}}', b"/**/1", b"// 1\n1", b'"a"b', b"[1]\n,",
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: ascii(text)[:40])
def test_both_take_the_same_texts(orjson: ModuleType, text: Any) -> None:
    assert verdict(plain_loads, text) == verdict(orjson.loads, text)


def test_numbers_and_tokens_wherever_they_stand(orjson: ModuleType) -> None:
    for piece in (*TOKENS, *NUMBERS):
        for text in (piece, b"[%b]" % piece, b'{"a":%b}' % piece, b"[1,%b ]" % piece, piece + b"1", b" %b " % piece):
            assert verdict(plain_loads, text) == verdict(orjson.loads, text), text[:80]


DEEP = range(SHALLOW - 1, SHALLOW + 3), range(MAX_NESTING - 2, MAX_NESTING + 3), (5_000, 200_000)


@pytest.mark.parametrize("depth", [depth for some in DEEP for depth in some])
@pytest.mark.parametrize(
    "inner", [b"", b"1", b"{}", b'{"a":1}', b"NaN", b"1e999", b'"\\ud800"', b"1 2", b",", b"[[1],[2]]"]
)
@pytest.mark.parametrize("opening", [b"[", b'{"k":', b'[[],{"k":[1,2]},"}]",'])
def test_both_have_the_same_limit_of_depth(orjson: ModuleType, opening: bytes, depth: int, inner: bytes) -> None:
    closing = b"}" if opening[:1] == b"{" else b"]"
    for text in (opening * depth + inner + closing * depth, b" " + opening * depth + inner + closing * (depth - 1)):
        assert verdict(plain_loads, text) == verdict(orjson.loads, text)


def test_depth_is_taken_at_any_depth_of_calls() -> None:
    """The standard library's own limit is what is left of the stack; ours is a number."""
    deep = b"[" * MAX_NESTING + b"]" * MAX_NESTING

    def call(times: int) -> Any:
        return plain_loads(deep) if times == 0 else call(times - 1)

    assert shown(call(300)) == shown(plain_loads(deep))


def test_text_that_only_looks_deep() -> None:
    inside = "[{" * 2_000
    assert plain_loads(standard.dumps([inside, "\\", '"', inside])) == [inside, "\\", '"', inside]
    assert plain_loads(standard.dumps([[]] * 5_000)) == [[]] * 5_000


def test_an_open_text_costs_no_square() -> None:
    """A megabyte of what could begin a text again and again: minutes, if each beginning were followed to the end."""
    for piece in (b'\\"', b'"\\', b'[\\"', b"\\"):
        with pytest.raises(JSONDecodeError):
            plain_loads(b"[" * (SHALLOW + 1) + b'"' + piece * 300_000)


def test_the_json_suite(orjson: ModuleType, shared_data: Path) -> None:
    with gzip.open(shared_data / "json" / "JSONTestSuite_half1.jsonl.gz", "rt", encoding="utf-8") as lines:
        texts = [bytes.fromhex(standard.loads(line)["hex"]) for line in lines]
    assert len(texts) > 100
    for text in texts:
        for whole in (text, b'{"zz":' + text + b"}", b"[" * 300 + text + b"]" * 300):
            assert verdict(plain_loads, whole) == verdict(orjson.loads, whole), whole[:80]


def test_damaged_messages(orjson: ModuleType) -> None:
    rng = random.Random(9)
    side = [[str(price), "1.5"] for price in range(100, 120)]
    others = [dump(seed_depth(7, side, side)), b'{"e":"24hrTicker","n":[1.5e3,-2,null,true,"\\u00e9\\ud83d\\ude00"]}']
    seen = {"refused": 0, "taken": 0}
    for _ in range(6_000):
        text = mutate(rng, rng.choice(others), others)
        said = verdict(plain_loads, text)
        assert said == verdict(orjson.loads, text), text[:200]
        seen["refused" if said == "refused" else "taken"] += 1
    assert min(seen.values()) > 200, seen


@pytest.mark.parametrize(
    ("text", "at"),
    [(b"[1,NaN]", 3), (b"[1,1e400]", 3), (b"[1,", 3), (b'["\\ud800"]', 2), (b"1 x", 2), (b"[" * 1025, 1024),
     (b'"\xff"', 1)],
)  # fmt: skip
def test_it_says_where(text: bytes, at: int) -> None:
    with pytest.raises(JSONDecodeError) as caught:
        plain_loads(text)
    assert caught.value.pos == at


VALUES: list[Any] = [
    {"result": None, "id": 1}, {"a": ("x", "y"), "b": [], "c": {}}, [True, False, -1, 2**64 - 1, -(2**63)],
    "\u00e9\u2028\U0001f600",
    "\x00\x01\x1f\x7f\b\f\n\r\t\"\\/", {"": [[["1.5", "2"]]]},
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=ascii)
def test_both_write_the_same(orjson: ModuleType, value: Any) -> None:
    assert plain_dumps(value) == orjson.dumps(value)
    assert json.loads(json.dumps(value)) == standard.loads(standard.dumps(value))


@pytest.mark.parametrize("write", [json.dumps, plain_dumps])
def test_a_literal_keeps_its_digits(write: Callable[[Any], bytes]) -> None:
    value = {"size": json.Literal("0.10000000000000000000000001"), "in": [json.Literal("1"), "1"]}
    assert write(value) == b'{"size":0.10000000000000000000000001,"in":[1,"1"]}'


@pytest.mark.parametrize("write", [json.dumps, plain_dumps])
@pytest.mark.parametrize("value", [{1: 2}, {"a": [object()]}])
def test_what_has_no_json(write: Callable[[Any], bytes], value: Any) -> None:
    with pytest.raises(TypeError):
        write(value)


def test_what_is_used_here() -> None:
    try:
        import orjson
    except ImportError:
        assert json.loads(b"[1]") == [1]
        assert json._loads is plain_loads
    else:
        assert json._loads is orjson.loads
    with pytest.raises(JSONDecodeError):
        json.loads(b"NaN")


@pytest.mark.skipif(not (ROOT / "setup.py").exists(), reason="inspects the source tree")
def test_no_other_source_asks_for_orjson() -> None:
    asking = re.compile(r"^\s*(?:import|from)\s+orjson", re.MULTILINE)
    found = [
        path.name
        for path in (ROOT / "csbook").rglob("*.p*")
        if path.suffix in (".py", ".pyx", ".pxi", ".pxd") and asking.search(path.read_text(encoding="utf-8"))
    ]
    assert found == ["json.py"]


WITHOUT = """
import sys
sys.modules["orjson"] = None
import csbook
from csbook import json
assert json._loads is json.plain_loads
import csbook.wire.plain, csbook.sim.board, csbook.sim.commands
from tests.fuzz.rounds import work
print(work(seed=11, first=0, rounds=60, seconds=60) > 1000)
"""


def test_the_fast_path_agrees_where_there_is_no_orjson() -> None:
    """The fuzzer's rounds, in a process that cannot import orjson."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])},
        capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr[-2000:]
