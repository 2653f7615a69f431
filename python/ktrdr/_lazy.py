"""Names that are imported when first used: ``module:function`` strings, listed by the layer contract."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def resolve(target: str) -> Any:
    """The object behind a ``module:name`` string.

    >>> resolve("ktrdr.values:Timeframe").__name__
    'Timeframe'
    """
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)


def call(target: str, /, *args: Any, **kwargs: Any) -> Any:
    """Call the function behind a ``module:name`` string: the way a result reaches up to a report."""
    return resolve(target)(*args, **kwargs)
