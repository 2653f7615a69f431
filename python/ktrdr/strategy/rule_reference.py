"""The rules of decisions, execution and metrics as a table: key, range, default, unit and a line of description.

The table is read from the models that check a strategy file, so it cannot differ from what they accept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from ktrdr._types import Json
from ktrdr.config.strict import keys_of
from ktrdr.strategy.rules import DecisionRules, ExecutionRules, MetricsRules
from ktrdr.strategy.sections.training import TrainingFile

SECTIONS: Mapping[str, type[BaseModel]] = {
    "decisions": DecisionRules,
    "execution": ExecutionRules,
    "metrics": MetricsRules,
}
_SIGNS = {"exclusiveMinimum": ">", "minimum": ">=", "exclusiveMaximum": "<", "maximum": "<="}
_TYPES = {"boolean": "true or false", "integer": "a whole number", "number": "a number"}


@dataclass(frozen=True)
class Rule:
    """One key of the rules.

    Args:
        key: as ``--set`` takes it.
        range: the values that it takes, in words.
        default: the value without the key; None where the rule is then off.
        unit: of the value; "" where it has none.
        summary: one line.
        applies: the choice that the key belongs to, such as ``kind: fixed_quantity``; "" for always.
        required: True if that choice cannot do without the key.
    """

    key: str
    range: str
    default: Any
    unit: str
    summary: str
    applies: str = ""
    required: bool = False


def section_hint(key: str, sections: Sequence[str]) -> str:
    """Returns the hint that names the section of a key that was written without one; empty where none has it.

    >>> section_hint("slippage.rate", ["decisions", "execution"])
    'did you mean execution.slippage.rate?'
    """
    first = key.partition(".")[0]
    models: Mapping[str, type[BaseModel]] = {**SECTIONS, "training": TrainingFile}
    found = [section for section in sections if first in keys_of(models[section])]
    return f"did you mean {found[0]}.{key}?" if found else ""


def rules() -> tuple[Rule, ...]:
    """Returns every rule in the order of the file.

    >>> next(rule for rule in rules() if rule.key == "execution.commission.rate")
    Rule(key='execution.commission.rate', range='>= 0, < 1', default=0.001, unit='rate', \
summary='share of the notional of a fill', applies='', required=False)
    """
    return tuple(rule for section, model in SECTIONS.items() for rule in _Reader(model).read(section))


class _Reader:
    """Reads the JSON Schema of one section."""

    def __init__(self, model: type[BaseModel]) -> None:
        self._root = model.model_json_schema()

    def read(self, section: str) -> Iterator[Rule]:
        yield from self._mapping(section, self._root, {}, "")

    def _mapping(self, path: str, schema: Mapping[str, Any], given: Json, applies: str) -> Iterator[Rule]:
        for name, value in schema["properties"].items():
            default = given.get(name, value.get("default"))
            yield from self._value(f"{path}.{name}", value, default, applies, name in schema.get("required", ()))

    def _value(self, key: str, schema: Mapping[str, Any], default: Any, applies: str, required: bool) -> Iterator[Rule]:
        if "discriminator" in schema:
            yield from self._choice(key, schema, default)
            return
        shown = next((one for one in schema.get("anyOf", ()) if one.get("type") != "null"), schema)
        if "$ref" in shown:
            given = default if isinstance(default, Mapping) else {}
            yield from self._mapping(key, self._part(shown), given, applies)
        elif "const" not in shown:
            about = schema.get("description", "")
            yield Rule(key, _range(shown), default, schema.get("unit", ""), about, applies, required)

    def _choice(self, key: str, schema: Mapping[str, Any], default: Mapping[str, Any]) -> Iterator[Rule]:
        tag = schema["discriminator"]["propertyName"]
        named = {name: self._part({"$ref": ref}) for name, ref in schema["discriminator"]["mapping"].items()}
        yield Rule(f"{key}.{tag}", ", ".join(named), default[tag], "", schema.get("description", ""))
        for name, part in named.items():
            given = default if default[tag] == name else {}
            yield from self._mapping(key, part, given, f"{tag}: {name}")

    def _part(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        part: Mapping[str, Any] = self._root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
        return part


def _range(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(schema["enum"])
    bounds = [f"{sign} {schema[name]:,g}" for name, sign in _SIGNS.items() if name in schema]
    return ", ".join(bounds) or _TYPES[schema["type"]]
