"""The result of a run: metrics at once, frames and hash when first asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, NotRequired, Protocol, TypedDict, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ktrdr import _core
from ktrdr.disk import write_page
from ktrdr.errors import IdentityMismatch, KtrdrError
from ktrdr.operations.registry import in_notebook, report_of
from ktrdr.simulation.equity_curve import EquityCurve, Invested, daily_points, equity_chart, invested
from ktrdr.simulation.inputs import saved_execution
from ktrdr.simulation.ledger import PER_BAR, TABLES, TableName, pandas_frame, row_counts, rows_of
from ktrdr.strategy.in_force import RuleInForce, origins_by_value, rules_in_force
from ktrdr.strategy.rule_mappings import (
    CommissionMapping,
    FinancingMapping,
    SizingMapping,
    SlippageMapping,
    SpreadMapping,
)
from ktrdr.strategy.rules import parse_execution
from ktrdr.time import Timeframe

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

_SUNDAYS_JOIN = "; a Sunday belongs to the Monday after it"

OPTIMISTIC: Final = {
    "fill": ("this_close", "orders trade at the close that decided them"),
    "intrabar": ("optimistic", "a bar that touches stop and target fills the target"),
}
"""The value of an execution rule that flatters a result, and what it does."""
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


class Trailing(TypedDict):
    """A trailing stop: its level and its distance from the price it follows, both in price units."""

    level: float
    distance: float


class OpenPosition(TypedDict):
    """The open position. Prices in price units, money in account currency, ``quantity`` above 0.

    ``direction`` is +1 long or -1 short. ``highest`` and ``lowest`` are the extreme prices while held. ``stop`` and
    ``target`` are the levels set at entry. ``requirement`` is the equity at which a borrowed position is liquidated.
    Costs and ``gross_pnl`` are those so far, at the last mark.
    """

    trade_id: int
    direction: Literal[1, -1]
    quantity: float
    entry_bar: int
    entry_ns: int
    entry_price: float
    entry_notional: float
    entry_confidence: float
    commission: float
    financing: float
    slippage: float
    spread: float
    highest: float
    lowest: float
    stop: float | None
    target: float | None
    trailing: Trailing | None
    requirement: float | None
    gross_pnl: float


class Costs(TypedDict):
    """The cost rules of a run."""

    commission: CommissionMapping
    slippage: SlippageMapping
    spread: SpreadMapping
    financing: FinancingMapping


class Conventions(TypedDict):
    """The conventions behind the numbers of a result, and the effects that the simulation leaves out."""

    timeframe: str
    sizing: SizingMapping
    periods_per_year: float
    risk_free_rate: float
    day_rule: str
    fill: Literal["next_open", "this_close"]
    optimistic: bool
    intrabar: Literal["pessimistic", "optimistic", "ohlc"]
    costs: Costs
    not_modelled: Sequence[str]
    forked_from_bar: NotRequired[int]


class ScaledBenchmark(NamedTuple):
    """Buy and hold at the exposure of a strategy: a part of the capital is held, the rest stays cash.

    The share is bought once and never rebalanced, so the return is the share times the return of the benchmark. A
    share above 1 scales the same way, without a cost of borrowing.

    Args:
        position_share: mean of abs(position value) / equity over the bars with a position at the close, a rate.
        invested_share: the same over all simulated bars; a bar without a position counts 0.
        at_position_share: return of buy and hold with ``position_share`` of the capital, a rate.
        at_invested_share: return of buy and hold with ``invested_share`` of the capital, a rate.
    """

    position_share: float
    invested_share: float
    at_position_share: float
    at_invested_share: float

    @classmethod
    def of(cls, benchmark_return: float, share: Invested) -> ScaledBenchmark:
        """Returns the benchmark of that return, scaled.

        >>> ScaledBenchmark.of(-0.02, Invested(position=0.25, overall=0.1)).at_position_share
        -0.005
        """
        scaled = (share.position * benchmark_return, share.overall * benchmark_return)
        return cls(share.position, share.overall, *scaled)


class ResultSource(Protocol):
    """Provides the frames and the hash of a result: from a run, a store or memory."""

    def frame(self, table: TableName) -> pl.DataFrame:
        """Returns one table of the ledger."""

    def result_hash(self) -> str:
        """Returns BLAKE3 over fills, trades, equity and metrics, as hex."""


@dataclass(frozen=True, eq=False, repr=False)
class RunResult:
    """Ledger and metrics of a run.

    A partial result keeps its values when the run continues. A result pickles: frames and hash travel with it.

    Args:
        metrics: every metric by name; None where it is undefined.
        undefined: the reason why a metric is None, by name.
        conventions: how the numbers were counted, and effects that are not modelled.
        warnings: facts that may flatter the result, one line each.
        source: provides frames and hash.
        signal_counts: numbers of signals: all, traded, and those that each filter stopped. ``position`` counts signals
            that the position made pointless, such as a buy while long; ``short`` sells that may not open a short.
        blocks: daily returns in 16 blocks; None where the run has none.
        partial: whether the run had not reached its last bar.
        open_position: the position still held; None when flat.
        rules: the execution, decision and metric rules that the run ended under, defaults filled in.

    >>> import pickle
    >>> import polars as pl
    >>> from ktrdr import simulate
    >>> bars = pl.DataFrame({"timestamp": [i * 3_600_000_000_000 for i in range(4)], "open": [10.0, 10, 11, 12],
    ...                      "high": [12.0] * 4, "low": [10.0] * 4, "close": [10.0, 11, 12, 12]})
    >>> result = simulate(bars, [1, 0, 0, 0])
    >>> result.signal_counts
    {'signals': 1, 'traded': 1, 'threshold': 0, 'separation': 0, 'position': 0, 'short': 0}
    >>> result.metrics["sharpe"], result.undefined["sharpe"]
    (None, 'too_few_returns')
    >>> pickle.loads(pickle.dumps(result)).result_hash == result.result_hash
    True
    """

    metrics: Mapping[str, float | None]
    undefined: Mapping[str, str]
    conventions: Conventions
    warnings: tuple[str, ...]
    source: ResultSource
    signal_counts: Mapping[str, int]
    blocks: tuple[Block, ...] | None = None
    partial: bool = False
    open_position: OpenPosition | None = None
    rules: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.brief}>"

    def _repr_html_(self) -> str:
        return in_notebook(self)

    def __getstate__(self) -> dict[str, Any]:
        """Returns the fields, with frames and hash in memory instead of a run or a store."""
        return {each.name: getattr(self, each.name) for each in fields(self)} | {"source": held(self.source)}

    def with_curve_from(self, again: Callable[[], RunResult]) -> RunResult:
        """Returns this result of a run that kept no row per bar; ``again`` makes it once more, with those rows."""
        assert isinstance(self.source, CoreLedger)
        return replace(self, source=replace(self.source, again=again))

    @property
    def brief(self) -> str:
        """Returns equity, trades, Sharpe ratio and drawdown in one line."""
        sharpe = self.metrics["sharpe"]
        drawdown = self.metrics["max_drawdown"]
        ratio = f"none ({self.undefined['sharpe']})" if sharpe is None else f"{sharpe:.2f}"
        return (
            f"final equity {self.final_equity:,.2f}, {self.metrics['trades']} trades, sharpe {ratio}, "
            f"max drawdown {100 * (drawdown or 0.0):.2f} %{', partial' if self.partial else ''}"
        )

    @property
    def final_equity(self) -> float:
        """Returns equity at the last mark, account currency."""
        equity = self.metrics["final_equity"]
        assert equity is not None
        return float(equity)

    @property
    def in_force(self) -> Mapping[str, RuleInForce]:
        """Returns sizing and costs by dotted name, each with its origin.

        A run from arrays has no file: a value other than the default counts as an argument.
        """
        rules = {"sizing": self.conventions["sizing"], **self.conventions["costs"]}
        return rules_in_force(rules, origins_by_value(rules))

    @cached_property
    def scaled_benchmark(self) -> ScaledBenchmark | None:
        """Returns buy and hold with as much money as the strategy had in the market.

        None without a benchmark, without a position at any close, or where equity fell to 0. Reads the equity frame.
        """
        whole = self.metrics["benchmark_return"]
        share = invested(self.equity)
        return None if whole is None or share is None else ScaledBenchmark.of(whole, share)

    @cached_property
    def daily_returns(self) -> NDArray[np.float64]:
        """Returns the returns that Sharpe ratio and volatility are made of [n, float64, rate].

        One for each UTC day with bars, by ``conventions["day_rule"]``; of weekly bars one for each bar. The first
        begins with the initial capital. Reads the equity frame; a return after equity fell to 0 means nothing.
        """
        weekly = self.conventions["timeframe"] == Timeframe.W1
        joined = self.conventions["day_rule"].endswith(_SUNDAYS_JOIN)
        points = daily_points(self.equity, by_bar=weekly, sundays_join=joined)
        before = np.concatenate([[self.metrics["initial_capital"]], points[:-1]])
        with np.errstate(divide="ignore", invalid="ignore"):
            returns: NDArray[np.float64] = points / before - 1.0
        return returns

    @cached_property
    def equity(self) -> pl.DataFrame:
        """Returns one row per simulated bar: bar, time, equity, cash, quantity, drawdown."""
        return self.source.frame("equity")

    @cached_property
    def trades(self) -> pl.DataFrame:
        """Returns the closed round trips, one row each."""
        return self.source.frame("trades")

    @cached_property
    def fills(self) -> pl.DataFrame:
        """Returns every fill, one row each."""
        return self.source.frame("fills")

    @cached_property
    def refused(self) -> pl.DataFrame:
        """Returns the orders that were not filled, with the reason of each."""
        return self.source.frame("refused")

    @cached_property
    def decisions(self) -> pl.DataFrame:
        """Returns one row per simulated bar: bar, raw signal, confidence, decision.

        A raw signal is +1 buy, 0 hold or -1 sell. Of boolean columns it is 3 for an entry and -3 for a short entry,
        -2 for an exit, 2 for a short exit and 4 for both exits.
        """
        return self.source.frame("decisions")

    @cached_property
    def result_hash(self) -> str:
        """Returns BLAKE3 over fills, trades, equity and metrics, as hex.

        The hash does not depend on where a run was stopped and resumed.
        """
        return self.source.result_hash()

    def to_pandas(self, table: TableName = "equity") -> pd.DataFrame:
        """Returns one table as a pandas frame, indexed by ``time`` where it has one.

        Raises ``LibraryMissing`` without the extra ``ktrdr[pandas]``.
        """
        return pandas_frame(self.source.frame(table))

    def report(self, path: str | Path, *, explain: bool = False) -> Path:
        """Writes the result as one HTML file that needs no network, and returns its path.

        With ``explain`` the page of a backtest says why each trade was entered and left. Bars that are not those of
        the run any more are left out, and the page says so. Raises ``LibraryMissing`` without the extra
        ``ktrdr[report]``, and ``OutputNotWritable``.
        """
        return write_page(report_of("backtest")(self, explain=explain), Path(path))

    def plot(self) -> alt.VConcatChart:
        """Returns an Altair chart of equity and drawdown.

        Raises ``LibraryMissing`` without the extra ``ktrdr[plot]``.
        """
        return equity_chart(self.equity)


@dataclass(frozen=True, eq=False, repr=False)
class HeldLedger:
    """Frames and hash in memory."""

    frames: Mapping[TableName, pl.DataFrame]
    hash: str

    def frame(self, table: TableName) -> pl.DataFrame:
        """Returns one table of the ledger."""
        return self.frames[table]

    def result_hash(self) -> str:
        """Returns the hash over the run's ledger and metrics, as hex."""
        return self.hash


