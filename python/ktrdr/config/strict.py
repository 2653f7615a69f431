"""Strict models whose problems become ``ConfigError`` leaves with line, path and nearest key."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from typing import Any, ClassVar, Self, TypeVar

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from ktrdr.arguments import as_whole
from ktrdr.config.faults import together
from ktrdr.config.place import KeyPath, Place
from ktrdr.config.yaml import read_yaml
from ktrdr.errors import (
    ArgumentInvalid,
    ConfigDuplicateKey,
    ConfigError,
    ConfigMissing,
    ConfigNonfinite,
    ConfigRange,
    ConfigType,
    ConfigUnknownKey,
)
from ktrdr.text import nearest, nearest_names

_LEAVES = {leaf.code: leaf for leaf in (ConfigDuplicateKey, ConfigMissing, ConfigRange, ConfigType, ConfigUnknownKey)}
_BOUNDS = {"greater_than": ">", "greater_than_equal": ">=", "less_than": "<", "less_than_equal": "<="}
_BOUND_VALUES = {"greater_than": "gt", "greater_than_equal": "ge", "less_than": "lt", "less_than_equal": "le"}
_OFF = ("", "false", "no", "none", "off")
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
    bare: ClassVar[Mapping[str, str]] = {}
    """Keys of mappings for which people often write a number, and the mapping that they mean, with # for the number."""

    @model_validator(mode="wrap")
    @classmethod
    def _known_keys(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Refuses unknown keys and second names of a key, beside every other problem of the mapping."""
        refused = _refused_keys(cls, data) if isinstance(data, Mapping) else {}
        if not refused:
            return handler(data)
        problems = [InitErrorDetails(type=problem, loc=(), input=data) for problem in refused.values()]
        misspelt = {name for key in refused for name in nearest_names(key, keys_of(cls), at_most=1)}
        try:
            handler({key: value for key, value in data.items() if key not in refused})
        except ValidationError as error:
            others = error.errors(include_url=False)
            problems += [_again(other) for other in others if not _is_missing(other, misspelt)]
        raise ValidationError.from_exception_data(cls.__name__, problems)


class Part(Strict):
    """Base of models that mostly serve inside others: each is built when it first validates something by itself."""

    model_config = ConfigDict(defer_build=True)


def _refused_keys(model: type[Strict], data: Mapping[Any, Any]) -> dict[str, PydanticCustomError]:
    fields = keys_of(model)
    seen: dict[str, str] = {}
    refused: dict[str, PydanticCustomError] = {}
    for key in data:
        if key not in fields:
            hint = _suggest(key, model)
            refused[key] = reject(ConfigUnknownKey, "unknown key", key, found=str(key), hint=hint)
        elif (other := seen.setdefault(fields[key], key)) != key:
            refused[key] = reject(ConfigDuplicateKey, f"another name of {other}, which is given too", key)
        elif key in model.bare and isinstance(data[key], int | float | str):
            hint = f"write {key}: {_meant(model, key, data[key])}"
            refused[key] = reject(ConfigType, "wrong type", key, found=repr(data[key]), expected="a mapping", hint=hint)
    return refused


def _meant(model: type[Strict], key: str, found: float | str) -> str:
    """Returns what to write for one value in place of a mapping: null, or a mapping with a number that it takes."""
    template = model.bare[key]
    first = template.partition(", or ")[0]
    null = _takes(model, {key: None}, (key,))

    def takes(number: object) -> bool:
        return _takes(model, read_yaml(f"{key}: {first.replace('#', repr(number))}").data, (key,))

    if _is_off(found):
        return "null" if null else first.replace("#", "0" if takes(0) else "NUMBER")
    if not isinstance(found, bool | str) and takes(found):
        return template.replace("#", f"{found}")
    return template.replace("#", "NUMBER") + (", or null" if null and found == 0 else "")


def _is_off(value: object) -> bool:
    """Returns True for what people write where null is meant."""
    return value is False or (isinstance(value, str) and value.strip().lower() in _OFF)


def _is_missing(details: ErrorDetails, names: Collection[str]) -> bool:
    """Returns True for a missing key that a misspelt one was meant to be."""
    return details["type"] == "missing" and len(details["loc"]) == 1 and details["loc"][0] in names


def _again(details: ErrorDetails) -> InitErrorDetails:
    """Returns a problem in the form that pydantic takes it in."""
    context = details.get("ctx", {})
    kind = details["type"]
    known = PydanticCustomError("rejected", "{what}", context) if kind == "rejected" else kind
    return InitErrorDetails(type=known, loc=details["loc"], input=details["input"], ctx=context)


@cache
def keys_of(model: type[BaseModel]) -> Mapping[str, str]:
    """Returns each key that a file may use, aliases included, with the field it sets."""
    keys: dict[str, str] = {}
    for name, field in model.model_fields.items():
        alias = field.validation_alias
        names = alias.choices if isinstance(alias, AliasChoices) else [alias or name]
        keys |= {str(key): name for key in names}
    return keys


def _suggest(key: object, model: type[Strict]) -> str:
    known = list(keys_of(model))
    nested = _nested(model)
    return nearest(key, known) or nearest(key, nested, nested) or f"known here: {', '.join(known)}"


def _nested(model: type[Strict]) -> dict[str, str]:
    """Returns the keys one level down with their full path, so that an error can name the right place of a key."""
    parts = ((name, field.default) for name, field in model.model_fields.items())
    inner = ((name, keys_of(type(part))) for name, part in parts if isinstance(part, BaseModel))
    return {key: f"{name}.{key}" for name, keys in inner for key in keys} | dict(model.elsewhere)


def reject(leaf: type[ConfigError], what: str, *path: object, **facts: object) -> PydanticCustomError:
    """Returns the exception for a validator to raise; it becomes ``leaf`` at ``path`` below the model."""
    context = {"leaf": leaf.code, "what": what.replace("{", "(").replace("}", ")"), "path": path, "facts": facts}
    return PydanticCustomError("rejected", "{what}", context)


ModelT = TypeVar("ModelT", bound=BaseModel)


def validate(model: type[ModelT], data: object, place: Place) -> ModelT:
    """Returns ``data`` as a ``model``; raises its problems as one ``ConfigError`` leaf, the first in file order."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        problems = error.errors(include_url=False)
    raise together(_problem(details, data, place, model) for details in problems)


def checked(model: type[ModelT], values: Mapping[str, Any]) -> ModelT:
    """Returns the arguments of a call as a model; raises ``ArgumentInvalid`` that names the argument.

    >>> from pydantic import Field
    >>> class Costs(Strict):
    ...     commission: float = Field(ge=0)
    >>> checked(Costs, {"commission": -1.0})
    Traceback (most recent call last):
    ktrdr.errors.ArgumentInvalid: commission: out of range: found -1.0, expected >= 0
    """
    # A strict model takes no integer of another library.
    given = {name: value if (whole := as_whole(value)) is None else whole for name, value in values.items()}
    try:
        return validate(model, given, Place())
    except ConfigError as error:
        raise ArgumentInvalid(
            error.what, where=error.path or "", found=error.found, expected=error.expected, hint=error.hint
        ) from None


def usable(model: type[ModelT], data: object, *path: str | int) -> ModelT | None:
    """Returns the part of ``data`` at ``path`` as a ``model``; None where it is absent or has problems."""
    for part in path:
        data = _child(data, part)
    try:
        return model.model_validate(data)
    except ValidationError:
        return None


def sound_keys(model: type[Strict], data: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the keys of ``data`` whose values have no problem, for a ``model`` without required keys."""
    return {key: value for key, value in data.items() if usable(model, {key: value}) is not None}


def _problem(details: ErrorDetails, data: object, place: Place, model: type[BaseModel]) -> ConfigError:
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
    error = _value_problem(kind, context, details["input"], path, place)
    if _is_off(details["input"]) and _takes(model, _with_null(data, path), path):
        return error.but(hint=f"write {path[-1]}: null")
    return error


def _takes(model: type[BaseModel], data: object, path: KeyPath) -> bool:
    """Returns True if the value at ``path`` has no problem."""
    try:
        model.model_validate(data)
    except ValidationError as error:
        places = (_without_tags(details["loc"], data) for details in error.errors(include_url=False))
        return all(place[: len(path)] != path for place in places)
    return True


def _with_null(data: Any, path: KeyPath) -> Any:
    """Returns ``data`` with None at ``path``."""
    if not path:
        return None
    if isinstance(data, Mapping):
        return {key: _with_null(value, path[1:]) if key == path[0] else value for key, value in data.items()}
    return [_with_null(value, path[1:]) if at == path[0] else value for at, value in enumerate(data)]


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


def _choice_problem(choices: str, found: object, path: KeyPath, place: Place) -> ConfigError:
    names = choices.replace("'", "").replace(" or ", ", ").split(", ")
    numbers = names[0].isdigit()
    leaf = ConfigRange if isinstance(found, int if numbers else str) else ConfigType
    return place.error(
        leaf, "unknown choice", path, found=repr(found), expected=", ".join(names), hint=nearest(found, names)
    )


def _without_tags(loc: tuple[int | str, ...], data: object, *, absent_last: bool = False) -> KeyPath:
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


def _child(node: object, part: int | str) -> Any:
    if isinstance(node, Mapping):
        return node.get(part)
    return node[part] if isinstance(node, list | tuple) and isinstance(part, int) and part < len(node) else None
