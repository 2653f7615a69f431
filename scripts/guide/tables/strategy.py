"""Reference of the strategy file: one table for each section of its JSON Schema, and the table of the rules."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from scripts.guide.markdown import code, plain, table

from ktrdr.strategy.json_schema import strategy_schema
from ktrdr.strategy.rule_reference import Rule
from ktrdr.strategy.rule_reference import rules as all_rules

Schema = Mapping[str, Any]
_SIGNS = {"exclusiveMinimum": "above", "minimum": "from", "exclusiveMaximum": "below", "maximum": "to"}


def section(name: str) -> str:
    """Returns the table of one part of the schema, such as ``TrainingFile``; ``-`` is the whole file."""
    root = strategy_schema()
    part = root if name == "-" else root["$defs"][name]
    needed = part.get("required", ())
    rows = [
        (code(key), _type(value), "required" if key in needed else _default(value))
        for key, value in part["properties"].items()
    ]
    summary = "" if name == "-" else f"{plain(part.get('description', ''))}\n\n"
    return summary + table(("key", "values", "default"), rows)


def rules(prefix: str) -> str:
    """Returns the table of the rules whose keys begin with ``prefix``."""
    rows = [_rule(rule) for rule in all_rules() if rule.key.startswith(prefix)]
    return table(("key", "range", "default", "unit", "meaning"), rows)


def _rule(rule: Rule) -> tuple[str, ...]:
    default = "required" if rule.required else "none" if rule.default is None else code(_yaml(rule.default))
    applies = f", with {code(rule.applies)}" if rule.applies else ""
    return code(rule.key), plain(rule.range), default, rule.unit, plain(rule.summary) + applies


def _yaml(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return str(value)


def _default(value: Schema) -> str:
    shown = value.get("default", next((one["default"] for one in value.get("anyOf", ()) if "default" in one), None))
    if isinstance(shown, Mapping | list) and not shown:
        return "empty"
    if isinstance(shown, Mapping):
        return "see below"
    return "" if shown is None else code(_yaml(shown))


def _type(value: Any) -> str:
    """Returns the values that a key takes, in words."""
    if not isinstance(value, Mapping):
        return "any"
    if "anyOf" in value or "oneOf" in value:
        kinds = [_type(one) for one in (*value.get("anyOf", ()), *value.get("oneOf", ()))]
        return " or ".join(dict.fromkeys(kind for kind in kinds if kind != "null"))
    return next(_kinds(value))


def _kinds(value: Schema) -> Iterator[str]:
    if "$ref" in value:
        yield _section_name(value["$ref"].rpartition("/")[2])
    if "enum" in value:
        yield ", ".join(code(one) for one in value["enum"])
    if "const" in value:
        yield code(_yaml(value["const"]))
    if value.get("type") == "array":
        yield f"list of {_type(value.get('items', {}))}"
    if value.get("type") == "object":
        yield "mapping"
    bounds = " ".join(f"{sign} {_number(value[key])}" for key, sign in _SIGNS.items() if key in value)
    noun = {"integer": "whole number", "boolean": "true or false", "string": "text"}.get(value.get("type", "any"))
    yield f"{noun or value.get('type', 'any')}{' ' if bounds else ''}{bounds}"


def _number(value: float) -> str:
    """Returns a number with thousands apart, in full."""
    return f"{value:,}" if isinstance(value, int) or value >= 1_000 else f"{value:g}"


def _section_name(model: str) -> str:
    """Returns the words for a part of the file.

    >>> _section_name("TrainingDataFile"), _section_name("ReduceOnPlateau")
    ('mapping (training data)', 'mapping (reduce on plateau)')
    """
    words = re.findall(r"[A-Z][a-z]*", model.removesuffix("File").removesuffix("Rules"))
    return f"mapping ({' '.join(words).lower()})"
