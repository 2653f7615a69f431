"""Each rule in force has the origin of its value, and reads as a sentence."""

from __future__ import annotations

from typing import Any

import pytest

from ktrdr.strategy.in_force import (
    Origin,
    in_force_text,
    origins_by_value,
    origins_of,
    rules_in_force,
    sizing_text,
)
from ktrdr.strategy.rules import merge_rules, parse_execution

GIVEN: list[dict[str, Any]] = [
    {},
    {"commission": {"rate": 0.001}},
    {"commission": {"minimum": 1.0}},
    {"sizing": {"kind": "fixed_notional", "notional": 1_000.0}},
    {"slippage": {"range_fraction": 0.1}, "spread": {"half": 0.01}},
]
RULES = ("sizing", "commission.rate", "commission.minimum", "slippage", "spread.half", "financing.long_rate")


def has(rules: dict[str, Any], name: str) -> bool:
    """Returns True if a mapping gives that rule."""
    section, _, key = name.partition(".")
    return section in rules and (not key or key in rules[section])


@pytest.mark.parametrize("argument", GIVEN)
@pytest.mark.parametrize("file", GIVEN)
def test_an_argument_wins_over_the_file_and_the_file_over_the_default(
    file: dict[str, Any], argument: dict[str, Any]
) -> None:
    rules = parse_execution(merge_rules(file, argument)).to_core()
    found = rules_in_force(rules, origins_of(parse_execution(file), argument))
    for name in RULES:
        expected = Origin.ARGUMENT if has(argument, name) else Origin.FILE if has(file, name) else Origin.DEFAULT
        assert found[f"execution.{name}"].origin is expected, name


def test_a_value_that_equals_the_default_counts_as_the_default_without_a_file() -> None:
    rules = parse_execution({"commission": {"rate": 0.001, "per_fill": 2}}).to_core()
    assert origins_by_value(rules) == {"execution.commission.per_fill": Origin.ARGUMENT}


def test_an_origin_that_nobody_stored_is_not_invented() -> None:
    found = rules_in_force(parse_execution().to_core(), None)
    assert {rule.origin for rule in found.values()} == {None}
    assert in_force_text(found) == "size 25 % of cash, commission 0.1 % of notional, slippage 0.05 % of price"


def test_every_cost_that_is_charged_is_named() -> None:
    rules = parse_execution(
        {
            "commission": {"rate": 0, "per_unit": 0.005, "minimum": 1},
            "slippage": {"ticks": 2},
            "instrument": {"tick_size": 0.01},
            "spread": {"half": 0.00001},
            "financing": {"short_rate": 0.03},
        }
    ).to_core()
    assert in_force_text(rules_in_force(rules, None)) == (
        "size 25 % of cash, commission 0 % of notional, commission per unit 0.005, commission minimum 1, "
        "slippage 2 ticks, spread half 0.00001, financing short rate 3 %"
    )


@pytest.mark.parametrize(
    ("sizing", "text"),
    [
        ({"kind": "cash_fraction", "fraction": 1 / 3}, "33.3333333333 % of cash"),
        ({"kind": "equity_fraction", "fraction": 2.0}, "200 % of equity"),
        ({"kind": "fixed_quantity", "quantity": 10_000.0}, "10,000 units"),
        ({"kind": "fixed_notional", "notional": 0.5}, "notional 0.5"),
    ],
)
def test_sizes_read_as_sentences(sizing: dict[str, Any], text: str) -> None:
    assert sizing_text(sizing) == text
