"""``verify_lookahead``: proves on a user's strategy and bars that no feature and no signal knows the future."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from ktrdr.analysis.lookahead.comparison import Difference, first_shown
from ktrdr.analysis.lookahead.cuts import boundary_rows, random_rows
from ktrdr.analysis.lookahead.held import hold
from ktrdr.analysis.lookahead.levels import SeriesVerdict, judge_external, judge_series
from ktrdr.analysis.lookahead.market import Poison, Recipe
from ktrdr.analysis.lookahead.report import SIGNALS, Evidence, Finding, LookaheadReport
from ktrdr.analysis.lookahead.signals import Signals, bundle_for
from ktrdr.analysis.lookahead.trial import Trial, series_of
from ktrdr.arguments import check_whole
from ktrdr.control import CancellationToken, NeverCancelled, ProgressBridge
from ktrdr.data.bars import BarsByTimeframe
from ktrdr.data.store.repository import MemoryBars, Repository, check_symbol
from ktrdr.errors import ArgumentInvalid, Cancelled
from ktrdr.feature_pipeline.features import Moment
from ktrdr.feature_pipeline.matrix import FeatureMatrix
from ktrdr.neural.bundle import ModelBundle
from ktrdr.neural.storage import ModelStorage
from ktrdr.progress import progress_or
from ktrdr.strategy.loader import load_strategy
from ktrdr.strategy.schema import Strategy
from ktrdr.time import Span, Timeframe

CUTS = 500
SECONDS = 60.0
_POISONS: tuple[Poison, ...] = ("x10", "shuffled", "nan")
_SHARE_OF_RANDOM_CUTS = 0.6
"""Share of the time after which no further random cut is compared."""
_SHARE_OF_SIGNALS = 0.4
"""Share of the time after which no further signal is compared."""
_FEWEST_PLACES = 10
"""Places of each sort that are tried however short the time is: a proof that tried nothing proves nothing."""
_MATTERS_RATE = 1e-6
"""Share of a feature's range below which a difference is rounding of another anchor."""


def verify_lookahead(
    strategy: str | Path | Mapping[str, object] | Strategy,
    symbol: str,
    timeframe: str | Timeframe,
    *,
    start: Moment = None,
    end: Moment = None,
    bars: BarsByTimeframe | None = None,
    context: Mapping[str, Recipe] | None = None,
    model: str | Path | ModelBundle | None = None,
    data_dir: str | Path | None = None,
    resample: bool = False,
    cuts: int = CUTS,
    seconds: float = SECONDS,
    bridge: ProgressBridge | None = None,
    cancellation_token: CancellationToken | None = None,
) -> LookaheadReport:
    """Builds the features beside all bars and again without the future, and names each that differs.

    The future is cut off, or made worthless, at random places and beside each close of a higher timeframe. Values up
    to there must be equal bit for bit. Each series is compared with finer stored ones, an external series with the
    returns that follow it, and the signals of a trained net with those of the bars known then.

    Args:
        strategy: a name, a path or the file's content as a mapping.
        symbol: whose bars.
        timeframe: the strategy's base timeframe.
        start: first date or instant of the range; bars before it serve as history.
        end: last date (that whole day), or the instant before which the range ends.
        bars: frames by timeframe, in place of the stored series; finer ones than the strategy's are witnesses.
        context: by id, functions from bars by timeframe to an external series (timestamp, value), called at each cut.
        model: a bundle's id or path; by default the strategy's newest net on this symbol's bars, never one of a fold.
        data_dir: the data folder; by default ``KTRDR_DATA_DIR``, else one under the user's data folder.
        resample: make a missing timeframe from a finer one.
        cuts: random places; boundaries come on top.
        seconds: time after which no further place is tried.
        bridge: receives progress reports; by default a bar where a terminal or a notebook shows it.
        cancellation_token: asked before each place whether to stop.

    Raises:
        ConfigError, DataError, ModelError, ArgumentInvalid: the strategy, the bars, the model, another argument.

    >>> import polars as pl
    >>> prices = [100.0 + hour % 7 + hour % 11 for hour in range(400)]
    >>> hourly = pl.DataFrame({"timestamp": [hour * 3_600 * 10**9 for hour in range(400)], "open": prices,
    ...                        "high": prices, "low": prices, "close": prices})
    >>> report = verify_lookahead("v3_minimal", "EURUSD", "1h", bars={"1h": hourly}, cuts=20, data_dir="/nowhere")
    >>> report.clean, report.evidence.random_cuts
    (True, 20)
    """
    span = Span.parse(start, end)
    trial, models = _prepared(strategy, check_symbol(symbol), Timeframe.parse(timeframe), span, bars, context, data_dir)
    if not seconds > 0:
        raise ArgumentInvalid("must be above 0", where="seconds", found=seconds)
    with progress_or(bridge) as shown:
        trial = replace(trial, resample=resample)
        whole = trial.build()
        signals = _signals(trial.strategy, whole, ModelStorage(models), model)
        clock = _Clock(shown, cancellation_token or NeverCancelled(), time.monotonic(), seconds)
        return _Proof(trial, whole, clock).run(check_whole("cuts", cuts, 1, 10**6), signals)