def held(source: ResultSource) -> HeldLedger:
    """Returns the source's frames and hash as values that pickle."""
    if isinstance(source, HeldLedger):
        return source
    return HeldLedger({name: source.frame(name) for name in TABLES}, source.result_hash())


@dataclass(frozen=True, eq=False, repr=False)
class CoreLedger:
    """Frames and hash of a run of the core up to a bar, from which the run may continue.

    Args:
        core: the run.
        curve: the equity curve up to that bar.
        metrics: every metric up to that bar.
        rows: rows of each table up to that bar.
        again: makes the run once more, with its rows per bar; None where this run kept them.
    """

    core: _core.Simulation
    curve: EquityCurve
    metrics: Mapping[str, float | None]
    rows: Mapping[str, int]
    again: Callable[[], RunResult] | None = None

    @cached_property
    def _whole(self) -> ResultSource:
        """Returns the source of the run that kept its rows per bar."""
        assert self.again is not None
        try:
            made = self.again()
        except KtrdrError as error:
            raise _changed() from error
        assert isinstance(made.source, CoreLedger)
        # Most changes move a metric; a close may be neither an extreme nor the last of a day.
        same_events = all(
            made.source.frame(table).equals(self.frame(table)) for table in TABLES if table not in PER_BAR
        )
        same_marks = made.source.core.marks_digest == self.core.marks_digest
        if made.metrics != self.metrics or not (same_events and same_marks):
            raise _changed()
        return made.source

    def frame(self, table: TableName) -> pl.DataFrame:
        """Returns one table of the ledger; raises ``IdentityMismatch`` where its bars have changed since."""
        if self.again is not None and table in PER_BAR:
            return self._whole.frame(table)
        if table == "equity":
            return self.curve.frame()
        return rows_of(self.core, table, 0, self.rows[table])

    def result_hash(self) -> str:
        """Returns the hash over the run's ledger and metrics, as hex."""
        if self.again is not None:
            return self._whole.result_hash()
        metrics = [(name, None if value is None else float(value)) for name, value in sorted(self.metrics.items())]
        return self.core.result_hash(self.curve.times, self.rows["fills"], self.rows["trades"], metrics).hex()


