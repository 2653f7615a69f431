"""Collects the faults of a configuration, so that one answer lists them all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ParamSpec, TypeVar

from ktrdr.errors import ConfigError

P = ParamSpec("P")
T = TypeVar("T")


class UnresolvedError(Exception):
    """A reference to a part that has a fault, which is reported at that part."""


class Faults:
    """Faults found so far.

    >>> faults = Faults()
    >>> faults.attempt(int, "3"), faults.found
    (3, [])
    """

    def __init__(self, found: Iterable[ConfigError] = ()) -> None:
        self.found = list(found)

    def add(self, error: ConfigError) -> None:
        """Adds an error, or every fault that it lists."""
        self.found.extend(error.faults or (error,))

    def attempt(self, step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """Returns the value of ``step``; None where it raised, after adding its faults."""
        try:
            return step(*args, **kwargs)
        except UnresolvedError:
            return None
        except ConfigError as error:
            self.add(error)
            return None

    def raise_all(self) -> None:
        """Raises the faults found, if there are any."""
        if self.found:
            raise together(self.found)


def together(faults: Iterable[ConfigError]) -> ConfigError:
    """Returns the first fault in file order, which lists every fault where there are several.

    Of several faults at one path only the first found is kept: the others follow from it.
    """
    by_path: dict[object, ConfigError] = {}
    for fault in faults:
        by_path.setdefault(fault.path if fault.path is not None else id(fault), fault)
    ordered = sorted(by_path.values(), key=lambda fault: fault.line or 0)
    first = ordered[0]
    return first if len(ordered) == 1 else type(first)(**first.fields() | {"faults": ordered})
