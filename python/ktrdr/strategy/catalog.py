"""The indicators and membership functions a strategy may name: parameters, bounds, outputs, history. Pure data.

Definitions are TA-Lib's where it has them. For each output, ``lookback`` is the number of bars before its first
defined value, ``settle`` the number of bars more until the choice of the first bar has faded to one in a thousand.

>>> macd = find_indicator("MACD")
>>> [(output.name, output.lookback(defaults(macd), 24), output.settle(defaults(macd))) for output in macd.outputs]
[('line', 33, 90), ('signal', 33, 121), ('histogram', 33, 121)]
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Params = Mapping[str, Any]
Kind = Literal["windowed", "recursive", "path_dependent", "never"]

SOURCES = ("open", "high", "low", "close", "hl2", "hlc3", "ohlc4", "volume")
MAX_PERIOD = 10_000
_FADED = math.log(1e-3)
_SAR_SETTLE = 70


@dataclass(frozen=True)
class Parameter:
    """One parameter: its bounds are inclusive unless ``low_exclusive``."""

    name: str
    kind: Literal["int", "float", "source", "choice"]
    default: Any
    low: float = -math.inf
    high: float = math.inf
    low_exclusive: bool = False
    choices: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Output:
    """One column an indicator gives; ``name`` is "" where it gives only one.

    ``lookback(params, bars_per_day)`` and ``settle(params)`` are in bars.
    """

    name: str
    lookback: Callable[[Params, int], int]
    settle: Callable[[Params], int]


def _nothing(params: Params) -> None:
    return None


def _by_source(params: Params) -> bool:
    return params.get("source") == "volume"


@dataclass(frozen=True)
class Indicator:
    """One indicator; ``check`` gives the message of a rule between parameters that is broken, or None."""

    type: str
    parameters: tuple[Parameter, ...]
    outputs: tuple[Output, ...]
    kind: Kind = "windowed"
    aliases: tuple[str, ...] = ()
    source_only: bool = False
    reads_volume: Callable[[Params], bool] = _by_source
    check: Callable[[Params], str | None] = _nothing


def ema_settle(period: int) -> int:
    """Bars until an exponential average of that period has forgotten its seed."""
    return _settle(2 / (period + 1))


def wilder_settle(period: int) -> int:
    """Bars until Wilder's smoothing of that period has forgotten its seed."""
    return _settle(1 / period)


def _settle(weight: float) -> int:
    return 0 if weight >= 1 else math.ceil(_FADED / math.log1p(-weight))


def _period(default: int, name: str = "period", *, low: int = 1, aliases: tuple[str, ...] = ()) -> Parameter:
    return Parameter(name, "int", default, low, MAX_PERIOD, aliases=aliases)


def _multiplier(default: float, name: str = "multiplier") -> Parameter:
    return Parameter(name, "float", default, 0, 100, low_exclusive=True)


def _acceleration(default: float, name: str) -> Parameter:
    return Parameter(name, "float", default, 0, 1, low_exclusive=True)


_SOURCE = Parameter("source", "source", "close", choices=SOURCES)
_MA_TYPE = Parameter("ma_type", "choice", "SMA", choices=("SMA", "EMA"))


def _output(name: str, lookback: Callable[[Params], int], settle: Callable[[Params], int] = lambda p: 0) -> Output:
    return Output(name, lambda params, bars_per_day: lookback(params), settle)


def _one(lookback: Callable[[Params], int], settle: Callable[[Params], int] = lambda p: 0) -> tuple[Output, ...]:
    return (_output("", lookback, settle),)


def _each(
    names: str, lookback: Callable[[Params], int], settle: Callable[[Params], int] = lambda p: 0
) -> tuple[Output, ...]:
    return tuple(_output(name, lookback, settle) for name in names.split())


def _window(params: Params) -> int:
    return int(params["period"]) - 1


def _difference(params: Params) -> int:
    return int(params["period"])


def _wilder(params: Params) -> int:
    return wilder_settle(params["period"])


def _volume(params: Params) -> bool:
    return True


def _macd_lookback(params: Params) -> int:
    return int(params["slow_period"] + params["signal_period"] - 2)


def _macd_settle(params: Params) -> int:
    return ema_settle(params["slow_period"]) + ema_settle(params["signal_period"])


def _fast_below_slow(params: Params) -> str | None:
    return None if params["fast_period"] < params["slow_period"] else "fast_period must be below slow_period"


