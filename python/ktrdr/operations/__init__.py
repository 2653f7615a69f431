"""Operations: runs that survive in a database; names are imported when first touched, SQLAlchemy with the store."""

from __future__ import annotations

from ktrdr._lazy import lazy_names

LAZY = {
    "Operation": "ktrdr.operations.models:Operation",
    "Owner": "ktrdr.operations.owner:Owner",
    "Status": "ktrdr.operations.models:Status",
    "Store": "ktrdr.operations.store:Store",
    "StoredResults": "ktrdr.operations.segments:StoredResults",
    "resume": "ktrdr.operations.foreground:resume",
    "run": "ktrdr.operations.foreground:run",
}

__all__ = list(LAZY)

__getattr__, __dir__ = lazy_names(globals(), LAZY)
