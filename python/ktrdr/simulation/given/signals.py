"""Signals from callers: put in the bars' order and checked once; entries and exits become signals of the core."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ktrdr import _core
from ktrdr._types import Flags
from ktrdr.errors import ArgumentInvalid
from ktrdr.simulation.given.order import BarOrder

Signals = NDArray[np.int8]
Confidence = NDArray[np.float32]

_NO_BOOLEANS = "give booleans as entries= and exits=, or signals as +1 buy, 0 hold and -1 sell"


class Conflicts(NamedTuple):
    """Numbers of bars at which boolean columns contradict each other, so that neither counts."""

    long: int = 0
    short: int = 0
    direction: int = 0

    def plus(self, more: Conflicts) -> Conflicts:
        """Returns the sums of both."""
        if not any(more):
            return self
        return Conflicts(*(one + other for one, other in zip(self, more, strict=True)))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Returns one line for each kind that occurs."""
        pairs = ("entries and exits", "short_entries and short_exits", "entries and short_entries")
        found = zip(pairs, self, strict=True)
        return tuple(f"{pair} are both true on {bars:,} bars: neither counts there" for pair, bars in found if bars)


class OwnSignals(NamedTuple):
    """A caller's signals as the core takes them, one per bar; confidence None is 1 everywhere."""

    signals: Signals
    confidence: Confidence | None
    conflicts: Conflicts


@dataclass(frozen=True, eq=False)
class GivenSignals:
    """The columns of a call: ``signals``, or booleans. Each may be any column that numpy reads.

    An entry opens its side, and closes the other one first. An exit closes its side and opens nothing. On a bar where
    entry and exit of one side are both true, neither counts, and of two entries neither. A missing value is False.
    """

    signals: ArrayLike | None = None
    confidence: ArrayLike | None = None
    entries: ArrayLike | None = None
    exits: ArrayLike | None = None
    short_entries: ArrayLike | None = None
    short_exits: ArrayLike | None = None

    def read(self, order: BarOrder) -> OwnSignals:
        """Returns the signals of the bars.

        Raises:
            ArgumentInvalid: for columns that cannot be used, that do not fit the bars, or that exclude each other.
        """
        confidence = _confidence(order, self.confidence)
        if not self._has_booleans():
            if self.signals is None:
                raise ArgumentInvalid("a run needs signals", where="signals", found="none", hint=_NO_BOOLEANS)
            return OwnSignals(_signals(order, self.signals), confidence, Conflicts())
        self._check_booleans()
        long, long_conflicts = self._side(order, "entries", "exits", _core.ENTER_LONG, _core.CLOSE_LONG)
        short, short_conflicts = self._side(order, "short_entries", "short_exits", _core.ENTER_SHORT, _core.CLOSE_SHORT)
        signals, both = _of_sides(long, short)
        return OwnSignals(signals, confidence, Conflicts(long_conflicts, short_conflicts, both))

    def _side(self, order: BarOrder, entries: str, exits: str, enter: int, close: int) -> tuple[Signals | None, int]:
        """Returns the signals of one side, None where its columns are not given, and how often they contradict."""
        if getattr(self, entries) is None:
            return None, 0
        opens = _flags(order, entries, getattr(self, entries)).view(np.int8)
        signals = opens * np.int8(enter)
        if getattr(self, exits) is None:
            return signals, 0
        closes = _flags(order, exits, getattr(self, exits)).view(np.int8)
        # Arithmetic on whole columns: a tenth of the time of writing through masks. Both at once count as neither.
        signals += closes * np.int8(close)
        signals *= opens ^ closes
        return signals, int(np.count_nonzero(opens & closes))

    def _has_booleans(self) -> bool:
        columns = (self.entries, self.exits, self.short_entries, self.short_exits)
        return any(column is not None for column in columns)

    def _check_booleans(self) -> None:
        if self.signals is not None:
            raise ArgumentInvalid("either signals or booleans", where="signals", hint="leave one of them out")
        for exits, entries in (("exits", "entries"), ("short_exits", "short_entries")):
            if getattr(self, exits) is not None and getattr(self, entries) is None:
                raise ArgumentInvalid("nothing is opened that it could close", where=exits, expected=f"{entries}=, too")


