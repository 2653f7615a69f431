"""Fuzzy sets as a strategy writes them, checked against the catalogue of membership functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ktrdr.config.place import Place
from ktrdr.errors import ConfigFuzzy, ConfigMissing, ConfigRange, ConfigType, ConfigUnknownKey
from ktrdr.strategy.catalog.memberships import MEMBERSHIPS
from ktrdr.strategy.resolve.indicator_use import check_id, mapping, resolve_output, text
from ktrdr.strategy.schema import FuzzySet, IndicatorUse, Membership
from ktrdr.text import nearest


def resolve_fuzzy_sets(
    entries: Mapping[str, Any], uses: Mapping[str, IndicatorUse], place: Place
) -> dict[str, FuzzySet]:
    """Returns every fuzzy set with its indicator and membership functions; raises a ``ConfigError`` leaf."""
    return {check_id(id_, place): _resolve_set(id_, entry, uses, place.at(id_)) for id_, entry in entries.items()}


def _resolve_set(id_: str, value: Any, uses: Mapping[str, IndicatorUse], place: Place) -> FuzzySet:
    entry = mapping(value, place)
    indicator_id, output = resolve_output(text(entry, "indicator", place), uses, place.at("indicator"))
    members = tuple(
        _resolve_member(check_id(name, place), member, place.at(name))
        for name, member in entry.items()
        if name != "indicator"
    )
    if not members:
        raise place.error(ConfigMissing, "a fuzzy set needs a membership function")
    return FuzzySet(id_, indicator_id, output, members)


def _resolve_member(name: str, value: Any, place: Place) -> Membership:
    if isinstance(value, list):
        return Membership(name, "triangular", _parameters("triangular", value, place))
    if not isinstance(value, Mapping):
        raise place.error(ConfigType, "wrong type", found=repr(value), expected="[a, b, c] or {type, parameters}")
    for key in value:
        if key not in ("type", "parameters"):
            hint = nearest(key, ("type", "parameters"))
            raise place.error(ConfigUnknownKey, "unknown key", (key,), found=key, hint=hint)
    kind = text(value, "type", place).lower()
    if kind not in MEMBERSHIPS:
        raise place.error(
            ConfigRange,
            "unknown membership function",
            ("type",),
            found=value["type"],
            expected=", ".join(MEMBERSHIPS),
            hint=nearest(kind, MEMBERSHIPS),
        )
    if "parameters" not in value:
        raise place.error(ConfigMissing, "required key is missing", ("parameters",))
    return Membership(name, kind, _parameters(kind, value["parameters"], place.at("parameters")))


def _parameters(kind: str, values: Any, place: Place) -> tuple[float, ...]:
    if not isinstance(values, list):
        raise place.error(ConfigType, "wrong type", found=repr(values), expected="a list of numbers")
    for index, value in enumerate(values):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise place.error(ConfigType, "wrong type", (index,), found=repr(value), expected="a number")
    spec = MEMBERSHIPS[kind]
    numbers = tuple(float(value) for value in values)
    shape = f"[{', '.join(spec.parameter_names)}]"
    if len(numbers) != len(spec.parameter_names):
        raise place.error(ConfigFuzzy, "wrong number of parameters", found=repr(values), expected=f"{kind} {shape}")
    if message := spec.check(numbers):
        raise place.error(ConfigFuzzy, message, found=repr(values), expected=f"{kind} {shape}")
    return numbers
