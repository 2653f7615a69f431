"""Runs a sweep of a strategy as an operation: bars, features and scores once, then scenarios chunk by chunk."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from ktrdr import _core
from ktrdr._processor import usable_cores
from ktrdr._version import __version__
from ktrdr.analysis.sweep.chunks import Chunk, ChunkWork, Market, in_order
from ktrdr.analysis.sweep.request import SweepRequest
from ktrdr.analysis.sweep.result import Best, SweepResult
from ktrdr.analysis.sweep.run import joined, optimism
from ktrdr.analysis.sweep.saved import SweepPoint, SweepState, continued, decoded, encoded, hash_of, read_chunks
from ktrdr.analysis.sweep.scenarios import Compiled, Scenarios
from ktrdr.analysis.sweep.study.chunks import chunks_of
from ktrdr.analysis.sweep.study.parameters import Study
from ktrdr.analysis.sweep.study.space import Space
from ktrdr.analysis.sweep.trials import Identities, TrialsOf
from ktrdr.backtesting.decision_function import DecisionFunction
from ktrdr.backtesting.engine import BacktestingEngine, Scored
from ktrdr.backtesting.identity import Parts
from ktrdr.control import CancellationToken, ProgressBridge, SilentBridge
from ktrdr.disk import write_page
from ktrdr.operations.kind import completed, kind_of
from ktrdr.operations.models import Claim, LoadedCheckpoint, Operation, Outcome, OutcomeResult
from ktrdr.operations.registry import report_of
from ktrdr.operations.running.io import RunIO
from ktrdr.operations.running.recorder import Cadence
from ktrdr.operations.running.session import read_checkpoint, recorded
from ktrdr.operations.store.elsewhere.units import Terms
from ktrdr.operations.store.store import Store
from ktrdr.operations.units.local import Units
from ktrdr.operations.units.workers import SharedWork, Workers
from ktrdr.simulation.columns import WholeColumns
from ktrdr.time import iso

_EACH_CHUNK = Cadence(every_bars=1)
"""A save after each chunk: a kill loses no more than one."""


@dataclass(frozen=True, eq=False)
class SweepRun(OutcomeResult):
    """The result of a sweep as an operation.

    Its summary has the number of ``scenarios`` and the ``best`` of them, with its metrics, DSR and PBO.

    Args:
        outcome: hash, identity, figures, manifest and warnings, as the store keeps them.
        chunks: the scenarios; read from the store when they are asked for.
    """

    chunks: Sequence[Chunk]

    @cached_property
    def sweep(self) -> SweepResult:
        """Returns the scenarios as `ktrdr.sweep` returns them: table, best, heat map."""
        facts = self.manifest
        names = tuple(facts["parameters"])
        return joined(self.chunks, names, facts["periods_per_year"], facts["risk_free_rate"], self.warnings)

    @property
    def table(self) -> pl.DataFrame:
        """Returns a row for each scenario: parameters, every metric, and ``error``."""
        return self.sweep.table

    def report(self, path: str | Path) -> Path:
        """Writes the result as one HTML file that needs no network, and returns its path.

        Raises ``LibraryMissing`` without the extra ``ktrdr[report]``, and ``OutputNotWritable``.
        """
        return write_page(report_of("sweep")(self), Path(path))


@dataclass(frozen=True, eq=False)
class _Inputs:
    """Everything that the scenarios of a sweep are run from.

    Args:
        request: of the sweep.
        compiled: the scenarios, as the core takes them.
        scored: the backtest that all share.
        market: bars and signals.
    """

    request: SweepRequest
    compiled: Compiled
    scored: Scored
    market: Market

    @classmethod
    def of(
        cls, operation: Operation, bridge: ProgressBridge, token: CancellationToken, data_dir: Path | None = None
    ) -> _Inputs:
        """Returns the inputs of an operation, read and scored by this process."""
        request = SweepRequest.of_spec(operation.spec)
        config = request.config(operation.threads, operation.model_id, data_dir)
        compiled = request.compiled(config)
        scored = BacktestingEngine(config).scored(bridge, token)
        return cls(request, compiled, scored, _market(scored, config.initial_capital))

    @cached_property
    def tried(self) -> Scenarios | Space:
        """Returns the scenarios of the request, or the space of its study."""
        return self.request.tried()

    @cached_property
    def state(self) -> SweepState:
        """Returns the state before the first chunk, which has the identity of all inputs."""
        of_tried = ("scenarios", _hash(self.tried.to_spec()))
        return SweepState(0, (*self.scored.parts, of_tried, *_sampler_part(self.request.study())))

    @property
    def terms(self) -> Terms:
        """Returns what another process's chunk must have been computed from."""
        return Terms(self.state.identity, __version__)

    def trials(self) -> TrialsOf:
        """Returns the scenarios as the log of trials keeps them."""
        rules = self.scored.config.rules()
        periods = self.market.periods_per_year(self.compiled)
        return TrialsOf(self.scored, Identities(self.scored.parts, rules, self.compiled), periods)


