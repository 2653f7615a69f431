"""One strategy on one symbol, one closed bar at a time: what was backtested is what trades.

`DecisionEngine` is for live bars. A backtest does not use it: it has all bars at hand, computes features and scores in
whole columns, and is a hundred times faster that way. Both rest on the same three things, so there is nothing to keep
alike by hand: one load of the model (`ktrdr.neural.bundle`, through `backtesting.inputs.model_bundle`), features and
inference with equal bits (`feature_pipeline.stream.rows`, `neural.row_forward`), and one tracker of the position, which
is the core. Position and cash are read from the core at each decision; a copy of them could drift.
Equal bits mean the same fills, equity and result hash as the backtest over the same bars with ``close_at_end: false``;
DESIGN has the reasons under "Why does live trading replay a backtest bit for bit?".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ktrdr.backtesting.decision_function import DecisionFunction
from ktrdr.backtesting.identity import Parts, identity_parts
from ktrdr.backtesting.inputs.config import BacktestConfig
from ktrdr.backtesting.inputs.model_bundle import ModelBundle, choose_bundle, seen_bars
from ktrdr.backtesting.results import BacktestResults
from ktrdr.control import SilentBridge
from ktrdr.data.bars import BarSeries
from ktrdr.decision.account import Account, Terms
from ktrdr.decision.base import OVERRIDDEN, Action, Fill, Order, Override, Step
from ktrdr.decision.start import Loaded, Waiting, require_streamable
from ktrdr.errors import ArgumentInvalid
from ktrdr.feature_pipeline.assembly import assemble
from ktrdr.feature_pipeline.matrix import FeatureMatrix
from ktrdr.feature_pipeline.stream.rows import FeatureStream
from ktrdr.neural.row_forward import RowForward
from ktrdr.numerics import numeric_state

_CLOSING = "-close"

Actions = tuple[NDArray[np.int8], NDArray[np.float32], NDArray[np.bool_]]


@dataclass(frozen=True, eq=False)
class Held:
    """A run that has started, as a save keeps it.

    Args:
        loaded: the bars at its start.
        recent: all base bars since, which begin as ``loaded.recent`` does.
        actions: signals, confidences and forced flags from the anchor on.
    """

    loaded: Loaded
    recent: BarSeries
    actions: Actions


class DecisionEngine:
    """A strategy that trades one symbol as its bars close.

    Args:
        run: name of the run; ids of orders begin with it, so it must be the same after a restart.
        config: strategy, symbol, rules, history before the first bar; ``span.start_ns`` is the first bar that may be
            traded, by default the first one that is fed.
        waiting: bars that were fed before the first decision, of a run that was stopped there.
        held: a run that had started before it was stopped.

    Raises:
        ArgumentInvalid: features that cannot be made from base bars alone; no ``metrics.periods_per_year``.
        ModelNotFound, ModelFeatureMismatch: no net for the strategy.
    """

    def __init__(
        self, run: str, config: BacktestConfig, *, waiting: BarSeries | None = None, held: Held | None = None
    ) -> None:
        require_streamable(config.strategy)
        self.run = run
        self.config = config
        self._waiting = Waiting(config, waiting)
        self._live: LiveRun | None = None
        if held is None:
            last_ns = self._waiting.last_ns
            choose_bundle(config, start_ns=2**62 if last_ns is None else last_ns, synthetic=False)
        else:
            self._live = LiveRun.resume(config, held)

    def __repr__(self) -> str:
        return f"<DecisionEngine {self.config.strategy.name} {self.symbol}: {self.row or 0:,} bars>"

    @property
    def symbol(self) -> str:
        """Returns the instrument that it trades."""
        return self.config.symbol

    @property
    def last_ns(self) -> int | None:
        """Returns the stamp of the newest bar that is known, ns UTC; None where there is none."""
        return self._waiting.last_ns if self._live is None else int(self._live.account.bars.last(1).timestamp[0])

    @property
    def reached_ns(self) -> int | None:
        """Returns the stamp after which its next bar comes, ns UTC; None where the feed's first bar may be any."""
        return self._waiting.reached_ns if self._live is None else self.last_ns

    @property
    def row(self) -> int | None:
        """Returns the number of bars from the anchor on; None before the first decision."""
        return None if self._live is None else len(self._live.account)

    @property
    def waiting(self) -> BarSeries | None:
        """Returns the bars fed before the first decision; None before the first bar."""
        return self._waiting.fed

    @property
    def live(self) -> LiveRun | None:
        """Returns account, features and net of a run that has started; None before the first decision."""
        return self._live

    @property
    def equity(self) -> float:
        """Returns equity at the last mark, account currency."""
        return self.config.initial_capital if self._live is None else self._live.account.stream.equity_now

    @property
    def quantity(self) -> float:
        """Returns the quantity held, below 0 for a short position."""
        return 0.0 if self._live is None else self._live.account.quantity

    @property
    def working(self) -> Order | None:
        """Returns the order that fills at the next open; None for none."""
        if self._live is None or self._live.fills_at_once:
            return None
        return self._order(self._live)

    @property
    def closing_id(self) -> str | None:
        """Returns the id of an order by which an override closes the position after the last bar; None for none."""
        if self._live is None or self._live.fills_at_once or not self.quantity:
            return None
        return f"{self.run}-{self.symbol}-{len(self._live.account) - 1}{_CLOSING}"

    @numeric_state()
    def on_bar(self, bar: BarSeries, override: Override = Override.NONE) -> Step | None:
        """Takes the next closed bar and decides; None while the warm-up is not done.

        Args:
            bar: a series of one row, after all bars before it.
            override: what a rule of risk puts in place of the net's signal.

        Raises:
            DataError: the bar does not follow those before it.
        """
        if self._live is None:
            loaded = self._waiting.add(bar)
            if loaded is None:
                return None
            self._live = LiveRun.begin(self.config, loaded)
            self._live.first_bar(override)
        else:
            self._live.on_bar(bar, override)
        return self._step(self._live)

    @numeric_state()
    def amend(self, override: Override) -> Step:
        """Takes the decision of the last bar back and puts an override in its place.

        Raises ``ArgumentInvalid`` before the first decision.
        """
        live = self._started()
        live.account.amend(live.raw.under(override))
        return self._step(live)

    @numeric_state()
    def finish(self) -> BacktestResults:
        """Ends the run with its last bar, as a backtest over these bars ends, and returns its result.

        Raises ``ArgumentInvalid`` before the first decision.
        """
        live = self._started()
        # No order of the last bar is filled. A result with the filters off would report their rules as the run's.
        live.account.amend(live.account.last_action()._replace(forced=False), last=True)
        return live.results()

    def expected_notional(self) -> float:
        """Returns the notional that the last bar's order would open, account currency; 0 for none."""
        live = self._started()
        return live.account.expected_notional(live.account.last_action())

    def held(self) -> Held:
        """Returns the run as a save keeps it; raises ``ArgumentInvalid`` before the first decision."""
        live = self._started()
        return Held(live.loaded, live.recent, live.account.actions())

    def _started(self) -> LiveRun:
        if self._live is None:
            raise ArgumentInvalid("the warm-up is not done", where=self.symbol, found="no decision yet")
        return self._live

    def _step(self, live: LiveRun) -> Step:
        account = live.account
        row = len(account) - 1
        return Step(
            row=row,
            time_ns=int(account.bars.last(1).timestamp[0]),
            raw=live.raw,
            decision=account.stream.last_decision,
            order=self._order(live),
            fills=tuple(self._fills(live, row)),
            equity=account.stream.equity_now,
        )

    def _order(self, live: LiveRun) -> Order | None:
        account = live.account
        decision = account.stream.last_decision
        action = account.last_action()
        if decision not in ("traded", "max_holding"):
            return None
        side = action.signal if abs(action.signal) == 1 and decision == "traded" else -int(np.sign(account.quantity))
        reason = OVERRIDDEN if action.forced else "signal" if decision == "traded" else decision
        stamp = int(account.bars.last(1).timestamp[0])
        return Order(self._id(live, len(account) - 1), self.symbol, side, stamp, reason)

    def _fills(self, live: LiveRun, row: int) -> list[Fill]:
        first = live.account.fills_before
        return [self._fill(live, row, number, fill) for number, fill in enumerate(live.account.last_fills(), first)]

    def _fill(self, live: LiveRun, row: int, number: int, fill: Mapping[str, Any]) -> Fill:
        ordered = fill["reason"] in ("signal", "max_holding")
        decided = row if live.fills_at_once else row - 1
        order = self._id(live, decided) if ordered else f"{self._id(live, row)}-{fill['reason']}"
        stamp = int(live.account.bars.last(1).timestamp[0])
        return Fill(
            f"{self.run}-{self.symbol}-fill-{number}",
            order,
            self.symbol,
            int(fill["side"]),
            stamp,
            float(fill["quantity"]),
            float(fill["price"]),
            float(fill["commission"]),
        )

    def _id(self, live: LiveRun, row: int) -> str:
        """Returns the id of the order of a bar; one that closes by an override is another than the signal's."""
        forced = bool(live.account.actions(row)[2][0])
        return f"{self.run}-{self.symbol}-{row}{_CLOSING if forced else ''}"