def _prepared(
    strategy: str | Path | Mapping[str, object] | Strategy,
    symbol: str,
    timeframe: Timeframe,
    span: Span,
    bars: BarsByTimeframe | None,
    context: Mapping[str, Recipe] | None,
    data_dir: str | Path | None,
) -> tuple[Trial, Path]:
    """Returns the strategy on its market, and the folder of models."""
    loaded = load_strategy(strategy)
    loaded.require_base(timeframe)
    repository = Repository() if data_dir is None else Repository(Path(data_dir))
    source = repository if bars is None else MemoryBars.of(bars, symbol)
    market = hold(loaded, source, repository, symbol, context or {})
    return Trial(loaded, market, span), repository.models_dir


def _signals(
    strategy: Strategy, whole: FeatureMatrix, storage: ModelStorage, model: str | Path | ModelBundle | None
) -> Signals | None:
    named = model if isinstance(model, ModelBundle | None) else str(model)
    synthetic = whole.base.provenance.synthetic
    bundle = bundle_for(storage, strategy, whole.base.symbol, named, synthetic=synthetic)
    return None if bundle is None else Signals.of(strategy, bundle, whole)


@dataclass(frozen=True)
class _Clock:
    """Progress, cancellation and the time that is left."""

    bridge: ProgressBridge
    token: CancellationToken
    begun_s: float
    seconds: float

    @property
    def spent_s(self) -> float:
        return time.monotonic() - self.begun_s

    def each(self, phase: str, rows: Sequence[int], share: float) -> Iterator[int]:
        """Yields rows until they end or that share of the time is over."""
        for done, row in enumerate(rows):
            if self.token.is_cancelled():
                raise Cancelled("the proof was stopped", found=f"{phase}: {done} of {len(rows)}")
            if done >= _FEWEST_PLACES and self.spent_s >= share * self.seconds:
                return
            yield row
            self.bridge.report(phase, done + 1, len(rows), {})


