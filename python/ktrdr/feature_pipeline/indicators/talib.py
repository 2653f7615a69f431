"""TA-Lib, without the pandas that it imports wherever it is installed: a tenth of a second nobody here needs."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import talib

__all__ = ["talib"]


class _OfPandas(type):
    """Stands for a class of pandas: an object of it can only exist once somebody has imported pandas."""

    def __instancecheck__(cls, value: object) -> bool:
        pandas = sys.modules.get("pandas")
        return pandas is not None and isinstance(value, getattr(pandas, cls.__name__))

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return getattr(sys.modules["pandas"], cls.__name__)(*args, **kwargs)


def _load() -> ModuleType:
    """TA-Lib as everybody knows it: pandas series go in and come out, whenever pandas is imported."""
    if "talib" in sys.modules or "pandas" in sys.modules:
        return import_module("talib")
    stand_in = ModuleType("pandas")
    for name in ("Series", "DataFrame"):
        setattr(stand_in, name, _OfPandas(name, (), {}))
    sys.modules["pandas"] = stand_in
    try:
        return import_module("talib")
    finally:
        del sys.modules["pandas"]


if not TYPE_CHECKING:
    talib = _load()
