"""The documentation keeps its word: its programs run, print what stands below them, and its links lead somewhere.

A page is run as one program in a folder of its own, with warnings as errors: its `python` blocks one after the other,
at the lines where they stand in the page, so that a traceback names the page's line. A block with a title is a file
that is written first, then `$ python ...` lines of `console` blocks are run. What `text` blocks show must appear in the
output, in order; `...` stands for anything.
"""

from __future__ import annotations

import importlib.util
import inspect
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

import pytest

import csbook
import csbook.types
from csbook import _core

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
if not (ROOT / "setup.py").exists():
    pytest.skip("inspects the source tree", allow_module_level=True)

PAGES = sorted(DOCS.rglob("*.md"))
PICTURES = sorted(DOCS.rglob("*.svg"))
# Spelled in pieces, so that this file keeps the rules of the house.
PLACE = re.compile("/wo" "rk/|/ho" r"me/|/ro" "ot/|/Us" r"ers/|py" r"pi\.org|pythonho" "sted")  # fmt: skip
UNFINISHED = re.compile(r"\b(?:TO" "DO|FIX" r"ME)\b")  # fmt: skip
FENCE = re.compile(r'^```(?P<kind>\w+)(?: title="(?P<title>[\w.]+)")?\n(?P<text>.*?)^```$', re.DOTALL | re.MULTILINE)
TIMEOUT = 100
WIDTH = 92  # what a page shows of a line without scrolling


@dataclass(frozen=True, slots=True)
class Block:
    kind: str
    title: str | None
    text: str
    line: int  # in the page, of its first line


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(found["kind"], found["title"], found["text"], text.count("\n", 0, found.start("text")) + 1)
        for found in FENCE.finditer(text)
    ]


def name(path: Path) -> str:
    return path.relative_to(DOCS).as_posix()


PROGRAMS = [page for page in PAGES if any(block.kind == "python" for block in blocks_of(page))]


def program_of(blocks: list[Block]) -> str:
    lines: list[str] = []
    for block in blocks:
        if block.kind == "python" and block.title is None:
            lines += [""] * (block.line - 1 - len(lines)) + block.text.splitlines()
    return "\n".join(lines) + "\n"


def run(arguments: list[str], folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([os.fspath(folder), os.fspath(ROOT)]),
            "CFLAGS": "" if sys.platform == "win32" else "-O0 -g0",  # what is built here runs for a second
        },
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def missing(shown: str, output: str) -> str:
    """The first line of what a page shows that the output does not have, from the top on; empty if it has all."""
    lines = iter(output.splitlines())
    for wanted in shown.splitlines():
        pattern = re.compile(".*".join(map(re.escape, wanted.split("..."))))
        if wanted.strip(".") and not any(pattern.fullmatch(line) for line in lines):
            return wanted
    return ""


@pytest.mark.parametrize("page", PROGRAMS, ids=name)
def test_a_page_runs_and_prints_what_it_shows(page: Path, tmp_path: Path) -> None:
    if page.stem == "spin" and (not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2):
        pytest.skip("the page pins a thread, which takes Linux and two cores")
    pytest.importorskip("aiohttp")
    blocks = blocks_of(page)
    for block in blocks:
        if block.title is not None:
            (tmp_path / block.title).write_text(block.text, encoding="utf-8")
    for block in blocks:
        for command in re.findall(r"^\$ python (.*)$", block.text, re.MULTILINE) if block.kind == "console" else ():
            run(command.split(), tmp_path)
    program = tmp_path / f"{page.stem}.md.py"
    program.write_text(program_of(blocks), encoding="utf-8")
    output = run(["-W", "error", program.name], tmp_path)
    shown = "".join(block.text for block in blocks if block.kind == "text")
    assert missing(shown, output) == "", f"the page shows it, and the program printed:\n{output}"


