"""Names that are imported when first used: ``module:name`` strings, listed by the layer contract."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from importlib import import_module
from typing import Any


def resolve(target: str) -> Any:
    """Returns the object behind a ``module:name`` string.

    >>> resolve("ktrdr.time:Timeframe").__name__
    'Timeframe'
    """
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)


def call(target: str, /, *args: Any, **kwargs: Any) -> Any:
    """Calls the function behind a ``module:name`` string: the way a result reaches up to a report."""
    return resolve(target)(*args, **kwargs)


def lazy_names(
    namespace: MutableMapping[str, Any], targets: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Returns a package's ``__getattr__`` and ``__dir__``.

    Each name is imported when it is first used, and kept. ``dir`` lists the names in ``__all__`` and no others.

    >>> find, names = lazy_names({"__name__": "shop", "__all__": ["Timeframe"]}, {"Timeframe": "ktrdr.time:Timeframe"})
    >>> find("Timeframe").__name__, names()
    ('Timeframe', ['Timeframe'])
    >>> find("Timeframes")
    Traceback (most recent call last):
    AttributeError: module 'shop' has no attribute 'Timeframes'
    """

    def find(name: str) -> Any:
        if name not in targets:
            raise AttributeError(f"module {namespace['__name__']!r} has no attribute {name!r}")
        value = namespace[name] = resolve(targets[name])
        return value

    return find, lambda: sorted(namespace["__all__"])