def _initial_below_max(params: Params) -> str | None:
    return None if params["initial_af"] <= params["max_af"] else "initial_af must not exceed max_af"


def _keltner_band_settle(params: Params) -> int:
    return max(ema_settle(params["period"]), wilder_settle(params["atr_period"]))


def _squeeze_lookback(params: Params) -> int:
    return int(max(params["bb_period"] - 1, params["kc_period"] - 1, 10))


def _squeeze_settle(params: Params) -> int:
    return max(ema_settle(params["kc_period"]), wilder_settle(10))


def _ma_settle(params: Params) -> int:
    return ema_settle(params["period"]) if params["ma_type"] == "EMA" else 0


def _vwap_lookback(params: Params, bars_per_day: int) -> int:
    return int(params["period"] or max(bars_per_day, 1)) - 1


_MACD = Indicator(
    "macd",
    (
        _period(12, "fast_period", low=2, aliases=("fast",)),
        _period(26, "slow_period", low=2, aliases=("slow",)),
        _period(9, "signal_period", aliases=("signal",)),
        _SOURCE,
    ),
    (
        _output("line", _macd_lookback, lambda p: ema_settle(p["slow_period"])),
        *_each("signal histogram", _macd_lookback, _macd_settle),
    ),
    "recursive",
    source_only=True,
    check=_fast_below_slow,
)

_ADX = Indicator(
    "adx",
    (_period(14, low=2),),
    (
        _output("adx", lambda p: 2 * p["period"] - 1, lambda p: 2 * wilder_settle(p["period"])),
        *_each("plus_di minus_di", _difference, _wilder),
    ),
    "recursive",
)

_STOCHASTIC = Indicator(
    "stochastic",
    (_period(14, "k_period"), _period(3, "smooth_k"), _period(3, "d_period")),
    _each("k d", lambda p: p["k_period"] + p["smooth_k"] + p["d_period"] - 3),
)

_KELTNER = Indicator(
    "keltnerchannels",
    (_period(20, low=2), _period(10, "atr_period", low=2), _multiplier(2.0)),
    (
        _output("upper", lambda p: max(p["period"] - 1, p["atr_period"]), _keltner_band_settle),
        _output("middle", _window, lambda p: ema_settle(p["period"])),
        _output("lower", lambda p: max(p["period"] - 1, p["atr_period"]), _keltner_band_settle),
    ),
    "recursive",
)

_ICHIMOKU = Indicator(
    "ichimoku",
    (
        _period(9, "tenkan_period", low=2),
        _period(26, "kijun_period", low=2),
        _period(52, "senkou_b_period", low=2),
        _period(26, "displacement"),
    ),
    (
        _output("tenkan", lambda p: p["tenkan_period"] - 1),
        _output("kijun", lambda p: p["kijun_period"] - 1),
        _output("senkou_a", lambda p: max(p["tenkan_period"], p["kijun_period"]) - 1 + p["displacement"]),
        _output("senkou_b", lambda p: p["senkou_b_period"] - 1 + p["displacement"]),
    ),
)

_SQUEEZE = Indicator(
    "squeezeintensity",
    (
        _period(20, "bb_period", low=2),
        _multiplier(2.0, "bb_multiplier"),
        _period(20, "kc_period"),
        _multiplier(2.0, "kc_multiplier"),
        _SOURCE,
    ),
    _one(_squeeze_lookback, _squeeze_settle),
    "recursive",
)

_RVI = Indicator(
    "rvi",
    (_period(10), _period(4, "signal_period")),
    (
        _output("rvi", lambda p: p["period"] + 2),
        _output("signal", lambda p: p["period"] + p["signal_period"] + 1),
    ),
)

_FISHER = Indicator(
    "fishertransform",
    (_period(10, low=2), _period(3, "smoothing")),
    (
        _output("fisher", lambda p: p["period"] + p["smoothing"] - 2, lambda p: ema_settle(p["smoothing"])),
        _output("signal", lambda p: p["period"] + p["smoothing"] - 1, lambda p: ema_settle(p["smoothing"])),
    ),
    "recursive",
)

_SAR = Indicator(
    "parabolicsar",
    (_acceleration(0.02, "initial_af"), _acceleration(0.02, "step_af"), _acceleration(0.2, "max_af")),
    _one(lambda p: 1, lambda p: _SAR_SETTLE),
    "path_dependent",
    check=_initial_below_max,
)

_SUPERTREND = Indicator(
    "supertrend",
    (_period(10, low=2), _multiplier(3.0)),
    _each("trend direction", _difference, _wilder),
    "path_dependent",
)


