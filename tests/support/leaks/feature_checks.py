"""Promises of the feature path, as callables: run on the shipped code, and on the same code with a leak in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ktrdr._types import Floats, Stamps
from ktrdr.analysis.lookahead.comparison import first_differences
from ktrdr.analysis.lookahead.cuts import boundary_rows, random_rows
from ktrdr.analysis.lookahead.market import Market
from ktrdr.data.bars import BarSeries
from ktrdr.data.resample import resample
from ktrdr.errors import DataError
from ktrdr.feature_pipeline.build import build_features
from ktrdr.feature_pipeline.matrix import FeatureMatrix, fit_normalization
from ktrdr.strategy.catalog.indicators import INDICATORS, defaults
from ktrdr.strategy.history import context_needs, needs
from ktrdr.strategy.loader import load_strategy
from ktrdr.strategy.schema import Strategy
from ktrdr.time import Span, Timeframe
from support.inputs import markets

_BASE_ONLY = ("parabolicsar", "day")
"""Indicators whose history would be too long a wait on the longer timeframes."""


@dataclass(frozen=True, eq=False)
class World:
    """A strategy, its bars, and where the range asked for starts."""

    strategy: Strategy
    series: Mapping[Timeframe, BarSeries]
    known_ns: Stamps
    values: Floats
    start_ns: int
    found: list[FeatureMatrix] = field(default_factory=list)

    @property
    def base(self) -> BarSeries:
        return self.series[self.strategy.base_timeframe]

    @property
    def market(self) -> Market:
        return Market(markets.SYMBOL, self.series, {"rates": (self.known_ns, self.values)})

    def build(self, market: Market | None = None, end_ns: int | None = None, **options: Any) -> FeatureMatrix:
        span = Span(self.start_ns, end_ns)
        return build_features(self.strategy, market or self.market, markets.SYMBOL, span, **options)

    def cuts(self, whole: FeatureMatrix, count: int, every: int, seed: int = 0) -> list[int]:
        """Closes of base bars: ``count`` at random, in other timeframes' gaps, beside each ``every``-th close."""
        rows = {*random_rows(whole, count, seed), *boundary_rows(whole, every)}
        return [int(whole.base.close_ns[row]) for row in sorted(rows)]


def _every_indicator() -> dict[str, Any]:
    """One use of every indicator with short periods; the long defaults would need years of daily bars."""
    uses: dict[str, Any] = {}
    for type_, indicator in INDICATORS.items():
        params = {name: value for name, value in defaults(indicator).items() if isinstance(value, int)}
        short = {name: max(2, min(value, 4)) for name, value in params.items() if name != "multiplier"}
        if "slow_period" in short:
            short |= {"fast_period": 2, "slow_period": 5, "signal_period": 2}
        uses[type_] = {"type": type_, **{name: value for name, value in short.items() if "multiplier" not in name}}
    return uses