def _changed() -> IdentityMismatch:
    hint = "leave a table as it is until its result has been read, or give a copy"
    return IdentityMismatch("the bars have changed since the run", part="bars", hint=hint)


def result_of(
    core: _core.Simulation,
    curve: EquityCurve,
    timeframe: Timeframe,
    *,
    partial: bool,
    forked_from_bar: int | None,
    warnings: tuple[str, ...] = (),
) -> RunResult:
    """Returns the result of a run up to its next bar, with warnings about its inputs before those about the run."""
    values, blocks, periods_per_year, sundays_join = core.metrics()
    text = core.rules
    rules = json.loads(text)
    rules["execution"] = saved_execution(rules["execution"])
    counts = _signal_counts(core.decision_counts())
    rows = row_counts(core)
    metrics = {name: _number(name, value) for name, value, _ in values}
    return RunResult(
        metrics=metrics,
        undefined={name: reason for name, _, reason in values if reason is not None},
        conventions=_conventions(
            rules, timeframe, periods_per_year, _day_rule(timeframe, sundays_join), forked_from_bar
        ),
        warnings=(*warnings, *_warnings(text), *_filter_warnings(rules, counts), *_refusal_warnings(core, rows)),
        # Its own numbers: the hash is over them, and a caller may write into those of the result.
        source=CoreLedger(core, curve, dict(metrics), rows),
        signal_counts=counts,
        blocks=None if blocks is None else tuple(Block(*block) for block in blocks),
        partial=partial,
        open_position=open_position(core),
        rules=rules,
    )


