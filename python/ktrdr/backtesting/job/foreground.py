"""``ktrdr.operations.run``: a backtest in this process that is saved and can be resumed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ktrdr.arguments import INITIAL_CAPITAL
from ktrdr.backtesting.inputs.request import BacktestRequest
from ktrdr.backtesting.job.kind import KIND
from ktrdr.backtesting.results import BacktestResults
from ktrdr.control import ProgressBridge
from ktrdr.operations.models import Claim
from ktrdr.operations.owner import Owner
from ktrdr.operations.running.cancellation import Token
from ktrdr.operations.running.io import RunIO
from ktrdr.operations.running.recorder import Cadence
from ktrdr.operations.store.store import Store
from ktrdr.profile import DEFAULT_THREADS
from ktrdr.strategy.rule_mappings import DecisionsMapping, ExecutionMapping, MetricsMapping


def run(
    strategy: str | Path | Mapping[str, Any],
    symbol: str,
    timeframe: str,
    *,
    start: str | None = None,
    end: str | None = None,
    model: str | None = None,
    initial_capital: float = INITIAL_CAPITAL,
    execution: ExecutionMapping | None = None,
    decisions: DecisionsMapping | None = None,
    metrics: MetricsMapping | None = None,
    threads: int = DEFAULT_THREADS,
    strict: bool = False,
    resample: bool = False,
    note: str | None = None,
    every_bars: int | None = None,
    store: Store | None = None,
    bridge: ProgressBridge | None = None,
    cancellation_token: Token | None = None,
    data_dir: Path | None = None,
) -> BacktestResults:
    """Runs a backtest like ``ktrdr.backtest``, saved every five seconds and therefore resumable.

    The operation's id is ``result.manifest["operation"]``; a ``Cancelled`` names it too. Parameters that
    ``ktrdr.backtest`` has are described there.

    Args:
        note: words by which a person tells the run from others.
        every_bars: also save after this many bars.
        store: database; None opens the default one.
        bridge: receives progress reports.
        cancellation_token: asked between blocks whether to stop; the run is saved before it raises ``Cancelled``.
    """
    request = BacktestRequest.of(
        strategy,
        symbol,
        timeframe,
        threads=threads,
        start=start,
        end=end,
        model=model,
        initial_capital=initial_capital,
        execution=execution,
        decisions=decisions,
        metrics=metrics,
        strict=strict,
        resample=resample,
    )
    io = RunIO(
        store or Store.open(),
        token=cancellation_token or Token(),
        bridge=bridge,
        cadence=Cadence(every_bars=every_bars),
        data_dir=data_dir,
    )
    return KIND.run(begin(io.store, request, threads=threads, note=note), io)


def begin(store: Store, request: BacktestRequest, *, threads: int = DEFAULT_THREADS, note: str | None = None) -> Claim:
    """Claims a new operation of this process."""
    return store.begin_here(KIND.name, request.to_spec(), Owner.me(), KIND.capability(), threads=threads, note=note)
