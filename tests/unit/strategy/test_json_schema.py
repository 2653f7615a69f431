"""The JSON Schema of a strategy file accepts what the loader accepts, and refuses typical mistakes as it does."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from ktrdr.config.yaml import read_yaml
from ktrdr.errors import ConfigError
from ktrdr.strategy.catalog.indicators import INDICATORS
from ktrdr.strategy.json_schema import strategy_schema
from ktrdr.strategy.library import list_strategies
from ktrdr.strategy.loader import load_strategy
from support.json_schema import Validator
from support.source_tree import PACKAGE, ROOT

FILES = sorted([*(PACKAGE / "strategy" / "builtin").glob("*.yaml"), *(ROOT / "examples").glob("*.yaml")])
SCHEMA = Validator(strategy_schema())
Path_ = tuple[str | int, ...]


def content(file: Path) -> Any:
    return read_yaml(file.read_text(), file.name).data


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_accepts_our_files_as_written_and_with_all_defaults(file: Path) -> None:
    assert SCHEMA.accepts(content(file))
    assert SCHEMA.accepts(load_strategy(file).canonical())


def test_there_are_files_to_accept() -> None:
    assert len(FILES) > len(list_strategies()) > 5


def changed(path: Path_, value: Any) -> dict[str, Any]:
    """Returns the example with one value set, or removed where the value is Ellipsis."""
    file: dict[str, Any] = copy.deepcopy(content(ROOT / "examples" / "first_strategy.yaml"))
    *above, last = path
    node: Any = file
    for key in above:
        node = node.setdefault(key, {}) if isinstance(node, dict) else node[key]
    if value is ...:
        del node[last]
    else:
        node[last] = value
    return file


ACCEPTED: list[tuple[Path_, Any]] = [
    (("version",), 3.0),
    (("indicators", "rsi_14", "type"), "RSI"),
    (("indicators", "bands"), {"type": "BBands", "multiplier": 2}),
    (("fuzzy_sets", "rsi_level", "bell"), {"type": "Gaussian", "parameters": [50, 10]}),
    (("model",), {"type": "LSTM", "architecture": {"sequence_length": 8}}),
    (("training", "lr_scheduler"), True),
    (("training", "lr_scheduler"), {"type": "step", "gamma": 0.5}),
    (("training", "labels"), {"source": "triple_barrier", "pt_multiplier": 2.0, "max_holding_period": 12}),
    (("execution", "sizing"), {"kind": "fixed_quantity", "quantity": 5}),
    (("execution", "exits"), {"stop_loss": {"atr": 2}, "take_profit": {"rate": 0.02, "atr": None}}),
    (("metrics",), {"risk_free_rate": 0.02}),
    (("scope",), "universal"),
    (("training_data", "timeframes"), {"mode": "single", "list": ["1h"]}),
]
REFUSED: list[tuple[Path_, Any]] = [
    (("name",), ...),
    (("indicatorz",), {}),
    (("training_data", "symbols", "mode"), "one"),
    (("training_data", "symbols", "symbol"), ...),
    (("training_data", "timeframes", "list"), ["1h", "7h"]),
    (("training_data", "timeframes", "timeframe"), "1h"),
    (("indicators", "rsi_14", "type"), "rsy"),
    (("indicators", "rsi_14", "type"), ...),
    (("indicators", "rsi_14", "period"), 1),
    (("indicators", "rsi_14", "period"), "14"),
    (("indicators", "rsi_14", "window"), 14),
    (("indicators", "rsi_14", "source"), "closing"),
    (("indicators", "rsi.14"), {"type": "rsi"}),
    (("fuzzy_sets", "rsi_level", "low"), [0, 20]),
    (("fuzzy_sets", "rsi_level", "indicator"), ...),
    (("fuzzy_sets", "rsi_level", "low"), {"type": "bell", "parameters": [50, 10]}),
    (("fuzzy_sets", "rsi_level", "low"), {"type": "gaussian", "parameters": [50]}),
    (("nn_inputs", 0, "raw_indicator"), "rsi_14"),
    (("nn_inputs",), []),
    (("model", "type"), "transformer"),
    (("model", "architecture", "layers"), [3]),
    (("model",), {"type": "lstm", "architecture": {}}),
    (("decisions", "confidence_threshold"), 60),
    (("training", "labels"), {"zigzag_threshold": 0.02}),
    (("training", "labels"), {"source": "zigzag", "threshold": 0.02}),
    (("training", "epochs"), 0),
    (("execution", "commission", "rate"), 1.5),
    (("execution", "sizing"), {"fraction": 0.5}),
    (("execution", "exits"), {"stop_loss": {"rate": 0.01, "atr": 2}}),
    (("execution", "exits"), {"stop_loss": 0.01}),
    (("execution", "on_opposite"), "flip"),
    (("metrics",), {"risk_free": 0.02}),
]


@pytest.mark.parametrize(("path", "value"), ACCEPTED)
def test_it_accepts_what_the_loader_accepts(path: Path_, value: Any) -> None:
    file = changed(path, value)
    if path == ("training_data", "timeframes"):
        file["nn_inputs"] = [{"fuzzy_set": "rsi_level"}]
    load_strategy(file)
    assert SCHEMA.accepts(file)


@pytest.mark.parametrize(("path", "value"), REFUSED)
def test_it_refuses_mistakes_that_the_loader_refuses(path: Path_, value: Any) -> None:
    file = changed(path, value)
    with pytest.raises(ConfigError):
        load_strategy(file)
    assert not SCHEMA.accepts(file)


@pytest.mark.parametrize("type_", INDICATORS)
def test_it_knows_every_parameter_of_an_indicator(type_: str) -> None:
    indicator = INDICATORS[type_]
    entry = {"type": type_} | {known.name: known.default for known in indicator.parameters}
    assert SCHEMA.accepts(changed(("indicators", "one"), entry))
    assert not SCHEMA.accepts(changed(("indicators", "one"), entry | {"perriod": 3}))
    for known in indicator.parameters:
        beyond = "never" if known.choices else known.high + 1
        assert not SCHEMA.accepts(changed(("indicators", "one"), entry | {known.name: beyond}))
