"""Strict models whose problems become ``ConfigError`` leaves with line, path and nearest key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

from pydantic import AliasChoices, BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from ktrdr.config.place import KeyPath, Place
from ktrdr.errors import (
    ConfigDuplicateKey,
    ConfigError,
    ConfigMissing,
    ConfigNonfinite,
    ConfigRange,
    ConfigType,
    ConfigUnknownKey,
)
from ktrdr.text import nearest

_LEAVES = {leaf.code: leaf for leaf in (ConfigDuplicateKey, ConfigMissing, ConfigRange, ConfigType, ConfigUnknownKey)}
_BOUNDS = {"greater_than": ">", "greater_than_equal": ">=", "less_than": "<", "less_than_equal": "<="}
_BOUND_VALUES = {"greater_than": "gt", "greater_than_equal": "ge", "less_than": "lt", "less_than_equal": "le"}
_KINDS = {
    "int": "an integer",
    "float": "a number",
    "string": "text",
    "bool": "true or false",
    "dict": "a mapping",
    "model": "a mapping",
    "list": "a list",
    "tuple": "a list",
}


class Strict(BaseModel):
    """Base of all configuration models: frozen, strict types, finite numbers, no unknown keys."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)

    elsewhere: ClassVar[Mapping[str, str]] = {}
    """Keys that are often put here, with the place they belong to."""

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, data: Any) -> Any:
        """Refuses unknown keys here, where the valid ones are known, and two names of one key."""
        if isinstance(data, Mapping):
            fields = _fields_by_key(cls)
            seen: dict[str, str] = {}
            for key in data:
                if key not in fields:
                    raise reject(ConfigUnknownKey, "unknown key", key, found=str(key), hint=_suggest(key, cls))
                if (other := seen.setdefault(fields[key], key)) != key:
                    raise reject(ConfigDuplicateKey, f"another name of {other}, which is given too", key)
        return data


def _fields_by_key(model: type[BaseModel]) -> dict[str, str]:
    """Returns each key that a file may use, aliases included, with the field it sets."""
    keys: dict[str, str] = {}
    for name, field in model.model_fields.items():
        alias = field.validation_alias
        names = alias.choices if isinstance(alias, AliasChoices) else [alias or name]
        keys |= {str(key): name for key in names}
    return keys


def _suggest(key: object, model: type[Strict]) -> str:
    known = list(_fields_by_key(model))
    nested = _nested(model)
    return nearest(key, known) or nearest(key, nested, nested) or f"known here: {', '.join(known)}"


def _nested(model: type[Strict]) -> dict[str, str]:
    """Returns the keys one level down with their full path, so that an error can name the right place of a key."""
    parts = ((name, field.default) for name, field in model.model_fields.items())
    inner = ((name, _fields_by_key(type(part))) for name, part in parts if isinstance(part, BaseModel))
    return {key: f"{name}.{key}" for name, keys in inner for key in keys} | dict(model.elsewhere)


def reject(leaf: type[ConfigError], what: str, *path: Any, **facts: Any) -> PydanticCustomError:
    """Returns the exception for a validator to raise; it becomes ``leaf`` at ``path`` below the model."""
    context = {"leaf": leaf.code, "what": what.replace("{", "(").replace("}", ")"), "path": path, "facts": facts}
    return PydanticCustomError("rejected", "{what}", context)


ModelT = TypeVar("ModelT", bound=BaseModel)


def validate(model: type[ModelT], data: Any, place: Place) -> ModelT:
    """Returns ``data`` as a ``model``; raises the first problem in file order as a ``ConfigError`` leaf."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        problems = [_problem(details, data, place) for details in error.errors(include_url=False)]
        raise min(problems, key=lambda problem: problem.line or 0) from None


def _problem(details: ErrorDetails, data: Any, place: Place) -> ConfigError:
    kind = details["type"]
    context = details.get("ctx", {})
    if kind == "rejected":
        path = _without_tags(details["loc"], data) + context["path"]
        return place.error(_LEAVES[context["leaf"]], context["what"], path, **context["facts"])
    path = _without_tags(details["loc"], data, absent_last=True)
    if kind == "missing":
        return place.error(ConfigMissing, "required key is missing", path)
    if kind == "union_tag_not_found":
        return place.error(ConfigMissing, "required key is missing", (*path, _tag_key(context)))
    if kind == "union_tag_invalid":
        key = _tag_key(context)
        return _choice_problem(context["expected_tags"], details["input"][key], (*path, key), place)
    return _value_problem(kind, context, details["input"], path, place)


def _tag_key(context: Mapping[str, Any]) -> str:
    return str(context["discriminator"]).strip("'")


def _value_problem(kind: str, context: Mapping[str, Any], found: Any, path: KeyPath, place: Place) -> ConfigError:
    if kind == "finite_number":
        return place.error(ConfigNonfinite, "number is not finite", path, found=found)
    if kind in _BOUNDS:
        expected = f"{_BOUNDS[kind]} {context[_BOUND_VALUES[kind]]:g}"
        return place.error(ConfigRange, "out of range", path, found=found, expected=expected)
    if kind == "literal_error":
        return _choice_problem(context["expected"], found, path, place)
    if kind in {"too_short", "too_long"}:
        bound = f"at least {context['min_length']}" if kind == "too_short" else f"at most {context['max_length']}"
        return place.error(ConfigRange, "wrong number of entries", path, found=len(found), expected=bound)
    if kind == "string_pattern_mismatch":
        return place.error(ConfigRange, "not a valid name", path, found=found, expected=context["pattern"])
    expected = _KINDS.get(kind.removesuffix("_type").removesuffix("_attributes"), kind)
    return place.error(ConfigType, "wrong type", path, found=repr(found), expected=expected)


def _choice_problem(choices: str, found: Any, path: KeyPath, place: Place) -> ConfigError:
    names = choices.replace("'", "").replace(" or ", ", ").split(", ")
    numbers = names[0].isdigit()
    leaf = ConfigRange if isinstance(found, int if numbers else str) else ConfigType
    return place.error(
        leaf, "unknown choice", path, found=repr(found), expected=", ".join(names), hint=nearest(found, names)
    )


def _without_tags(loc: tuple[int | str, ...], data: Any, *, absent_last: bool = False) -> KeyPath:
    """Returns the path as written, without the tags that pydantic puts among the keys.

    ``absent_last``: the last part may be a key that is missing from the data.
    """
    path: list[int | str] = []
    node = data
    for position, part in enumerate(loc):
        written = isinstance(part, int) or (isinstance(node, Mapping) and part in node)
        if not written and not (absent_last and position == len(loc) - 1):
            continue
        path.append(part)
        node = _child(node, part)
    return tuple(path)


def _child(node: Any, part: int | str) -> Any:
    if isinstance(node, Mapping):
        return node.get(part)
    return node[part] if isinstance(node, list | tuple) and isinstance(part, int) and part < len(node) else None
