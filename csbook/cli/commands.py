"""The commands and their options. What they do is in ``run``; what goes wrong is said by ``main``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import click

import csbook as package
from csbook.errors import UsageError
from csbook.venues import names, trading_names

if TYPE_CHECKING:
    from csbook.cli.account import Where

__all__ = ["csbook", "invoke"]

SECONDS = click.option("--seconds", type=float, metavar="N", help="Stop after N seconds; otherwise Ctrl-C does.")
JSON = click.option("--json", "as_json", is_flag=True, help="No screen: standard output holds one JSON object.")
METRICS = click.option(
    "--metrics", metavar="PORT", help="Serve Prometheus on this port of loopback, or on ADDRESS:PORT."
)
SYMBOLS = ("BTCUSDT",)


def invoke(arguments: list[str]) -> int:
    """Run a command. Raises UsageError for what click does not understand, KeyboardInterrupt when it is given up."""
    try:
        ended = csbook.main(args=arguments, prog_name="csbook", standalone_mode=False)
    except click.Abort:
        raise KeyboardInterrupt from None
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        command = context.command_path if context is not None else "csbook"
        raise UsageError(f"{error.format_message()} See: {command} --help") from None
    return ended if isinstance(ended, int) else 0


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package.__version__, message="csbook %(version)s")
@click.pass_context
def csbook(context: click.Context) -> None:
    """An exact order book for market makers, fed by a live venue or by a local one."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@csbook.command()
@click.argument("symbols", metavar="[SYMBOL]...", nargs=-1)
@click.option("--venue", default="coinswitch", show_default=True, metavar="V", help="The dialect that is spoken.")
@click.option("--trade", is_flag=True, help="The example market maker is at work, on the first SYMBOL.")
@click.option("--speed", type=float, default=1.0, metavar="X", help="Of the recorded market; 1 unless given.")
@METRICS
@SECONDS
@JSON
def demo(
    symbols: tuple[str, ...],
    venue: str,
    trade: bool,
    speed: float,
    metrics: str | None,
    seconds: float | None,
    as_json: bool,
) -> None:
    """A live ladder of a recorded market. No account, no network.

    Starts a local venue that replays recorded BTCUSDT trading, connects to it over a real WebSocket and shows the book.
    Any other SYMBOL is derived from the same recording. With --trade a small market maker places real orders there,
    which are matched with the recorded market; on the screen h halts it and r re-arms it.
    """
    from csbook.cli import run

    if trade:
        from csbook.sim.desks import served

        if venue not in served():
            *most, last = served()
            there = f"{', '.join(most)} or {last}"
            raise click.UsageError(
                f"--trade is for --venue {there}, whose private half the local venue has; not {venue}."
            )
    view = run.View(
        venue,
        symbols or SYMBOLS,
        seconds=_positive(seconds),
        json=as_json,
        metrics=_place(metrics),
        trade=trade,
        speed=_positive(speed, "--speed") or 1.0,
    )
    _run(run.demo(view))


@csbook.command()
@click.argument("symbols", metavar="SYMBOL...", nargs=-1, required=True)
@click.option("--venue", required=True, metavar="V", help=f"The venue and its dialect: {', '.join(names())}.")
@click.option("--ws-url", metavar="U", help="Instead of the venue's own: wss://host[:port][/path], ws:// on loopback.")
@click.option("--rest-url", metavar="U", help="The same for REST: https://, or http:// on loopback.")
@click.option("--depth", type=int, metavar="N", help="Levels a side, one of those that the venue offers.")
@click.option("--spin", is_flag=True, help="Never sleep: lower latency, and a core of its own.")
@METRICS
@SECONDS
@JSON
def watch(
    symbols: tuple[str, ...],
    venue: str,
    ws_url: str | None,
    rest_url: str | None,
    depth: int | None,
    spin: bool,
    metrics: str | None,
    seconds: float | None,
    as_json: bool,
) -> None:
    """Live books of a venue."""
    from csbook.cli import run
    from csbook.net.origin import http_origin, websocket_origin

    if ws_url is not None:
        websocket_origin(ws_url, "--ws-url")
    if rest_url is not None:
        http_origin(rest_url, "--rest-url")
    view = run.View(
        venue,
        symbols,
        depth=depth,
        ws_url=ws_url,
        rest_url=rest_url,
        seconds=_positive(seconds),
        json=as_json,
        metrics=_place(metrics),
    )
    _run(run.watch(view), spin=spin)


def _of_an_account(command: Callable[..., None]) -> Callable[..., None]:
    """The options of every command that needs keys. Those come from the environment or a file, never from here."""
    for option in (
        JSON,
        click.option("--credentials", metavar="FILE", help="Keys from a file of mode 0600, not the environment."),
        click.option("--setting", "settings", multiple=True, metavar="NAME=VALUE", help="One of the venue's own."),
        click.option("--rest-url", metavar="U", help="Instead of the venue's own: https://, or http:// on loopback."),
        click.option("--venue", required=True, metavar="V", help=f"One of: {', '.join(trading_names())}."),
    ):
        command = option(command)
    return command


