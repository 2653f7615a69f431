"""Faults of a designed strategy: its validation, and bounds for text that nobody has read before it is trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ktrdr._types import Json, JsonObject
from ktrdr.errors import ConfigError
from ktrdr.research.designer.grammar.build import usual_costs
from ktrdr.research.designer.language.answers import harmless
from ktrdr.research.designer.market import Market
from ktrdr.strategy.catalog.indicators import INDICATORS
from ktrdr.strategy.loader import load_strategy
from ktrdr.strategy.schema import Strategy

SECTIONS = (
    "name",
    "version",
    "description",
    "training_data",
    "indicators",
    "fuzzy_sets",
    "nn_inputs",
    "model",
    "decisions",
    "training",
    "execution",
)
"""Sections that a model may write."""

EXECUTION = ("allow_short", "exits", "on_opposite", "sizing")
"""Rules of execution that a model may write: costs are not its to choose."""

_MOST_EPOCHS = 100
_MOST_FEATURES = 256
_MOST_WEIGHTS = 250_000
_MOST_FAULTS = 12


def bounded(written: Json, market: Market, seed: int) -> tuple[JsonObject, list[str]]:
    """Returns the strategy with what is not the model's to choose filled in, and every fault that it has.

    Args:
        written: the mapping of an answer.
        market: the series that a strategy may use.
        seed: seed of the training.
    """
    faults = list(_forbidden(written))
    fixed: JsonObject = {"version": "3.0", "training": {}, "execution": {}}
    strategy = {key: (fixed | dict(written))[key] for key in SECTIONS if key in written or key in fixed}
    strategy["version"] = "3.0"
    if isinstance(strategy.get("description"), str):
        strategy["description"] = harmless(strategy["description"])
    training = strategy.get("training", {})
    if isinstance(training, Mapping):
        strategy["training"] = {**training, "seed": seed}
    execution = strategy.get("execution", {})
    if isinstance(execution, Mapping):
        kept = {key: execution[key] for key in EXECUTION if key in execution}
        strategy["execution"] = usual_costs(_symbols(strategy)) | kept
    try:
        loaded = load_strategy(strategy, where="strategy")
    except ConfigError as error:
        found = error.faults or (error,)
        return strategy, [*faults, *(harmless(str(fault), 400) for fault in found)][:_MOST_FAULTS]
    return strategy, [*faults, *_beyond(loaded, market)][:_MOST_FAULTS]


def _forbidden(written: Json) -> Iterator[str]:
    for key in written:
        if key not in SECTIONS:
            yield f"{harmless(str(key), 60)}: not a section of a design; allowed are {', '.join(SECTIONS)}"
    for section, allowed in (("execution", EXECUTION), ("training_data", ("symbols", "timeframes"))):
        value = written.get(section)
        for key in value if isinstance(value, Mapping) else ():
            if key not in allowed:
                yield f"{section}.{harmless(str(key), 60)}: not a choice of a design; allowed are {', '.join(allowed)}"
    indicators = written.get("indicators")
    for name, use in indicators.items() if isinstance(indicators, Mapping) else ():
        if isinstance(use, Mapping) and "data_source" in use:
            yield f"indicators.{harmless(str(name), 60)}.data_source: a design reads stored bars only"


def _symbols(strategy: Mapping[str, Any]) -> list[str]:
    data = strategy.get("training_data")
    symbols = data.get("symbols") if isinstance(data, Mapping) else None
    if not isinstance(symbols, Mapping):
        return []
    named = symbols.get("list") or [symbols.get("symbol")]
    return [name for name in named if isinstance(name, str)] if isinstance(named, list) else []


def _beyond(strategy: Strategy, market: Market) -> Iterator[str]:
    series = {(one.symbol, one.timeframe) for one in market.series()}
    for symbol in strategy.symbols:
        for frame in strategy.timeframes:
            if (symbol, frame) not in series:
                yield f"training_data: there are no {frame.value} bars of {symbol}"
    sizes = (
        ("training.epochs", strategy.training.epochs, _MOST_EPOCHS),
        ("nn_inputs", len(strategy.feature_names), _MOST_FEATURES),
        ("model.architecture", strategy.parameter_count(), _MOST_WEIGHTS),
    )
    for where, found, most in sizes:
        if found > most:
            yield f"{where}: found {found:,}, at most {most:,} in a design"
    yield from _without_volume(strategy, market)


def _without_volume(strategy: Strategy, market: Market) -> Iterator[str]:
    for use in strategy.indicators.values():
        if not INDICATORS[use.type].reads_volume(use.params):
            continue
        figures = [market.figures(symbol, strategy.base_timeframe) for symbol in strategy.symbols]
        if any(one is not None and not one.has_volume for one in figures):
            yield f"indicators.{use.id}: {use.type} reads volume, which the bars do not have"
