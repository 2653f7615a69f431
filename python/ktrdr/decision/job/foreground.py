"""``ktrdr.operations.paper``: paper trading in this process that is saved and can be resumed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Unpack

from ktrdr.backtesting.results import BacktestResults
from ktrdr.control import ProgressBridge
from ktrdr.decision.job.kind import KIND
from ktrdr.decision.job.request import PaperOptions, PaperRequest
from ktrdr.operations.models import Claim
from ktrdr.operations.owner import Owner
from ktrdr.operations.running.cancellation import Token
from ktrdr.operations.running.io import RunIO
from ktrdr.operations.running.recorder import Cadence
from ktrdr.operations.store.store import Store
from ktrdr.profile import DEFAULT_THREADS


def paper(
    strategy: str | Path | Mapping[str, Any],
    symbol: str,
    timeframe: str,
    feed: str,
    *,
    threads: int = DEFAULT_THREADS,
    note: str | None = None,
    every_bars: int | None = None,
    store: Store | None = None,
    bridge: ProgressBridge | None = None,
    cancellation_token: Token | None = None,
    data_dir: Path | None = None,
    **options: Unpack[PaperOptions],
) -> BacktestResults:
    """Trades a strategy on the bars of a feed until the run ends, and returns its result.

    Args:
        strategy: a name, a path or the file's content as a mapping.
        symbol: instrument to trade.
        timeframe: the strategy's base timeframe.
        feed: a file, ws://..., or a name in feeds/ of the data folder.
        threads: torch threads.
        note: words by which a person tells the run from others.
        every_bars: also save after this many bars.
        store: database; None opens the default one.
        bridge: receives progress reports.
        cancellation_token: asked between bars whether to stop; the run is saved before it raises ``Cancelled``.
        data_dir: the data folder; None means that of the settings.
        options: `PaperOptions`.
    """
    request = PaperRequest.of(strategy, symbol, timeframe, feed, **options)
    io = RunIO(
        store or Store.open(),
        token=cancellation_token or Token(),
        bridge=bridge,
        cadence=Cadence(every_bars=every_bars),
        data_dir=data_dir,
    )
    return KIND.run(begin(io.store, request, threads=threads, note=note), io)


def begin(store: Store, request: PaperRequest, *, threads: int = DEFAULT_THREADS, note: str | None = None) -> Claim:
    """Claims a new paper run of this process."""
    return store.begin_here(KIND.name, request.to_spec(), Owner.me(), KIND.capability(), threads=threads, note=note)
