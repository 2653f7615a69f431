"""A plan: every choice of a strategy, those of the brief first, the open ones drawn from the seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ktrdr.errors import BriefInvalid
from ktrdr.research.designer.base import refuse
from ktrdr.research.designer.grammar.draw import Draw
from ktrdr.research.designer.grammar.inputs import Use
from ktrdr.research.designer.grammar.markets import Choice, choose_markets
from ktrdr.research.designer.grammar.reading.brief import Reading, Wanted
from ktrdr.research.designer.grammar.reading.parameters import completed, is_average
from ktrdr.research.designer.market import Market
from ktrdr.strategy.catalog.indicators import INDICATORS
from ktrdr.strategy.catalog.parameter import Parameter
from ktrdr.time import Timeframe

_POOLS: Mapping[str, tuple[str, ...]] = {
    "trend": ("adx", "macd", "supertrend", "distancefromma", "aroon", "roc"),
    "reversion": ("rsi", "distancefromma", "stochastic", "cci", "williamsr", "bollingerbandwidth"),
    "breakout": ("donchianchannels", "bollingerbandwidth", "natr", "squeezeintensity", "adx"),
    "momentum": ("roc", "macd", "rsi", "fishertransform", "aroon"),
    "scalping": ("rsi", "stochastic", "distancefromma", "natr", "fishertransform"),
    "swing": ("macd", "rsi", "distancefromma", "adx", "natr"),
    "": ("rsi", "macd", "distancefromma", "adx", "roc", "natr", "bollingerbandwidth", "stochastic"),
}
"""Indicators that suit a style; the empty style is that of a brief without one."""

_SCALES: Mapping[str, tuple[float, ...]] = {"scalping": (0.5, 0.7, 1.0), "swing": (1.0, 1.5, 2.0)}
_USUAL_SCALES = (0.7, 1.0, 1.0, 1.5)
_SHORTEST = 3
_PAIR_OF_AVERAGES = ((10, 30), (12, 26), (20, 50), (20, 60))


@dataclass(frozen=True)
class Plan:
    """The choices that a strategy file is built from.

    Args:
        choice: symbols and timeframes.
        uses: indicators in order, with all that is read beside them.
        styles: styles of the brief.
        sentences: which words led to what.
    """

    choice: Choice
    uses: tuple[Use, ...]
    styles: tuple[str, ...]
    sentences: tuple[str, ...]


def make_plan(reading: Reading, market: Market, draw: Draw) -> Plan:
    """Returns the plan for a reading; raises ``BriefInvalid`` for what the stored bars cannot give."""
    choice, sentences = choose_markets(reading, market, draw)
    named = _named(reading, choice, draw)
    # Where no indicator is named, "only" speaks of something else.
    is_whole = len(reading.indicators) > 1 or (reading.only and named)
    added = [] if is_whole else _added(reading, market, choice, named, draw)
    uses = _covering([*named, *added], choice.timeframes)
    refuse(list(_without_volume([use for use in uses if use in named or use.type in _types(reading)], market, choice)))
    lines = [
        *_indicator_lines(reading, named),
        *_added_lines(added, reading),
    ]
    return Plan(choice, tuple(uses), reading.styles, (*sentences, *lines, *reading.notes))


def _types(reading: Reading) -> set[str]:
    return {wanted.type for wanted in reading.indicators}


def _named(reading: Reading, choice: Choice, draw: Draw) -> list[Use]:
    """Returns the indicators that the brief names, open parameters drawn."""
    uses: list[Use] = []
    for wanted in reading.indicators:
        for params in _params(wanted, reading, draw):
            frames = tuple(frame for frame in choice.timeframes if frame in (wanted.timeframes or choice.timeframes))
            uses.append(_use(uses, wanted.type, params, frames, wanted))
    return uses


def _params(wanted: Wanted, reading: Reading, draw: Draw) -> Iterator[Mapping[str, float | int | str]]:
    """Yields the parameters of an indicator; a crossover without numbers is one of two averages."""
    if "cross" in wanted.words and "period" not in wanted.params and is_average(wanted.type):
        fast, slow = (50, 200) if wanted.words.startswith(("golden", "death")) else draw.one("pair", _PAIR_OF_AVERAGES)
        yield {**wanted.params, "period": fast}
        yield {**wanted.params, "period": slow}
    else:
        yield _filled(wanted.type, wanted.params, reading.styles, draw)


def _filled(
    type_: str, given: Mapping[str, float | int | str], styles: Sequence[str], draw: Draw
) -> dict[str, float | int | str]:
    """Returns every parameter: given ones as they are, periods scaled together, the rest at its default."""
    scales = next((_SCALES[style] for style in styles if style in _SCALES), _USUAL_SCALES)
    scale = draw.one(f"{type_}/scale", scales)
    known = INDICATORS[type_]
    drawn = {parameter.name: _scaled(parameter, scale) for parameter in known.parameters}
    return completed(known, given, drawn)


def _scaled(parameter: Parameter, scale: float) -> float | int | str:
    value: float | int | str = parameter.default
    if parameter.kind != "int" or isinstance(value, str) or value < 5:
        return value
    return max(int(parameter.low), _SHORTEST, round(value * scale))


def _use(
    uses: Sequence[Use],
    type_: str,
    params: Mapping[str, float | int | str],
    frames: tuple[Timeframe, ...],
    wanted: Wanted | None = None,
) -> Use:
    """Returns an indicator under an id that no other one has."""
    numbers = [str(value) for value in params.values() if isinstance(value, int)]
    plain = "_".join([type_, *numbers])
    taken = {use.id for use in uses}
    id_ = next(name for name in (plain, *(f"{plain}_n{count}" for count in range(2, 99))) if name not in taken)
    low, high = (None, None) if wanted is None else (wanted.low, wanted.high)
    return Use(id_, type_, dict(params), frames, low, high)


def _added(reading: Reading, market: Market, choice: Choice, named: Sequence[Use], draw: Draw) -> list[Use]:
    """Returns indicators that suit the style: up to three where the brief names none, one beside a lone one."""
    styles = reading.styles or tuple(style for style in ("",) if style not in reading.no_styles)
    pool = dict.fromkeys(type_ for style in styles for type_ in _POOLS[style])
    excluded = reading.no_indicators | {use.type for use in named}
    open_ = [type_ for type_ in pool if type_ in INDICATORS and type_ not in excluded]
    open_ = open_ or [type_ for type_ in INDICATORS if type_ not in excluded and not _reads_volume(type_)]
    count = draw.one("added", (0, 1)) if named else draw.one("added", (2, 3))
    uses: list[Use] = list(named)
    for type_ in draw.some("pool", open_, count):
        uses.append(_use(uses, type_, _filled(type_, {}, reading.styles, draw), choice.timeframes))
    return uses[len(named) :]


def _covering(uses: Sequence[Use], frames: tuple[Timeframe, ...]) -> list[Use]:
    """Returns the indicators so that each timeframe is read: a timeframe without one takes all of them."""
    read = {frame for use in uses for frame in use.timeframes}
    missing = [frame for frame in frames if frame not in read]
    if not missing:
        return list(uses)
    return [
        Use(
            use.id,
            use.type,
            use.params,
            tuple(frame for frame in frames if frame in (*use.timeframes, *missing)),
            use.low,
            use.high,
        )
        for use in uses
    ]


def _reads_volume(type_: str) -> bool:
    known = INDICATORS[type_]
    return known.reads_volume({parameter.name: parameter.default for parameter in known.parameters})


def _without_volume(uses: Sequence[Use], market: Market, choice: Choice) -> Iterator[BriefInvalid]:
    for use in uses:
        if not use.known.reads_volume(use.full()):
            continue
        for symbol in choice.symbols:
            for frame in use.timeframes:
                figures = market.figures(symbol, frame)
                if figures is not None and not figures.has_volume:
                    yield BriefInvalid(
                        f"the {frame.value} bars of {symbol} have no volume", where=f"indicator {use.type}"
                    )


def _indicator_lines(reading: Reading, named: Sequence[Use]) -> Iterator[str]:
    for wanted in reading.indicators:
        ids = [use for use in named if use.type == wanted.type]
        names = ", ".join(dict.fromkeys(use.id for use in ids))
        frames = ", ".join(dict.fromkeys(frame.value for use in ids for frame in use.timeframes))
        yield f'"{wanted.words}" gave the indicator {names} on {frames}.'


def _added_lines(added: Sequence[Use], reading: Reading) -> Iterator[str]:
    if added:
        names = ", ".join(use.id for use in added)
        why = f"the style {' and '.join(reading.styles)}" if reading.styles else "no style"
        yield f"The seed added {names}; the brief has {why}."
