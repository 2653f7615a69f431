"""Rules in force: values of sizing and costs, each with its origin, and as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ktrdr.config.strict import Strict
from ktrdr.strategy.rules import ExecutionRules, flat_rules

SECTION = "execution"
SHOWN = ("sizing", "commission", "slippage", "spread", "financing")
"""Rules of execution that decide about size and costs; a reader of a result must know them."""


class Origin(StrEnum):
    """The place that a rule's value came from.

    ``ARGUMENT`` is a keyword in Python, a field of an HTTP body, or an option of the command line such as ``--set``.
    """

    DEFAULT = "default"
    FILE = "strategy file"
    ARGUMENT = "argument"


@dataclass(frozen=True)
class RuleInForce:
    """The value of a rule in a run, and its origin; None where a run was stored without origins."""

    value: Any
    origin: Origin | None


def origins_of(file: ExecutionRules, request: Mapping[str, Any] | None) -> dict[str, Origin]:
    """Returns the origin of each execution rule that is not a default, by dotted name.

    Args:
        file: the rules that the strategy's file gives.
        request: the rules that a caller laid over them.

    >>> from ktrdr.strategy.rules import parse_execution
    >>> file = parse_execution({"commission": {"rate": 0.0}, "slippage": {"ticks": 1}, "instrument": {"tick_size": 1}})
    >>> found = origins_of(file, {"slippage": {"rate": 0.0}})
    >>> found["execution.commission.rate"].value, found["execution.slippage"].value, "execution.sizing" in found
    ('strategy file', 'argument', False)
    """
    found = dict.fromkeys(flat_rules({SECTION: _written(file)}), Origin.FILE)
    return found | dict.fromkeys(flat_rules({SECTION: request or {}}), Origin.ARGUMENT)


def origins_by_value(rules: Mapping[str, Any]) -> dict[str, Origin]:
    """Returns origins of a run without a file: a value other than the default is an argument."""
    defaults = flat_rules({SECTION: ExecutionRules().to_core()})
    return {name: Origin.ARGUMENT for name, value in flat_rules({SECTION: rules}).items() if defaults[name] != value}


def rules_in_force(rules: Mapping[str, Any], origins: Mapping[str, str] | None) -> dict[str, RuleInForce]:
    """Returns sizing and costs by dotted name.

    Args:
        rules: execution rules with every default filled in.
        origins: of the rules that are not defaults; None where nobody stored them.
    """
    shown = flat_rules({SECTION: {name: rules[name] for name in SHOWN if name in rules}})
    return {
        name: RuleInForce(value, None if origins is None else Origin(origins.get(name, Origin.DEFAULT)))
        for name, value in shown.items()
    }


def in_force_text(rules: Mapping[str, RuleInForce]) -> str:
    """Returns size and costs in one line; a cost that nothing is charged for is left out unless it is a rate.

    >>> rules = rules_in_force(ExecutionRules().to_core(), {"execution.commission.rate": "argument"})
    >>> in_force_text(rules)
    'size 25 % of cash (default), commission 0.1 % of notional (argument), slippage 0.05 % of price (default)'
    """
    return ", ".join(
        f"{text}{'' if rule.origin is None else f' ({rule.origin.value})'}"
        for name, rule in rules.items()
        if (text := _text(name.removeprefix(f"{SECTION}."), rule.value))
    )


def sizing_text(sizing: Mapping[str, Any]) -> str:
    """Returns a sizing rule as people read it.

    >>> sizing_text({"kind": "volatility_target", "annual": 0.1, "window": 20})
    '10 % volatility a year over 20 returns'
    """
    kind = sizing["kind"]
    if kind == "cash_fraction":
        return f"{_percent(sizing['fraction'])} of cash"
    if kind == "equity_fraction":
        return f"{_percent(sizing['fraction'])} of equity"
    if kind == "fixed_quantity":
        return f"{_plain(sizing['quantity'])} units"
    if kind == "fixed_notional":
        return f"notional {_plain(sizing['notional'])}"
    return f"{_percent(sizing['annual'])} volatility a year over {sizing['window']} returns"


def _written(model: Strict) -> dict[str, Any]:
    """Returns the keys that a file gives, without defaults."""
    given = {name: getattr(model, name) for name in type(model).model_fields if name in model.model_fields_set}
    return {name: _written(value) if isinstance(value, Strict) else value for name, value in given.items()}


def _text(name: str, value: Any) -> str:
    """Returns one rule; empty for a rule that charges nothing, but for the two rates that everybody asks about."""
    if name == "sizing":
        return f"size {sizing_text(value)}"
    if name == "slippage":
        return f"slippage {_slippage_text(value)}"
    if name == "commission.rate":
        return f"commission {_percent(value)} of notional"
    if not value or name == "financing.day_count":
        return ""
    return f"{name.replace('.', ' ').replace('_', ' ')} {_percent(value) if name.endswith('_rate') else _plain(value)}"


def _slippage_text(slippage: Mapping[str, Any]) -> str:
    units = {"rate": "of price", "ticks": "ticks", "range_fraction": "of the previous bar's range"}
    [(kind, value)] = ((kind, value) for kind, value in slippage.items() if value is not None)
    return f"{_plain(value) if kind == 'ticks' else _percent(value)} {units[kind]}"


def _percent(rate: float) -> str:
    return f"{_plain(100 * rate)} %"


def _plain(value: float) -> str:
    """Returns a number without an exponent and without trailing zeros."""
    return f"{value:,.10f}".rstrip("0").rstrip(".")
