"""Proofs of a stored backtest: its hash and figures from its ledger, and the run itself once more."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from ktrdr import _core
from ktrdr.backtesting.engine import BacktestingEngine
from ktrdr.backtesting.inputs.request import BacktestRequest
from ktrdr.backtesting.job.derived import derived_metrics, differing
from ktrdr.backtesting.job.stored import ledger, stored_results
from ktrdr.backtesting.results import BacktestResults
from ktrdr.errors import KtrdrError
from ktrdr.operations.kind import Proof
from ktrdr.operations.store.store import Store
from ktrdr.simulation.inputs import rules_to_json
from ktrdr.simulation.ledger import to_columns
from ktrdr.time import Timeframe


def proofs(store: Store, operation_id: str, *, rerun: bool) -> Iterator[Proof]:
    """Yields the proofs of a completed backtest whose rows are sound.

    Args:
        store: database of the operation.
        operation_id: of the backtest.
        rerun: whether the run is made again from bars, strategy and net.
    """
    result = stored_results(store, operation_id)
    yield _hash(store, operation_id, result)
    yield _figures(result)
    if rerun:
        yield _again(store, operation_id, result)


def hash_of_ledger(store: Store, operation_id: str, result: BacktestResults) -> str:
    """Returns the result hash that follows from the stored ledger and the stored metrics, as hex."""
    frames = ledger(store, operation_id)
    metrics = [(name, None if value is None else float(value)) for name, value in sorted(result.metrics.items())]
    times = frames["equity"]["time"].cast(pl.Int64).to_numpy()
    length_ns = Timeframe(result.conventions["timeframe"]).ns
    # A run that has simulated nothing: of the core's own, only the symbol counts beside a ledger that is given.
    rules = rules_to_json({}, {}, {})
    core = _core.Simulation(rules, str(result.manifest["symbol"]), length_ns, 1.0, 0, times)
    rows = frames["fills"].height, frames["trades"].height
    return core.result_hash(times, *rows, metrics, to_columns(frames)).hex()


def _hash(store: Store, operation_id: str, result: BacktestResults) -> Proof:
    found = hash_of_ledger(store, operation_id, result)
    same = found == result.result_hash
    return Proof("result hash", holds=same, detail="follows from ledger and metrics" if same else f"is {found}")


def _figures(result: BacktestResults) -> Proof:
    others = differing(result)
    detail = ", ".join(f"{name} {stored} is {value:.12g}" for name, (stored, value) in others.items())
    count = len(derived_metrics(result))
    return Proof("metrics", holds=not others, detail=detail or f"{count} follow from the ledger, by their definitions")


def _again(store: Store, operation_id: str, result: BacktestResults) -> Proof:
    operation = store.whole(operation_id)
    if operation.forked_from is not None:
        return Proof("rerun", holds=None, detail="a fork begins with the checkpoint of another run")
    request = BacktestRequest.of_spec(operation.spec)
    try:
        config = request.config(operation.threads, request.model or operation.model_id)
        again = BacktestingEngine(config, recomputes=True).run()
    except KtrdrError as error:
        return Proof("rerun", holds=False, detail=str(error))
    if again.identity != result.identity:
        return Proof("rerun", holds=False, detail=f"other inputs: {', '.join(_changed(again, result))}")
    same = again.result_hash == result.result_hash
    return Proof("rerun", holds=same, detail="gives the same hash" if same else f"gives {again.result_hash}")


def _changed(again: BacktestResults, result: BacktestResults) -> list[str]:
    now = again.manifest["parts"]
    before = result.manifest["parts"]
    return [name for name in {**before, **now} if now.get(name) != before.get(name)]
