"""``ktrdr rules`` and ``ktrdr schema``: keys of a strategy file and of answers, for people and for programs."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.resources import files
from typing import Literal

from ktrdr._types import JsonObject
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


def schema(of: Literal["strategy", "answers"] = "strategy", /) -> CommandResult:
    """Print a JSON Schema: of a strategy file, for editors that check YAML, or of the objects that --json prints.

    Parameters
    ----------
    of
        strategy, or answers.
    """
    found = strategy_schema() if of == "strategy" else answers_schema()
    return CommandResult(found, [json.dumps(found, indent=2)])


def answers_schema() -> JsonObject:
    """Returns the shapes of the objects that ``--json`` prints, by command; a test compares them with real answers."""
    found: JsonObject = json.loads(files("ktrdr.cli").joinpath("answers.json").read_text("utf-8"))
    return found
