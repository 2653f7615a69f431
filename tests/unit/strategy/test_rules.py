"""Defaults, merging and bounds of the execution, decision and metrics rules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ktrdr.config.yaml import read_yaml
from ktrdr.errors import ConfigError
from ktrdr.strategy.rules import merge_rules, parse_decisions, parse_execution, parse_metrics

DEFAULTS = """\
execution:
  fill: next_open
  sizing: {kind: cash_fraction, fraction: 0.25}
  commission: {rate: 0.001, per_unit: 0, per_fill: 0, minimum: 0}
  slippage: {rate: 0.0005}
  spread: {half: 0}
  financing: {long_rate: 0, short_rate: 0, day_count: 365}
  exits: {stop_loss: null, take_profit: null, trailing_stop: null, trail_on: close, max_holding_bars: null,
          atr_period: 14}
  intrabar: pessimistic
  on_opposite: close
  allow_short: true
  margin: {max_leverage: 1, maintenance: 0.5}
  instrument: {tick_size: null, lot_size: 1.0e-8, contract_multiplier: 1}
  close_at_end: true
decisions:
  confidence_threshold: 0.5
  position_awareness: true
  allow_short_from_flat: false
  filters: {min_signal_separation: 4}
metrics: {periods_per_year: null, risk_free_rate: 0}
"""


def test_the_defaults_and_their_shape() -> None:
    written = read_yaml(DEFAULTS).data
    assert parse_execution().to_core() == written["execution"]
    assert parse_decisions().to_core() == written["decisions"]
    assert parse_metrics().to_core() == written["metrics"]


@pytest.mark.parametrize(
    "section",
    [
        {},
        {"sizing": {"kind": "volatility_target", "annual": 0.1, "window": 128}},
        {"slippage": {"range_fraction": 0.1}, "exits": {"stop_loss": {"atr": 2}, "take_profit": {"rate": 0.01}}},
        {"slippage": {"ticks": 0}, "instrument": {"tick_size": 0.25}},
        {"sizing": {"kind": "equity_fraction", "fraction": 3}, "margin": {"max_leverage": 3}},
    ],
)
def test_what_the_core_is_given_can_be_parsed_again(section: dict[str, Any]) -> None:
    rules = parse_execution(section)
    assert parse_execution(rules.to_core()) == rules
    assert set(rules.to_core()) == set(parse_execution().to_core())


def test_of_a_choice_only_the_key_that_is_set_is_shown() -> None:
    core = parse_execution(
        {"slippage": {"ticks": 2}, "instrument": {"tick_size": 1}, "exits": {"stop_loss": {"atr": 2}}}
    )
    assert core.to_core()["slippage"] == {"ticks": 2.0}
    assert core.to_core()["exits"]["stop_loss"] == {"atr": 2.0}


def test_merge_replaces_choices_whole_and_mixes_the_rest() -> None:
    base = parse_execution({"exits": {"stop_loss": {"atr": 2}, "trail_on": "extreme"}}).to_core()
    override = {
        "sizing": {"kind": "fixed_quantity", "quantity": 1},
        "slippage": {"range_fraction": 0.5},
        "commission": {"per_unit": 0.1},
        "exits": {"stop_loss": {"rate": 0.01}},
    }
    rules = parse_execution(merge_rules(base, override)).to_core()
    assert rules["sizing"] == {"kind": "fixed_quantity", "quantity": 1.0}
    assert rules["slippage"] == {"range_fraction": 0.5}
    assert rules["commission"] == {"rate": 0.001, "per_unit": 0.1, "per_fill": 0.0, "minimum": 0.0}
    assert rules["exits"]["stop_loss"] == {"rate": 0.01}
    assert rules["exits"]["trail_on"] == "extreme"
    assert base["exits"]["stop_loss"] == {"atr": 2.0}, "merging must leave its arguments alone"


def test_merge_can_switch_a_level_off() -> None:
    assert merge_rules({"exits": {"stop_loss": {"atr": 2}}}, {"exits": {"stop_loss": None}}) == {
        "exits": {"stop_loss": None}
    }


REFUSED = [
    ({"commission": {"rate": -0.1}}, "config_range", "execution.commission.rate"),
    ({"commission": {"rate": 1}}, "config_range", "execution.commission.rate"),
    ({"commission": {"minimum": -1}}, "config_range", "execution.commission.minimum"),
    ({"slippage": {"rate": 1}}, "config_range", "execution.slippage.rate"),
    ({"slippage": {"rate": 0, "ticks": 0}}, "config_range", "execution.slippage"),
    ({"slippage": {}}, "config_missing", "execution.slippage"),
    ({"slippage": {"ticks": 1}}, "config_missing", "execution.instrument.tick_size"),
    ({"spread": {"half": -1}}, "config_range", "execution.spread.half"),
    ({"financing": {"day_count": 0}}, "config_range", "execution.financing.day_count"),
    ({"financing": {"long_rate": float("nan")}}, "config_nonfinite", "execution.financing.long_rate"),
    ({"exits": {"stop_loss": {"rate": 0}}}, "config_range", "execution.exits.stop_loss.rate"),
    ({"exits": {"stop_loss": {"rate": 1, "atr": 1}}}, "config_range", "execution.exits.stop_loss"),
    ({"exits": {"stop_loss": 0.01}}, "config_type", "execution.exits.stop_loss"),
    ({"exits": {"max_holding_bars": 0}}, "config_range", "execution.exits.max_holding_bars"),
    ({"exits": {"max_holding_bars": 1.5}}, "config_type", "execution.exits.max_holding_bars"),
    ({"exits": {"trail_on": "open"}}, "config_range", "execution.exits.trail_on"),
    ({"exits": {"stop_los": {"rate": 1}}}, "config_unknown_key", "execution.exits.stop_los"),
    ({"sizing": {"kind": "cash_fraction", "fraction": 0}}, "config_range", "execution.sizing.fraction"),
    ({"sizing": {"kind": "cash_fraction", "fraction": 1.1}}, "config_range", "execution.sizing.fraction"),
    ({"sizing": {"kind": "cash_fraction", "quantity": 1}}, "config_unknown_key", "execution.sizing.quantity"),
    ({"sizing": {"kind": "cash_fraction"}}, "config_missing", "execution.sizing.fraction"),
    ({"sizing": {"kind": "martingale"}}, "config_range", "execution.sizing.kind"),
    ({"sizing": {"kind": "equity_fraction", "fraction": 1.5}}, "config_range", "execution.sizing.fraction"),
    ({"sizing": {"kind": "fixed_quantity", "quantity": 0}}, "config_range", "execution.sizing.quantity"),
    ({"sizing": {"kind": "fixed_notional", "notional": 0}}, "config_range", "execution.sizing.notional"),
    ({"sizing": {"kind": "volatility_target", "annual": 0.1, "window": 1}}, "config_range", "execution.sizing.window"),
    (
        {"sizing": {"kind": "volatility_target", "annual": 0.1, "window": 129}},
        "config_range",
        "execution.sizing.window",
    ),
    ({"margin": {"max_leverage": 0.9}}, "config_range", "execution.margin.max_leverage"),
    ({"margin": {"maintenance": 1}}, "config_range", "execution.margin.maintenance"),
    ({"instrument": {"lot_size": 0}}, "config_range", "execution.instrument.lot_size"),
    ({"instrument": {"tick_size": 0}}, "config_range", "execution.instrument.tick_size"),
    ({"instrument": {"contract_multiplier": 0}}, "config_range", "execution.instrument.contract_multiplier"),
    ({"allow_short": 1}, "config_type", "execution.allow_short"),
    ({"fill": "close"}, "config_range", "execution.fill"),
    ({"intrabar": None}, "config_type", "execution.intrabar"),
    ({"commission": None}, "config_type", "execution.commission"),
]


@pytest.mark.parametrize(("section", "code", "path"), REFUSED)
def test_a_rule_out_of_bounds_is_named(section: dict[str, Any], code: str, path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_execution(section)
    assert (caught.value.code, caught.value.path) == (code, path), str(caught.value)


@pytest.mark.parametrize("value", [0, 367, float("inf"), "252"])
def test_periods_per_year_are_days_or_weeks(value: object) -> None:
    with pytest.raises(ConfigError):
        parse_metrics({"periods_per_year": value})


def test_numpy_scalars_are_numbers() -> None:
    rules = parse_execution(
        {"sizing": {"kind": "fixed_quantity", "quantity": np.int64(10)}, "spread": {"half": np.float32(0.5)}}
    )
    assert rules.to_core()["sizing"]["quantity"] == 10.0
    assert parse_decisions({"confidence_threshold": np.float64(0.25)}).confidence_threshold == 0.25


def test_leverage_without_financing_is_worth_a_warning() -> None:
    assert parse_execution().warnings == ()
    assert len(parse_execution({"margin": {"max_leverage": 2}}).warnings) == 1
    assert parse_execution({"margin": {"max_leverage": 2}, "financing": {"long_rate": 0.01}}).warnings == ()


def test_what_a_run_must_prepare() -> None:
    plain = parse_execution()
    assert (plain.needs_atr, plain.volatility_window) == (False, None)
    atr = parse_execution({"exits": {"trailing_stop": {"atr": 2}}})
    assert atr.needs_atr
    target = parse_execution({"sizing": {"kind": "volatility_target", "annual": 0.1, "window": 20}})
    assert target.volatility_window == 20