@dataclass(eq=False)
class LiveRun:
    """A run that has started: its bars, features, net and account."""

    config: BacktestConfig
    bundle: ModelBundle
    loaded: Loaded
    features: FeatureStream
    net: RowForward
    account: Account
    _lead: BarSeries
    raw: Action = field(default=Action(0, float("nan")))

    @classmethod
    def begin(cls, config: BacktestConfig, loaded: Loaded) -> LiveRun:
        """Returns a run whose last bar is its first decision; that bar is not in the account yet."""
        base = loaded.base(loaded.recent)
        warmup = loaded.first_simulated
        nothing = (np.zeros(warmup, np.int8), np.full(warmup, np.nan, np.float32), np.zeros(warmup, bool))
        return cls._of(config, loaded, loaded.recent, base.rows(0, warmup), nothing)

    @classmethod
    def resume(cls, config: BacktestConfig, held: Held) -> LiveRun:
        """Returns a run as it was after its last bar."""
        return cls._of(config, held.loaded, held.recent, held.loaded.base(held.recent), held.actions)

    @classmethod
    def _of(
        cls, config: BacktestConfig, loaded: Loaded, recent: BarSeries, simulated: BarSeries, actions: Actions
    ) -> LiveRun:
        base = loaded.base(recent)
        first_ns = int(base.timestamp[loaded.first_simulated])
        bundle = choose_bundle(config, start_ns=first_ns, synthetic=base.provenance.synthetic)
        seen_bars(bundle, config.symbol, base.timestamp[loaded.first_simulated :], strict=config.strict)
        normalization = bundle.metadata.normalization_params
        features = FeatureStream(config.strategy, loaded.series(recent), recent, normalization)
        bars = simulated if features.atr is None else simulated.with_atr(features.atr[: len(simulated)])
        account = Account(Terms(config, loaded.first_simulated), bars, actions)
        net = RowForward(bundle.model, threads=config.threads, scale=bundle.metadata.target_scale)
        return cls(config, bundle, loaded, features, net, account, recent.rows(0, loaded.lead_rows))

    @property
    def fills_at_once(self) -> bool:
        """Returns True where an order fills at the close that decides it."""
        return self.config.strategy.execution.fill == "this_close"

    @property
    def recent(self) -> BarSeries:
        """Returns the base bars from the first one that was loaded on."""
        base = self.features.base.bars
        if len(self._lead) == 0:
            return base
        joined = {
            name: np.concatenate([getattr(self._lead, name), getattr(base, name)]) for name in self.features.base.names
        }
        return base.over(joined)

    @cached_property
    def _decide(self) -> DecisionFunction:
        return DecisionFunction.of(self.config.strategy, self.bundle)

    def first_bar(self, override: Override) -> None:
        """Feeds the account the last bar that was loaded: the first decision."""
        base = self.features.base
        row = len(self.features.base) - 1
        bar = base.last(1) if self.features.atr is None else base.last(1).with_atr(self.features.atr[-1:])
        self._feed(self._score(self.features.window, row), bar, override)

    def on_bar(self, bar: BarSeries, override: Override) -> None:
        """Computes features and score of the next bar, and feeds the account."""
        row = self.features.push(bar)
        fed = bar if row.atr is None else bar.with_atr(np.array([row.atr]))
        self._feed(self._score(row.window, len(self.features.base) - 1), fed, override)

    def _feed(self, raw: Action, bar: BarSeries, override: Override) -> None:
        self.raw = raw
        self.account.feed(bar, raw.under(override))

    def _score(self, window: NDArray[np.float32], row: int) -> Action:
        scores = self.net.score(window, row)
        signals, confidences = self._decide.batch(scores[None, :])
        return Action(int(signals[0]), float(confidences[0]))

    @numeric_state()
    def matrix(self) -> FeatureMatrix:
        """Returns the features of every bar so far, computed in whole columns."""
        strategy = self.config.strategy
        series = self.loaded.series(self.recent)
        assembly = assemble(strategy, series, {}, SilentBridge())
        return FeatureMatrix(
            names=strategy.feature_names,
            values=assembly.values,
            base=self.account.bars.bars,
            series=series,
            start_row=self.loaded.start_row,
            first_simulated=self.loaded.first_simulated,
            stale=assembly.stale,
            raw=assembly.raw,
            kinds=assembly.kinds,
        )

    def results(self) -> BacktestResults:
        """Returns the result of a run that has ended, as a backtest's."""
        raw = self.matrix()
        simulated = raw.base.timestamp[raw.first_simulated :]
        seen = seen_bars(self.bundle, self.config.symbol, simulated, strict=self.config.strict)
        features = raw.normalized(self.bundle.metadata.normalization_params)
        result = self.account.stream.result()

        def parts() -> Parts:
            return identity_parts(self.config, features, self.bundle)

        return BacktestResults.of(self.config, features, self.bundle, seen, result, parts)
