"""Forms from the models of request bodies: a field of the model is a field of the form, with its words and ranges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from ktrdr._types import Json

_FIRST = (
    "brief",
    "strategy_name",
    "strategy_yaml",
    "symbol",
    "symbols",
    "timeframe",
    "start_date",
    "end_date",
    "folds",
    "model_id",
    "model",
    "initial_capital",
    "note",
)
"""Fields that a person looks for, in this order; the others are folded away."""
_LONG = frozenset({"brief", "strategy_yaml"})
_UNASKED = frozenset({"idempotency_key"})
"""Filled in by the page, so that a second click starts nothing twice."""
_KINDS = {"string": "text", "integer": "number", "number": "number", "boolean": "flag", "array": "list"}


@dataclass(frozen=True)
class Field:
    """A field of a form.

    Args:
        name: key in the request's body; empty for rules, whose lines begin with their keys.
        label: its words.
        kind: text, long, number, flag, list or rules.
        required: True if the request needs it.
        preset: the value by default, as text.
        description: a line below it.
        example: a value to show in an empty field.
        choices: values to suggest, each with words to show beside it.
        sections: keys of the body that lines of rules may begin with.
        longest: most characters; None without a limit.
        is_first: False for a field that is folded away.
    """

    name: str
    label: str
    kind: str
    required: bool = False
    preset: str = ""
    description: str = ""
    example: str = ""
    choices: Mapping[str, str] = field(default_factory=dict)
    sections: Sequence[str] = ()
    longest: int | None = None
    is_first: bool = True


def fields_of(body: type[BaseModel], choices: Mapping[str, Mapping[str, str]]) -> list[Field]:
    """Returns the fields of a form for a body, those that a person looks for first.

    Args:
        body: model of the request.
        choices: values to suggest with words beside each, by the name of a field.
    """
    schema = body.model_json_schema()
    asked = {name: _merged(facts) for name, facts in schema["properties"].items() if name not in _UNASKED}
    needed = schema.get("required", ())
    sections = [name for name, facts in asked.items() if facts["type"] == "object"]
    plain = [name for name in (*_FIRST, *asked) if name in asked and name not in sections]
    found = [_field(name, asked[name], name in needed, choices.get(name, {})) for name in dict.fromkeys(plain)]
    return [*found, *_rules(sections)]


def _merged(facts: Json) -> dict[str, Any]:
    """Returns the schema of a value that may be null without its null."""
    known: Json = next((part for part in facts.get("anyOf", ()) if part.get("type") != "null"), {})
    return {**facts, **known}


def _field(name: str, facts: Json, required: bool, choices: Mapping[str, str]) -> Field:
    default = facts.get("default")
    example = next(iter(facts.get("examples", ())), "")
    return Field(
        name=name,
        label=name.removesuffix("_name").replace("_", " ").replace("yaml", "as YAML"),
        kind="long" if name in _LONG else _KINDS[facts["type"]],
        required=required,
        preset="" if default is None or default is False else f"{default:g}" if _is_number(default) else str(default),
        description=facts.get("description", ""),
        example=", ".join(example) if isinstance(example, list) else str(example),
        choices=choices,
        longest=facts.get("maxLength"),
        is_first=name in _FIRST,
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _rules(sections: Sequence[str]) -> Iterator[Field]:
    """Yields one field for all rules that a request may change, one rule for each line."""
    if sections:
        yield Field(
            name="",
            label="rules",
            kind="rules",
            description=f"one for each line, over the strategy's; names begin with {', '.join(sections)}",
            example="training.epochs = 20" if sections[0] == "training" else "execution.slippage.rate = 0.0002",
            sections=sections,
        )
