from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import csbook
from csbook import loop as module
from csbook.errors import UsageError
from csbook.loop import run, spin

LINUX = hasattr(os, "sched_setaffinity")
two_cores = pytest.mark.skipif(len(module._cores()) < 2, reason="takes two cores")
uvloop = pytest.importorskip("uvloop") if sys.platform != "win32" else None


def threads() -> set[int]:
    return {int(task.name) for task in Path("/proc/self/task").iterdir()}


async def answer() -> int:
    await asyncio.sleep(0)
    return 42


def test_run_returns_the_result() -> None:
    assert run(answer()) == 42
    assert csbook.run is run
    assert csbook.spin is spin


def test_run_raises_what_the_program_raises() -> None:
    async def fail() -> None:
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        run(fail())


def test_it_runs_on_uvloop_where_that_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def kind() -> str:
        return type(asyncio.get_running_loop()).__module__

    if uvloop is not None:
        assert run(kind()).startswith("uvloop")
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert run(kind()).startswith("asyncio")


@two_cores
@pytest.mark.parametrize("library", ["uvloop", "asyncio"])
def test_a_spinning_loop_never_sleeps(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if library == "asyncio":
        monkeypatch.setitem(sys.modules, "uvloop", None)

    async def turns() -> tuple[float, float]:
        began, cpu = time.perf_counter(), time.thread_time()
        await asyncio.sleep(0.2)
        return time.thread_time() - cpu, time.perf_counter() - began

    spinning, _ = run(turns(), spin=True)
    sleeping, took = run(turns())
    assert spinning > 5 * sleeping  # the share of a core that it gets is the machine's business
    assert sleeping < 0.2 * took


@two_cores
def test_spin_hands_the_interpreter_over_quickly_and_puts_it_back() -> None:
    async def interval() -> float:
        return sys.getswitchinterval()

    before = sys.getswitchinterval()
    assert run(interval(), spin=True) == pytest.approx(1e-4)
    assert sys.getswitchinterval() == before
    assert run(interval()) == before


@two_cores
async def test_a_loop_that_is_already_there() -> None:
    spinner = spin(asyncio.get_running_loop())
    await asyncio.sleep(0.05)
    turns = spinner.turns
    assert turns > 50
    spinner.stop()
    spinner.stop()
    await asyncio.sleep(0.02)
    assert spinner.turns == turns
    with spin(asyncio.get_running_loop()) as spinner:
        await asyncio.sleep(0.01)
    turns = spinner.turns
    await asyncio.sleep(0.01)
    assert 0 < turns == spinner.turns


@two_cores
def test_sockets_and_timers_go_on_while_it_spins() -> None:
    async def talk() -> bytes:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await reader.readexactly(4))
            writer.close()

        async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
            await asyncio.sleep(0.01)
            writer.write(b"ping")
            said = await reader.readexactly(4)
            writer.close()
            return said

    assert run(talk(), spin=True) == b"ping"


def test_one_core_is_not_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_cores", lambda: frozenset({0}))
    with pytest.raises(UsageError, match="a core of its own"):
        run(answer(), spin=True)
    with pytest.raises(UsageError, match="the only core"):
        run(answer(), cpu=0)
    loop = asyncio.new_event_loop()
    with pytest.raises(UsageError, match="a core of its own"):
        spin(loop)
    loop.close()
    assert run(answer()) == 42


@pytest.mark.parametrize("cpu", [-1, 10_000])
def test_a_core_that_is_not_ours(cpu: int) -> None:
    with pytest.raises(UsageError, match=f"cpu={cpu}"):
        run(answer(), cpu=cpu)


def test_no_pinning_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_setaffinity", raising=False)
    with pytest.raises(UsageError, match="cannot be pinned"):
        run(answer(), cpu=0)


@two_cores
@pytest.mark.skipif(not LINUX, reason="threads are pinned on Linux")
@pytest.mark.parametrize("library", ["uvloop", "asyncio"])
def test_the_loop_is_pinned_and_its_threads_are_elsewhere(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if library == "asyncio":
        monkeypatch.setitem(sys.modules, "uvloop", None)
    before = os.sched_getaffinity(0)
    core = max(before)

    async def where() -> tuple[Any, Any, set[frozenset[int]]]:
        await asyncio.get_running_loop().getaddrinfo("localhost", 80)
        inside = await asyncio.to_thread(os.sched_getaffinity, 0)
        others = {frozenset(os.sched_getaffinity(task)) for task in threads() if task != os.getpid()}
        return os.sched_getaffinity(0), inside, others

    threads_before = threads()
    mine, executor, others = run(where(), cpu=core)
    assert mine == {core}
    assert executor == before - {core}
    if len(threads_before) == 1:  # other tests may have left threads of their own
        assert others == {frozenset(before - {core})}
    assert os.sched_getaffinity(0) == before


def test_an_interrupt_ends_it() -> None:
    if sys.platform == "win32":
        pytest.skip("signals are POSIX's")
    code = (
        "import asyncio, csbook\n"
        "async def main():\n"
        "    print('up', flush=True)\n"
        "    try:\n"
        "        await asyncio.sleep(60)\n"
        "    finally:\n"
        "        print('down', flush=True)\n"
        "try:\n"
        "    csbook.run(main(), spin=len(__import__('csbook.loop').loop._cores()) > 1)\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted', flush=True)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    process.send_signal(2)
    said, _ = process.communicate(timeout=20)
    assert said == "down\ninterrupted\n"
