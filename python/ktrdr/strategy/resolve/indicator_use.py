"""Indicators as a strategy writes them, checked against the catalogue; and references to their outputs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from ktrdr._types import Json
from ktrdr.config.faults import Faults, UnresolvedError
from ktrdr.config.place import Place
from ktrdr.errors import (
    ConfigDuplicateKey,
    ConfigMissing,
    ConfigRange,
    ConfigReference,
    ConfigType,
    ConfigUnknownKey,
)
from ktrdr.strategy.catalog.indicator import Indicator
from ktrdr.strategy.catalog.indicators import INDICATORS, find_indicator
from ktrdr.strategy.catalog.parameter import Parameter
from ktrdr.strategy.schema import IndicatorUse
from ktrdr.text import nearest

ID_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}"
_ID = re.compile(ID_PATTERN)
_DATA_SOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_RESERVED = ("type", "data_source")

T = TypeVar("T")


Declared = Mapping[str, T | None]
"""Parts of a strategy by id; None for one that has a fault."""


def resolve_indicators(
    entries: Mapping[str, Any], has_context: bool, place: Place, faults: Faults
) -> Declared[IndicatorUse]:
    """Returns every indicator with canonical type and all parameters; adds to ``faults``."""
    return {
        id_: faults.attempt(_resolve_indicator, id_, entry, has_context, place.at(id_))
        for id_, entry in entries.items()
    }


def check_id(id_: str, place: Place) -> None:
    """Raises ``ConfigRange`` for a dot or another sign in an id that would make references ambiguous."""
    if not _ID.fullmatch(id_):
        raise place.error(ConfigRange, "not a valid name", found=id_, expected=_ID.pattern)


def mapping(value: object, place: Place) -> Mapping[str, Any]:
    """Returns a value that is a mapping; raises ``ConfigType`` for another."""
    if not isinstance(value, Mapping):
        raise place.error(ConfigType, "wrong type", found=repr(value), expected="a mapping")
    return value


def text(entry: Mapping[str, Any], key: str, place: Place) -> str:
    """Returns the text under ``key``; raises ``ConfigMissing`` or ``ConfigType``."""
    if key not in entry:
        raise place.error(ConfigMissing, "required key is missing", (key,))
    if not isinstance(entry[key], str):
        raise place.error(ConfigType, "wrong type", (key,), found=repr(entry[key]), expected="text")
    return str(entry[key])


def _resolve_indicator(id_: str, value: object, has_context: bool, place: Place) -> IndicatorUse:
    check_id(id_, place)
    entry = mapping(value, place)
    indicator = _indicator(text(entry, "type", place), place)
    params = _parameters(indicator, {key: item for key, item in entry.items() if key not in _RESERVED}, place)
    source = entry.get("data_source")
    if source is not None:
        _check_data_source(text(entry, "data_source", place), indicator, params, has_context, place)
    return IndicatorUse(id_, indicator.type, params, source)


def _indicator(name: str, place: Place) -> Indicator:
    if "zigzag" in name.lower():
        raise place.error(
            ConfigRange,
            "zigzag repaints: its past values use later bars, so it is no indicator",
            ("type",),
            found=name,
            hint="it exists as a label: training.labels.source: zigzag",
        )
    indicator = find_indicator(name)
    if indicator is None:
        names = [alias for known in INDICATORS.values() for alias in (known.type, *known.aliases)]
        raise place.error(ConfigRange, "unknown indicator type", ("type",), found=name, hint=nearest(name, names))
    return indicator


def _parameters(indicator: Indicator, given: Json, place: Place) -> dict[str, Any]:
    by_name = {name: known for known in indicator.parameters for name in (known.name, *known.aliases)}
    params = {known.name: known.default for known in indicator.parameters}
    written: dict[str, str] = {}
    faults = Faults()
    for key, value in given.items():
        if key not in by_name:
            hint = nearest(key, by_name) or f"{indicator.type} has: {', '.join(params) or 'no parameters'}"
            faults.add(place.error(ConfigUnknownKey, "unknown parameter", (key,), found=key, hint=hint))
            continue
        known = by_name[key]
        if (other := written.setdefault(known.name, key)) != key:
            faults.add(place.error(ConfigDuplicateKey, f"another name of {other}, which is given too", (key,)))
        params[known.name] = faults.attempt(_parameter, known, value, place.at(key))
    faults.raise_all()
    if message := indicator.check(params):
        raise place.error(ConfigRange, message)
    return params


def _parameter(known: Parameter, value: object, place: Place) -> Any:
    if known.kind in ("source", "choice"):
        if not isinstance(value, str):
            raise place.error(ConfigType, "wrong type", found=repr(value), expected="text")
        if value not in known.choices:
            expected = ", ".join(known.choices)
            raise place.error(
                ConfigRange, "unknown choice", found=value, expected=expected, hint=nearest(value, known.choices)
            )
        return value
    wanted = int if known.kind == "int" else (int, float)
    if isinstance(value, bool) or not isinstance(value, wanted):
        expected = "an integer" if known.kind == "int" else "a number"
        raise place.error(ConfigType, "wrong type", found=repr(value), expected=expected)
    low = f"{'>' if known.low_exclusive else '>='} {known.low:g}"
    if value < known.low or value > known.high or (known.low_exclusive and value == known.low):
        raise place.error(ConfigRange, "out of range", found=value, expected=f"{low} and <= {known.high:g}")
    return value if known.kind == "int" else float(value)


def _check_data_source(
    name: str, indicator: Indicator, params: Mapping[str, Any], has_context: bool, place: Place
) -> None:
    path = ("data_source",)
    if not _DATA_SOURCE.fullmatch(name):
        raise place.error(ConfigRange, "not a valid name", path, found=name, expected=_DATA_SOURCE.pattern)
    if not has_context:
        raise place.error(
            ConfigReference, "no context_data is declared", path, found=name, hint="list its series there"
        )
    if not indicator.source_only:
        raise place.error(
            ConfigRange,
            f"{indicator.type} needs whole bars, an external series has one value",
            path,
            found=name,
            expected="an indicator that needs only a source",
        )
    if params.get("source", "close") != "close":
        raise place.error(ConfigRange, "an external series has one value", ("source",), found=params["source"])


def resolve_output(ref: str, uses: Declared[IndicatorUse] | None, place: Place) -> tuple[str, str]:
    """Splits ``id`` or ``id.output``; a bare id gives the first output, or "" if there is only one.

    Raises ``ConfigReference`` with the nearest name.
    """
    id_, dot, output = ref.partition(".")
    use = resolve_reference(id_, uses, "indicators", place, ref)
    names = [known.name for known in INDICATORS[use.type].outputs]
    if not dot:
        return id_, names[0]
    if names == [""]:
        raise place.error(ConfigReference, f"{use.type} has one output", found=ref, expected=id_)
    if output not in names:
        raise place.error(ConfigReference, "no such output", found=ref, hint=_known(output, names, "outputs"))
    return id_, output


def _known(name: str, known: Any, kind: str) -> str:
    one_line = [one for one in known if one.isprintable()]  # a name with a line break has a fault of its own
    return nearest(name, one_line) or f"{kind}: {', '.join(one_line) or 'none'}"


def resolve_reference(name: str, known: Declared[T] | None, kind: str, place: Place, found: str | None = None) -> T:
    """Returns the part of that name; ``found`` is the reference as written.

    Raises ``ConfigReference`` with the nearest name, ``UnresolvedError`` for a part or a section with a fault.
    """
    if known is None:
        raise UnresolvedError(kind)
    if name not in known:
        what = f"no such {kind.removesuffix('s').replace('_', ' ')}"
        raise place.error(ConfigReference, what, found=found or name, hint=_known(name, known, kind))
    part = known[name]
    if part is None:
        raise UnresolvedError(name)
    return part
