"""The arguments of a run are checked before anything is loaded."""

from __future__ import annotations

import math
from typing import Any

import pytest

from ktrdr.backtesting.decision_function import rules_in_force
from ktrdr.backtesting.inputs.config import BacktestConfig, with_rules
from ktrdr.errors import ConfigError, KtrdrError
from ktrdr.strategy.loader import load_strategy
from ktrdr.time import Span
from support.inputs import worlds


def config(**arguments: Any) -> BacktestConfig:
    return BacktestConfig.of(worlds.strategy(), "EURUSD", "1h", **arguments)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ({"initial_capital": math.inf}, "argument_invalid", "initial_capital"),
        ({"initial_capital": math.nan}, "argument_invalid", "initial_capital"),
        ({"initial_capital": 0}, "argument_invalid", "initial_capital"),
        ({"initial_capital": -5.0}, "argument_invalid", "initial_capital"),
        ({"initial_capital": "5"}, "argument_invalid", "initial_capital"),
        ({"initial_capital": True}, "argument_invalid", "initial_capital"),
        ({"threads": 0}, "argument_invalid", "threads"),
        ({"threads": 1.5}, "argument_invalid", "threads"),
        ({"threads": True}, "argument_invalid", "threads"),
        ({"threads": 5_000}, "argument_invalid", "threads"),
        ({"start": "2024-02-30"}, "argument_invalid", "2024-02-30"),
        ({"start": "2024-03-02", "end": "2024-03-01"}, "argument_invalid", "end"),
        ({"execution": {"slipage": {"rate": 0}}}, "config_unknown_key", "did you mean slippage"),
        ({"execution": {"commission": {"rate": "a lot"}}}, "config_type", "execution.commission.rate"),
        ({"execution": {"commission": {"rate": math.nan}}}, "config_nonfinite", "execution.commission.rate"),
        ({"execution": {"exits": {"stop_los": {"rate": 0.1}}}}, "config_unknown_key", "did you mean stop_loss"),
        ({"decisions": {"confidence_threshold": 1.5}}, "config_range", "decisions.confidence_threshold"),
        ({"metrics": {"periods_per_year": 1_000}}, "config_range", "metrics.periods_per_year"),
        ({"execution": "fast"}, "argument_invalid", "execution"),
    ],
)
def test_a_bad_argument_names_itself(arguments: dict[str, Any], code: str, says: str) -> None:
    with pytest.raises(KtrdrError) as caught:
        config(**arguments)
    assert caught.value.code == code
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_timeframe_must_be_the_strategys_base() -> None:
    with pytest.raises(KtrdrError, match="found 4h, expected 1h") as caught:
        BacktestConfig.of(worlds.strategy("mtf"), "EURUSD", "4h")
    assert caught.value.code == "argument_invalid"


def test_a_bad_symbol_never_becomes_a_path() -> None:
    with pytest.raises(KtrdrError, match="not a symbol") as caught:
        BacktestConfig.of(worlds.strategy(), "../EURUSD", "1h")
    assert caught.value.code == "argument_invalid"


def test_a_bare_end_date_includes_that_day() -> None:
    span = config(start="2024-03-01", end="2024-03-01").span
    assert span == Span(1_709_251_200_000_000_000, 1_709_337_600_000_000_000)


def test_request_rules_win_over_the_files_and_the_rest_stays() -> None:
    file = worlds.strategy(execution={"commission": {"rate": 0.002, "minimum": 1.0}, "slippage": {"rate": 0.001}})
    changed = with_rules(load_strategy(file), {"execution": {"commission": {"rate": 0.5}}})
    assert changed.execution.commission.rate == 0.5
    assert changed.execution.commission.minimum == 1.0
    assert changed.execution.slippage.rate == 0.001


SIZINGS = [
    ({"kind": "equity_fraction", "fraction": 0.5}, {"fraction": 1}, {"kind": "equity_fraction", "fraction": 1.0}),
    ({"kind": "fixed_quantity", "quantity": 2}, {"quantity": 3}, {"kind": "fixed_quantity", "quantity": 3.0}),
    (
        {"kind": "volatility_target", "annual": 0.1, "window": 20},
        {"window": 50},
        {"kind": "volatility_target", "annual": 0.1, "window": 50},
    ),
    ({"kind": "fixed_notional", "notional": 5}, {"kind": "cash_fraction", "fraction": 1},
     {"kind": "cash_fraction", "fraction": 1.0}),
]  # fmt: skip


@pytest.mark.parametrize(("own", "change", "expected"), SIZINGS)
def test_a_part_of_a_sizing_changes_the_sizing_in_force(
    own: dict[str, Any], change: dict[str, Any], expected: dict[str, Any]
) -> None:
    file = load_strategy("v3_minimal").canonical()
    file["execution"]["sizing"] = own
    changed = with_rules(load_strategy(file), {"execution": {"sizing": change}})
    assert changed.execution.sizing.model_dump() == expected
    assert changed.execution.commission == load_strategy(file).execution.commission


def test_a_part_of_another_sizing_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"execution.sizing.quantity: unknown key"):
        with_rules(load_strategy("v3_minimal"), {"execution": {"sizing": {"quantity": 1}}})


def test_sizing_slippage_and_levels_are_replaced_whole() -> None:
    file = worlds.strategy(
        execution={
            "sizing": {"kind": "fixed_notional", "notional": 5_000},
            "slippage": {"rate": 0.001},
            "exits": {"stop_loss": {"rate": 0.01}, "max_holding_bars": 7},
            "instrument": {"tick_size": 0.0001},
        }
    )
    request = {
        "sizing": {"kind": "fixed_quantity", "quantity": 3},
        "slippage": {"ticks": 1},
        "exits": {"stop_loss": {"atr": 2.0}},
    }
    rules = with_rules(load_strategy(file), {"execution": request}).execution.to_core()
    assert rules["sizing"] == {"kind": "fixed_quantity", "quantity": 3.0}
    assert rules["slippage"] == {"ticks": 1.0}
    assert rules["exits"]["stop_loss"] == {"atr": 2.0}
    assert rules["exits"]["max_holding_bars"] == 7


def test_a_regression_has_no_threshold_and_may_always_short() -> None:
    chosen = rules_in_force(load_strategy(worlds.strategy("regression")))
    assert chosen.confidence_threshold == 0.0
    assert chosen.allow_short_from_flat is True


def test_a_requests_cost_model_moves_a_regressions_edge() -> None:
    request = {"cost_model": {"round_trip_cost": 0.01}}
    chosen = BacktestConfig.of(worlds.strategy("regression"), "EURUSD", "1h", decisions=request)
    assert chosen.strategy.round_trip_cost == 0.01
    assert chosen.strategy.min_edge_multiplier == 1.0
    assert chosen.written.round_trip_cost == 1e-4
