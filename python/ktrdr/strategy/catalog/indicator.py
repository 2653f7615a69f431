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

_FADED = math.log(1e-3)


@dataclass(frozen=True)
class Output:
    """One column an indicator gives; ``name`` is "" if it gives only one.

    ``lookback(params, bars_per_day)`` and ``settle(params)`` are in bars.
    """

    name: str
    lookback: Callable[[Params, int], int]
    settle: Callable[[Params], int]


def _no_rule(params: Params) -> None:
    return None


def _volume_as_source(params: Params) -> bool:
    return params.get("source") == "volume"


@dataclass(frozen=True)
class Indicator:
    """One indicator, as a strategy may name it.

    Args:
        type: its canonical name in a strategy file.
        parameters: in the order of its documentation.
        outputs: its columns; a bare id in a strategy means the first.
        kind: how it forgets the first bar.
        aliases: further names.
        source_only: it reads one column, so it also accepts an external series.
        in_price_units: its values are prices or differences of prices, so they cannot be compared between symbols.
        reads_volume: tells by its parameters if it reads volume.
        check: returns the message of a broken rule between parameters, None if there is none.
    """

    type: str
    parameters: tuple[Parameter, ...]
    outputs: tuple[Output, ...]
    kind: Kind = "windowed"
    aliases: tuple[str, ...] = ()
    source_only: bool = False
    in_price_units: bool = False
    reads_volume: Callable[[Params], bool] = _volume_as_source
    check: Callable[[Params], str | None] = _no_rule


def at_once(params: Params) -> int:
    """Returns 0, the settling time of a windowed output."""
    return 0


def output(name: str, lookback: Callable[[Params], int], settle: Callable[[Params], int] = at_once) -> Output:
    """Returns an output whose lookback does not depend on the timeframe."""
    return Output(name, lambda params, bars_per_day: lookback(params), settle)


def single(lookback: Callable[[Params], int], settle: Callable[[Params], int] = at_once) -> tuple[Output, ...]:
    """Returns the outputs of an indicator with only one."""
    return (output("", lookback, settle),)


def each(
    names: str, lookback: Callable[[Params], int], settle: Callable[[Params], int] = at_once
) -> tuple[Output, ...]:
    """Returns outputs that share their history, by their names between blanks."""
    return tuple(output(name, lookback, settle) for name in names.split())


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


def always_volume(params: Params) -> bool:
    """Returns True, for an indicator that always reads volume."""
    return True
