"""A patch of the shipped code for as long as a test lasts."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import FunctionType, ModuleType


@contextmanager
def planted(name: str, old: str, new: str) -> Iterator[None]:
    """The module ``ktrdr.name`` runs as if its text read ``new`` in place of ``old``.

    Functions keep their identity and get the patched text's code, so whoever imported them runs it too.
    """
    module = import_module(f"ktrdr.{name}")
    text = inspect.getsource(module)
    assert text.count(old) == 1, f"{name} no longer holds the line this leak is planted in"
    patched = ModuleType(module.__name__)
    exec(compile(text.replace(old, new), str(module.__file__), "exec"), patched.__dict__)
    functions = [
        (mine, mine.__code__, vars(patched)[key].__code__)
        for key, mine in vars(module).items()
        if isinstance(mine, FunctionType) and mine.__module__ == module.__name__
    ]
    numbers = {key: value for key, value in vars(module).items() if isinstance(value, int)}
    try:
        for function, _, code in functions:
            function.__code__ = code
        vars(module).update({key: vars(patched)[key] for key in numbers})
        yield
    finally:
        for function, code, _ in functions:
            function.__code__ = code
        vars(module).update(numbers)
