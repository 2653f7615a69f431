"""Fuzzy sets as a strategy writes them, checked against the catalogue of membership functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ktrdr.config.faults import Faults, UnresolvedError
from ktrdr.config.place import Place
from ktrdr.errors import ConfigFuzzy, ConfigMissing, ConfigRange, ConfigType, ConfigUnknownKey
from ktrdr.strategy.catalog.memberships import MEMBERSHIPS
from ktrdr.strategy.resolve.indicator_use import Declared, check_id, mapping, resolve_output, text
from ktrdr.strategy.schema import FuzzySet, IndicatorUse, Membership
from ktrdr.text import nearest


def resolve_fuzzy_sets(
    entries: Mapping[str, Any], uses: Declared[IndicatorUse] | None, place: Place, faults: Faults
) -> Declared[FuzzySet]:
    """Returns every fuzzy set with its indicator and membership functions; adds to ``faults``."""
    return {id_: faults.attempt(_resolve_set, id_, entry, uses, place.at(id_)) for id_, entry in entries.items()}


def _resolve_set(id_: str, value: object, uses: Declared[IndicatorUse] | None, place: Place) -> FuzzySet:
    check_id(id_, place)
    entry = mapping(value, place)
    faults = Faults()
    ref = faults.attempt(text, entry, "indicator", place)
    source = None if ref is None else faults.attempt(resolve_output, ref, uses, place.at("indicator"))
    members = [
        faults.attempt(_resolve_member, name, member, place.at(name))
        for name, member in entry.items()
        if name != "indicator"
    ]
    if not members:
        faults.add(place.error(ConfigMissing, "a fuzzy set needs a membership function"))
    faults.raise_all()
    if source is None:
        raise UnresolvedError(id_)
    return FuzzySet(id_, *source, tuple(member for member in members if member is not None))


def _resolve_member(name: str, value: object, place: Place) -> Membership:
    check_id(name, place)
    if isinstance(value, list):
        return Membership(name, "triangular", _parameters("triangular", value, place))
    if not isinstance(value, Mapping):
        raise place.error(ConfigType, "wrong type", found=repr(value), expected="[a, b, c] or {type, parameters}")
    unknown = [key for key in value if key not in ("type", "parameters")]
    hints = [nearest(key, ("type", "parameters")) for key in unknown]
    Faults(
        place.error(ConfigUnknownKey, "unknown key", (key,), found=key, hint=hint)
        for key, hint in zip(unknown, hints, strict=True)
    ).raise_all()
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


def _parameters(kind: str, values: object, place: Place) -> tuple[float, ...]:
    if not isinstance(values, list):
        raise place.error(ConfigType, "wrong type", found=repr(values), expected="a list of numbers")
    Faults(
        place.error(ConfigType, "wrong type", (index,), found=repr(value), expected="a number")
        for index, value in enumerate(values)
        if isinstance(value, bool) or not isinstance(value, int | float)
    ).raise_all()
    spec = MEMBERSHIPS[kind]
    numbers = tuple(float(value) for value in values)
    shape = f"[{', '.join(spec.parameter_names)}]"
    if len(numbers) != len(spec.parameter_names):
        raise place.error(ConfigFuzzy, "wrong number of parameters", found=repr(values), expected=f"{kind} {shape}")
    if message := spec.check(numbers):
        raise place.error(ConfigFuzzy, message, found=repr(values), expected=f"{kind} {shape}")
    return numbers
