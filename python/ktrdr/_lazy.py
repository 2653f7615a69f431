"""Names that are imported when first used: ``module:name`` strings, and the libraries of the extras."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ktrdr.errors import LibraryMissing

EXTRAS: Mapping[str, str] = {
    "torch": "torch",
    "safetensors": "torch",
    "fastapi": "worker",
    "uvicorn": "worker",
    "prometheus_client": "worker",
    "psycopg": "worker",
    "pandas": "pandas",
    "pyarrow": "pandas",
    "altair": "plot",
    "optuna": "study",
    "pydantic_ai": "research",
    "anthropic": "research",
    "jinja2": "report",
    "litecharts": "report",
    "websockets": "paper",
    "ray": "cluster",
}
"""The extra that installs each library which a plain installation lacks."""


def resolve(target: str) -> Any:
    """Returns the object behind a ``module:name`` string.

    >>> resolve("ktrdr.time:Timeframe").__name__
    'Timeframe'
    """
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)


def call(target: str, /, *args: object, **kwargs: object) -> Any:
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


def require(*libraries: str, extra: str | None = None) -> None:
    """Checks, before any work, that libraries of the extras are installed; raises ``LibraryMissing``.

    Args:
        libraries: the names that are imported.
        extra: the extra that holds all of them; by default that of the first one that is missing.

    >>> require("json")
    """
    if missing := [name for name in libraries if find_spec(name) is None]:
        raise library_missing(*missing, extra=extra)


def library_missing(*libraries: str, extra: str | None = None) -> LibraryMissing:
    """Returns the error about libraries that are not installed; its hint is the command that installs them.

    >>> library_missing("torch").hint
    "pip install 'ktrdr[torch]'"
    """
    from ktrdr.errors import LibraryMissing  # `import ktrdr` loads no error

    hint = f"pip install 'ktrdr[{extra or EXTRAS[libraries[0]]}]'"
    return LibraryMissing("not installed", where=", ".join(libraries), hint=hint)