def test_what_a_page_shows_is_looked_for_in_order() -> None:
    assert missing("a ... c\n...\nd\n", "a b c\nx\nd\n") == ""
    assert missing("d\na\n", "a\nd\n") == "a"
    assert missing("a...", "b") == "a..."


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_block_is_of_a_known_kind_and_fits(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    blocks = blocks_of(page)
    assert len(re.findall(r"^```", text, re.MULTILINE)) == 2 * len(blocks)
    assert {block.kind for block in blocks} <= {"python", "cython", "console", "text"}
    assert [line for block in blocks for line in block.text.splitlines() if len(line) > WIDTH] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert PLACE.findall(text) == []
    assert UNFINISHED.findall(text) == []
    for target in re.findall(r"\]\(([^)#]*)(?:#[\w-]+)?\)", text):
        if target and "://" not in target:
            assert (page.parent / target).exists(), target
    for target in re.findall(r"`((?:csbook|benches|tests|docs)/[\w./]+)`", text):
        assert (ROOT / target).exists() or target == "benches/RESULTS.md", target


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_verbs_and_commands_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    commands = (ROOT / "csbook" / "cli" / "commands.py").read_text(encoding="utf-8").partition("\n@csbook.command")[2]
    for verb in re.findall(r"(?:`|\$ )make ([a-z]+)", text):
        assert re.search(rf"^{verb}:", makefile, re.MULTILINE), verb
    for command in re.findall(r"(?:`|\$ )csbook ([a-z-]+)", text):
        assert f'@csbook.command("{command}")' in commands or f"def {command}(" in commands, command


def test_each_page_has_its_place_in_the_menu() -> None:
    menu = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert sorted(re.findall(r": ([\w/-]+\.md)$", menu, re.MULTILINE)) == sorted(map(name, PAGES))


def test_the_states_are_all_explained() -> None:
    from csbook import State

    text = (DOCS / "explanation" / "states.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == {state.name for state in State}


def test_the_reasons_are_those_of_the_code() -> None:
    text = (DOCS / "how-to" / "states.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `[A-Z]+` \| (.*?) \|", text, re.MULTILINE)
    reasons = [reason for row in rows for reason in re.findall(r"`(.*?)`", row)]
    assert len(reasons) > 8
    sources = [path for path in (ROOT / "csbook").rglob("*") if path.suffix in (".py", ".pxi")]
    code = "".join(path.read_text(encoding="utf-8") for path in sources)
    assert [reason for reason in reasons if not re.search(rf'["\']{re.escape(reason)}', code)] == []


def test_trading_is_told_as_it_is(tmp_path: Path) -> None:
    """Both tables of that section: each venue, what it can do there, and how often its account is asked for."""
    from csbook.venues import trading_names, trading_table

    section = (DOCS / "how-to" / "venues.md").read_text(encoding="utf-8").partition("## Trade at each venue")[2]
    rows: dict[str, list[list[str]]] = {}
    for line in re.findall(r"^\| `.*$", section, re.MULTILINE):
        name, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        rows.setdefault(name.strip("`"), []).append(cells)
    assert tuple(rows) == trading_names()
    keys = csbook.Credentials("the-key", "the-secret", "the-phrase")
    for name, ((stream, *told), (polled, reconciled, *_)) in rows.items():
        table = trading_table(name)
        assert stream.startswith("none") == bool(table.stream_lacks), name
        abilities = ("post_only", "amend", "reduce_only", "hedge", "cancel_all")
        assert told == ["yes" if each in table.abilities else "no" for each in abilities], name
        fallback = csbook.trade(name, credentials=keys, state_dir=tmp_path)._fallback
        assert (polled, reconciled) == (f"{round(fallback.poll_every, 1):g} s", f"{fallback.reconcile_every:g} s"), name


@pytest.mark.parametrize("picture", PICTURES, ids=name)
def test_a_picture_is_whole_and_shown(picture: Path) -> None:
    """Well formed, fetching nothing, with words for those who cannot see it; and some page shows it."""
    text = picture.read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)
    tags = {child.tag.rpartition("}")[2] for child in root}
    assert {"title", "desc"} <= tags
    assert root.get("viewBox")
    assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)", text)
    assert "prefers-color-scheme: dark" in text
    assert any(f"pictures/{picture.name})" in page.read_text(encoding="utf-8") for page in PAGES)


def test_every_public_name_is_in_the_reference() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES if page.parent.name == "reference")
    shown = set(re.findall(r"^::: ([\w.]+)$", text, re.MULTILINE))
    assert "csbook.errors" in shown  # all of them
    modules = ("csbook._core", "csbook.types", "csbook.feed", "csbook.loop", "csbook.credentials", "csbook.trader")
    for public in {*csbook.__all__} - {*csbook.errors.__all__, "errors", "__version__"}:
        assert shown & {f"{module}.{public}" for module in modules}, public
    for word in csbook.types.__all__:
        assert f"csbook.types.{word}" in shown, word


def test_the_reference_reads_the_docstrings_that_the_binary_has() -> None:
    """docs/reference/docstrings.py reads text; nothing of it may be missed, moved or cut."""
    place = DOCS / "reference" / "docstrings.py"
    spec = importlib.util.spec_from_file_location("docs_docstrings", place)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    read = module.docstrings()
    compiled = {"build_info": _core.build_info.__doc__}
    for kind in (_core.Book, _core.Top, _core.Router):
        compiled[kind.__name__] = kind.__doc__
        for member, value in vars(kind).items():
            if not member.startswith("__") and getattr(value, "__doc__", None):
                compiled[f"{kind.__name__}.{member}"] = value.__doc__
    wanted = {key: inspect.cleandoc(text or "") for key, text in compiled.items()}
    assert wanted == {key: read.get(key) for key in wanted}
    assert len(compiled) > 30
