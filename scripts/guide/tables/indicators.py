"""Reference of the indicators by family, from the catalogue, with a picture each."""

from __future__ import annotations

import math
from importlib import import_module

from scripts.guide.markdown import code, plain, table
from scripts.guide.pictures.indicators import indicator_picture

from ktrdr.strategy.catalog.indicator import Bounds, Indicator, Output
from ktrdr.strategy.catalog.indicators import defaults
from ktrdr.strategy.catalog.parameter import Parameter
from ktrdr.strategy.history import bars_per_day
from ktrdr.time import Timeframe

_HOURS = bars_per_day(Timeframe.H1)
_UNITS = {"source": "that of its source", "ratio": "ratio", "index": "index", "sign": "1 or -1"}
_STILL = {"bars": "no price moves", "source": "its source does not move"}


def family(name: str) -> str:
    """Returns a heading, a picture and tables for each indicator of one family."""
    return "\n".join(_page(known) for known in import_module(f"ktrdr.strategy.catalog.{name}").FAMILY)


def _page(known: Indicator) -> str:
    also = f" Also named {', '.join(code(one) for one in known.aliases)}." if known.aliases else ""
    parameters = table(("parameter", "range", "default"), [_parameter(one) for one in known.parameters])
    outputs = table(
        ("output", "unit", "bounds", "lookback", "settles in"), [_output(known, one) for one in known.outputs]
    )
    notes = " ".join(_notes(known))
    title = known.title[0].upper() + known.title[1:]
    text = f"## {known.type}\n\n{plain(title)}.{also}\n\n{indicator_picture(known)}\n{parameters}\n{outputs}\n"
    return f"{text}{notes}\n"


def _parameter(one: Parameter) -> tuple[str, str, str]:
    also = f" or {', '.join(code(other) for other in one.aliases)}" if one.aliases else ""
    return code(one.name) + also, _range(one), code(one.default)


def _range(one: Parameter) -> str:
    if one.choices:
        return ", ".join(code(choice) for choice in one.choices)
    sign = "above" if one.low_exclusive else "from"
    return f"{sign} {one.low:g} to {one.high:,g}"


def _output(known: Indicator, one: Output) -> tuple[str, ...]:
    params = defaults(known)
    return (
        code(one.name) or "one",
        _UNITS.get(one.unit, one.unit),
        _bounds(one.bounds),
        f"{one.lookback(params, _HOURS)} bars",
        f"{one.settle(params)} bars" if one.settle(params) else "at once",
    )


def _bounds(bounds: Bounds | None) -> str:
    if bounds is None:
        return ""
    if bounds.high == math.inf:
        return f"{bounds.low:g} and above"
    return f"{bounds.low:g} to {bounds.high if isinstance(bounds.high, str) else format(bounds.high, 'g')}"


def _notes(known: Indicator) -> list[str]:
    notes = [plain(known.note)] if known.note else []
    for one in known.outputs:
        if one.neutral is not None:
            still = _STILL.get(one.neutral.without, f"the {one.neutral.without} does not move")
            notes.append(f"{code(one.name or known.type)} is {one.neutral.value:g} where {still}.")
    if known.reads_volume(defaults(known)):
        notes.append("It reads volume.")
    if known.source_only:
        notes.append("It also reads an [external series](../strategy.md#external-series).")
    return notes