def open_position(core: _core.Simulation) -> OpenPosition | None:
    """Returns the open position of a run; None when flat."""
    found = core.position
    return None if found is None else cast(OpenPosition, json.loads(found) | {"gross_pnl": core.open_gross})


def _number(name: str, value: float | None) -> float | int | None:
    return int(value) if value is not None and _core.METRICS[name]["whole"] else value


def _day_rule(timeframe: Timeframe, sundays_join: bool) -> str:
    if timeframe is Timeframe.W1:
        return "every bar"
    return f"UTC days, at the last bar of each{_SUNDAYS_JOIN if sundays_join else ''}"


def _conventions(
    rules: Mapping[str, Any],
    timeframe: Timeframe,
    periods_per_year: float,
    day_rule: str,
    forked_from_bar: int | None,
) -> Conventions:
    execution = rules["execution"]
    conventions: Conventions = {
        "sizing": execution["sizing"],
        "timeframe": timeframe.value,
        "periods_per_year": periods_per_year,
        "risk_free_rate": rules["metrics"]["risk_free_rate"],
        "day_rule": day_rule,
        "fill": execution["fill"],
        "optimistic": any(execution[rule] == value for rule, (value, _) in OPTIMISTIC.items()),
        "intrabar": execution["intrabar"],
        "costs": {
            "commission": execution["commission"],
            "slippage": execution["slippage"],
            "spread": execution["spread"],
            "financing": execution["financing"],
        },
        "not_modelled": NOT_MODELLED,
    }
    if forked_from_bar is not None:
        conventions["forked_from_bar"] = forked_from_bar
    return conventions


