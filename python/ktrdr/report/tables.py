"""Tables of a page: cells as text, in the units of the core's catalogue of metrics."""

from __future__ import annotations

import calendar
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from ktrdr import _core
from ktrdr._types import Json
from ktrdr.backtesting.breakdown import monthly_returns, yearly_returns
from ktrdr.simulation.metrics import headline_names, label, names_by_kind, rate_text, value_text
from ktrdr.simulation.result import RunResult

_SHADES = (0.25, 0.6)
_HEADLINE_DIGITS = 4
_TIME = "%Y-%m-%d %H:%M"
MOST_TRADES = 5_000
"""Trades of the list and of the chart; of a run with more, those with the largest net profit or loss."""


@dataclass(frozen=True)
class Cell:
    """Text of a cell, and the class that gives it its looks."""

    text: str
    kind: str = ""


@dataclass(frozen=True)
class Grid:
    """A table: headings and rows of cells."""

    headings: Sequence[Cell]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True)
class Metric:
    """A metric as a page shows it; ``better`` is empty where neither direction is."""

    name: str
    label: str
    text: str
    better: str
    definition: str


@dataclass(frozen=True)
class TradeRow:
    """One closed trade, with the values that filters ask for."""

    number: int
    side: str
    reason: str
    outcome: str
    net: str
    cells: Sequence[Cell]


@dataclass(frozen=True)
class TradeList:
    """The trade list: headings and rows."""

    headings: Sequence[Cell]
    rows: Sequence[TradeRow]


def number(text: str, sign: float | None = None) -> Cell:
    """Returns a cell of a number, with the colour of its sign where one is given."""
    kind = "" if not sign else " good" if sign > 0 else " bad"
    return Cell(text, f"number{kind}")


def metric(result: RunResult, name: str, digits: int = 6) -> Metric:
    """Returns a metric with its words from the core's catalogue; ``digits`` are those of a number without a unit."""
    known = _core.METRICS[name]
    better = "" if known["better"] == "none" else known["better"]
    text = value_text(name, result.metrics[name], result.undefined, digits)
    return Metric(name, label(name), text, better, known["definition"])


def headline(result: RunResult) -> dict[str, list[Metric]]:
    """Returns the metrics that a person must see after every run, by group."""
    groups = names_by_kind(name for name in headline_names() if name in result.metrics)
    return {kind: [metric(result, name, _HEADLINE_DIGITS) for name in names] for kind, names in groups.items()}


def all_metrics(result: RunResult) -> Grid:
    """Returns every metric by group with its definition."""
    rows = [
        (Cell(kind), Cell(found.label), number(found.text), Cell(found.better), Cell(found.definition))
        for kind, names in names_by_kind(result.metrics).items()
        for found in (metric(result, name) for name in names)
    ]
    headings = (Cell("group"), Cell("metric"), number("value"), Cell("better"), Cell("definition"))
    return Grid(headings, rows)


def group_of_metrics(result: RunResult, kind: str) -> Grid:
    """Returns the metrics of one group of the catalogue."""
    found = [metric(result, name) for name in names_by_kind(result.metrics).get(kind, [])]
    rows = [(Cell(one.label), number(one.text), Cell(one.definition)) for one in found]
    return Grid((Cell("metric"), number("value"), Cell("definition")), rows)


def months(result: RunResult) -> Grid:
    """Returns the return of each month, a row for each year, shaded by its size."""
    frame = monthly_returns(result)
    rates = {(row["year"], row["month"]): row["return_rate"] for row in frame.iter_rows(named=True)}
    largest = max((abs(rate) for rate in rates.values() if rate is not None), default=0.0)
    headings = (Cell("year"), *(number(calendar.month_abbr[month]) for month in range(1, 13)), number("whole year"))
    rows = [
        (
            Cell(str(row["year"])),
            *(_shaded(rates, (row["year"], month), largest) for month in range(1, 13)),
            number("-" if row["return_rate"] is None else rate_text(row["return_rate"]), row["return_rate"]),
        )
        for row in yearly_returns(frame).iter_rows(named=True)
    ]
    return Grid(headings, rows)