def run(claim: Claim, io: RunIO) -> SweepRun:
    """Runs a claimed sweep to its end, from its last chunk where it has one."""
    claim, before = read_checkpoint(claim, io, lambda claim, saved: _read(claim, saved, io.store))
    with recorded(claim, replace(io, cadence=_EACH_CHUNK)) as recorder:
        inputs = _Inputs.of(claim.operation, recorder.progress, io.token, io.data_dir)
        recorder.record_start(model_id=inputs.scored.bundle.id)
        state = inputs.state
        if claim.saved is not None:
            assert isinstance(claim.saved.opened, SweepState)
            claim.saved.opened.require_same(state.parts, claim.operation.id)
        trials = inputs.trials()
        chunks = list(before or ())
        done = sum(chunk.table.height for chunk in chunks)
        for chunk in chunks_of(
            inputs.market,
            inputs.tried,
            inputs.compiled,
            inputs.request.study(),
            None,
            recorder.progress,
            io.token,
            before or (),
            units=_units(claim, io, inputs, before or ()),
        ):
            chunks.append(continued(chunk, chunks))
            done += chunk.table.height
            recorder.reach(SweepPoint(replace(state, bar=done), chunks[-1], trials.of(chunk)))
        result = _result(claim, inputs, trials.periods_per_year, in_order(chunks))
        recorder.complete(result)
    return result


def _units(claim: Claim, io: RunIO, inputs: _Inputs, before: Sequence[Chunk]) -> Units:
    """Returns the place that computes the chunks: for a worker's run all workers of its database."""
    tried = inputs.tried
    if io.worker is None or isinstance(tried, Space):
        return io.units
    spans = inputs.market.spans(len(tried), before)

    def decode(number: int, data: bytes) -> Chunk:
        chunk = decoded(number, data)
        span = spans[number]
        if chunk.table.height != len(span):
            raise ValueError(number)
        return replace(chunk, choices=inputs.compiled.choices[span.start : span.stop])

    capability = kind_of(claim.operation.kind).capability()
    return Workers(io.store, claim, inputs.terms, io.worker.id, capability, decode)


def shared_work(operation: Operation, token: CancellationToken) -> SharedWork:
    """Returns the chunks of a sweep that another worker runs, over the bars and the net of this machine."""
    inputs = _Inputs.of(operation, SilentBridge(), token)
    tried = inputs.tried
    assert isinstance(tried, Scenarios)
    spans = inputs.market.spans(len(tried), ())
    work = ChunkWork(inputs.market, tried, inputs.compiled, spans, usable_cores())
    return SharedWork(
        inputs.state.identity, inputs.terms, frozenset(spans), lambda number, _bridge: encoded(work.unit(number))
    )


def stored(store: Store, operation_id: str) -> SweepRun:
    """Returns a completed sweep; its scenarios are read at once."""
    outcome = completed(store, operation_id)
    return SweepRun(outcome, read_chunks(store, operation_id, rows=outcome.summary["scenarios"]))


def _read(claim: Claim, saved: LoadedCheckpoint, store: Store) -> list[Chunk]:
    return read_chunks(store, claim.operation.id, saved.generation, saved.bar)


def _market(scored: Scored, initial_capital: float) -> Market:
    base = scored.features.base
    decide = DecisionFunction.of(scored.config.strategy, scored.bundle)
    warmup_bars = scored.features.first_simulated
    signals = np.zeros(len(base), np.int8)
    confidence = np.full(len(base), np.nan, np.float32)
    # Row by row the same arithmetic, so that one call gives what a backtest's blocks give.
    signals[warmup_bars:], confidence[warmup_bars:] = decide.batch(scored.scores)
    return Market(WholeColumns(base, signals, confidence), base.timeframe, initial_capital, warmup_bars)


def _result(
    claim: Claim,
    inputs: _Inputs,
    periods_per_year: float,
    chunks: Sequence[Chunk],
) -> SweepRun:
    request = inputs.request
    scored = inputs.scored
    state = inputs.state
    strategy = scored.config.strategy
    base = scored.features.base
    first, last = (int(base.timestamp[row]) for row in (scored.features.first_simulated, -1))
    manifest = {
        "identity": state.identity.hex(),
        "parts": {name: value.hex() for name, value in state.parts},
        "operation": claim.operation.id,
        "strategy": strategy.name,
        **request.model_dump(exclude={"strategy_name", "strategy_text", "grid", "scenarios"}),
        "model": scored.bundle.id,
        "threads": claim.operation.threads,
        "parameters": list(inputs.tried.values),
        "first_simulated": iso(first),
        "last_simulated": iso(last),
        "periods_per_year": periods_per_year,
        "risk_free_rate": strategy.metrics.risk_free_rate,
    }
    warnings = (*claim.notices, *scored.warnings, *optimism(chunks, inputs.compiled))
    whole = SweepRun(Outcome("", state.identity.hex(), {}, manifest, warnings), chunks)
    sweep = whole.sweep
    ratios = sweep.table["sharpe"].count()
    summary: dict[str, Any] = {"scenarios": len(sweep), "failed": sweep.table["error"].count(), "best": None}
    if ratios:
        summary["best"] = _facts(sweep.best())
    outcome = replace(whole.outcome, result_hash=hash_of(chunks), summary=summary)
    return SweepRun(outcome, chunks)


def _sampler_part(study: Study | None) -> Parts:
    return () if study is None else (("sampler", _hash(study.facts())),)


def _facts(best: Best) -> dict[str, Any]:
    return {
        "scenario": best.scenario,
        "parameters": dict(best.parameters),
        "metrics": dict(best.metrics),
        "dsr": best.dsr,
        "pbo": best.pbo,
    }


def _hash(value: object) -> bytes:
    return bytes(_core.content_hash([json.dumps(value, sort_keys=True, allow_nan=False).encode()]))
