"""The JSON Schema of a strategy file, for editors: made of the sections' models and of the catalogue.

An editor completes keys and marks misspelt ones, values out of range, unknown indicators and their parameters. What
needs the whole file, such as a reference to an indicator, is left to ``ktrdr validate``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import AliasChoices, BaseModel
from pydantic.json_schema import models_json_schema

from ktrdr.strategy.catalog.indicator import Indicator
from ktrdr.strategy.catalog.indicators import INDICATORS
from ktrdr.strategy.catalog.memberships import MEMBERSHIPS
from ktrdr.strategy.catalog.parameter import Parameter
from ktrdr.strategy.resolve.indicator_use import ID_PATTERN
from ktrdr.strategy.rules import ExecutionRules, MetricsRules, OneOf
from ktrdr.strategy.sections.grammar import StrategyFile
from ktrdr.strategy.sections.model import MlpArchitecture, ModelFile, RecurrentArchitecture
from ktrdr.strategy.sections.training import TrainingFile
from ktrdr.time import Timeframe

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_MODELS = (
    StrategyFile,
    ModelFile,
    MlpArchitecture,
    RecurrentArchitecture,
    TrainingFile,
    ExecutionRules,
    MetricsRules,
)


def strategy_schema() -> Schema:
    """Returns the JSON Schema (draft 2020-12) of a strategy file.

    >>> schema = strategy_schema()
    >>> sorted(schema["required"])
    ['indicators', 'name', 'nn_inputs', 'training_data']
    """
    _, made = models_json_schema([(model, "validation") for model in _MODELS])
    parts: dict[str, Schema] = made["$defs"]
    for model in _subclasses(BaseModel):
        if model.__name__ in parts and model.__module__.startswith("ktrdr.strategy"):
            _as_validated(parts[model.__name__], model)
    _require_tags(parts)
    root = parts.pop("StrategyFile")
    root["properties"] |= _sections()
    root["properties"]["version"] = {"anyOf": [root["properties"]["version"], {"const": 3}]}
    _refine(parts)
    about = {"title": "ktrdr strategy, version 3", "description": "A strategy file; `ktrdr validate` checks the rest."}
    return {"$schema": DIALECT, **root, **about, "$defs": parts}


def _subclasses(model: type[BaseModel]) -> Iterable[type[BaseModel]]:
    for sub in model.__subclasses__():
        yield sub
        yield from _subclasses(sub)


def _as_validated(part: Schema, model: type[BaseModel]) -> None:
    """Adds what pydantic leaves out: further names of a key, and that exactly one key of a choice is given."""
    for name, field in model.model_fields.items():
        if isinstance(field.validation_alias, AliasChoices):
            names = [str(choice) for choice in field.validation_alias.choices]
            known = next(part["properties"][key] for key in (*names, name) if key in part["properties"])
            part["properties"] |= dict.fromkeys(names, known)
    if issubclass(model, OneOf):
        given = {"not": {"type": "null"}}
        part["oneOf"] = [{"required": [key], "properties": {key: given}} for key in part["properties"]]


def _require_tags(parts: Mapping[str, Schema]) -> None:
    """Requires the key that chooses between alternatives: its default is that of a missing section only."""
    for part in list(parts.values()):
        for value in part.get("properties", {}).values():
            for choice in (value, *value.get("anyOf", ())):
                tag = choice.get("discriminator", {}).get("propertyName")
                for alternative in choice.get("oneOf", ()) if tag else ():
                    known = parts[alternative["$ref"].rsplit("/", 1)[1]]
                    known["required"] = sorted({*known.get("required", ()), tag})


def _refine(parts: Mapping[str, Schema]) -> None:
    frames = {"type": "string", "enum": [timeframe.value for timeframe in Timeframe]}
    times = parts["TimeframesFile"]["properties"]
    times |= {"timeframe": frames, "base_timeframe": frames, "list": {"type": "array", "items": frames, "minItems": 1}}
    parts["TimeframesFile"]["allOf"] = [
        _where({"mode": {"const": "multi_timeframe"}}, {"required": ["list"], "not": {"required": ["timeframe"]}}),
        _where({"mode": {"const": "single"}}, {"oneOf": [{"required": ["timeframe"]}, {"required": ["list"]}]}),
    ]
    parts["SymbolsFile"]["allOf"] = [
        _where({"mode": {"const": "multi_symbol"}}, {"required": ["list"], "not": {"required": ["symbol"]}}),
        _where({"mode": {"const": "single"}}, {"required": ["symbol"], "not": {"required": ["list"]}}),
    ]
    entry = parts["InputFile"]
    entry["properties"]["timeframes"] = {"anyOf": [{"const": "all"}, times["list"]]}
    entry["oneOf"] = [{"required": ["fuzzy_set"]}, {"required": ["raw_indicator"]}]
    scheduler = parts["TrainingFile"]["properties"]["lr_scheduler"]
    scheduler["anyOf"] = [{"type": "boolean"}, *scheduler["anyOf"]]
    model = parts["ModelFile"]
    model["properties"] |= {"type": _any_case(["mlp", "lstm", "gru"]), "training": _ref("TrainingFile")}
    recurrent = {"type": {"pattern": _letters("lstm") + "|" + _letters("gru")}}
    model["allOf"] = [
        {
            "if": {"properties": recurrent, "required": ["type"]},
            "then": {"properties": {"architecture": _ref("RecurrentArchitecture")}, "required": ["architecture"]},
            "else": {"properties": {"architecture": _ref("MlpArchitecture")}},
        }
    ]


def _sections() -> Schema:
    """Returns the sections that the grammar leaves to the catalogue or to a resolver."""
    return {
        "indicators": _named(_indicator(), maxProperties=64),
        "fuzzy_sets": _named(_fuzzy_set()),
        "model": _ref("ModelFile"),
        "training": {"anyOf": [_ref("TrainingFile"), {"type": "null"}]},
        "execution": _ref("ExecutionRules"),
        "metrics": _ref("MetricsRules"),
    }


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _named(value: Schema, **bounds: int) -> Schema:
    names = {"pattern": f"^{ID_PATTERN}$"}
    return {"type": "object", "propertyNames": names, "additionalProperties": value, **bounds}


def _where(properties: Schema, then: Schema) -> Schema:
    return {"if": {"properties": properties, "required": list(properties)}, "then": then}


def _letters(name: str) -> str:
    """Returns a pattern of the name in any case."""
    return "^" + "".join(f"[{sign.upper()}{sign}]" if sign.isalpha() else sign for sign in name) + "$"


def _any_case(names: Iterable[str]) -> Schema:
    """Returns a choice of names in any case; an editor completes the lower ones."""
    chosen = list(names)
    return {"type": "string", "anyOf": [{"enum": chosen}, {"pattern": "|".join(map(_letters, chosen))}]}


def _indicator() -> Schema:
    every = [name for known in INDICATORS.values() for name in (known.type, *known.aliases)]
    return {
        "type": "object",
        "required": ["type"],
        "properties": {"type": _any_case(every)},
        "allOf": [_of_type(known) for known in INDICATORS.values()],
    }


def _of_type(indicator: Indicator) -> Schema:
    names = "|".join(map(_letters, (indicator.type, *indicator.aliases)))
    keys = {name: _parameter(known) for known in indicator.parameters for name in (known.name, *known.aliases)}
    more = {"data_source": {"type": "string"}} if indicator.source_only else {"data_source": {"type": "null"}}
    return _where(
        {"type": {"pattern": names}},
        {"description": indicator.title, "properties": {"type": True, **keys, **more}, "additionalProperties": False},
    )


def _parameter(known: Parameter) -> Schema:
    if known.choices:
        return {"enum": list(known.choices), "default": known.default}
    low = "exclusiveMinimum" if known.low_exclusive else "minimum"
    kind = "integer" if known.kind == "int" else "number"
    return {"type": kind, low: known.low, "maximum": known.high, "default": known.default}


def _fuzzy_set() -> Schema:
    member = {
        "anyOf": [
            _numbers(3),
            {
                "type": "object",
                "required": ["type", "parameters"],
                "properties": {"type": _any_case(MEMBERSHIPS), "parameters": {"type": "array"}},
                "additionalProperties": False,
                "allOf": [
                    _where(
                        {"type": {"pattern": _letters(spec.name)}},
                        {"properties": {"parameters": _numbers(len(spec.parameter_names))}},
                    )
                    for spec in MEMBERSHIPS.values()
                ],
            },
        ]
    }
    return _named(member, minProperties=2) | {
        "required": ["indicator"],
        "properties": {"indicator": {"type": "string"}},
    }


def _numbers(count: int) -> Schema:
    return {"type": "array", "items": {"type": "number"}, "minItems": count, "maxItems": count}
