"""A finished run as one object, and as a table for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ktrdr import _core
from ktrdr.cli.output import CommandResult, Table

if TYPE_CHECKING:
    from ktrdr.backtesting.results import BacktestResults

_SHOWN = (
    "initial_capital",
    "final_equity",
    "net_profit",
    "expectancy",
    "commission",
    "slippage",
    "spread",
    "financing",
    "total_return",
    "cagr",
    "volatility",
    "max_drawdown",
    "win_rate",
    "exposure",
    "benchmark_return",
    "sharpe",
    "sortino",
    "calmar",
    "profit_factor",
    "sqn",
    "avg_bars_held",
    "trades",
    "refused_orders",
)


def summary(results: BacktestResults) -> CommandResult:
    """Returns the summary that ``backtest run``, ``backtest show`` and ``demo`` print."""
    facts, metrics = results.manifest, results.metrics
    data: dict[str, Any] = {
        "operation_id": facts.get("operation"),
        "status": "completed",
        "result_hash": results.result_hash,
        "metrics": dict(metrics),
        "warnings": list(results.warnings),
        "trades": metrics["trades"],
    }
    head = (
        f"{facts['strategy']} on {facts['symbol']} {facts['timeframe']}, "
        f"{facts['first_simulated']} to {facts['last_simulated']}, model {facts['model']}"
    )
    if forked := facts.get("forked_from"):
        head += f", forked from {forked['operation']} at bar {forked['bar']}"
    rows = [(name.replace("_", " "), _cell(results, name)) for name in _SHOWN]
    half = (len(rows) + 1) // 2
    paired = [(*left, *right) for left, right in zip(rows[:half], [*rows[half:], ("", "")], strict=False)]
    notes = [f"warning: {warning}" for warning in results.warnings]
    return CommandResult(
        data, [head, Table(("metric", "value", "metric", "value"), paired), *notes, _last_line(results)]
    )


def _cell(results: BacktestResults, name: str) -> str:
    value = results.metrics[name]
    if value is None:
        return f"- ({results.undefined[name]})"
    unit = _core.METRICS[name]["unit"]
    if unit == "money":
        return f"{value:,.2f}"
    return f"{100 * value:.2f} %" if unit == "rate" else f"{value:.6g}"


def _last_line(results: BacktestResults) -> str:
    return f"{results.metrics['trades']} trades, result {results.result_hash}, {results.manifest['operation']}"
