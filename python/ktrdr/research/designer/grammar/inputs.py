"""The inputs of an indicator: fuzzy sets with sane centres where its range is known, else its raw values.

Prices and differences of prices are read relative to the close, so that they mean the same at every level of price.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ktrdr._types import JsonObject
from ktrdr.research.designer.grammar.draw import Draw
from ktrdr.strategy.catalog.indicator import Indicator, Output
from ktrdr.strategy.catalog.indicators import INDICATORS
from ktrdr.strategy.schema import RELATIVE
from ktrdr.time import Timeframe

_LEVELS: Mapping[tuple[str, str], tuple[float, float]] = {
    ("rsi", ""): (30, 70),
    ("stochastic", "k"): (20, 80),
    ("stochastic", "d"): (20, 80),
    ("williamsr", ""): (-80, -20),
    ("mfi", ""): (20, 80),
    ("aroon", "oscillator"): (-50, 50),
    ("adx", "adx"): (20, 40),
    ("cci", ""): (-100, 100),
    ("cmf", ""): (-0.1, 0.1),
    ("rvi", "rvi"): (-0.3, 0.3),
    ("fishertransform", "fisher"): (-1.5, 1.5),
    ("volumeratio", ""): (0.7, 1.5),
    ("squeezeintensity", ""): (0.03, 0.15),
}
"""Levels below which a value counts as low, and above which it counts as high, by output."""

_USED: Mapping[str, tuple[str, ...]] = {
    "macd": ("line", "histogram"),
    "stochastic": ("k", "d"),
    "aroon": ("oscillator",),
    "adx": ("adx", "plus_di", "minus_di"),
    "supertrend": ("direction",),
    "bollingerbands": ("upper", "lower"),
    "keltnerchannels": ("upper", "lower"),
    "donchianchannels": ("upper", "lower"),
    "rvi": ("rvi", "signal"),
    "fishertransform": ("fisher",),
}
"""Outputs that are read; of an indicator that is not here all are."""

_ALIKE = ("stochastic",)
"""Indicators whose outputs share the levels of a brief; elsewhere they are those of the first output that is read."""

_NAMES: Mapping[str, tuple[str, str, str]] = {
    "rsi": ("oversold", "neutral", "overbought"),
    "stochastic": ("oversold", "neutral", "overbought"),
    "williamsr": ("oversold", "neutral", "overbought"),
    "mfi": ("oversold", "neutral", "overbought"),
    "cci": ("oversold", "neutral", "overbought"),
    "adx": ("ranging", "forming", "trending"),
    "distancefromma": ("below", "near", "above"),
    "roc": ("falling", "flat", "rising"),
    "squeezeintensity": ("loose", "tight", "squeezed"),
}
_PER_BAR: Mapping[str, float] = {"distancefromma": math.sqrt(1 / 3), "roc": 1.0}
"""Standard deviation of a percentage after ``period`` bars, by that of a bar times the root of the period."""


@dataclass(frozen=True)
class Use:
    """An indicator of the strategy.

    Args:
        timeframes: those it is read on, in the order of the strategy.
        low: the level that the brief calls low; None where it says nothing.
        high: the level that the brief calls high.
    """

    id: str
    type: str
    params: Mapping[str, float | int | str]
    timeframes: tuple[Timeframe, ...]
    low: float | None = None
    high: float | None = None

    @property
    def known(self) -> Indicator:
        """Returns the indicator of the catalogue."""
        return INDICATORS[self.type]

    def full(self) -> dict[str, float | int | str]:
        """Returns every parameter, defaults filled in."""
        return {parameter.name: parameter.default for parameter in self.known.parameters} | dict(self.params)


@dataclass
class Sections:
    """The sections of a strategy file that make its features."""

    indicators: dict[str, JsonObject]
    fuzzy_sets: dict[str, JsonObject]
    nn_inputs: list[JsonObject]


def sections_of(uses: Sequence[Use], volatility: Mapping[Timeframe, float], draw: Draw) -> Sections:
    """Returns the sections for these indicators.

    Args:
        uses: the indicators in order.
        volatility: standard deviation of the log return of one bar, where it is known.
        draw: chooses shapes and widths.
    """
    made = Sections({}, {}, [])
    for use in uses:
        made.indicators[use.id] = {"type": use.type, **use.params}
        for output in _outputs(use.known):
            for entry, name, fuzzy in _inputs(use, output, volatility, draw):
                made.nn_inputs.append(entry)
                if fuzzy is not None:
                    made.fuzzy_sets[name] = fuzzy
    return made


def _outputs(known: Indicator) -> Sequence[Output]:
    names = _USED.get(known.type)
    return [output for output in known.outputs if names is None or output.name in names]


def _inputs(
    use: Use, output: Output, volatility: Mapping[Timeframe, float], draw: Draw
) -> Iterator[tuple[JsonObject, str, JsonObject | None]]:
    """Yields the entries of ``nn_inputs`` for one output, each with the name and content of its fuzzy set."""
    ref = _ref(use, output)
    stem = f"{use.id}_{output.name or 'level'}"
    if use.type in _PER_BAR:
        for timeframe in use.timeframes:
            name = f"{stem}_{timeframe.value}"
            bar = volatility.get(timeframe)
            if bar is None:
                yield _raw(use, output, (timeframe,)), "", None
            else:
                yield _fuzzy(name, (timeframe,)), name, {"indicator": ref, **_spread(use, bar, draw)}
    elif output.unit == "sign":
        sets: JsonObject = {"down": [-1, -1, 0], "up": [0, 1, 1]}
        yield _fuzzy(stem, use.timeframes), stem, {"indicator": ref, **sets}
    elif (levels := _levels(use, output)) is not None:
        yield _fuzzy(stem, use.timeframes), stem, {"indicator": ref, **_sets(use, output, levels, draw)}
    else:
        yield _raw(use, output, use.timeframes), "", None


def _ref(use: Use, output: Output) -> str:
    return f"{use.id}.{output.name}" if output.name else use.id


def _raw(use: Use, output: Output, frames: Sequence[Timeframe]) -> JsonObject:
    kind = RELATIVE if use.known.is_price(output.name, use.full()) else "zscore"
    return {
        "raw_indicator": _ref(use, output),
        "timeframes": [frame.value for frame in frames],
        "normalization": kind,
    }


def _fuzzy(name: str, frames: Sequence[Timeframe]) -> JsonObject:
    return {"fuzzy_set": name, "timeframes": [frame.value for frame in frames]}


def _levels(use: Use, output: Output) -> tuple[float, float] | None:
    """Returns the low and the high level of an output: those of the brief, the usual ones, or thirds of its bounds."""
    usual = _LEVELS.get((use.type, output.name))
    if usual is None:
        bounds = None if output.bounds is None else output.bounds.of(use.full())
        if bounds is None or output.unit == "price" or not all(map(math.isfinite, bounds)):
            return None
        third = (bounds[1] - bounds[0]) / 3
        usual = (bounds[0] + third, bounds[1] - third)
    return _named(use, usual, output) if output.name == _outputs(use.known)[0].name or use.type in _ALIKE else usual


def _named(use: Use, usual: tuple[float, float], output: Output) -> tuple[float, float]:
    """Returns the levels of the brief; one that it leaves open is the usual one, or lies midway to the bound."""
    low, high = usual
    least, most = (-math.inf, math.inf) if output.bounds is None else output.bounds.of(use.full())
    if use.low is not None and use.high is not None:
        return use.low, use.high
    if use.low is not None:
        other = use.low + (high - low) if math.isinf(most) else (use.low + most) / 2
        return use.low, high if high > use.low else other
    if use.high is not None:
        other = use.high - (high - low) if math.isinf(least) else (use.high + least) / 2
        return low if low < use.high else other, use.high
    return usual


def _sets(use: Use, output: Output, levels: tuple[float, float], draw: Draw) -> JsonObject:
    """Returns three sets: the outer ones reach half at the levels or at the edges, the inner one lies between them."""
    low, high = levels
    names = _NAMES.get(use.type, ("low", "middle", "high"))
    middle = (low + high) / 2
    width = (high - low) / 2
    if draw.one("shape", ("sigmoid", "gaussian")) == "sigmoid" or width <= 0:
        slope = 8 / max(width, 1e-9) * draw.between(f"{use.id}/{output.name}/slope", 0.35, 0.7)
        return {
            names[0]: _member("sigmoid", low, -slope),
            names[1]: _member("gaussian", middle, max(width, 1e-9) * 0.5),
            names[2]: _member("sigmoid", high, slope),
        }
    sigma = width * draw.between(f"{use.id}/{output.name}/sigma", 0.35, 0.6)
    return {
        names[0]: _member("gaussian", low, sigma),
        names[1]: _member("gaussian", middle, sigma),
        names[2]: _member("gaussian", high, sigma),
    }


def _spread(use: Use, bar: float, draw: Draw) -> JsonObject:
    """Returns sets for a percentage that spreads with the root of time, one standard deviation from the middle."""
    period = float(use.full()["period"])
    deviation = 100 * bar * math.sqrt(period) * _PER_BAR[use.type] * draw.between("spread", 0.8, 1.4)
    names = _NAMES[use.type]
    low = -deviation if use.low is None else use.low
    high = deviation if use.high is None else use.high
    return {
        names[0]: _member("sigmoid", low, -4 / deviation),
        names[1]: _member("gaussian", 0, deviation * 0.6),
        names[2]: _member("sigmoid", high, 4 / deviation),
    }


def _member(kind: str, *parameters: float) -> JsonObject:
    return {"type": kind, "parameters": [_short(value) for value in parameters]}


def _short(value: float) -> float:
    """Returns a number with three significant digits: a membership function is no measurement.

    >>> _short(0.0123456), _short(70)
    (0.0123, 70.0)
    """
    return float(f"{value:.3g}")
