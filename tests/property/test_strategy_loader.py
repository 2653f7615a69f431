"""Whatever the grammar can say survives the canonical form; whatever it cannot is one of our errors."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ktrdr.config.yaml import read_yaml
from ktrdr.errors import ConfigError
from ktrdr.strategy.catalog.indicator import Indicator
from ktrdr.strategy.catalog.indicators import INDICATORS
from ktrdr.strategy.catalog.parameter import Parameter
from ktrdr.strategy.loader import load_strategy, parse_strategy

FRAMES = ["5m", "1h", "4h", "1d"]
names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,8}", fullmatch=True)
numbers = st.floats(-1e6, 1e6).map(lambda value: round(value, 6))


def parameter(known: Parameter) -> st.SearchStrategy[Any]:
    if known.choices:
        return st.sampled_from(known.choices)
    if known.kind == "int":
        return st.integers(int(known.low), int(known.high))
    return st.floats(known.low, known.high, exclude_min=known.low_exclusive)


def legal(indicator: Indicator, params: dict[str, Any]) -> bool:
    full = {known.name: params.get(known.name, known.default) for known in indicator.parameters}
    return indicator.check(full) is None


@st.composite
def indicators(draw: st.DrawFn) -> dict[str, Any]:
    indicator = draw(st.sampled_from(list(INDICATORS.values())))
    options = {known.name: parameter(known) for known in indicator.parameters}
    params = draw(st.fixed_dictionaries({}, optional=options).filter(lambda found: legal(indicator, found)))
    return {"type": draw(st.sampled_from([indicator.type, indicator.type.upper()])), **params}


memberships = st.one_of(
    st.lists(numbers, min_size=3, max_size=3).map(sorted),
    st.lists(numbers, min_size=4, max_size=4).map(lambda p: {"type": "Trapezoidal", "parameters": sorted(p)}),
    st.tuples(numbers, st.floats(1e-3, 1e3)).map(lambda p: {"type": "gaussian", "parameters": list(p)}),
    st.tuples(numbers, st.floats(1e-3, 1e3)).map(lambda p: {"type": "SIGMOID", "parameters": list(p)}),
)
models = st.one_of(
    st.fixed_dictionaries({"type": st.sampled_from(["mlp", "MLP"]), "architecture": st.fixed_dictionaries({}, optional={
        "hidden_layers": st.lists(st.integers(1, 64), max_size=8), "activation": st.sampled_from(["tanh", "relu"])})}),
    st.fixed_dictionaries({"type": st.sampled_from(["lstm", "GRU"]), "architecture": st.fixed_dictionaries(
        {"sequence_length": st.integers(1, 64)}, optional={"num_layers": st.integers(1, 4)})}),
)  # fmt: skip
trainings = st.fixed_dictionaries({}, optional={
    "epochs": st.integers(1, 10_000), "optimizer": st.sampled_from(["adam", "adamw", "sgd"]),
    "lr_scheduler": st.sampled_from([True, False, {"type": "step"}, {"type": "reduce_on_plateau", "patience": 0}]),
    "early_stopping": st.sampled_from([{}, {"enabled": False}, {"patience": 2}]),
    "labels": st.sampled_from([{"source": "zigzag"}, {"source": "triple_barrier", "vol_method": "close"},
                               {"source": "regime"}]),
    "validation_split": st.floats(0.01, 0.8), "class_weights": st.booleans(), "seed": st.integers(0, 2**63 - 1),
})  # fmt: skip
executions = st.fixed_dictionaries({}, optional={
    "sizing": st.sampled_from([{"kind": "fixed_quantity", "quantity": 1}, {"kind": "fixed_notional", "notional": 5}]),
    "slippage": st.sampled_from([{"rate": 0}, {"range_fraction": 0.5}]),
    "exits": st.sampled_from([{"stop_loss": {"atr": 1}}, {"max_holding_bars": 3, "trail_on": "extreme"}]),
    "on_opposite": st.sampled_from(["close", "reverse"]),
})  # fmt: skip


@st.composite
def files(draw: st.DrawFn) -> dict[str, Any]:
    uses = draw(st.dictionaries(names, indicators(), min_size=1, max_size=4))
    sets = draw(st.dictionaries(names, st.dictionaries(names.filter(lambda n: n != "indicator"), memberships,
                                                       min_size=1, max_size=3), min_size=1, max_size=3))  # fmt: skip
    frames = draw(st.lists(st.sampled_from(FRAMES), min_size=1, max_size=3, unique=True))
    single = {"mode": "single", "timeframe": frames[0]}
    several = {"mode": "multi_timeframe", "list": frames, "base_timeframe": draw(st.sampled_from(frames))}
    inputs: list[dict[str, Any]] = [{"fuzzy_set": name} for name in sets][:1]
    inputs.append({"raw_indicator": draw(st.sampled_from(list(uses))), "normalization": "minmax"})
    return {
        "name": draw(names),
        "training_data": {
            "symbols": {"mode": "single", "symbol": "EURUSD"},
            "timeframes": single if len(frames) == 1 else several,
        },
        "indicators": uses,
        "fuzzy_sets": {
            name: {"indicator": draw(st.sampled_from(list(uses))), **members} for name, members in sets.items()
        },
        "nn_inputs": inputs,
        "model": draw(models),
        "training": draw(trainings),
        "execution": draw(executions),
    }


@given(files())
def test_the_canonical_form_is_a_file_of_the_same_strategy(source: dict[str, Any]) -> None:
    strategy = load_strategy(source)
    canonical = strategy.canonical()
    for again in (load_strategy(canonical), parse_strategy(json.dumps(canonical, ensure_ascii=False, indent=1))):
        assert again.canonical_json() == strategy.canonical_json()
        assert again.feature_names == strategy.feature_names
        assert again.training == strategy.training
    assert parse_strategy(strategy.text).canonical_json() == strategy.canonical_json()


scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.sampled_from(["1h", "rsi"])
)
junk = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def assert_one_line_each(error: ConfigError) -> None:
    assert all("\n" not in str(fault) for fault in error.faults or (error,))


@given(files(), st.data())
def test_any_part_replaced_by_junk_is_accepted_or_one_of_our_errors(
    source: dict[str, Any], data: st.DataObject
) -> None:
    source = deepcopy(source)  # parts of it belong to the strategies that drew them
    node: Any = source
    while True:
        key = data.draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
        inner = node[key]
        if not isinstance(inner, dict | list) or not inner or data.draw(st.booleans()):
            node[key] = data.draw(junk)
            break
        node = inner
    try:
        load_strategy(source)
    except ConfigError as error:
        assert error.code.startswith("config_")
        assert_one_line_each(error)


@given(st.one_of(st.text(max_size=200), st.text(alphabet="{}[]:,-&*!|>'\"%@` \nab1.#?~", max_size=60)))
def test_any_text_is_a_document_or_one_of_our_errors(text: str) -> None:
    try:
        read_yaml(text)
    except ConfigError as error:
        assert_one_line_each(error)
