"""Checks of arguments that several calls share; each raises ``ArgumentInvalid`` with the argument's name."""

from __future__ import annotations

import math
import operator
from numbers import Real
from typing import Final

from ktrdr.errors import ArgumentInvalid
from ktrdr.profile import MAX_THREADS

INITIAL_CAPITAL: Final = 100_000.0
"""The capital of a run that names none, account currency."""


def as_whole(value: object) -> int | None:
    """Returns an integer of any library as an int; None for a bool, and for what is no integer."""
    if isinstance(value, bool):
        return None
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        return None


def check_whole(name: str, value: object, low: int, high: int) -> int:
    """Returns ``value`` as an int if it is a whole number from ``low`` to ``high``; a bool is none.

    >>> check_whole("seed", 7, 0, 100)
    7
    """
    number = as_whole(value)
    if number is None or not low <= number <= high:
        raise ArgumentInvalid(f"must be a whole number from {low} to {high}", where=name, found=with_type(value))
    return number


def with_type(value: object) -> str:
    """Returns a refused value as a message shows it: with its type where that may be the reason.

    >>> with_type(0), with_type("2"), with_type(True)
    ('0', "'2' (str)", 'True (bool)')
    """
    if type(value) in (int, float):
        return str(value)
    return f"{repr(value) if isinstance(value, str) else value} ({type(value).__name__})"


def check_threads(value: object) -> int:
    """Returns a number of threads torch can be asked for.

    >>> check_threads(0)
    Traceback (most recent call last):
    ktrdr.errors.ArgumentInvalid: threads: must be a whole number from 1 to 1024: found 0
    """
    return check_whole("threads", value, 1, MAX_THREADS)


def check_money(name: str, value: object) -> float:
    """Returns a finite amount of money above 0.

    >>> check_money("initial_capital", 100_000)
    100000.0
    """
    amount = float(value) if isinstance(value, Real) and not isinstance(value, bool) else math.nan
    if not (math.isfinite(amount) and amount > 0):
        raise ArgumentInvalid("must be a finite amount above 0", where=name, found=with_type(value))
    return amount
