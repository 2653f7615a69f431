"""Sets the switches of numeric libraries for a run and puts them back: numpy, TA-Lib, denormal numbers.

Another library of the process may have turned them. A run with the same identity must give the same bits all the same.
``ktrdr.neural.runtime`` adds the switches of torch.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ktrdr.errors import NumericState

_BUFFER_VALUES = 8_192
_RECURSIVE = ("ADX", "ATR", "DX", "EMA", "MINUS_DI", "NATR", "PLUS_DI", "RMA", "RSI")
"""Functions of TA-Lib that skip an unstable period and are called by a formula here, or by such a function."""


@dataclass(frozen=True)
class Switch:
    """A switch of the whole process, and its value while a run computes."""

    read: Callable[[], Any]
    write: Callable[[Any], object]
    value: Any


class SharedSwitches:
    """Switches of the whole process: the first run sets them, the last of those at the same time puts them back."""

    def __init__(self, find: Callable[[], Sequence[Switch]]) -> None:
        self._find = find
        self._lock = threading.Lock()
        self._runs = 0
        self._before: list[tuple[Switch, Any]] = []

    @contextmanager
    def held(self) -> Iterator[None]:
        """Sets the switches inside the block."""
        with self._lock:
            if self._runs == 0:
                self._set()
            self._runs += 1
        try:
            yield
        finally:
            with self._lock:
                self._runs -= 1
                if self._runs == 0:
                    self._restore()

    def _set(self) -> None:
        """Sets one switch after the other: a later one may read what an earlier one has changed."""
        for switch in self._find():
            found = switch.read()
            if found != switch.value:
                switch.write(switch.value)
                self._before.append((switch, found))

    def _restore(self) -> None:
        while self._before:
            switch, found = self._before.pop()
            switch.write(found)


@contextmanager
def numeric_state() -> Iterator[None]:
    """Computes with the defaults of numpy and TA-Lib inside the block, and with denormal numbers.

    Raises ``NumericState`` where the processor flushes denormal numbers to 0 and nothing here can change that.

    >>> with np.errstate(under="raise"), numeric_state():
    ...     np.geterr()["under"]
    'ignore'
    """
    with _denormals(), np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"), _TALIB.held():
        buffer = np.getbufsize()
        np.setbufsize(_BUFFER_VALUES)
        try:
            yield
        finally:
            np.setbufsize(buffer)


def flushes_denormals() -> bool:
    """Returns True if this thread's processor turns denormal numbers into 0."""
    return sys.float_info.min * 0.5 == 0.0


@contextmanager
def _denormals() -> Iterator[None]:
    flushing = flushes_denormals()
    if flushing:
        _set_flush(False)
    try:
        yield
    finally:
        if flushing:
            _set_flush(True)


def _set_flush(on: bool) -> None:
    """Switches flushing by torch, which is loaded where a caller of torch has switched it on."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.set_flush_denormal(on):
        raise NumericState(
            "a library of this process has switched denormal numbers off",
            where="processor",
            found="flush to zero",
            hint="run in a process of its own, or import that library later",
        )


def _talib_switches() -> list[Switch]:
    """Returns TA-Lib's switches; a TA-Lib that is not loaded yet has its defaults."""
    talib = sys.modules.get("talib")
    if talib is None:
        return []
    periods = [
        Switch(partial(talib.get_unstable_period, name), partial(talib.set_unstable_period, name), 0)
        for name in _RECURSIVE
    ]
    return [Switch(talib.get_compatibility, talib.set_compatibility, 0), *periods]


_TALIB = SharedSwitches(_talib_switches)
