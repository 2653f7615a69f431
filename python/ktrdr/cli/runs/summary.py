"""A finished run as one object, and as a table for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ktrdr.cli.output import CommandResult, Table

if TYPE_CHECKING:
    import polars as pl

_MONEY = (
    "initial_capital",
    "final_equity",
    "net_profit",
    "expectancy",
    "commission",
    "slippage",
    "spread",
    "financing",
)
_SHARES = ("total_return", "cagr", "volatility", "max_drawdown", "win_rate", "exposure", "benchmark_return")
_NUMBERS = ("sharpe", "sortino", "calmar", "profit_factor", "sqn", "avg_bars_held", "trades", "refused_orders")


class Finished(Protocol):
    """A finished run, fresh from the engine or read back from the store."""

    @property
    def manifest(self) -> Mapping[str, Any]:
        """What the run was."""

    @property
    def metrics(self) -> Mapping[str, float | None]:
        """Every metric by name."""

    @property
    def undefined(self) -> Mapping[str, str]:
        """Why a metric is None."""

    @property
    def warnings(self) -> Sequence[str]:
        """One line each."""

    @property
    def result_hash(self) -> str:
        """Over ledger and metrics."""

    @property
    def trades(self) -> pl.DataFrame:
        """Closed round trips."""


def summary(results: Finished) -> CommandResult:
    """What ``backtest run``, ``backtest show`` and ``demo`` print."""
    facts, metrics = results.manifest, results.metrics
    data: dict[str, Any] = {
        "operation_id": facts.get("operation"),
        "status": "completed",
        "result_hash": results.result_hash,
        "metrics": dict(metrics),
        "warnings": list(results.warnings),
        "trades": results.trades.height,
    }
    head = (
        f"{facts['strategy']} on {facts['symbol']} {facts['timeframe']}, "
        f"{facts['first_simulated']} to {facts['last_simulated']}, model {facts['model']}"
    )
    if forked := facts.get("forked_from"):
        head += f", forked from {forked['operation']} at bar {forked['bar']}"
    rows = [(name.replace("_", " "), _cell(results, name)) for name in (*_MONEY, *_SHARES, *_NUMBERS)]
    half = (len(rows) + 1) // 2
    paired = [(*left, *right) for left, right in zip(rows[:half], [*rows[half:], ("", "")], strict=False)]
    notes = [f"warning: {warning}" for warning in results.warnings]
    return CommandResult(
        data, [head, Table(("metric", "value", "metric", "value"), paired), *notes, _last_line(results)]
    )


def _cell(results: Finished, name: str) -> str:
    value = results.metrics[name]
    if value is None:
        return f"- ({results.undefined[name]})"
    if name in _MONEY:
        return f"{value:,.2f}"
    return f"{100 * value:.2f} %" if name in _SHARES else f"{value:.6g}"


def _last_line(results: Finished) -> str:
    return f"{results.trades.height} trades, result {results.result_hash}, {results.manifest['operation']}"
