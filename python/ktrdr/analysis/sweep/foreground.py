"""``ktrdr.operations.sweep``: a sweep of a strategy in this process that is saved and can be resumed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

from ktrdr._lazy import require
from ktrdr.analysis.sweep.job import SweepRun
from ktrdr.analysis.sweep.kind import KIND
from ktrdr.analysis.sweep.request import SweepOptions, SweepRequest
from ktrdr.analysis.sweep.scenarios import Grid, Value
from ktrdr.analysis.sweep.study.chunks import units_for
from ktrdr.control import ProgressBridge
from ktrdr.operations.models import Claim
from ktrdr.operations.owner import Owner
from ktrdr.operations.running.cancellation import Token
from ktrdr.operations.running.io import RunIO
from ktrdr.operations.store.store import Store
from ktrdr.profile import DEFAULT_THREADS


def begin(store: Store, request: SweepRequest, *, threads: int = DEFAULT_THREADS, note: str | None = None) -> Claim:
    """Claims a new operation of this process."""
    require("torch", "safetensors", *(["optuna"] if request.trials is not None else []))
    return store.begin_here(KIND.name, request.to_spec(), Owner.me(), KIND.capability(), threads=threads, note=note)


def sweep(
    strategy: str | Path | Mapping[str, Any],
    symbol: str,
    timeframe: str,
    *,
    grid: Grid | None = None,
    scenarios: Sequence[Mapping[str, Value]] | None = None,
    threads: int = DEFAULT_THREADS,
    note: str | None = None,
    ray: str | None = None,
    store: Store | None = None,
    bridge: ProgressBridge | None = None,
    cancellation_token: Token | None = None,
    data_dir: Path | None = None,
    **options: Unpack[SweepOptions],
) -> SweepRun:
    """Trades a strategy's signals under many rules; saved after each chunk of scenarios, and resumable.

    The net scores the bars once. Each scenario has the metrics of a backtest under its rules, to the last bit.

    Args:
        strategy: a name, a path or the file's content as a mapping.
        symbol: instrument to trade.
        timeframe: the strategy's base timeframe.
        grid: values of each rule by dotted name; every combination is a scenario.
        scenarios: in place of a grid, for each scenario its rules by dotted name.
        threads: torch threads of the scoring; the scenarios take every core.
        note: words by which a person tells the run from others.
        ray: address of a Ray cluster that runs the scenarios, with the same bits; needs ``ktrdr[cluster]``.
        store: database; None opens the default one.
        bridge: receives progress reports.
        cancellation_token: asked between chunks whether to stop.
        data_dir: bars and models; None means the data folder.
        options: those of a backtest, and ``trials``, ``sampler``, ``seed`` and ``metric`` of a study, which asks a
            sampler ``trials`` times; a scenario that it gives again is neither run nor counted again: `StudyOptions`.
    """
    request = SweepRequest.of(strategy, symbol, timeframe, grid=grid, scenarios=scenarios, **options)
    units = units_for(ray, request.study())
    token = cancellation_token or Token()
    io = RunIO(store or Store.open(), token=token, bridge=bridge, data_dir=data_dir, units=units)
    return KIND.run(begin(io.store, request, threads=threads, note=note), io)
