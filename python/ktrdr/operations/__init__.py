"""Operations: runs that survive in a database; names are imported when first touched, SQLAlchemy with the store."""

from __future__ import annotations

from ktrdr._lazy import lazy_names

LAZY = {
    "Operation": "ktrdr.operations.models:Operation",
    "Owner": "ktrdr.operations.owner:Owner",
    "Status": "ktrdr.operations.models:Status",
    "Store": "ktrdr.operations.store.store:Store",
    "stored_results": "ktrdr.backtesting.job.stored:stored_results",
    "resume": "ktrdr.backtesting.job.foreground:resume",
    "run": "ktrdr.backtesting.job.foreground:run",
}

__all__ = list(LAZY)

__getattr__, __dir__ = lazy_names(globals(), LAZY)
