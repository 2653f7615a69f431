"""No decision on a bar uses what is known only after that bar has closed: the whole road, from bars to ledger.

The strategies of two and of three timeframes are the built-in ones, over nets with random weights: what is asked is
not whether they earn anything, but whether a bar they have not seen yet moves them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ktrdr.analysis.lookahead.market import closed, poisoned
from ktrdr.backtesting.engine import BacktestingEngine
from ktrdr.backtesting.inputs.config import BacktestConfig
from ktrdr.backtesting.inputs.model_bundle import choose_bundle
from ktrdr.backtesting.results import BacktestResults
from ktrdr.data.bars import BarSeries
from ktrdr.strategy.history import needs
from ktrdr.strategy.loader import load_strategy
from ktrdr.time import Timeframe, iso
from support.inputs import markets, worlds
from support.leaks.planting import planted

SMALL = {"model": {"type": "mlp", "architecture": {"hidden_layers": [8]}}}
WINDOWS = {"model": {"type": "lstm", "architecture": {"sequence_length": 6, "hidden_size": 8, "num_layers": 1}}}
CASES = {
    "5m+1h": ("rsi_bollinger_mtf_v1", SMALL, 4_500, 12, 528),
    "1h+4h+1d": ("v3_multi_timeframe", SMALL, 12_900, 5, 5),
    "1h+4h+1d, windows": ("v3_multi_timeframe", WINDOWS, 12_900, 2, 4),
}
"""Strategy, changes to it, base bars, seeds of the walk and of the net: such that all three signals occur."""
EAGER = {"confidence_threshold": 0.0, "filters": {"min_signal_separation": 1}, "allow_short_from_flat": True}


@dataclass(frozen=True, eq=False)
class Trader:
    """A strategy with its net, the bars it trades, and where the range asked for starts."""

    file: Mapping[str, Any]
    model: str
    folder: Path
    series: Mapping[Timeframe, BarSeries]
    start_ns: int

    @property
    def base(self) -> BarSeries:
        return self.series[min(self.series)]

    @cached_property
    def config(self) -> BacktestConfig:
        """The run over all bars. A run of others differs in its bars alone, and reading a strategy takes longer."""
        config = BacktestConfig.of(
            self.file,
            markets.SYMBOL,
            min(self.series).value,
            start=iso(self.start_ns),
            model=self.model,
            bars={},
            data_dir=self.folder,
            decisions=EAGER,
        )
        return replace(config, model=choose_bundle(config, start_ns=self.start_ns, synthetic=False))

    def run(self, series: Mapping[Timeframe, BarSeries] | None = None) -> BacktestResults:
        return BacktestingEngine(replace(self.config, source=markets.source(series or self.series))).run()

    def known_at(self, close_ns: int) -> dict[Timeframe, BarSeries]:
        """The bars that had closed by that instant."""
        return {name: bars.rows(0, closed(bars, close_ns)) for name, bars in self.series.items()}

    def cuts(self, count: int, every: int, seed: int = 0) -> list[int]:
        """Closes of simulated base bars: ``count`` at random, and beside each ``every``-th higher close."""
        closes = self.base.close_ns
        first = int(np.searchsorted(self.base.timestamp, self.start_ns)) + 2
        rows = set(np.random.default_rng(seed).integers(first, len(closes), count).tolist())
        for name, bars in self.series.items():
            if name > self.base.timeframe:
                at = np.searchsorted(closes, bars.close_ns[::every])
                rows |= {int(row) + step for row in at for step in (-1, 0, 1) if first <= row + step < len(closes)}
        return [int(closes[row]) for row in sorted(rows)]


def make_trader(case: str, folder: Path) -> Trader:
    name, changes, n_bars, walk_seed, net_seed = CASES[case]
    strategy = load_strategy(load_strategy(name).canonical() | changes)
    model = worlds.untrained(folder, strategy.canonical(), seed=net_seed)
    base = markets.walk(walk_seed, n_bars, strategy.base_timeframe, weekends=True, outages=n_bars // 80)
    series = markets.with_higher(base, *strategy.timeframes[1:])
    loads = needs(strategy)
    start_ns = max(int(bars.close_ns[loads[name].load_bars + 8]) for name, bars in series.items())
    return Trader(strategy.canonical(), model, folder, series, start_ns)


@pytest.fixture(scope="module", params=CASES)
def trader(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trader:
    return make_trader(request.param, tmp_path_factory.mktemp("data"))


def same_decisions(whole: BacktestResults, other: BacktestResults, close_ns: int) -> None:
    """Up to that close both decided, filled and were worth the same; what a last bar does with its order is its own."""
    length = Timeframe.parse(str(whole.facts["timeframe"]))
    rows = int(np.searchsorted(whole.equity["time"].to_physical().to_numpy(), close_ns - length.ns, "right"))
    for column in ("bar", "raw_signal", "confidence"):
        mine = whole.decisions[column][:rows]
        theirs = other.decisions[column][:rows]
        assert mine.equals(theirs), f"{column} differs before the cut"
    assert whole.decisions["decision"][: rows - 1].equals(other.decisions["decision"][: rows - 1])
    assert whole.equity["equity"][: rows - 1].equals(other.equity["equity"][: rows - 1])


def cutting_the_future_off(trader: Trader, cuts: int = 12, every: int = 40) -> None:
    """Decisions before a cut are those of a world that ended there."""
    whole = trader.run()
    for close_ns in trader.cuts(cuts, every):
        same_decisions(whole, trader.run(trader.known_at(close_ns)), close_ns)


def poisoning_the_future(trader: Trader) -> None:
    """Decisions before a cut do not move when every later bar is worthless."""
    whole = trader.run()
    longer = [name for name in trader.series if name > trader.base.timeframe]
    for close_ns in trader.cuts(12, 60, seed=1):
        for how in ("x10", "shuffled"):
            spoilt = poisoned(trader.base, closed(trader.base, close_ns), how)
            same_decisions(whole, trader.run(markets.with_higher(spoilt, *longer)), close_ns)


def extending_the_history(trader: Trader) -> None:
    """Bars before the anchors may be there or not: the same result, to the hash."""
    whole = trader.run()
    series = {}
    for name, bars in trader.series.items():
        anchor = anchor_row(trader, name)
        assert anchor > 0, f"no history before the anchor of {name}"
        series[name] = bars.rows(anchor, len(bars))
    assert trader.run(series).result_hash == whole.result_hash


def anchor_row(trader: Trader, name: Timeframe) -> int:
    """The first row a run loads of a timeframe, counted from the strategy's needs alone."""
    strategy = load_strategy(trader.file)
    begin = int(np.searchsorted(trader.base.timestamp, trader.start_ns)) - (strategy.sequence_length - 1)
    known = begin if name == strategy.base_timeframe else closed(trader.series[name], int(trader.base.close_ns[begin]))
    return known - needs(strategy)[name].load_bars