@dataclass(eq=False)
class _Proof:
    """A proof while it runs: findings by feature, the earliest of each."""

    trial: Trial
    whole: FeatureMatrix
    clock: _Clock
    findings: dict[str, Finding] = field(default_factory=dict)
    evidence: Evidence = field(default_factory=Evidence)

    def run(self, cuts: int, signals: Signals | None) -> LookaheadReport:
        verdicts = self._judged()
        self._at_random(random_rows(self.whole, cuts), signals)
        self._at_boundaries()
        own = series_of(self.trial.strategy)
        order = [*self.whole.names, *(name for name in self.findings if name not in self.whole.names)]
        return LookaheadReport(
            strategy=self.trial.strategy.name,
            symbol=self.trial.market.symbol,
            timeframe=self.trial.strategy.base_timeframe.value,
            first_ns=int(self.whole.base.timestamp[self.whole.first_simulated]),
            last_ns=int(self.whole.base.timestamp[-1]),
            rows=len(self.whole.values) - self.whole.first_simulated,
            features={name: own[name] for name in self.whole.names},
            findings=tuple(self.findings[name] for name in order if name in self.findings),
            series={verdict.name: verdict.says for verdict in verdicts},
            model=None if signals is None else signals.bundle.id,
            evidence=replace(self.evidence, seconds=self.clock.spent_s),
        )

    def _judged(self) -> list[SeriesVerdict]:
        """Judges the contents of each series; a wrong one shows in the features that are built without it."""
        market = self.trial.market
        verdicts = list(judge_series(market, self.whole.series))
        verdicts += [judge_external(market, self.whole.base, id_) for id_ in self.whole.context]
        own = series_of(self.trial.strategy)
        return [self._shown_in_features(verdict, own) for verdict in verdicts]

    def _shown_in_features(self, verdict: SeriesVerdict, own: Mapping[str, str]) -> SeriesVerdict:
        """Adds a finding for each feature that a wrong series reaches; the verdict says so where there is none."""
        if verdict.honest is None:
            return verdict
        honest = self.trial.build(verdict.honest)
        leaks = [one for one in _by_value(self.whole, honest) if own[one.feature] == verdict.name]
        for difference in leaks:
            self._add(difference, verdict.name, verdict.says, verdict.hint)
        base = self.trial.strategy.base_timeframe.value
        unseen = f"; every feature has the same value at each {base} close without that, so none sees it early"
        return verdict if leaks else replace(verdict, says=verdict.says + unseen)

    def _at_random(self, rows: Sequence[int], signals: Signals | None) -> None:
        cuts = poisonings = compared = 0
        # A recipe, or resampling, reads every bar and refuses NaN, as it should.
        poisons = _POISONS[:2] if self.trial.market.recipes or self.trial.resample else _POISONS
        for row in self.clock.each("random cuts", rows, _SHARE_OF_RANDOM_CUTS):
            close_ns = int(self.whole.base.close_ns[row])
            cut, found = self.trial.without_future(self.whole, row, partial(self.trial.cut, close_ns))
            self._collect(found, row)
            poison = partial(self.trial.poisoned, close_ns, poisons[cuts % len(poisons)])
            self._collect(self.trial.without_future(self.whole, row, poison)[1], row)
            in_time = compared < _FEWEST_PLACES or self.clock.spent_s < _SHARE_OF_SIGNALS * self.clock.seconds
            if signals is not None and cut is not None and in_time:
                self._collect(signals.differences(self.whole, cut, row), row)
                compared += 1
            cuts += 1
            poisonings += 1
        self.evidence = replace(self.evidence, random_cuts=cuts, poisonings=poisonings, signal_cuts=compared)

    def _at_boundaries(self) -> None:
        rows = boundary_rows(self.whole)
        segments = self.trial.segments(self.whole)
        tried = 0
        for row in self.clock.each("boundaries", np.random.default_rng(0).permutation(rows).tolist(), 1.0):
            self._collect(segments.differences(row), row)
            tried += 1
        self.evidence = replace(self.evidence, boundary_cuts=tried, boundaries=len(rows))

    def _collect(self, differences: Iterable[Difference], row: int) -> None:
        for difference in differences:
            known = self.findings.get(difference.feature)
            if known is None and difference.feature != SIGNALS:
                series = self.trial.responsible(self.whole, row, difference.feature)
            elif known is not None:
                series = known.series
            else:
                series = self.trial.strategy.base_timeframe.value
            self._add(difference, series, "another value when the bars after it are not there")

    def _add(self, difference: Difference, series: str, cause: str, hint: str = "") -> None:
        known = self.findings.get(difference.feature)
        if known is None or _rank(difference) < _rank(known):
            values = (difference.with_future, difference.without_future)
            self.findings[difference.feature] = Finding(
                difference.feature, series, difference.stamp_ns, *values, cause, hint
            )


def _rank(one: Difference | Finding) -> tuple[bool, int]:
    """Returns the place among differences of a feature: those defined on both sides come first, then the earlier."""
    return math.isnan(one.with_future) or math.isnan(one.without_future), one.stamp_ns


def _by_value(whole: FeatureMatrix, honest: FeatureMatrix) -> Iterator[Difference]:
    """Yields the first difference of each feature that is more than the rounding of another anchor."""
    shift = int(np.searchsorted(honest.base.timestamp, whole.base.timestamp[0]))
    rows = min(len(whole.values), len(honest.values) - shift)
    for column, name in enumerate(whole.names):
        mine = whole.values[whole.first_simulated : rows, column].astype(np.float64)
        theirs = honest.values[shift + whole.first_simulated : shift + rows, column].astype(np.float64)
        spread = float(np.nanmax(np.abs(mine), initial=0.0)) * _MATTERS_RATE
        differs = (np.abs(mine - theirs) > spread) | (np.isnan(mine) != np.isnan(theirs))
        if differs.any():
            at = first_shown(differs, mine, theirs)
            stamp_ns = int(whole.base.timestamp[whole.first_simulated + at])
            yield Difference(name, whole.first_simulated + at, stamp_ns, float(mine[at]), float(theirs[at]))
