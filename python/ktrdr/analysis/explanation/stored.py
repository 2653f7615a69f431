"""The reasons of a stored run, as the command line and HTTP answer them; torch is imported when they are asked for."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from ktrdr.analysis.explanation.decision import Explanation
from ktrdr.backtesting.job.stored import stored_results
from ktrdr.errors import NotFound
from ktrdr.operations.store.store import Store

_EXPLAINED = "backtest"
# `run_state` sets switches of the process: two threads at once would put back each other's.
_one_at_a_time = threading.Lock()


def explanation_of(store: Store, operation_id: str, trades: Sequence[int] | None = None) -> Explanation:
    """Returns why a completed backtest entered and left its trades.

    Args:
        store: database of the operation.
        operation_id: its id.
        trades: numbers of the trades; all by default.

    Raises:
        NotFound: there is no such operation, or it is no backtest.
        NotCompleted: it has no result yet.
        IdentityMismatch: an input of the run has changed.
        ArgumentInvalid: the run has no such trade.
    """
    from ktrdr.analysis.explanation.explain import explain

    kind = store.get(operation_id).kind
    if kind != _EXPLAINED:
        raise NotFound(f"an operation of kind {kind} has no reasons", where=operation_id, expected=_EXPLAINED)
    with _one_at_a_time:
        return explain(stored_results(store, operation_id), trades)
