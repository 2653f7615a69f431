"""A small validator of JSON Schema: the keywords that our schema uses, and none in silence."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

NOTES = {"$schema", "$defs", "title", "description", "default", "discriminator", "unit", "then", "else"}
TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: isinstance(value, int | float) and not isinstance(value, bool) and value == int(value),
}
ON_NUMBERS: dict[str, Callable[[Any, Any], bool]] = {
    "minimum": lambda value, bound: value >= bound,
    "maximum": lambda value, bound: value <= bound,
    "exclusiveMinimum": lambda value, bound: value > bound,
    "exclusiveMaximum": lambda value, bound: value < bound,
}
ON_SIZES = {"minItems": (list, 1), "maxItems": (list, -1), "minProperties": (dict, 1), "maxProperties": (dict, -1)}


class Validator:
    """Checks values against a schema whose ``$ref`` point into its ``$defs``."""

    def __init__(self, root: Schema) -> None:
        self.root = root

    def accepts(self, value: Any, schema: Schema | bool | None = None) -> bool:
        """Returns True if the value is valid under the schema, by default the whole one."""
        chosen = self.root if schema is None else schema
        if isinstance(chosen, bool):
            return chosen
        return all(self.checks(value, chosen))

    def checks(self, value: Any, schema: Schema) -> Iterator[bool]:
        for word, given in schema.items():
            if word in NOTES:
                continue
            check = getattr(self, f"on_{word.replace('$', '')}", None)
            if check is not None:
                yield check(value, given, schema)
            elif word in ON_NUMBERS:
                yield not TYPES["number"](value) or ON_NUMBERS[word](value, given)
            else:
                kind, sign = ON_SIZES[word]
                yield not isinstance(value, kind) or sign * len(value) >= sign * given

    def on_ref(self, value: Any, given: str, schema: Schema) -> bool:
        return self.accepts(value, self.root["$defs"][given.removeprefix("#/$defs/")])

    def on_type(self, value: Any, given: str, schema: Schema) -> bool:
        return TYPES[given](value)

    def on_enum(self, value: Any, given: list[Any], schema: Schema) -> bool:
        return value in given

    def on_const(self, value: Any, given: Any, schema: Schema) -> bool:
        return bool(value == given) and isinstance(value, bool) == isinstance(given, bool)

    def on_pattern(self, value: Any, given: str, schema: Schema) -> bool:
        return not isinstance(value, str) or re.search(given, value) is not None

    def on_required(self, value: Any, given: list[str], schema: Schema) -> bool:
        return not isinstance(value, dict) or set(given) <= set(value)

    def on_properties(self, value: Any, given: Schema, schema: Schema) -> bool:
        return not isinstance(value, dict) or all(
            self.accepts(value[key], one) for key, one in given.items() if key in value
        )

    def on_additionalProperties(self, value: Any, given: Any, schema: Schema) -> bool:
        known = schema.get("properties", {})
        return not isinstance(value, dict) or all(
            self.accepts(one, given) for key, one in value.items() if key not in known
        )

    def on_propertyNames(self, value: Any, given: Schema, schema: Schema) -> bool:
        return not isinstance(value, dict) or all(self.accepts(key, given) for key in value)

    def on_items(self, value: Any, given: Schema, schema: Schema) -> bool:
        return not isinstance(value, list) or all(self.accepts(one, given) for one in value)

    def on_anyOf(self, value: Any, given: list[Schema], schema: Schema) -> bool:
        return any(self.accepts(value, one) for one in given)

    def on_oneOf(self, value: Any, given: list[Schema], schema: Schema) -> bool:
        return sum(self.accepts(value, one) for one in given) == 1

    def on_allOf(self, value: Any, given: list[Schema], schema: Schema) -> bool:
        return all(self.accepts(value, one) for one in given)

    def on_not(self, value: Any, given: Schema, schema: Schema) -> bool:
        return not self.accepts(value, given)

    def on_if(self, value: Any, given: Schema, schema: Schema) -> bool:
        return self.accepts(value, schema.get("then" if self.accepts(value, given) else "else", True))
