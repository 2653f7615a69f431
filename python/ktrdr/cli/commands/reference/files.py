"""``ktrdr rules`` and ``ktrdr schema``: keys of a strategy file, for people and for editors."""

from __future__ import annotations

import json
from dataclasses import asdict

from ktrdr.cli.output import CommandResult, Table
from ktrdr.strategy.json_schema import strategy_schema
from ktrdr.strategy.rule_reference import Rule
from ktrdr.strategy.rule_reference import rules as all_rules


def rules() -> CommandResult:
    """Print the rules of decisions, execution and metrics, as a strategy file and --set take them."""
    found = all_rules()
    rows = [(_key(rule), rule.range, _default(rule), rule.unit, rule.summary) for rule in found]
    table = Table(("key", "range", "default", "unit", "meaning"), rows)
    return CommandResult({"rules": [asdict(rule) for rule in found]}, [table])


def _key(rule: Rule) -> str:
    return f"{rule.key} ({rule.applies})" if rule.applies else rule.key


def _default(rule: Rule) -> str:
    if rule.default is None:
        return "required" if rule.required else "none"
    return str(rule.default).lower() if isinstance(rule.default, bool) else str(rule.default)


def schema() -> CommandResult:
    """Print the JSON Schema of a strategy file, for editors that check YAML."""
    found = strategy_schema()
    return CommandResult(found, [json.dumps(found, indent=2)])
