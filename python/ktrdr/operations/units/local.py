"""The one rule of divided work, and its plainest runner: this process, one unit after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from ktrdr.control import CancellationToken

Unit = TypeVar("Unit")
_Unit_co = TypeVar("_Unit_co", covariant=True)


class Work(Protocol[_Unit_co]):
    """Work in numbered units.

    A unit is a function of the work and its number, and of nothing else. So any process may compute it, and compute it
    again after a loss; whoever asked for it stores it at once.
    """

    @property
    def threads(self) -> int:
        """Returns the number of threads that a unit takes."""

    def unit(self, number: int) -> _Unit_co:
        """Returns the result of one unit."""


class Units(Protocol):
    """A place that computes units."""

    def unit_threads(self, local: int) -> int:
        """Returns the threads of a unit that may take any number; ``local`` is that of this process."""

    def run(self, work: Work[Unit], numbers: Iterable[int], token: CancellationToken) -> Iterator[tuple[int, Unit]]:
        """Yields each unit with its number, in any order; ends early once the token asks to stop."""


@dataclass(frozen=True)
class Here:
    """This process, which computes one unit after the other.

    >>> from ktrdr.control import NeverCancelled
    >>> class Squares:
    ...     threads = 1
    ...     def unit(self, number: int) -> int:
    ...         return number * number
    >>> list(Here().run(Squares(), [2, 3], NeverCancelled()))
    [(2, 4), (3, 9)]
    """

    def unit_threads(self, local: int) -> int:
        """Returns ``local``: a unit takes what this process has."""
        return local

    def run(self, work: Work[Unit], numbers: Iterable[int], token: CancellationToken) -> Iterator[tuple[int, Unit]]:
        """Yields each unit with its number, in the order that was asked for; ends early once the token asks to stop."""
        for number in numbers:
            if token.is_cancelled():
                return
            yield number, work.unit(number)


HERE = Here()
