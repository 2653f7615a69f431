"""What a run came to: metrics at once, frames and hash when first asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import polars as pl

from ktrdr import _core
from ktrdr.simulation.equity_curve import EquityCurve
from ktrdr.simulation.ledger_frames import to_frame
from ktrdr.strategy.rules import parse_execution
from ktrdr.time import Timeframe

COUNTS = frozenset(
    {
        "trades", "wins", "losses", "max_win_streak", "max_loss_streak", "max_drawdown_bars", "recovery_bars",
        "daily_returns", "ambiguous_bars", "undefined_bars", "refused_orders",
    }
)  # fmt: skip
NOT_MODELLED = (
    "no volume cap: any quantity fills",
    "no halted bars: every open and level can be traded",
    "fills are not clamped to the bar's range",
    "no interest on cash",
)


class Block(NamedTuple):
    """Daily returns of one of 16 blocks of a run: their number, sum and sum of squares."""

    n: int
    sum: float
    sum_of_squares: float


@dataclass(frozen=True, eq=False)
class SimulationResult:
    """Ledger and metrics of a run; a partial one stays as it is when the run goes on.

    Args:
        metrics: every metric by name; None where it is undefined.
        undefined: why a metric is None, by name.
        blocks: daily returns in 16 blocks; None where the run has none.
        conventions: how the numbers were counted, and what is not modelled.
        warnings: what may flatter the result, one line each.
        partial: whether the run had not reached its last bar.
        open_position: the position still held, or None.
    """

    metrics: Mapping[str, float | int | None]
    undefined: Mapping[str, str]
    blocks: tuple[Block, ...] | None
    conventions: Mapping[str, Any]
    warnings: tuple[str, ...]
    partial: bool
    open_position: Mapping[str, Any] | None
    _run: _core.Simulation
    _curve: EquityCurve
    _rows: Mapping[str, int]

    @classmethod
    def of(
        cls,
        core: _core.Simulation,
        curve: EquityCurve,
        timeframe: Timeframe,
        partial: bool,
        forked_from_bar: int | None = None,
    ) -> SimulationResult:
        """The result of a run as it now stands."""
        values, blocks, periods_per_year = core.metrics()
        rules = json.loads(core.rules)
        rows = dict(zip(("fills", "trades", "equity", "refused", "decisions"), core.row_counts, strict=True))
        conventions = _conventions(rules, timeframe, periods_per_year)
        if forked_from_bar is not None:
            conventions["forked_from_bar"] = forked_from_bar
        return cls(
            metrics={name: _number(name, value) for name, value, _ in values},
            undefined={name: reason for name, _, reason in values if reason is not None},
            blocks=None if blocks is None else tuple(Block(*block) for block in blocks),
            conventions=conventions,
            warnings=_warnings(rules),
            partial=partial,
            open_position=open_position(core),
            _run=core,
            _curve=curve,
            _rows=rows,
        )

    def __repr__(self) -> str:
        return f"<SimulationResult: {self.brief}>"

    @property
    def brief(self) -> str:
        """Equity, trades, Sharpe ratio and drawdown in one line."""
        sharpe, drawdown = self.metrics["sharpe"], self.metrics["max_drawdown"]
        ratio = f"none ({self.undefined['sharpe']})" if sharpe is None else f"{sharpe:.2f}"
        return (
            f"final equity {self.final_equity:,.2f}, {self.metrics['trades']} trades, sharpe {ratio}, "
            f"max drawdown {100 * (drawdown or 0.0):.2f} %{', partial' if self.partial else ''}"
        )

    @property
    def final_equity(self) -> float:
        """Equity at the last mark, account currency."""
        equity = self.metrics["final_equity"]
        assert equity is not None
        return float(equity)

    @cached_property
    def equity(self) -> pl.DataFrame:
        """One row a simulated bar: bar, time, equity, cash, quantity, drawdown."""
        fills = self._run.table("fills")
        return self._curve.frame({name: column[: self._rows["fills"]] for name, column in fills.items()})

    @cached_property
    def trades(self) -> pl.DataFrame:
        """Closed round trips."""
        return self._frame("trades", symbol=self._run.symbol)

    @cached_property
    def fills(self) -> pl.DataFrame:
        """Every fill."""
        return self._frame("fills", symbol=self._run.symbol)

    @cached_property
    def refused(self) -> pl.DataFrame:
        """Orders that were not filled, with their reason."""
        return self._frame("refused")

    @cached_property
    def decisions(self) -> pl.DataFrame:
        """One row a simulated bar in runs that record them: raw signal, confidence, what became of it."""
        first = self._run.warmup_bars
        return self._frame("decisions", bar=range(first, first + self._rows["decisions"]))

    def _frame(self, name: str, **extra: Any) -> pl.DataFrame:
        return to_frame(name, self._run.table(name), self._rows[name], extra)

    @cached_property
    def result_hash(self) -> str:
        """BLAKE3 over fills, trades, equity and metrics, as hex; the same for the same run, however it was cut."""
        metrics = [(name, None if value is None else float(value)) for name, value in sorted(self.metrics.items())]
        rows = self._rows
        return self._run.result_hash(self._curve.times, rows["fills"], rows["trades"], metrics).hex()


def open_position(run: _core.Simulation) -> dict[str, Any] | None:
    """Entry, quantity, levels, costs and gross P&L so far of the open position; None when flat."""
    held = run.position
    return None if held is None else json.loads(held) | {"gross_pnl": run.open_gross}


def _number(name: str, value: float | None) -> float | int | None:
    return int(value) if value is not None and name in COUNTS else value


def _conventions(rules: Mapping[str, Any], timeframe: Timeframe, periods_per_year: float) -> dict[str, Any]:
    execution = rules["execution"]
    weekly = timeframe is Timeframe.W1
    sunday = "" if periods_per_year >= 365 else "; a Sunday belongs to the Monday after it"
    return {
        "timeframe": timeframe.value,
        "periods_per_year": periods_per_year,
        "risk_free_rate": rules["metrics"]["risk_free_rate"],
        "day_rule": "every bar" if weekly else f"UTC days, at the last bar of each{sunday}",
        "fill": execution["fill"],
        "optimistic": execution["fill"] == "this_close" or execution["intrabar"] == "optimistic",
        "intrabar": execution["intrabar"],
        "costs": {name: execution[name] for name in ("commission", "slippage", "spread", "financing")},
        "not_modelled": NOT_MODELLED,
    }


def _warnings(rules: Mapping[str, Any]) -> tuple[str, ...]:
    execution = dict(rules["execution"])
    execution["sizing"] = {key: value for key, value in execution["sizing"].items() if value is not None}
    found = list(parse_execution(execution).warnings)
    if execution["fill"] == "this_close":
        found.append("execution.fill is this_close: orders trade at the close that decided them (optimistic)")
    return tuple(found)
