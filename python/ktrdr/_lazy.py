"""Names that are imported when first used: ``module:function`` strings, listed by the layer contract."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def resolve(target: str) -> Any:
    """The object behind a ``module:name`` string.

    >>> resolve("ktrdr.time:Timeframe").__name__
    'Timeframe'
    """
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)


def call(target: str, /, *args: Any, **kwargs: Any) -> Any:
    """Call the function behind a ``module:name`` string: the way a result reaches up to a report."""
    return resolve(target)(*args, **kwargs)


def lazy_names(
    namespace: dict[str, Any], targets: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """A package's ``__getattr__`` and ``__dir__``: each name is imported when it is first touched, and kept.

    >>> find, _ = lazy_names({"__name__": "shop"}, {"Timeframe": "ktrdr.time:Timeframe"})
    >>> find("Timeframe").__name__
    'Timeframe'
    >>> find("Timeframes")
    Traceback (most recent call last):
    AttributeError: module 'shop' has no attribute 'Timeframes'
    """

    def find(name: str) -> Any:
        if name not in targets:
            raise AttributeError(f"module {namespace['__name__']!r} has no attribute {name!r}")
        value = namespace[name] = resolve(targets[name])
        return value

    return find, lambda: [*namespace, *targets]