CHECKS = (cutting_the_future_off, poisoning_the_future, extending_the_history)


def test_the_worlds_trade_both_ways_and_hold(trader: Trader) -> None:
    results = trader.run()
    assert results.manifest["warmup_complete_at_start"]
    assert results.trades.height > 20
    assert set(results.decisions["raw_signal"].unique().to_list()) == {-1, 0, 1}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_holds(check: Callable[[Trader], None], trader: Trader) -> None:
    check(trader)


@pytest.mark.parametrize(("cuts", "every"), [(60, 10), pytest.param(500, 1, marks=pytest.mark.soak)])
def test_cuts_and_boundaries(trader: Trader, cuts: int, every: int) -> None:
    windows = load_strategy(trader.file).sequence_length > 1
    cutting_the_future_off(trader, cuts=40 if windows else cuts, every=20 if windows else every)


LEAKS = {
    "a row scored with the features of the next": (
        "5m+1h",
        "neural.inference",
        "    rows = values[start : start + len(buffer)]\n    count = len(rows)\n",
        "    rows = values[start + 1 : start + 1 + len(buffer)]\n    count = len(rows)\n",
        cutting_the_future_off,
    ),
    "a window that ends one bar later": (
        "1h+4h+1d, windows",
        "neural.inference",
        "np.copyto(buffer[:count], windows)",
        "np.copyto(buffer[:count], np.roll(windows, -1, axis=0))",
        cutting_the_future_off,
    ),
    "scores shifted by -1": (
        "1h+4h+1d",
        "neural.inference",
        "return cast(Scores, scores.numpy())",
        "return np.roll(scores.numpy(), -1, axis=0)",
        poisoning_the_future,
    ),
    "scores centred over their block": (
        "5m+1h",
        "neural.inference",
        "return cast(Scores, scores.numpy())",
        "return scores.numpy() - scores.numpy().mean(axis=0)",
        poisoning_the_future,
    ),
    "a forming bar seen by decisions": (
        "1h+4h+1d",
        "feature_pipeline.alignment",
        'seen_from = np.searchsorted(base.close_ns, coarser.close_ns, side="left")',
        'seen_from = np.searchsorted(base.timestamp, coarser.timestamp, side="left")',
        poisoning_the_future,
    ),
    "recursions from the first stored bar": (
        "5m+1h",
        "feature_pipeline.window",
        "anchor = max(begin - needs[base].load_bars, 0)",
        "anchor = 0",
        extending_the_history,
    ),
}


@pytest.mark.parametrize("leak", LEAKS)
def test_a_leak_turns_its_check_red(leak: str, tmp_path: Path) -> None:
    case, module, old, new, check = LEAKS[leak]
    trader = make_trader(case, tmp_path)
    check(trader)
    with planted(module, old, new), pytest.raises(AssertionError):
        check(trader)
