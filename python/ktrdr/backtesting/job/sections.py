"""Sections about a completed backtest, as the command line prints them and as data."""

from __future__ import annotations

import calendar
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from ktrdr import _core
from ktrdr._types import Json
from ktrdr.backtesting.breakdown import by_direction, by_exit_reason, monthly_returns, yearly_returns
from ktrdr.backtesting.results import BacktestResults
from ktrdr.operations.kind import Section
from ktrdr.simulation.metrics import label, names_by_kind, rate_text, value_text
from ktrdr.simulation.result import ScaledBenchmark
from ktrdr.strategy.in_force import in_force_text
from ktrdr.strategy.loader import parse_strategy
from ktrdr.strategy.rules import flat_rules
from ktrdr.strategy.schema import UNDECIDING

_YEARS_IN_A_ROW = 6
_TIME_FORMAT = "%Y-%m-%d %H:%M"
_INPUTS = (
    "symbol",
    "timeframe",
    "first_simulated",
    "last_simulated",
    "model",
    "initial_capital",
    "threads",
    "warmup_bars",
    "semantics",
    "synthetic",
    "resampled",
)


def remarks(result: BacktestResults) -> list[Section]:
    """Returns size and costs in force, and the benchmark at the strategy's exposure: a reader's first questions."""
    rules = result.in_force
    data = {name: {"value": rule.value, "origin": rule.origin} for name, rule in rules.items()}
    found = [Section("in_force", data, lines=(in_force_text(rules),))]
    scaled = result.scaled_benchmark
    lines = () if scaled is None else (_benchmark_text(result.metrics["benchmark_return"] or 0.0, scaled),)
    return [*found, Section("scaled_benchmark", None if scaled is None else scaled._asdict(), lines=lines)]


def sections(result: BacktestResults) -> list[Section]:
    """Returns every metric by group, the returns by month, and trades by reason of exit and by direction."""
    months = monthly_returns(result)
    grouped = [
        Section("", None, headings=(kind, "value", "", "value"), rows=tuple(_metric_rows(result, names)))
        for kind, names in names_by_kind(result.metrics).items()
    ]
    years = months["year"].unique(maintain_order=True).to_list()
    tables = [years[first : first + _YEARS_IN_A_ROW] for first in range(0, len(years), _YEARS_IN_A_ROW)]
    return [
        *grouped,
        Section("months", months.to_dicts()),
        *(Section("", None, headings=("return", *map(str, some)), rows=_months(months, some)) for some in tables),
        _trades_section("exit_reasons", by_exit_reason(result)),
        _trades_section("directions", by_direction(result)),
    ]


def trade_list(trades: pl.DataFrame) -> Section:
    """Returns the closed round trips, one row each."""
    headings = ("trade", "side", "entry", "price", "exit", "price", "net profit", "reason")
    rows = tuple(
        (
            str(trade["trade_id"]),
            "long" if trade["direction"] > 0 else "short",
            trade["entry_time"].strftime(_TIME_FORMAT),
            f"{trade['entry_price']:.6g}",
            trade["exit_time"].strftime(_TIME_FORMAT),
            f"{trade['exit_price']:.6g}",
            value_text("net_profit", trade["net_pnl"]),
            str(trade["exit_reason"]),
        )
        for trade in trades.iter_rows(named=True)
    )
    timed = trades.with_columns(pl.col(pl.Datetime("ns", "UTC")).dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
    return Section("closed_trades", timed.to_dicts(), headings=headings, rows=rows)


def inputs(spec: Json, result: BacktestResults) -> dict[str, Any]:
    """Returns all that a run was made from, by dotted name: strategy, rules, bars, model, versions."""
    facts = result.facts
    strategy = parse_strategy(str(spec["strategy_text"])).canonical()
    file = {key: value for key, value in strategy.items() if key not in (*UNDECIDING, *facts["rules"])}
    bars = {name: value for name, value in result.manifest["parts"].items() if name.startswith(("bars ", "context "))}
    return {
        **{name: facts.get(name) for name in _INPUTS},
        **flat_rules(facts["rules"]),
        **{f"strategy.{name}": value for name, value in flat_rules(file).items()},
        **{f"versions.{name}": value for name, value in facts["versions"].items()},
        **{f"content of {name}": value[:12] for name, value in bars.items()},
    }


def _benchmark_text(whole: float, scaled: ScaledBenchmark) -> str:
    return (
        f"buy and hold {rate_text(whole)} with all of the capital; {rate_text(scaled.at_position_share)} with "
        f"{rate_text(scaled.position_share)} of it (the mean size of a position); "
        f"{rate_text(scaled.at_invested_share)} with {rate_text(scaled.invested_share)} (the mean over all bars)"
    )


def _metric_rows(result: BacktestResults, names: list[str]) -> Iterator[tuple[str, ...]]:
    cells = [(label(name), value_text(name, result.metrics[name], result.undefined)) for name in names]
    half = (len(cells) + 1) // 2
    for left, right in zip(cells[:half], [*cells[half:], ("", "")], strict=False):
        yield (*left, *right)


def _months(months: pl.DataFrame, years: list[int]) -> tuple[tuple[str, ...], ...]:
    """Returns one row for each month and one for the whole year, with a column for each year."""
    found = {(row["year"], row["month"]): row["return_rate"] for row in months.iter_rows(named=True)}
    whole = {row["year"]: row["return_rate"] for row in yearly_returns(months).iter_rows(named=True)}
    shown = [
        (calendar.month_abbr[month], *(_rate(found, (year, month)) for year in years))
        for month in range(1, 13)
        if any((year, month) in found for year in years)
    ]
    return (*shown, ("year", *(_rate(whole, year) for year in years)))


def _rate(rates: Mapping[Any, float | None], key: object) -> str:
    rate = rates.get(key)
    return rate_text(rate) if rate is not None else "-" if key in rates else ""


def _trades_section(name: str, frame: pl.DataFrame) -> Section:
    first, *rest = frame.columns
    rows = [
        (str(row[first]), *(value_text(column, row[column]) for column in rest)) for row in frame.iter_rows(named=True)
    ]
    known = [label(column) for column in rest if column in _core.METRICS]
    assert len(known) == len(rest)
    return Section(name, frame.to_dicts(), headings=(label(first), *known), rows=tuple(rows))
