"""The pipeline of a backtest: bars to features to scores to signals to a ledger, block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ktrdr.backtesting.checkpoint import Checkpoint
from ktrdr.backtesting.decision_function import DecisionFunction, rules_in_force
from ktrdr.backtesting.identity import Parts, identity_parts
from ktrdr.backtesting.inputs.config import BacktestConfig
from ktrdr.backtesting.inputs.feature_cache import FeatureCache
from ktrdr.backtesting.inputs.model_bundle import ModelBundle, Seen, choose_bundle, seen_bars
from ktrdr.backtesting.performance import PerformanceTracker
from ktrdr.backtesting.results import BacktestResults, input_warnings
from ktrdr.control import CancellationToken, NeverCancelled, ProgressBridge, SilentBridge
from ktrdr.errors import Cancelled
from ktrdr.feature_pipeline.matrix import FeatureMatrix
from ktrdr.numerics import numeric_state
from ktrdr.simulation.blocks import BlockRun
from ktrdr.simulation.saved import SavedRun

CheckpointCallback = Callable[[Checkpoint], None]


class BacktestingEngine:
    """Runs one backtest; a fresh run and a resumed run take the same path.

    Args:
        config: the backtest.
        recomputes: True computes the features, whatever is kept of earlier runs: for a proof.
    """

    def __init__(self, config: BacktestConfig, *, recomputes: bool = False) -> None:
        self.config = config
        self.feature_cache = FeatureCache(config, recomputes=recomputes)

    def run(
        self,
        bridge: ProgressBridge | None = None,
        cancellation_token: CancellationToken | None = None,
        checkpoint_callback: CheckpointCallback | None = None,
        resume: SavedRun | None = None,
    ) -> BacktestResults:
        """Runs the backtest, or the rest of a saved one, and returns its result.

        Args:
            bridge: receives progress.
            cancellation_token: asked while loading and after every block.
            checkpoint_callback: called after every block; it decides whether to save.
            resume: saved by an earlier run of the same inputs.

        Raises:
            Cancelled: the token asked to stop; the callback has been called with that block's end.
            IdentityMismatch: ``resume`` is of a run with other inputs; ``part`` names the first that differs.
            ProfileMismatch: the inputs are the same, the numeric profile is not.
        """
        control = _Control(bridge or SilentBridge(), cancellation_token or NeverCancelled(), checkpoint_callback)
        with numeric_state():
            return self._run(control, resume)

    def _run(self, control: _Control, resume: SavedRun | None) -> BacktestResults:
        inputs = self._inputs(control, None if resume is None else resume.parent)
        decide = DecisionFunction.of(self.config.strategy, inputs.bundle)
        simulation = inputs.begin() if resume is None else inputs.resume(resume)
        for scores in inputs.scores(simulation.next_bar):
            simulation.advance(*decide.batch(scores))
            control.on_block(simulation, inputs)
        return BacktestResults.of(
            self.config, inputs.features, inputs.bundle, inputs.seen, simulation.result(), lambda: inputs.parts
        )

    def scored(self, bridge: ProgressBridge, token: CancellationToken) -> Scored:
        """Returns the scores of all simulated bars, with what they were made from: a backtest without its trades.

        Raises what `run` raises before and while it scores.
        """
        control = _Control(bridge, token, None)
        with numeric_state():
            inputs = self._inputs(control, None)
            first = inputs.features.first_simulated
            total = len(inputs.features.values)
            blocks = []
            for block in inputs.scores(first):
                blocks.append(block)
                first += len(block)
                control.report("scores", first, total, {})
        return Scored(self.config, inputs.features, inputs.bundle, inputs.seen, np.concatenate(blocks), inputs.parts)

    def _inputs(self, control: _Control, parent: bytes | None) -> _Inputs:
        raw = self.feature_cache.raw(control)
        simulated = raw.base.timestamp[raw.first_simulated :]
        bundle = choose_bundle(self.config, start_ns=int(simulated[0]), synthetic=raw.base.provenance.synthetic)
        seen = seen_bars(bundle, self.config.symbol, simulated, strict=self.config.strict)
        return _Inputs(self.config, self.feature_cache.of(bundle), bundle, seen, parent)


@dataclass(frozen=True, eq=False)
class Scored:
    """The scores of a net over the bars of a backtest.

    Args:
        config: the backtest.
        features: its feature matrix, with the base bars.
        bundle: its model.
        seen: what of the bars the model knows.
        scores: from the first simulated bar on [n_simulated, n_outputs, float32].
        parts: named hashes of all inputs.
    """

    config: BacktestConfig
    features: FeatureMatrix
    bundle: ModelBundle
    seen: Seen
    scores: NDArray[np.float32]
    parts: Parts

    @property
    def warnings(self) -> tuple[str, ...]:
        """Returns one line for each thing to mind about strategy, bars and model."""
        return input_warnings(self.config, self.features, self.bundle, self.seen)


@dataclass(frozen=True, eq=False)
class _Inputs:
    """All inputs of a run, before its first bar."""

    config: BacktestConfig
    features: FeatureMatrix
    bundle: ModelBundle
    seen: Seen
    parent: bytes | None

    @cached_property
    def parts(self) -> Parts:
        lineage = () if self.parent is None else (("parent", self.parent),)
        return (*identity_parts(self.config, self.features, self.bundle), *lineage)

    def begin(self) -> BlockRun:
        strategy = self.config.strategy
        warmup_bars = self.features.first_simulated
        simulation = BlockRun.begin(
            self.features.base,
            execution=strategy.execution,
            decisions=rules_in_force(strategy),
            metrics=strategy.metrics,
            initial_capital=self.config.initial_capital,
            warmup_bars=warmup_bars,
        )
        if warmup_bars:
            simulation.advance(np.zeros(warmup_bars, np.int8), np.full(warmup_bars, np.nan, np.float32))
        return simulation

    def resume(self, saved: SavedRun) -> BlockRun:
        if saved.forks_here:
            strategy = self.config.strategy
            return BlockRun.fork(
                saved,
                self.features.base,
                execution=strategy.execution,
                decisions=rules_in_force(strategy),
                metrics=strategy.metrics,
                warmup_bars=self.features.first_simulated,
            )
        return BlockRun.resume(saved, self.features.base, self.parts)

    def scores(self, first_row: int) -> Iterator[NDArray[np.float32]]:
        values = self.features.values
        if first_row < len(values):
            for _, _, scores in self.bundle.iter_scores(values, first_row=first_row, threads=self.config.threads):
                yield scores


@dataclass(frozen=True)
class _Control:
    """The one place of progress, cancellation and checkpoints. While the run loads it is the bridge."""

    bridge: ProgressBridge
    token: CancellationToken
    callback: CheckpointCallback | None = field(default=None)

    def report(self, phase: str, done: int, total: int | None, detail: Mapping[str, Any]) -> None:
        self.bridge.report(phase, done, total, detail)
        if self.token.is_cancelled():
            raise Cancelled("the run was cancelled before its first bar")

    def on_block(self, simulation: BlockRun, inputs: _Inputs) -> None:
        bar = simulation.next_bar
        total = len(inputs.features.values)
        self.bridge.report("backtest", bar, total, PerformanceTracker(simulation).progress())
        cancelled = bar < total and self.token.is_cancelled()
        if self.callback is not None:
            time_ns = int(inputs.features.base.timestamp[bar - 1])
            model = inputs.bundle.id
            self.callback(Checkpoint(bar, total, cancelled, time_ns, model, simulation, lambda: inputs.parts))
        if cancelled:
            raise Cancelled("the run was cancelled", found=f"bar {bar} of {total}")
