"""One indicator of the catalogue: its outputs, and the history that each of them needs.

``lookback`` is the number of bars before the first defined value of an output. ``settle`` is the number of further
bars until the choice of the first bar has faded to one in a thousand.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ktrdr.strategy.catalog.parameter import Parameter, Params

Kind = Literal["windowed", "recursive", "path_dependent", "never"]
"""The way an indicator forgets the first bar: at once, gradually, when its path meets the true one, or never."""

Unit = Literal["price", "source", "percent", "ratio", "index", "sign", "volume"]
"""The unit of an output; ``source``: that of the column it reads, ``index``: a scale of its own."""

Movement = Literal["source", "bars", "typical price"]
"""The movement that a neutral value lacks: of the source, of anything in the bars, or of their typical price."""

LOAD_SETTLES = 3
"""Settling times that are loaded, so that the anchor's choice has faded below 1e-8."""

_FADED = math.log(1e-3)


@dataclass(frozen=True)
class Bounds:
    """The least and the greatest value of an output; ``high`` may name the parameter that it equals.

    >>> Bounds(0, "period").of({"period": 20})
    (0.0, 20.0)
    """

    low: float
    high: float | str

    def of(self, params: Params) -> tuple[float, float]:
        """Returns the bounds under these parameters."""
        high = params[self.high] if isinstance(self.high, str) else self.high
        return float(self.low), float(high)


@dataclass(frozen=True)
class Neutral:
    """The value of an output where ``without`` has not moved over all bars that the value depends on."""

    value: float
    without: Movement


@dataclass(frozen=True)
class Output:
    """One column an indicator gives; ``name`` is "" if it gives only one.

    ``lookback(params, bars_per_day)`` and ``settle(params)`` are in bars.
    """

    name: str
    lookback: Callable[[Params, int], int]
    settle: Callable[[Params], int]
    unit: Unit = "price"
    bounds: Bounds | None = None
    neutral: Neutral | None = None

    def reach(self, params: Params) -> int:
        """Returns the bars before a bar on which its value depends, as far as a run loads them."""
        return self.lookback(params, 0) + LOAD_SETTLES * self.settle(params)


def _no_rule(params: Params) -> None:
    return None


def _volume_as_source(params: Params) -> bool:
    return params.get("source") == "volume"


@dataclass(frozen=True)
class Indicator:
    """One indicator, as a strategy may name it.

    Args:
        type: its canonical name in a strategy file.
        title: its full name.
        parameters: in the order of its documentation.
        outputs: its columns; a bare id in a strategy means the first.
        kind: how it forgets the first bar.
        aliases: further names.
        source_only: it reads one column, so it also accepts an external series.
        reads_volume: tells by its parameters if it reads volume.
        check: returns the message of a broken rule between parameters, None if there is none.
        note: its definition where TA-Lib has none, or another one.
    """

    type: str
    title: str
    parameters: tuple[Parameter, ...]
    outputs: tuple[Output, ...]
    kind: Kind = "windowed"
    aliases: tuple[str, ...] = ()
    source_only: bool = False
    reads_volume: Callable[[Params], bool] = _volume_as_source
    check: Callable[[Params], str | None] = _no_rule
    note: str = ""

    def is_price(self, name: str, params: Params) -> bool:
        """Returns True if an output is a price, or a difference of prices, under these parameters."""
        unit = next(output.unit for output in self.outputs if output.name == name)
        return unit == "price" or (unit == "source" and not _volume_as_source(params))


def at_once(params: Params) -> int:
    """Returns 0, the settling time of a windowed output."""
    return 0


def output(
    name: str,
    lookback: Callable[[Params], int],
    settle: Callable[[Params], int] = at_once,
    *,
    unit: Unit,
    bounds: Bounds | None = None,
    neutral: Neutral | None = None,
) -> Output:
    """Returns an output whose lookback does not depend on the timeframe."""
    return Output(name, lambda params, bars_per_day: lookback(params), settle, unit, bounds, neutral)


def single(
    lookback: Callable[[Params], int],
    settle: Callable[[Params], int] = at_once,
    *,
    unit: Unit,
    bounds: Bounds | None = None,
    neutral: Neutral | None = None,
) -> tuple[Output, ...]:
    """Returns the outputs of an indicator with only one."""
    return (output("", lookback, settle, unit=unit, bounds=bounds, neutral=neutral),)


def each(
    names: str,
    lookback: Callable[[Params], int],
    settle: Callable[[Params], int] = at_once,
    *,
    unit: Unit,
    bounds: Bounds | None = None,
    neutral: Neutral | None = None,
) -> tuple[Output, ...]:
    """Returns outputs that share their history, unit and bounds, by their names between blanks."""
    return tuple(output(name, lookback, settle, unit=unit, bounds=bounds, neutral=neutral) for name in names.split())


def window_lookback(params: Params) -> int:
    """Returns the lookback of a window of ``period`` bars."""
    return int(params["period"]) - 1


def change_lookback(params: Params) -> int:
    """Returns the lookback of a window of ``period`` changes from bar to bar."""
    return int(params["period"])


def ema_settle(period_bars: int) -> int:
    """Returns the bars until an exponential average has forgotten its seed.

    >>> ema_settle(26), ema_settle(1)
    (90, 0)
    """
    return _settle(2 / (period_bars + 1))


def wilder_settle(period_bars: int) -> int:
    """Returns the bars until Wilder's smoothing has forgotten its seed.

    >>> wilder_settle(14)
    94
    """
    return _settle(1 / period_bars)


def _settle(weight: float) -> int:
    return 0 if weight >= 1 else math.ceil(_FADED / math.log1p(-weight))


def settle_of_wilder(params: Params) -> int:
    """Returns the settling time of Wilder's smoothing over ``period``."""
    return wilder_settle(params["period"])


def settle_of_ema(params: Params) -> int:
    """Returns the settling time of an exponential average over ``period``."""
    return ema_settle(params["period"])


PERCENTAGE = Bounds(0.0, 100.0)
NOT_NEGATIVE = Bounds(0.0, math.inf)


def always_volume(params: Params) -> bool:
    """Returns True, for an indicator that always reads volume."""
    return True