# Reading rules takes as long as a short run, and loops over signals run the same rules again and again.
@lru_cache(maxsize=64)
def _warnings(rules: str) -> tuple[str, ...]:
    execution = saved_execution(json.loads(rules)["execution"])
    found = list(parse_execution(execution).warnings)
    found += [optimism_warning(rule) for rule, (value, _) in OPTIMISTIC.items() if execution[rule] == value]
    return tuple(found)


def optimism_warning(rule: str, where: str = "") -> str:
    """Returns the warning about runs under the optimistic value of a rule; ``where`` says which of many runs they are.

    >>> optimism_warning("fill", " in 2 of 4 scenarios")
    'execution.fill is this_close in 2 of 4 scenarios: orders trade at the close that decided them (optimistic)'
    """
    value, what = OPTIMISTIC[rule]
    return f"execution.{rule} is {value}{where}: {what} (optimistic)"


def _signal_counts(decisions: Sequence[int]) -> dict[str, int]:
    """Returns the numbers of signals, from how often each decision was made, in the core's order."""
    found = dict(zip(_core.DECISIONS, decisions, strict=True))
    counts = {name: found[name] for name in ("traded", "threshold", "separation", "position", "short")}
    return {"signals": sum(counts.values()), **counts}


def _filter_warnings(rules: Mapping[str, Any], counts: Mapping[str, int]) -> tuple[str, ...]:
    """Returns a warning where the filters stopped over half of the signals that asked for a trade.

    A signal that the position makes pointless asks for none, nor does a sell in a run that is long only by its rules.
    """
    decisions = rules["decisions"]
    stopped = {
        f"confidence_threshold ({decisions['confidence_threshold']:g})": counts["threshold"],
        f"min_signal_separation ({decisions['filters']['min_signal_separation']:g} h)": counts["separation"],
        "allow_short_from_flat (false)": counts["short"] if rules["execution"]["allow_short"] else 0,
    }
    total = sum(stopped.values())
    asked = counts["traded"] + total
    if 2 * total <= asked:
        return ()
    reasons = ", ".join(f"{name} {count:,}" for name, count in stopped.items() if count)
    return (f"decisions: {total:,} of {asked:,} signals were stopped, by {reasons}",)


def _refusal_warnings(core: _core.Simulation, rows: Mapping[str, int]) -> tuple[str, ...]:
    """Returns a warning where orders were refused and none was filled."""
    if rows["fills"] or not rows["refused"]:
        return ()
    found = (
        rows_of(core, "refused", 0, rows["refused"])["reason"]
        .value_counts()
        .sort("count", "reason", descending=[True, False])
    )
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in found.iter_rows())
    return (f"orders: none was filled; reasons of refusal: {reasons} (see `refused`)",)
