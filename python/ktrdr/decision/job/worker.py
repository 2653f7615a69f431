"""Runs a claimed paper run: engine, feed and broker as they were, then bar after bar until it ends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from ktrdr import _core
from ktrdr.backtesting.identity import Parts
from ktrdr.backtesting.inputs.config import BacktestConfig
from ktrdr.backtesting.job.recorder import new_segments
from ktrdr.backtesting.results import BacktestResults
from ktrdr.data.bars import Provenance
from ktrdr.decision.engine import DecisionEngine
from ktrdr.decision.feeds.named import open_feed
from ktrdr.decision.job.controls import Controls
from ktrdr.decision.job.events import feed_warnings, limit_warnings, read_events
from ktrdr.decision.job.request import PaperRequest
from ktrdr.decision.job.session import PaperSession
from ktrdr.decision.job.snapshot import PaperState
from ktrdr.decision.job.tables import held_of, read_tables, series_of
from ktrdr.errors import IdentityMismatch, SnapshotInconsistent
from ktrdr.neural.numeric_profile import machine_profile
from ktrdr.operations.models import Claim, LoadedCheckpoint
from ktrdr.operations.running.io import RunIO
from ktrdr.operations.running.session import read_checkpoint, recorded
from ktrdr.strategy.schema import UNDECIDING


@dataclass(frozen=True, eq=False)
class _Saved:
    """A saved state and its tables, read back and found whole."""

    state: PaperState
    tables: Mapping[str, pl.DataFrame]


def run(claim: Claim, io: RunIO) -> BacktestResults:
    """Runs a paper run from its beginning or its newest undamaged checkpoint, and returns its stored result."""
    claim, saved = read_checkpoint(claim, io, lambda claim, loaded: _read(claim, loaded, io))
    operation = claim.operation
    with recorded(claim, io) as recorder:
        request = PaperRequest.of_spec(operation.spec)
        config = request.config(operation.threads, operation.model_id, io.data_dir)
        session = _session(operation.id, request, config, saved, io.data_dir)
        found = session.run(recorder, io)
        live = session.engine.live
        assert live is not None
        facts: dict[str, Any] = {"operation": operation.id, "overrides": session.orchestrator.overrides}
        _, rows = session.unsaved()
        events = read_events(io.store, operation.id, rows)
        warnings = (*found.warnings, *limit_warnings(events, request.limits), *feed_warnings(events))
        results = replace(found, facts={**found.facts, **facts}, warnings=(*claim.notices, *warnings))
        recorder.complete(results, lambda: [*rows, *new_segments(live.account.stream.cursor())])
    return results


def _read(claim: Claim, loaded: LoadedCheckpoint, io: RunIO) -> _Saved:
    """Reads the tables of a checkpoint, so that damage is found first; raises ``SnapshotCorrupt``."""
    assert isinstance(loaded.opened, PaperState)
    state = loaded.opened
    names = ("waiting",) if state.start_row is None else ("held", "longer")
    return _Saved(state, read_tables(io.store, claim.operation.id, names, loaded.generation, state.rows))


def _session(
    operation_id: str, request: PaperRequest, config: BacktestConfig, saved: _Saved | None, data_dir: Path | None
) -> PaperSession:
    parts = _parts(config, request)
    feed = open_feed(request.feed, request.symbol, config.timeframe, data_dir)
    controls = Controls(operation_id, data_dir)
    if saved is None:
        return PaperSession(request, DecisionEngine(operation_id, config), feed, controls, parts, None)
    _require_same(saved.state, parts, operation_id)
    engine = _engine(operation_id, config, saved)
    return PaperSession(request, engine, feed, controls, parts, saved.state)


def _engine(operation_id: str, config: BacktestConfig, saved: _Saved) -> DecisionEngine:
    """Returns the engine as it was after its last saved bar; raises ``SnapshotInconsistent``."""
    state = saved.state
    tables = saved.tables
    if state.start_row is None:
        waiting = tables.get("waiting")
        fed = None if waiting is None else series_of(waiting, config.symbol, config.timeframe, Provenance())
        return DecisionEngine(operation_id, config, waiting=fed)
    engine = DecisionEngine(operation_id, config, held=held_of(state, tables, config.symbol, config.timeframe))
    if engine.equity != state.equity:
        raise SnapshotInconsistent(
            "the bars and actions saved do not lead to the equity saved",
            where=operation_id,
            found=engine.equity,
            expected=state.equity,
        )
    return engine


def _parts(config: BacktestConfig, request: PaperRequest) -> Parts:
    """Returns name and hash of every input that is known before the first bar, in a fixed order."""
    facts = {
        "strategy": json.loads(config.written.canonical_json(without=UNDECIDING)),
        **config.rules(),
        "timeframe": config.timeframe.value,
        "symbol": config.symbol,
        "capital": config.initial_capital,
        "span": [request.start, request.end],
        "risk": [request.largest_position, request.daily_loss],
        "semantics": _core.SEMANTICS,
        "profile": machine_profile() | {"threads": config.threads},
    }
    return tuple((name, _hash(value)) for name, value in facts.items())


def _require_same(state: PaperState, parts: Parts, operation_id: str) -> None:
    for name, value in parts:
        if state.parts.get(name) != value.hex():
            raise IdentityMismatch("changed since the run was saved", where=operation_id, part=name)


def _hash(value: object) -> bytes:
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return bytes(_core.content_hash([text.encode()]))