def _world(timeframes: tuple[str, ...], n: int, seed: int) -> World:
    uses = _every_indicator()
    uses["day"] = {"type": "vwap", "period": 0}
    uses["rate"] = {"type": "ema", "period": 3, "data_source": "rates"}
    raws: list[dict[str, Any]] = [
        {
            "raw_indicator": f"{id_}.{output.name}" if output.name else id_,
            "timeframes": list(timeframes[:1] if id_ in _BASE_ONLY else timeframes),
            "normalization": "relative" if INDICATORS[use["type"]].is_price(output.name, use) else "none",
        }
        for id_, use in uses.items()
        if id_ != "rate"
        for output in INDICATORS[use["type"]].outputs
    ]
    base = Timeframe.parse(timeframes[0])
    file = markets.strategy_file(
        timeframes,
        uses,
        [
            {"fuzzy_set": "level"},
            *raws,
            {"raw_indicator": "rate", "timeframes": [timeframes[0]], "normalization": "zscore"},
        ],
        fuzzy_sets={"level": markets.fuzzy("rsi")},
        context_data=[{"provider": "made up"}],
        execution={"exits": {"stop_loss": {"atr": 2.0}, "atr_period": 5}},
    )
    bars = markets.walk(seed, n, base, weekends=True, outages=n // 60, flat=12)
    strategy = load_strategy(file)
    series = markets.with_higher(bars, *(Timeframe.parse(name) for name in timeframes[1:]))
    start_ns = _start(strategy, series)
    series = {name: _holed(one, start_ns) if name != base else one for name, one in series.items()}
    random = np.random.default_rng(seed)
    known = np.unique(random.integers(bars.timestamp[0], bars.close_ns[-1], 80))
    return World(strategy, series, known, random.normal(3, 1, len(known)), start_ns)


def _holed(bars: BarSeries, start_ns: int) -> BarSeries:
    """Without three bars in a row amid the simulated ones, so that the base continues without them."""
    hole = (int(np.searchsorted(bars.timestamp, start_ns)) + len(bars)) // 2
    kept = np.delete(np.arange(len(bars)), np.arange(hole, hole + 3))
    names = ("timestamp", "open", "high", "low", "close", "volume")
    return replace(bars, **{name: getattr(bars, name)[kept] for name in names})


def _start(strategy: Strategy, series: Mapping[Timeframe, BarSeries]) -> int:
    """The first instant at which every timeframe has all the bars a run would load."""
    loads = needs(strategy)
    return max(int(series[name].close_ns[loads[name].load_bars]) for name in series)


def five_minutes_and_hours() -> World:
    """The strategy kind of two near timeframes."""
    return _world(("5m", "1h"), 3_150, 3)


def hours_to_days() -> World:
    """The strategy kind of three timeframes, up to a day."""
    return _world(("1h", "4h", "1d"), 4_650, 4)


WORLDS = {"5m+1h": five_minutes_and_hours, "1h+4h+1d": hours_to_days}


def same(one: FeatureMatrix, other: FeatureMatrix, rows: int) -> None:
    """The first ``rows`` rows of both are equal bit for bit, and so is what goes with them."""
    assert one.names == other.names
    assert one.first_simulated == other.first_simulated
    assert one.atr is not None
    assert len(other.values) >= rows
    assert first_differences(one, other, rows) == []


def cutting_the_future_off_changes_nothing(
    world: World, cuts: int = 20, every: int = 7, *, judged: bool = True
) -> None:
    """Features before a cut are those of a world that ended there."""
    whole = world.build()
    for close_ns in world.cuts(whole, cuts, every):
        cut = world.build(world.market.known_at(close_ns), judged=judged)
        assert cut.base.close_ns[-1] <= close_ns
        same(whole, cut, len(cut.values))


def poisoning_the_future_changes_nothing(world: World, cuts: int = 5) -> None:
    """Features before a cut do not move when everything after it is worthless."""
    whole = world.build()
    for close_ns in world.cuts(whole, cuts, 40, seed=1):
        rows = int(np.searchsorted(whole.base.close_ns, close_ns, side="right"))
        for how in ("x10", "shuffled", "nan"):
            end_ns = close_ns if how == "nan" else None  # bars with a NaN are refused, unless they are never read
            spoilt = world.market.poisoned(close_ns, how)
            # Shuffled bars may by chance look as if they ran past their end.
            same(whole, world.build(spoilt, end_ns, judged=False), rows)


def history_before_the_anchor_changes_nothing(world: World) -> None:
    """Bars older than the first loaded one may be anything, or not there."""
    whole = world.build()
    series = {}
    for name, bars in world.series.items():
        anchor = int(np.searchsorted(bars.timestamp, whole.loaded[name].first_ns))
        assert anchor > 0, f"the world has no history before the anchor of {name}"
        series[name] = bars.rows(anchor, len(bars))
    context = whole.context["rates"].known_ns[0]
    known = int(np.searchsorted(world.known_ns, context))
    shorter = replace(world, series=series, known_ns=world.known_ns[known:], values=world.values[known:])
    same(whole, shorter.build(), len(whole.values))


def only_closed_bars_are_loaded(world: World) -> None:
    """Exactly ``load`` bars that had closed by the first decision's window; at the end none that still forms."""
    for close_ns in [*world.cuts(world.build(), 4, 60, seed=2), int(world.base.close_ns[-1])]:
        found = world.build(end_ns=close_ns)
        end_ns = int(found.base.close_ns[-1])
        begin_ns = int(found.base.close_ns[found.start_row])
        for name, need in needs(world.strategy).items():
            bars = found.series[name]
            assert bars.close_ns[-1] <= end_ns, f"{name} holds a bar that has not closed"
            before = int(np.count_nonzero(bars.close_ns <= begin_ns)) - (name == world.base.timeframe)
            assert before == need.load_bars, f"{name}: {before} bars of history, not {need.load_bars}"
        assert (
            np.count_nonzero(found.context["rates"].known_ns <= begin_ns)
            == context_needs(world.strategy)["rates"].load_bars
        )
        assert (found.context["rates"].known_ns <= end_ns).all()


def nothing_is_defined_before_its_history(world: World) -> None:
    """No feature has a value before as many bars have closed as its indicator looks back on."""
    found = world.build()
    closes = found.base.close_ns
    for k, name in enumerate(found.names):
        timeframe = Timeframe(name.split("_", 1)[0])
        lookback = _lookback(world.strategy, name, timeframe)
        known = found.context["rates"].known_ns if "_rate_" in name else found.series[timeframe].close_ns
        first = int(np.searchsorted(closes, known[lookback]))
        assert np.isnan(found.values[:first, k]).all(), f"{name} is defined before bar {first}"
        assert np.isfinite(found.values[first, k]), f"{name} is undefined at bar {first}"


def _lookback(strategy: Strategy, name: str, timeframe: Timeframe) -> int:
    ref = "rsi" if "_level_" in name else name.removesuffix("_raw").split("_", 1)[1]
    id_, _, output = ref.partition(".")
    use = strategy.indicators[id_]
    column = next(one for one in INDICATORS[use.type].outputs if one.name == output)
    return column.lookback(use.params, 86_400 // timeframe.seconds)


def a_series_that_stopped_is_undefined(world: World) -> None:
    """Features of a higher series that stops before the base end two of its lengths later."""
    highest = max(world.series)
    kept = int(np.searchsorted(world.series[highest].timestamp, world.start_ns)) + 10
    stopped = replace(world, series={**world.series, highest: world.series[highest].rows(0, kept)})
    found = stopped.build()
    columns = [k for k, name in enumerate(found.names) if name.startswith(f"{highest.value}_")]
    ended_ns = int(stopped.series[highest].close_ns[-1])
    continued_ns = int(found.base.timestamp[np.searchsorted(found.base.timestamp, ended_ns)])
    late = found.base.close_ns >= continued_ns + 2 * highest.ns
    assert late.any()
    assert np.isnan(found.values[np.ix_(late, columns)]).all(), f"{highest} is used although its series ended"
    assert found.stale_bars >= np.count_nonzero(late[found.first_simulated :])


def scaling_knows_only_training_rows(world: World) -> None:
    """Normalisation fitted on training rows does not move when all other rows change."""
    whole = world.build()
    rows = np.arange(whole.first_simulated, (whole.first_simulated + len(whole.values)) // 2)
    close_ns = int(whole.base.close_ns[rows[-1]])
    spoilt = world.build(world.market.poisoned(close_ns, "x10"), judged=False)
    fitted = fit_normalization([whole], [rows])
    assert fitted == fit_normalization([spoilt], [rows]), "the scaling moved with rows outside the training part"
    assert f"{world.base.timeframe.value}_rate_raw" in fitted
    assert {scaling["kind"] for scaling in fitted.values()} == {"zscore", "relative"}
    same(whole.normalized(fitted), spoilt.normalized(fitted), int(rows[-1]) + 1)


def resampling_makes_closed_bars_only(world: World) -> None:
    """A timeframe made from the base cut at any bar is a prefix of the one made from all of it."""
    timeframe = max(world.series)
    whole = resample(world.base, timeframe)
    closes = world.base.close_ns
    for row in range(len(world.base) // 2, len(world.base), 37):
        cut = resample(world.base.rows(0, row), timeframe)
        assert cut.close_ns[-1] <= closes[row - 1], "a bar that still forms was kept"
        for name in ("timestamp", "open", "high", "low", "close", "volume"):
            assert np.array_equal(getattr(cut, name), getattr(whole, name)[: len(cut)]), f"{name} changed"


CHECKS = (
    cutting_the_future_off_changes_nothing,
    poisoning_the_future_changes_nothing,
    history_before_the_anchor_changes_nothing,
    only_closed_bars_are_loaded,
    nothing_is_defined_before_its_history,
    a_series_that_stopped_is_undefined,
    scaling_knows_only_training_rows,
    resampling_makes_closed_bars_only,
)


def red(world: World, checks: Iterable[Any] = CHECKS) -> Iterator[str]:
    """Names of the checks that fail."""
    for check in checks:
        try:
            check(world)
        except (AssertionError, DataError, IndexError):
            yield check.__name__