def parts_of(frame: pl.DataFrame) -> Grid:
    """Returns a breakdown of trades as a table: its first column is a name, the others are metrics."""
    first, *rest = frame.columns
    rows = [
        (Cell(str(row[first]).replace("_", " ")), *(_metric_cell(name, row[name]) for name in rest))
        for row in frame.iter_rows(named=True)
    ]
    return Grid((Cell(label(first)), *(number(label(name)) for name in rest)), rows)


def listed(trades: pl.DataFrame) -> pl.DataFrame:
    """Returns the trades that a page has, each with its number among all as ``place``.

    >>> listed(pl.DataFrame({"net_pnl": [1.5, -2.0]}))["place"].to_list()
    [0, 1]
    """
    numbered = trades.with_row_index("place")
    if numbered.height <= MOST_TRADES:
        return numbered
    return numbered.top_k(MOST_TRADES, by=pl.col("net_pnl").abs()).sort("place")


def trade_list(trades: pl.DataFrame, decimals: int) -> TradeList:
    """Returns the rows of trades of `listed`; ``decimals`` are those of prices."""
    headings = (
        *(Cell(name) for name in ("#", "side", "entry (UTC)", "exit (UTC)")),
        *(number(name) for name in ("entry price", "exit price", "quantity", "gross", "net", "return", "MFE", "MAE")),
        *(number(name) for name in ("bars", "commission", "financing", "confidence")),
        Cell("reason"),
    )
    return TradeList(headings, [_trade(row, decimals) for row in trades.iter_rows(named=True)])


def flat(value: Mapping[str, object]) -> Grid:
    """Returns a mapping of JSON values as a table of dotted names, nothing left out.

    >>> [[cell.text for cell in row] for row in flat({"a": {"b": 1, "c": [2, "x"]}, "d": None}).rows]
    [['a.b', '1'], ['a.c', '[2, "x"]'], ['d', 'null']]
    """
    rows = [(Cell(name), Cell(_json_text(found))) for name, found in _flat("", value)]
    return Grid((Cell("name"), Cell("value")), rows)


def _flat(prefix: str, value: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for name, inner in value.items():
        path = f"{prefix}{name}"
        if isinstance(inner, Mapping) and inner:
            yield from _flat(f"{path}.", inner)
        else:
            yield path, inner


def _json_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def quantity_text(value: float) -> str:
    """Returns a quantity with at least six digits and without an exponent.

    >>> quantity_text(22478.73470067), quantity_text(0.00012345678)
    ('22,478.7347', '0.00012346')
    """
    return f"{value:,.4f}".rstrip("0").rstrip(".") if abs(value) >= 1 else f"{value:.8f}".rstrip("0").rstrip(".")


def _metric_cell(name: str, value: float | None) -> Cell:
    signed = _core.METRICS[name]["unit"] == "money" if name in _core.METRICS else False
    return number(value_text(name, value, digits=_HEADLINE_DIGITS), value if signed else None)


def _shaded(rates: Mapping[tuple[int, int], float | None], key: tuple[int, int], largest: float) -> Cell:
    if key not in rates:
        return Cell("", "none")
    rate = rates[key]
    if rate is None:
        return Cell("-", "none")
    shade = sum(abs(rate) > part * largest for part in _SHADES) + 1
    return Cell(rate_text(rate), f"{'p' if rate > 0 else 'n'}{shade}" if rate else "")


def _trade(row: Json, decimals: int) -> TradeRow:
    side = "long" if row["direction"] > 0 else "short"
    reason = str(row["exit_reason"]).replace("_", " ")
    net = value_text("net_profit", row["net_pnl"])
    cells = [
        *_texts(side, row["entry_time"].strftime(_TIME), row["exit_time"].strftime(_TIME)),
        *(number(f"{row[name]:,.{decimals}f}") for name in ("entry_price", "exit_price")),
        number(quantity_text(row["quantity"])),
        number(value_text("net_profit", row["gross_pnl"])),
        number(net, row["net_pnl"]),
        *(number(rate_text(row[name])) for name in ("return_rate", "mfe_rate", "mae_rate")),
        number(f"{row['bars_held']:,}"),
        *(number(value_text("commission", row[name])) for name in ("commission", "financing")),
        number(f"{row['entry_confidence']:.3f}"),
        Cell(reason),
    ]
    return TradeRow(row["place"], side, reason, "won" if row["net_pnl"] > 0 else "lost", net, cells)


def _texts(*texts: str) -> Iterable[Cell]:
    return (Cell(text) for text in texts)
