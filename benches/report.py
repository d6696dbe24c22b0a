"""Tables for people: on screen while they come in, in RESULTS.md, and in the README between its two marks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benches.words import Figure, Table, Target

BESIDE = Path(__file__).resolve().parent
RESULTS = BESIDE / "RESULTS.md"
CHART = BESIDE / "chart.svg"
README = BESIDE.parent / "README.md"
MARKS = ("<!-- numbers -->", "<!-- /numbers -->")
COLUMNS = 5  # of a table in RESULTS.md

TITLES = {
    "snapshot": "Snapshot: payload bytes to readable touch",
    "parsed": "Parsed lists to book",
    "delta": "Changes: payload bytes to readable touch",
    "reads": "Reads",
    "strategy": "A strategy that reads the touch",
    "wire": "Wire to callback",
    "memory": "Memory",
    "scaling": "Scaling",
}


@dataclass(frozen=True, slots=True)
class Results:
    """A whole run."""

    machine: Mapping[str, str]
    versions: Mapping[str, str]
    missing: Mapping[str, str]
    tables: Sequence[Table]

    def table(self, task: str, case: str) -> Table | None:
        return next((table for table in self.tables if (table.task, table.case) == (task, case)), None)


def number(value: float, unit: str) -> str:
    """Three digits that mean something, and thousands set apart."""
    if unit in ("ns", "bytes", "messages/s"):
        return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
    return f"{value:,.1f}" if value >= 10 else f"{value:.2f}"


def ratio_text(ratio: float | None) -> str:
    if ratio is None:
        return ""
    return f"{ratio:.3f}" if ratio < 1 else f"{ratio:.2f}" if ratio < 10 else f"{ratio:,.0f}"


# -- on screen --------------------------------------------------------------------------------------------------------


def screen(table: Table) -> str:
    """One table as plain text."""
    lines = ["", f"{table.task}: {table.case}", f"  {table.about}"]
    width = max((len(figure.contender) for figure in table.figures), default=0)
    for figure in table.figures:
        middle, worst = number(figure.median, table.unit), number(figure.p99, table.unit)
        note = f"  {figure.note}" if figure.note else ""
        tail = f"p99 {worst:>11}" if figure.p99 != figure.median else " " * 15
        lines.append(
            f"  {figure.contender:<{width}}  {middle:>11} {table.unit}  {tail}  {ratio_text(figure.ratio):>7}"
            f"  {figure.rounds:>3} rounds{note}"
        )
    lines.extend(f"  {name}: no number: {why}" for name, why in table.wrong.items())
    lines.extend(f"  {verdict_text(*verdict)}" for verdict in table.verdicts())
    return "\n".join(lines)


def verdict_text(target: Target, value: float | None, reached: bool) -> str:
    return f"{'reached' if reached else 'MISSED'}: {measured(target, value)}; {target.text}"


def measured(target: Target, value: float | None) -> str:
    if value is None:
        return "not measured"
    return ratio_text(value) if target.what == "ratio" or target.limit < 10 else f"{value:,.0f}"


# -- RESULTS.md -------------------------------------------------------------------------------------------------------


def cell(figure: Figure | None, unit: str) -> str:
    if figure is None:
        return ""
    text = number(figure.median, unit)
    if figure.p99 != figure.median:
        text += f" / {number(figure.p99, unit)}"
    return f"{text} ({ratio_text(figure.ratio)})" if figure.ratio is not None else text


def matrix(tables: Sequence[Table]) -> list[str]:
    """Contenders by cases."""
    names = {figure.contender: figure.whole for table in tables for figure in table.figures}
    lines = [
        "| contender | " + " | ".join(f"{table.case}, {table.unit}" for table in tables) + " |",
        "|---|" + "---:|" * len(tables),
    ]
    for name, whole in names.items():
        cells = [cell(table.figure(name), table.unit) for table in tables]
        lines.append(f"| {name if whole else f'*{name}*'} | " + " | ".join(cells) + " |")
    return lines


def footnotes(tables: Sequence[Table]) -> list[str]:
    """Once each: what the data were, what contenders noted, who gave no number."""
    notes = [f"* {table.case}: {table.about}" for table in tables]
    said = dict.fromkeys(
        f"* {figure.contender}{f', {table.case}' if table.task == 'reads' else ''}: {figure.note}"
        for table in tables
        for figure in table.figures
        if figure.note
    )
    wrong = [f"* {name}, {table.case}: no number: {why}" for table in tables for name, why in table.wrong.items()]
    return [*notes, *said, *wrong]


def markdown(results: Results) -> str:
    lines = [
        "# Results",
        "",
        "Written by `python -m benches --write`; every figure comes from that run. A cell is `median / p99` over",
        "interleaved rounds, in parentheses the ratio to the table's reference in the same rounds. A contender whose",
        "answer differs from that of a book of dict, sorted and Decimal on any message shows no number; one that does",
        "less than the task asks for stands in *italics*, and below the tables it says what.",
        "",
        "| | |",
        "|---|---|",
        *(f"| {key} | {f'`{value}`' if key == 'command' else value} |" for key, value in results.machine.items()),
        f"| versions | {', '.join(f'{name} {version}' for name, version in results.versions.items())} |",
        "",
    ]
    if results.missing:
        lines += ["Not measured, since it cannot be imported here:", ""]
        lines += [f"* {name}: {why}" for name, why in results.missing.items()]
        lines += ["", "Some peers, or their newest versions, need another Python: `make bench-3.12` and its like.", ""]
    lines += ["## Figures to reach", "", "| figure | measured | |", "|---|---:|---|"]
    for table in results.tables:
        for target, value, reached in table.verdicts():
            lines.append(f"| {target.text} | {measured(target, value)} | {'reached' if reached else 'missed'} |")
    for task in dict.fromkeys(table.task for table in results.tables):
        tables = [table for table in results.tables if table.task == task]
        reference = next((table.reference for table in tables if table.reference), None)
        lines += ["", f"## {TITLES.get(task, task)}", ""]
        if reference:
            lines += [f"Ratios are to: {reference}.", ""]
        filled = [table for table in tables if table.figures]
        for at in range(0, len(filled), COLUMNS):
            lines += [*matrix(filled[at : at + COLUMNS]), ""]
        lines += footnotes(tables)
    return "\n".join(lines) + "\n"


# -- README -----------------------------------------------------------------------------------------------------------

ROWS = (
    ("snapshot", "20 levels", "snapshot of 20 levels, bytes to touch"),
    ("delta", "21 changes", "Binance diff, 21 changes, 1,000-level book, bytes to touch"),
    ("parsed", "20 levels", "lists of 20 + 20 string pairs to book"),
    ("reads", "best_bid and best_ask", "`best_bid` and `best_ask`"),
    ("reads", "20 levels of both sides as float64, after an update", "20 levels of both sides as float64, updated"),
    ("reads", "vwap of buying 10", "`vwap` of buying 10, 1,000-level book"),
    ("wire", "1,000/s", "wire to callback at 1,000/s, p50"),
    ("memory", "20 levels", "memory of a 20-level book"),
)  # fmt: skip


def is_csbook(figure: Figure) -> bool:
    return figure.contender.startswith("csbook")


def readme_row(table: Table, title: str) -> str:
    own = [figure for figure in table.figures if is_csbook(figure)]
    if table.task != "wire":
        own = own[:1]
    others = [figure for figure in table.figures if figure.whole and not is_csbook(figure)]
    mine = ", ".join(
        f"{number(f.median, table.unit)} {table.unit}" + (" spinning" if "spin" in f.contender else "") for f in own
    )
    best = min(others, key=lambda figure: figure.median, default=None)
    ratio = ", ".join(ratio_text(figure.ratio) for figure in own)
    rival = "" if best is None else f"{best.contender}: {number(best.median, table.unit)} {table.unit}"
    return f"| {title} | {mine} | {ratio} | {rival} |"


def readme_block(results: Results) -> str:
    rows = [
        readme_row(table, title)
        for task, case, title in ROWS
        if (table := results.table(task, case)) is not None and any(map(is_csbook, table.figures))
    ]
    where = results.machine
    return "\n".join([
        f"![csbook and its peers](benches/{CHART.name})",
        "",
        "| job | csbook | ratio | best other book |",
        "|---|---:|---:|---|",
        *rows,
        "",
        "Ratios are to `orjson.loads` alone on the same message, on the wire to a picows listener that does nothing,",
        f"in the same run. {where['CPU']}; {where['system']}; {where['Python']}; {where['date']}.",
        f"Reproduce: `{where['command']}`; all figures, versions and data are in `benches/{RESULTS.name}`.",
    ])  # fmt: skip


def put_between_marks(text: str, block: str) -> str:
    """The README with its block renewed; unchanged where the marks are missing."""
    start, end = text.find(MARKS[0]), text.find(MARKS[1])
    if start < 0 or end < start:
        return text
    return f"{text[: start + len(MARKS[0])]}\n{block}\n{text[end:]}"


def beside(results: Results, name: str) -> Path:
    """The results alone, in a file of another name beside RESULTS.md: those of another Python."""
    path = BESIDE / name
    path.write_text(markdown(results), encoding="utf-8")
    return path


def write(results: Results, chart: str) -> Iterable[Path]:
    """RESULTS.md, chart.svg and the README's block."""
    RESULTS.write_text(markdown(results), encoding="utf-8")
    CHART.write_text(chart, encoding="utf-8")
    written = [RESULTS, CHART]
    if README.is_file():
        before = README.read_text(encoding="utf-8")
        after = put_between_marks(before, readme_block(results))
        if after != before:
            README.write_text(after, encoding="utf-8")
            written.append(README)
    return written
