"""A plan becomes a strategy file: features, net, labels with enough legs on the data, decisions, training, costs."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ktrdr._types import JsonObject
from ktrdr.errors import BriefInvalid
from ktrdr.research.designer.grammar.draw import Draw
from ktrdr.research.designer.grammar.inputs import sections_of
from ktrdr.research.designer.grammar.plan import Plan
from ktrdr.research.designer.grammar.reading.brief import ZIGZAG, Reading
from ktrdr.research.designer.grammar.reading.instruments import is_currency_pair
from ktrdr.research.designer.grammar.reading.parts import Rule
from ktrdr.research.designer.market import Figures, Market
from ktrdr.time import SECONDS_PER_UNIT, Timeframe

_LEGS = {
    "scalping": (10, 24),
    "reversion": (10, 24),
    "momentum": (20, 50),
    "breakout": (20, 50),
    "trend": (30, 70),
    "swing": (40, 90),
    "": (16, 45),
}
"""Bars of a leg by style, least and most."""

_MOST_LEGS_BARS = 300
"""A leg takes at most this share of the bars: its inverse. A split of 15 % then holds ten legs in calmer times too."""

_USUAL_VOLATILITY = 0.001
_FX_COST = 0.00002
_COST = 0.0002
_COSTS_OF_LEG = 4
_LARGE = 20_000
_SIZING = "cash_fraction"
_VOLATILITY_BARS = 64


@dataclass(frozen=True)
class Target:
    """Labels, and the words that say why."""

    labels: JsonObject
    why: str

    @property
    def is_return(self) -> bool:
        """Returns True for returns, False for classes."""
        return str(self.labels["source"]) == "forward_return"


def build(plan: Plan, reading: Reading, market: Market, draw: Draw, seed: int) -> tuple[JsonObject, list[str]]:
    """Returns the strategy file of a plan, and sentences about what the plan left open."""
    volatility = _least(plan, market, lambda figures: figures.volatility)
    calm = _least(plan, market, lambda figures: figures.calm_volatility)
    cost = _cost(plan.choice.symbols)
    target = _target(plan, reading, calm.get(plan.choice.base, _USUAL_VOLATILITY), cost, draw)
    sections = sections_of(plan.uses, volatility, draw)
    model, why = _model(plan, reading, draw)
    body: JsonObject = {
        "description": _description(plan),
        "training_data": _training_data(plan),
        "indicators": sections.indicators,
        "fuzzy_sets": sections.fuzzy_sets,
        "nn_inputs": sections.nn_inputs,
        "model": model,
        "decisions": _decisions(plan, reading, target, cost, draw),
        "training": _training(plan, reading, target, draw, seed),
        "execution": _execution(plan, reading, cost, draw),
    }
    lines = [target.why, why, *_rule_lines(reading, body)]
    return {"name": _name(plan, body), "version": "3.0", **body}, lines


def usual_costs(symbols: Sequence[str]) -> JsonObject:
    """Returns commission and slippage of these symbols; pairs of currencies are cheap.

    >>> usual_costs(["EURUSD"])["commission"]
    {'rate': 2e-05}
    """
    return {name: {"rate": _cost(symbols)} for name in ("commission", "slippage")}


def _cost(symbols: Sequence[str]) -> float:
    return _FX_COST if symbols and all(map(is_currency_pair, symbols)) else _COST


def _least(plan: Plan, market: Market, of: Callable[[Figures], float]) -> dict[Timeframe, float]:
    """Returns the least of a figure among the symbols on each timeframe, where it is known."""
    found: dict[Timeframe, float] = {}
    for frame in plan.choice.timeframes:
        measured = [market.figures(symbol, frame) for symbol in plan.choice.symbols]
        known = [of(figures) for figures in measured if figures is not None]
        if known:
            found[frame] = min(known)
    return found


def _target(plan: Plan, reading: Reading, volatility: float, cost: float, draw: Draw) -> Target:
    """Returns the labels: a leg is as long as the style asks, and short enough to leave many of them."""
    style = next((style for style in plan.styles if style in _LEGS), "")
    most = max(4, plan.choice.bars // _MOST_LEGS_BARS)
    leg = max(4, min(most, round(draw.between("leg", *_LEGS[style]))))
    asked = f", as the style {style} asks" if style else ""
    source = reading.labels or ("triple_barrier" if "breakout" in plan.styles else ZIGZAG)
    if source == "triple_barrier":
        barrier = draw.one("barrier", (1.5, 2.0, 2.5))
        labels = {"source": source, "profit_target_atr": barrier, "stop_loss_atr": barrier, "max_holding_bars": leg}
        return Target(labels, f"Labels are triple barriers of {barrier} ATR within {leg} bars{asked}.")
    if source == "forward_return":
        horizon = reading.rules["horizon"].value if reading.has("horizon") else None
        if horizon is not None:
            leg = _whole(horizon, "horizon", 1, 10_000)
            asked = ""
        return Target({"source": source, "horizon": leg}, f"The net predicts the return of {leg} bars{asked}.")
    given = reading.rules["zigzag_threshold"].value if reading.has("zigzag_threshold") else None
    if given is not None:
        if not 0 < given < 1:
            raise BriefInvalid(
                "out of range", where="zigzag threshold", found=given, expected="above 0 % and below 100 %"
            )
        return Target({"source": ZIGZAG, "zigzag_threshold": given}, f"Labels are legs of at least {given:.3%}.")
    # A walk of this volatility moves that far in about `leg` bars. It is that of calm times: they must have legs too.
    threshold = float(f"{max(volatility * math.sqrt(leg), _COSTS_OF_LEG * cost):.2g}")
    threshold = min(threshold, 0.5)
    about = plan.choice.bars // leg
    count = f"some {about:,} on {plan.choice.bars:,} bars"
    why = f"Labels are legs of at least {threshold:.3%}, about {leg} bars each{asked}: {count}."
    return Target({"source": ZIGZAG, "zigzag_threshold": threshold}, why)


def _model(plan: Plan, reading: Reading, draw: Draw) -> tuple[JsonObject, str]:
    named = reading.model
    kind = draw.one("recurrent", ("lstm", "gru")) if named == "recurrent" else named or "mlp"
    dropout = draw.one("dropout", (0.0, 0.1, 0.2))
    if reading.has("dropout"):
        dropout = _within(reading.rules["dropout"].value or 0, "dropout", 0, 0.99)
    why = f"The brief asks for a net of kind {kind}." if named else "The brief names no net: an MLP was taken."
    if kind == "mlp":
        layers = draw.one(
            "layers", ([16], [32, 16], [64, 32]) if plan.choice.bars >= _LARGE else ([16], [24], [32, 16])
        )
        return {"type": kind, "architecture": {"hidden_layers": layers, "dropout": dropout, "activation": "relu"}}, why
    shape = {
        "sequence_length": draw.one("window", (8, 12, 16)),
        "hidden_size": draw.one("hidden", (16, 24, 32)),
        "num_layers": 1,
        "dropout": dropout,
    }
    return {"type": kind, "architecture": shape}, why


def _decisions(plan: Plan, reading: Reading, target: Target, cost: float, draw: Draw) -> JsonObject:
    hours = plan.choice.base.seconds / SECONDS_PER_UNIT["h"]
    separation = round(draw.one("separation", (1, 2, 3)) * hours, 4)
    if reading.has("separation"):
        separation = _separation(reading.rules["separation"], hours)
    filters: JsonObject = {"filters": {"min_signal_separation": separation}}
    if target.is_return:
        model = {"round_trip_cost": 4 * cost, "min_edge_multiplier": 1.0}
        return {"output_format": "regression", "cost_model": model, **filters}
    usual = (0.36, 0.4) if target.labels["source"] == "triple_barrier" else (0.5, 0.55, 0.6)
    given = reading.rules["confidence"].value if reading.has("confidence") else None
    confidence = draw.one("confidence", usual) if given is None else _within(given, "confidence", 0, 1)
    return {"confidence_threshold": confidence, "allow_short_from_flat": not reading.has("long_only"), **filters}


def _separation(rule: Rule, hours_of_bar: float) -> float:
    """Returns hours between a fill and the next decision, rounded up."""
    hours = (rule.value or 0) * (hours_of_bar if rule.unit == "bars" else 1 / SECONDS_PER_UNIT["h"])
    return math.ceil(round(hours * 1e4, 3)) / 1e4


def _training(plan: Plan, reading: Reading, target: Target, draw: Draw, seed: int) -> JsonObject:
    given = reading.rules["epochs"].value if reading.has("epochs") else None
    epochs = draw.one("epochs", (15, 20, 30)) if given is None else _whole(given, "epochs", 1, 10_000)
    section: JsonObject = {
        "labels": target.labels,
        "epochs": epochs,
        "batch_size": 1_024 if plan.choice.bars >= _LARGE else 256,
        "learning_rate": draw.one("learning rate", (0.001, 0.002, 0.003)),
        "early_stopping": {"patience": 5},
        "seed": seed,
    }
    if reading.has("batch_size"):
        section["batch_size"] = _whole(reading.rules["batch_size"].value or 0, "batch size", 1, 1_000_000)
    if reading.has("learning_rate"):
        section["learning_rate"] = _within(reading.rules["learning_rate"].value or 0, "learning rate", 1e-9, 1)
    if target.labels["source"] == "triple_barrier":
        section["class_weights"] = True
    return section


def _execution(plan: Plan, reading: Reading, cost: float, draw: Draw) -> JsonObject:
    rates = {name: reading.rules[name].value if reading.has(name) else None for name in ("commission", "slippage")}
    section: JsonObject = {name: {"rate": cost if rate is None else rate} for name, rate in rates.items()}
    for name in rates:
        _within(section[name]["rate"], name, 0, 0.999)
    exits = _exits(plan, reading, draw)
    if exits:
        section["exits"] = exits
    if reading.has("long_only"):
        section["allow_short"] = False
    if reading.has("position"):
        share = _within(reading.rules["position"].value or 0, "position size", 1e-6, 1)
        section["sizing"] = {"kind": _SIZING, "fraction": share}
    if reading.has("volatility_target"):
        annual = _within(reading.rules["volatility_target"].value or 0, "volatility target", 1e-6, 10)
        section["sizing"] = {"kind": "volatility_target", "annual": annual, "window": _VOLATILITY_BARS}
    if reading.has("leverage"):
        leverage = _within(reading.rules["leverage"].value or 1, "leverage", 1, 1_000)
        section["margin"] = {"max_leverage": leverage}
        share = section.get("sizing", {"fraction": 1.0}).get("fraction")
        if share is not None:
            section["sizing"] = {"kind": "equity_fraction", "fraction": share * leverage}
    return section


def _exits(plan: Plan, reading: Reading, draw: Draw) -> JsonObject:
    usual = {"stop_loss": (2.0, 2.5, 3.0), "take_profit": (2.0, 3.0, 4.0), "trailing_stop": (2.0, 3.0)}
    exits: JsonObject = {}
    for name, multiples in usual.items():
        if not reading.has(name):
            continue
        rule = reading.rules[name]
        if rule.value is None:
            exits[name] = {"atr": draw.one(name, multiples)}
        else:
            exits[name] = {rule.unit: _within(rule.value, name.replace("_", " "), 1e-9, 1_000)}
    if "stop_loss" not in exits and "stop_loss" not in reading.no_rules and draw.one("stop", (True, False)):
        exits["stop_loss"] = {"atr": draw.one("stop_loss", usual["stop_loss"])}
    if reading.has("max_holding"):
        exits["max_holding_bars"] = _holding(reading.rules["max_holding"], plan.choice.base)
    return exits


def _holding(rule: Rule, base: Timeframe) -> int:
    bars = rule.value or 0
    if rule.unit == "seconds":
        bars = bars // base.seconds
    if bars < 1:
        found = f"{rule.value:g} {rule.unit}"
        raise BriefInvalid("shorter than one bar", where="holding", found=found, expected=f">= one {base.value} bar")
    return int(bars)


def _within(value: float, where: str, low: float, high: float) -> float:
    if not low <= value <= high:
        raise BriefInvalid("out of range", where=where, found=value, expected=f"from {low:g} to {high:g}")
    return value


def _whole(value: float, where: str, low: int, high: int) -> int:
    if not value.is_integer():
        raise BriefInvalid("not a whole number", where=where, found=value)
    return int(_within(value, where, low, high))


def _training_data(plan: Plan) -> JsonObject:
    symbols = plan.choice.symbols
    frames = [frame.value for frame in plan.choice.timeframes]
    many = len(symbols) > 1
    named = {"mode": "multi_symbol", "list": list(symbols)} if many else {"mode": "single", "symbol": symbols[0]}
    spans: JsonObject = {"mode": "single", "timeframe": frames[0]}
    if len(frames) > 1:
        spans = {"mode": "multi_timeframe", "list": frames, "base_timeframe": plan.choice.base.value}
    return {"symbols": named, "timeframes": spans}


def _description(plan: Plan) -> str:
    names = ", ".join(dict.fromkeys(use.known.title for use in plan.uses))
    frames = ", ".join(frame.value for frame in plan.choice.timeframes)
    style = " and ".join(plan.styles)
    return f"{style.capitalize() + ': ' if style else ''}{names} on {frames} bars of {', '.join(plan.choice.symbols)}."


def _name(plan: Plan, body: Mapping[str, object]) -> str:
    """Returns a name that says a little, and that equal strategies share."""
    parts: Sequence[str] = [*dict.fromkeys(use.type for use in plan.uses)][:2]
    mark = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:8]
    stem = "_".join([*parts, *(frame.value for frame in plan.choice.timeframes[:3])])
    return f"{stem[:50]}_{mark}"


def _words(value: Mapping[str, float] | float) -> str:
    """Returns a rule's value as a sentence has it.

    >>> _words({"atr": 2.0}), _words(24)
    ('atr 2', '24')
    """
    return ", ".join(f"{key} {one:g}" for key, one in value.items()) if isinstance(value, Mapping) else f"{value:g}"


def _rule_lines(reading: Reading, body: JsonObject) -> Iterator[str]:
    if reading.has("long_only"):
        yield "The brief allows no short positions."
    for name, value in body["execution"].get("exits", {}).items():
        asked = reading.has(name.removesuffix("_bars"))
        origin = "as the brief says" if asked else "drawn from the seed"
        yield f"The {name.replace('_', ' ')} is {_words(value)}, {origin}."
    if reading.has("separation"):
        hours = body["decisions"]["filters"]["min_signal_separation"]
        yield f"At least {hours:g} hours pass between a fill and the next decision, as the brief says."
    excluded = sorted([*reading.no_indicators, *(frame.value for frame in reading.no_timeframes), *reading.no_styles])
    if excluded:
        yield f"The brief excludes {', '.join(excluded)}."
