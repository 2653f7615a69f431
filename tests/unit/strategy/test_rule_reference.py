"""The table of rules names every key that the models take, with its default, a line and, for a number, a unit."""

from __future__ import annotations

from typing import Any

import pytest

from ktrdr.config.merge import merge
from ktrdr.errors import ConfigError
from ktrdr.strategy.rule_reference import Rule, rules
from ktrdr.strategy.rules import parse_decisions, parse_execution, parse_metrics

PARSERS: dict[str, Any] = {"decisions": parse_decisions, "execution": parse_execution, "metrics": parse_metrics}
RULES = rules()
NUMBERS = [rule for rule in RULES if rule.unit]


def leaves(mapping: dict[str, Any], path: str) -> dict[str, Any]:
    """Returns the values of a mapping by their dotted keys."""
    found = {}
    for key, value in mapping.items():
        found |= leaves(value, f"{path}.{key}") if isinstance(value, dict) else {f"{path}.{key}": value}
    return found


def test_every_default_in_force_is_in_the_table() -> None:
    shown = {rule.key: rule.default for rule in reversed(RULES) if rule.applies in ("", "kind: cash_fraction")}
    for section, parse in PARSERS.items():
        for key, value in leaves(parse().to_core(), section).items():
            if key.rsplit(".", 1)[1] in ("stop_loss", "take_profit", "trailing_stop"):
                assert value is None
                assert f"{key}.rate" in shown
            else:
                assert shown[key] == value, key


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.key} {rule.applies}".strip())
def test_a_rule_has_a_line_and_a_number_has_a_unit(rule: Rule) -> None:
    assert rule.summary
    assert bool(rule.unit) == (rule.range[0] in "<>" or rule.range.startswith("a "))


def setting(rule: Rule, value: float) -> dict[str, Any]:
    """Returns the section that sets a rule, with what the rule needs beside it."""
    _, *path = rule.key.split(".")
    found: Any = value
    for key in reversed(path):
        found = {key: found}
    if rule.applies:
        found = merge(found, {"sizing": {"kind": rule.applies.removeprefix("kind: ")}}, frozenset())
        if "volatility" in rule.applies:
            found["sizing"] = {"annual": 0.1, "window": 20} | found["sizing"]
    if rule.key.endswith(".ticks"):
        found["instrument"] = {"tick_size": 0.01}
    return dict(found)


@pytest.mark.parametrize("rule", NUMBERS, ids=lambda rule: f"{rule.key} {rule.applies}".strip())
def test_the_range_is_the_one_that_is_checked(rule: Rule) -> None:
    parse = PARSERS[rule.key.split(".", 1)[0]]
    bounds = {}
    for part in rule.range.split(", "):
        sign, _, bound = part.partition(" ")
        if sign in (">", ">=", "<", "<="):
            bounds[sign] = float(bound.replace(",", ""))
    for sign, bound in bounds.items():
        beyond = bound if sign in (">", "<") else bound + (1 if sign == "<=" else -1)
        whole = rule.unit == "bars"
        with pytest.raises(ConfigError):
            parse(setting(rule, int(beyond) if whole else beyond))
        if sign in (">=", "<="):
            parse(setting(rule, int(bound) if whole else bound))
