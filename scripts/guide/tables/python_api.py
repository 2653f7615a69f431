"""Reference of the public names of a package, from their docstrings."""

from __future__ import annotations

import inspect
from importlib import import_module

import ktrdr


def names(package: str) -> str:
    """Returns directives that document every public name of a package."""
    module = import_module(package)
    parts = []
    for name in module.__all__:
        found = getattr(module, name)
        if not callable(found):
            continue
        if found.__name__ != name or not (found.__module__ or "").startswith("ktrdr"):
            continue
        if package != "ktrdr" and getattr(ktrdr, name, None) is found:
            parts.append(f"## {name}\n\nThe same as [ktrdr.{name}](python.md#{name.lower()}).\n")
            continue
        kind = "autoclass" if inspect.isclass(found) else "autofunction"
        parts.append(f"## {name}\n\n```{{eval-rst}}\n.. {kind}:: {package}.{name}\n{_options(found)}```\n")
    return "\n".join(parts)


def _options(found: object) -> str:
    return (
        "   :members:\n   :inherited-members: Exception, BaseException, BaseModel\n" if inspect.isclass(found) else ""
    )
