"""Operations: runs that survive in a database; names are imported when first touched, SQLAlchemy with the store."""

from __future__ import annotations

from typing import Any

from ktrdr._lazy import resolve

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


def __getattr__(name: str) -> Any:
    if name not in LAZY:
        raise AttributeError(f"module 'ktrdr.operations' has no attribute {name!r}")
    value = resolve(LAZY[name])
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *LAZY]
