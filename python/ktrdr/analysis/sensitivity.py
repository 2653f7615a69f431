"""Reaction of a completed run to costs and to delay: its signals are traded again under other rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ktrdr.data.bars import BarSeries
from ktrdr.data.frames import BarTable
from ktrdr.errors import ArgumentInvalid, FillPrice
from ktrdr.numerics import numeric_state
from ktrdr.simulation.blocks import BlockRun
from ktrdr.simulation.inputs import read_bars
from ktrdr.simulation.result import RunResult
from ktrdr.strategy.rules import merge_rules, parse_decisions, parse_execution, parse_metrics
from ktrdr.time import Timeframe

Metrics = Mapping[str, float | None]

_LONGEST_DELAY: Final = 3
_HIGHEST_RATE: Final = 0.99
_HIGHEST_MULTIPLE: Final = 1e6
_PRECISION: Final = 1e-6
_MOST_STEPS: Final = 60
_ONLY_COMMISSION: Final = {"per_unit": 0.0, "per_fill": 0.0, "minimum": 0.0}


@dataclass(frozen=True)
class Sensitivity:
    """Metrics of a run's signals under other costs and with delay.

    Args:
        delays: metrics by bars of more delay, 0 to 3; 0 is the run itself.
        double_costs: metrics at twice the costs: commission, slippage, spread, and financing where it is a cost.
        break_even_rate: share of the notional of each fill, in place of commission, slippage and spread, at which the
            net profit is 0. None where the run has no profit without them, and where the profit never ends: a rate of
            0.99 does not take it, or the orders can no longer be paid before.
        break_even_multiple: multiple of the run's costs at which the net profit is 0: above 1 for a run with profit.
            None in the same cases, and for a run without costs.

    >>> Sensitivity({0: {"net_profit": 5.0}}, {"net_profit": -1.0}, 0.002, 1.8).break_even_multiple
    1.8
    """

    delays: Mapping[int, Metrics]
    double_costs: Metrics
    break_even_rate: float | None
    break_even_multiple: float | None


def sensitivity(result: RunResult, bars: BarTable | BarSeries) -> Sensitivity:
    """Returns how a completed run reacts to delay and to costs.

    The signals that the run recorded are traded again over the same bars, about thirty times. A delayed signal is known
    so many bars later: it fills later, and its levels come from a later bar. Costs change what sizes can be bought, so
    a break-even is searched for, to 1e-6 of itself, and not computed from the trades.

    Args:
        result: of `ktrdr.simulate` or a backtest, at its last bar and no fork.
        bars: the bars of the run; those of a backtest are the base bars that it was made from, warm-up included.

    Raises ``ArgumentInvalid`` for a result that cannot be repeated, or other bars.

    >>> import polars as pl
    >>> from ktrdr import simulate
    >>> closes = [100.0, 101, 103, 106, 110, 110, 109, 107, 104, 100]
    >>> bars = pl.DataFrame({"timestamp": [i * 86_400_000_000_000 for i in range(10)],
    ...                      "open": [100.0, *closes[:-1]], "high": 111.0, "low": 99.0, "close": closes})
    >>> result = simulate(bars, [1, 0, 0, 0, -1, 0, 0, 0, 0, 0])
    >>> found = sensitivity(result, bars)
    >>> [round(metrics["net_profit"]) for metrics in found.delays.values()]
    [2419, 2147, 1378, 160]
    >>> round(found.double_costs["net_profit"]), round(100 * found.break_even_rate, 2)
    (2338, 4.76)
    """
    run = _Repeatable.of(result, bars)
    return Sensitivity(
        delays={delay: run.metrics(run.costs, delay) for delay in range(_LONGEST_DELAY + 1)},
        double_costs=run.metrics(run.costs.times(2.0)),
        break_even_rate=_break_even(lambda rate: run.profit(run.costs.only(rate)), _HIGHEST_RATE, 0.001),
        break_even_multiple=_break_even(
            lambda multiple: run.profit(run.costs.times(multiple)), run.costs.highest_multiple, 2.0
        ),
    )


class _Costs(NamedTuple):
    """Cost rules of a run, and the column of its bars that is one."""

    rules: Mapping[str, Any]
    half_spread: NDArray[np.float64] | None

    @property
    def highest_multiple(self) -> float:
        """Returns the multiple at which a rate reaches the end of its range; 0 without any cost."""
        amounts = [*self.rules["commission"].values(), *_given(self.rules["slippage"]).values()]
        amounts += [self.rules["spread"]["half"], *_charged(self.rules["financing"])]
        spread = self.half_spread is not None and bool((self.half_spread > 0).any())
        if not spread and not any(amount > 0 for amount in amounts):
            return 0.0
        rates = (self.rules["commission"]["rate"], self.rules["slippage"].get("rate") or 0.0)
        return min([_HIGHEST_RATE / rate for rate in rates if rate > 0], default=_HIGHEST_MULTIPLE)

    def times(self, multiple: float) -> _Costs:
        """Returns the costs times a number; what financing pays stays as it is."""
        given = self.rules
        financing = {key: value * multiple if value > 0 else value for key, value in _rates(given["financing"]).items()}
        rules = {
            "commission": _scaled(given["commission"], multiple),
            "slippage": _scaled(_given(given["slippage"]), multiple),
            "spread": _scaled(given["spread"], multiple),
            "financing": {**given["financing"], **financing},
        }
        return _Costs(rules, None if self.half_spread is None else self.half_spread * multiple)

    def only(self, rate: float) -> _Costs:
        """Returns one rate in place of commission, slippage and spread; financing stays."""
        rules = {
            "commission": {"rate": rate, **_ONLY_COMMISSION},
            "slippage": {"rate": 0.0},
            "spread": {"half": 0.0},
            "financing": self.rules["financing"],
        }
        return _Costs(rules, None)


class _Repeatable(NamedTuple):
    """A run's bars, signals and rules, so that it can be traded again."""

    bars: BarSeries
    signals: NDArray[np.int8]
    confidence: NDArray[np.float32]
    rules: Mapping[str, Any]
    initial_capital: float
    warmup_bars: int

    @classmethod
    def of(cls, result: RunResult, bars: BarTable | BarSeries) -> _Repeatable:
        """Returns the inputs of a run, tried: trading them again gives the result's metrics."""
        if result.partial or "forked_from_bar" in result.conventions:
            found = "a partial result" if result.partial else "a fork"
            raise ArgumentInvalid("needs one run to its last bar", where="result", found=found)
        series = read_bars(bars, "", Timeframe.parse(result.conventions["timeframe"]))
        decisions = result.decisions
        warmup_bars = len(series) - decisions.height
        if warmup_bars < 0 or decisions["bar"][0] != warmup_bars:
            expected = f"{decisions['bar'][0] + decisions.height} bars"
            raise ArgumentInvalid("are not those of the run", where="bars", found=len(series), expected=expected)
        rules = {**result.rules, "execution": dict(result.rules["execution"])}
        capital = result.metrics["initial_capital"]
        assert capital is not None
        signals = np.concatenate([np.zeros(warmup_bars, np.int8), decisions["raw_signal"].to_numpy()])
        before = np.full(warmup_bars, np.nan, np.float32)
        confidence = np.concatenate([before, decisions["confidence"].to_numpy()])
        run = cls(series, signals, confidence, rules, float(capital), warmup_bars)
        if run.metrics(run.costs) != dict(result.metrics):
            raise ArgumentInvalid("are not those of the run: its signals give other metrics", where="bars")
        return run

    @property
    def costs(self) -> _Costs:
        """Returns the costs of the run itself."""
        return _Costs(self.rules["execution"], self.bars.half_spread)

    def metrics(self, costs: _Costs, delay: int = 0) -> Metrics:
        """Returns the metrics of the run under other costs, its signals so many bars later."""
        execution = merge_rules(self.rules["execution"], costs.rules)
        names = ("confidence_threshold", "position_awareness", "allow_short_from_flat", "filters")
        run = BlockRun.begin(
            replace(self.bars, half_spread=costs.half_spread),
            execution=parse_execution(execution),
            decisions=parse_decisions({name: self.rules["decisions"][name] for name in names}),
            metrics=parse_metrics(self.rules["metrics"]),
            initial_capital=self.initial_capital,
            warmup_bars=self.warmup_bars,
        )
        with numeric_state():
            run.advance(_later(self.signals, delay, 0), _later(self.confidence, delay, np.nan))
        return dict(run.result().metrics)

    def profit(self, costs: _Costs) -> float:
        """Returns the net profit under other costs, account currency; the capital is lost where no price is left."""
        try:
            return self.metrics(costs)["net_profit"] or 0.0
        except FillPrice:
            return -self.initial_capital