def _moving_average(type_: str, alias: str, kind: Kind, settle: Callable[[Params], int] = lambda p: 0) -> Indicator:
    return Indicator(type_, (_period(20), _SOURCE), _one(_window, settle), kind, (alias,), source_only=True)


_ALL = (
    Indicator("rsi", (_period(14, low=2), _SOURCE), _one(_difference, _wilder), "recursive", source_only=True),
    _MACD,
    Indicator(
        "bollingerbands", (_period(20, low=2), _multiplier(2.0), _SOURCE), _each("upper middle lower", _window),
        aliases=("bbands",), source_only=True,
    ),
    Indicator(
        "bollingerbandwidth", (_period(20, low=2), _multiplier(2.0), _SOURCE), _one(_window), source_only=True
    ),
    Indicator("atr", (_period(14),), _one(_difference, _wilder), "recursive"),
    Indicator("natr", (_period(14),), _one(_difference, _wilder), "recursive"),
    _ADX,
    _STOCHASTIC,
    Indicator("williamsr", (_period(14, low=2),), _one(_window)),
    Indicator("cci", (_period(20, low=2),), _one(_window)),
    Indicator("roc", (_period(10), _SOURCE), _one(_difference), source_only=True),
    Indicator("momentum", (_period(10), _SOURCE), _one(_difference), source_only=True),
    Indicator("mfi", (_period(14, low=2),), _one(_difference), reads_volume=_volume),
    Indicator("aroon", (_period(14, low=2),), _each("up down oscillator", _difference)),
    _moving_average("sma", "simplemovingaverage", "windowed"),
    _moving_average("ema", "exponentialmovingaverage", "recursive", lambda p: ema_settle(p["period"])),
    _moving_average("wma", "weightedmovingaverage", "windowed"),
    Indicator(
        "distancefromma", (_period(20), _MA_TYPE, _SOURCE), _one(_window, _ma_settle), "recursive", source_only=True
    ),
    _KELTNER,
    Indicator("donchianchannels", (_period(20, low=2),), _each("upper middle lower", _window)),
    _SUPERTREND,
    _SAR,
    _ICHIMOKU,
    _SQUEEZE,
    Indicator("obv", (), _one(lambda p: 0), "never", reads_volume=_volume),
    Indicator("adline", (), _one(lambda p: 0), "never", reads_volume=_volume),
    Indicator("cmf", (_period(21, low=2),), _one(_window), reads_volume=_volume),
    Indicator(
        "vwap", (_period(20, low=0),), (Output("", _vwap_lookback, lambda p: 0),), reads_volume=_volume
    ),
    Indicator("volumeratio", (_period(20),), _one(_window), reads_volume=_volume),
    _RVI,
    _FISHER,
)  # fmt: skip

INDICATORS: Mapping[str, Indicator] = {indicator.type: indicator for indicator in _ALL}
_BY_NAME = {name: indicator for indicator in _ALL for name in (indicator.type, *indicator.aliases)}


def find_indicator(name: str) -> Indicator | None:
    """The indicator of that type or alias, in any case; None where there is none."""
    return _BY_NAME.get(name.lower())


def defaults(indicator: Indicator) -> dict[str, Any]:
    """Every parameter at its default."""
    return {parameter.name: parameter.default for parameter in indicator.parameters}


@dataclass(frozen=True)
class MembershipSpec:
    """A membership function; ``check`` gives the message of a rule that is broken, or None."""

    name: str
    parameter_names: tuple[str, ...]
    check: Callable[[tuple[float, ...]], str | None]


def _rising(parameters: tuple[float, ...]) -> str | None:
    return None if list(parameters) == sorted(parameters) else "parameters must not fall"


def _sigma_positive(parameters: tuple[float, ...]) -> str | None:
    return None if parameters[1] > 0 else "sigma must be above 0"


def _slope_nonzero(parameters: tuple[float, ...]) -> str | None:
    return None if parameters[1] != 0 else "slope must not be 0"


MEMBERSHIPS: Mapping[str, MembershipSpec] = {
    spec.name: spec
    for spec in (
        MembershipSpec("triangular", ("a", "b", "c"), _rising),
        MembershipSpec("trapezoidal", ("a", "b", "c", "d"), _rising),
        MembershipSpec("gaussian", ("mu", "sigma"), _sigma_positive),
        MembershipSpec("sigmoid", ("center", "slope"), _slope_nonzero),
    )
}