SYMBOL = click.option(
    "--symbol", metavar="S", callback=lambda _, __, text: text.upper() if text else None, help="Of this symbol alone."
)
BY = click.option("--by", metavar="WHO", help="Whose word it is; the name of the user unless given.")


def _where(options: dict[str, Any]) -> Where:
    from csbook.cli.account import Where

    settings = {}
    for text in options["settings"]:
        name, said, value = text.partition("=")
        if not said:
            raise UsageError(f"--setting is {text!r:.60}; expected NAME=VALUE")
        settings[name] = value
    return Where(options["venue"], options["rest_url"], options["credentials"], options["as_json"], settings)


@csbook.command()
@_of_an_account
@SYMBOL
def orders(symbol: str | None, **options: Any) -> None:
    """The open orders of an account, asked of the venue now."""
    from csbook.cli import account

    _run(account.orders(_where(options), symbol))


@csbook.command()
@_of_an_account
@SYMBOL
def positions(symbol: str | None, **options: Any) -> None:
    """The positions of an account that are not flat."""
    from csbook.cli import account

    _run(account.positions(_where(options), symbol))


@csbook.command()
@_of_an_account
def balances(**options: Any) -> None:
    """The balances of an account."""
    from csbook.cli import account

    _run(account.balances(_where(options)))


@csbook.command("cancel-all")
@_of_an_account
@SYMBOL
def cancel_all(symbol: str | None, **options: Any) -> None:
    """Cancel every open order of an account, whoever placed it. Asks nothing; orders may be placed again."""
    from csbook.cli import account

    _run(account.cancel_all(_where(options), symbol))


@csbook.command()
@_of_an_account
@click.option("--reason", metavar="R", help="What those who are refused are told.")
@BY
@click.option("--no-cancel", is_flag=True, help="Leave the open orders where they are.")
def halt(reason: str | None, by: str | None, no_cancel: bool, **options: Any) -> None:
    """Stop trading on an account: no new order from any process of this user, over restarts too.

    Then every open order is cancelled; it ends when the venue shows none. Positions stay as they are.
    """
    from csbook.cli import halt

    _run(halt.halt(_where(options), reason, by, cancel=not no_cancel))


@csbook.command()
@_of_an_account
@BY
def rearm(by: str | None, **options: Any) -> None:
    """Admit orders again on an account that was halted. Find out first why it was."""
    from csbook.cli import halt

    _run(halt.rearm(_where(options), by))


@csbook.command()
@click.option("--venue", default="coinswitch", show_default=True, metavar="V", help="The dialect that it speaks.")
@click.option("--port", type=int, default=0, metavar="P", help="Of 127.0.0.1; any free one unless given.")
@click.option("--speed", type=float, default=1.0, show_default=True, metavar="X", help="0: as fast as it is read.")
@click.option("--fault", "faults", multiple=True, metavar="NAME=RATE ...", help="Faults, and their shares.")
@click.argument("more_faults", metavar="", nargs=-1)
@click.option("--symbols", multiple=True, metavar="A,B", help="What it lists; five symbols unless given.")
@click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Which messages the faults strike.")
@click.option("--end-with-input", is_flag=True, hidden=True)
@SECONDS
@click.option("--json", "as_json", is_flag=True, help="As everywhere; it prints the one line of JSON either way.")
def sim(
    symbols: tuple[str, ...],
    faults: tuple[str, ...],
    more_faults: tuple[str, ...],
    seconds: float | None,
    as_json: bool,
    **options: Any,
) -> None:
    """A local venue for other programs: one port of loopback.

    Prints one line of JSON once it listens: venue, ws_url, rest_url, and where there are orders, too, as at coinswitch,
    binance and bybit, api_key and api_secret (of a demo account).
    Faults: drop, duplicate, reorder, delay, split, disconnect, malformed, stall; delay and stall take a time as well,
    as in delay=0.1:50ms.
    """
    from csbook.cli import run

    found = [*_split(faults), *_split(more_faults)]
    _run(run.sim(symbols=_split(symbols), faults=found, seconds=_positive(seconds), **options))


def _run(main: Coroutine[Any, Any, None], *, spin: bool = False) -> None:
    """Run it on csbook's loop. That the reader of a pipe has seen enough is an end like another."""
    try:
        package.run(main, spin=spin)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left cannot be flushed into the pipe


def _split(texts: tuple[str, ...]) -> list[str]:
    """What several options, or commas within one, name."""
    return [part.strip() for text in texts for part in text.split(",") if part.strip()]


def _place(metrics: str | None) -> tuple[str, int] | None:
    if metrics is None:
        return None
    from csbook.cli.metrics import place_of

    return place_of(metrics)


def _positive(number: float | None, name: str = "--seconds") -> float | None:
    if number is not None and not 0.0 < number < 1e9:
        raise UsageError(f"{name} is {number:g}; a number above 0 is expected")
    return number