def _break_even(profit: Callable[[float], float], highest: float, guess: float) -> float | None:
    """Returns the cost at which a profit that is above 0 without costs ends, up to ``highest``; else None."""
    if highest <= 0 or (above := profit(0.0)) <= 0:
        return None
    low = 0.0
    high = min(guess, highest)
    while (below := profit(high)) > 0:
        if high >= highest:
            return None
        low = high
        above = below
        high = min(2 * high, highest)
    return _crossing(profit, (low, above), (high, below))


def _crossing(profit: Callable[[float], float], gain: tuple[float, float], loss: tuple[float, float]) -> float | None:
    """Returns the cost between a gain and a loss at which the profit is 0.

    Regula falsi, which needs few steps since a profit is nearly a straight line in a cost; an end that stays twice
    counts half (Illinois). None where the loss turns out to be no trades at all: the orders could not be paid.
    """
    low, above = gain
    high, below = loss
    at_high = below
    moved = 0
    for _ in range(_MOST_STEPS):
        if high - low <= _PRECISION * high:
            break
        # Not closer to an end than the precision: beside a root the next point then lies on its other side.
        middle = low + (high - low) * above / (above - below)
        middle = min(max(middle, low + _PRECISION * high / 2), high - _PRECISION * high / 2)
        found = profit(middle)
        if found > 0:
            low = middle
            above = found
            below = below / 2 if moved == 1 else below
            moved = 1
        else:
            high = middle
            below = found
            above = above / 2 if moved == -1 else above
            moved = -1
            at_high = found
    return None if at_high == 0 else (low + high) / 2


def _later(values: NDArray[Any], bars: int, empty: float) -> NDArray[Any]:
    """Returns a column whose values come so many bars later."""
    if bars == 0:
        return values
    late = np.full_like(values, empty)
    late[bars:] = values[:-bars]
    return late


def _scaled(amounts: Mapping[str, float], multiple: float) -> dict[str, float]:
    return {key: value * multiple for key, value in amounts.items()}


def _given(amounts: Mapping[str, float | None]) -> dict[str, float]:
    return {key: value for key, value in amounts.items() if value is not None}


def _rates(financing: Mapping[str, float]) -> dict[str, float]:
    return {key: value for key, value in financing.items() if key != "day_count"}


def _charged(financing: Mapping[str, float]) -> list[float]:
    return [value for value in _rates(financing).values() if value > 0]