def _of_sides(long: Signals | None, short: Signals | None) -> tuple[Signals, int]:
    """Returns one signal per bar, and how often both sides enter at once, which counts as neither."""
    if long is None or short is None:
        alone = short if long is None else long
        assert alone is not None, "exits need entries"
        return alone, 0
    both = (long == _core.ENTER_LONG) & (short == _core.ENTER_SHORT)
    # An entry closes the other side itself.
    signals = np.where((short == 0) | (long == _core.ENTER_LONG), long, short)
    signals[(long == _core.CLOSE_LONG) & (short == _core.CLOSE_SHORT)] = _core.CLOSE_ANY
    signals[both] = 0
    return signals, int(np.count_nonzero(both))


def _signals(order: BarOrder, values: ArrayLike) -> Signals:
    """Returns signals [n_bars, int8]; raises ``ArgumentInvalid`` where the cast would lose anything."""
    given = order.arrange("signals", values)
    if _is_boolean(given):
        raise ArgumentInvalid("booleans are no signals: they buy and never sell", where="signals", hint=_NO_BOOLEANS)
    signals = _cast_without_loss(given)
    if signals.min(initial=0) < -1 or signals.max(initial=0) > 1:
        row = int(np.argmax((signals < -1) | (signals > 1)))
        raise ArgumentInvalid("a signal must be 1, 0 or -1", where="signals", found=f"{signals[row]} in row {row}")
    return np.ascontiguousarray(signals)


def _cast_without_loss(given: NDArray[Any]) -> Signals:
    if given.dtype == np.int8:
        return given
    if given.dtype == object:
        row = next((row for row, value in enumerate(given) if not isinstance(value, Real)), None)
        if row is not None:
            raise _no_signal(given, row)
        given = given.astype(np.float64)
    if given.dtype.kind not in "iuf":
        if given.size:
            raise _no_signal(given, 0)
        return np.zeros(given.shape, np.int8)
    if given.dtype.kind == "f":
        with np.errstate(invalid="ignore", over="ignore"):
            cast = given.astype(np.int8)
    else:
        cast = given.astype(np.int8)
    # Compared as numbers: cast back to an unsigned type, -1 is the 255 that it was made of.
    if not np.array_equal(cast, given):
        raise _no_signal(given, int(np.argmax(cast != given)))
    return cast


def _no_signal(given: NDArray[Any], row: int) -> ArgumentInvalid:
    found = f"{given[row]} ({given.dtype}) in row {row}"
    return ArgumentInvalid("not a signal", where="signals", found=found, expected="-1, 0 or 1")


def _confidence(order: BarOrder, values: ArrayLike | None) -> Confidence | None:
    """Returns confidences [n_bars, float32]; None stays None; raises ``ArgumentInvalid`` for other values."""
    if values is None:
        return None
    given = order.arrange("confidence", values)
    try:
        with np.errstate(over="ignore"):
            confidence = given.astype(np.float32, copy=False)
    except (TypeError, ValueError):
        raise ArgumentInvalid(
            "the confidences are not numbers", where="confidence", found=str(given.dtype), expected="float32"
        ) from None
    return np.ascontiguousarray(confidence)


def _flags(order: BarOrder, name: str, values: ArrayLike) -> Flags:
    """Returns a boolean column [n_bars, bool]; a missing value is False."""
    given = order.arrange(name, values)
    kind = given.dtype
    if kind.kind == "f" and isinstance(values, Sequence):
        # numpy makes numbers of True beside NaN; a list still says which it was.
        given = np.array(values, object)
    if given.dtype == object:
        # Of None, NaN and pandas' NA none equals itself as True does.
        missing = np.array([not isinstance(value, bool | np.bool_) and _is_missing(value) for value in given], bool)
        given = np.where(missing, False, given)
        if all(isinstance(value, bool | np.bool_) for value in given):
            given = given.astype(bool)
    if given.dtype != bool and given.size:
        raise ArgumentInvalid(
            "a column of True and False is needed", where=name, found=str(kind), hint="compare it first"
        )
    return given.astype(bool, copy=False)


def _is_boolean(given: NDArray[Any]) -> bool:
    """Returns True for booleans, also beside missing values."""
    return given.dtype == bool or (
        given.dtype == object and any(isinstance(value, bool | np.bool_) for value in given.flat)
    )


def _is_missing(value: object) -> bool:
    """Returns True for None, NaN and the missing values of pandas."""
    nan = isinstance(value, float | np.floating) and bool(np.isnan(value))
    return nan or value is None or type(value).__name__ in ("NAType", "NaTType")
