"""``ktrdr indicators``: the indicators of the catalogue, with parameters, outputs, bounds and history."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from ktrdr.cli.output import CommandResult, Table
from ktrdr.errors import ArgumentInvalid
from ktrdr.strategy.catalog.indicator import Bounds, Indicator, Neutral, Output
from ktrdr.strategy.catalog.indicators import INDICATORS, defaults, find_indicator
from ktrdr.strategy.catalog.parameter import Parameter
from ktrdr.strategy.history import bars_per_day
from ktrdr.text import nearest
from ktrdr.time import Timeframe

_UNITS = {"source": "that of the source", "ratio": "ratio", "index": "index", "sign": "1 or -1"}
_HOURS = bars_per_day(Timeframe.H1)


def indicators(name: str | None = None, /) -> CommandResult:
    """Print the indicators that a strategy may use, or all that is known of one.

    Parameters
    ----------
    name
        A type or another name of it, such as bbands.
    """
    if name is None:
        found = [_facts(known) for known in INDICATORS.values()]
        rows = [(known.type, known.title, _settings(known), _names(known)) for known in INDICATORS.values()]
        return CommandResult({"indicators": found}, [Table(("type", "indicator", "parameters", "outputs"), rows)])
    known = find_indicator(name)
    if known is None:
        names = [other for one in INDICATORS.values() for other in (one.type, *one.aliases)]
        raise ArgumentInvalid(
            "no such indicator", where="NAME", found=name, hint=nearest(name, names) or "`ktrdr indicators` lists them"
        )
    return CommandResult(_facts(known), list(_page(known)))


def _settings(known: Indicator) -> str:
    return ", ".join(f"{one.name} {one.default}" for one in known.parameters)


def _names(known: Indicator) -> str:
    return ", ".join(output.name or "one" for output in known.outputs)


def _page(known: Indicator) -> Iterator[str | Table]:
    """Yields the lines and tables of one indicator."""
    also = f", also {', '.join(known.aliases)}" if known.aliases else ""
    yield f"{known.type}{also}: {known.title}"
    if known.parameters:
        rows = [(one.name, _range(one), str(one.default), ", ".join(one.aliases)) for one in known.parameters]
        yield Table(("parameter", "range", "default", "also"), rows)
    yield Table(
        ("output", "unit", "bounds", "lookback", "settles in"), [_row(known, output) for output in known.outputs]
    )
    yield "lookback and settling in bars, with the default parameters on 1h bars"
    yield from _notes(known)


def _row(known: Indicator, output: Output) -> tuple[str, ...]:
    params = defaults(known)
    return (
        output.name or "one",
        _UNITS.get(output.unit, output.unit),
        _span(output.bounds),
        str(output.lookback(params, _HOURS)),
        str(output.settle(params)),
    )


def _notes(known: Indicator) -> Iterator[str]:
    if known.note:
        yield known.note
    for output in known.outputs:
        if output.neutral is not None:
            name = output.name or known.type
            yield f"{name} is {output.neutral.value:g} where {_without(output.neutral)}; TA-Lib gives another value."
    if known.reads_volume(defaults(known)):
        yield "It reads volume."
    if known.source_only:
        yield "It also reads an external series."


def _without(neutral: Neutral) -> str:
    noun = {"bars": "no price moves", "source": "the source does not move"}
    return noun.get(neutral.without, f"the {neutral.without} does not move")


def _range(known: Parameter) -> str:
    if known.choices:
        return ", ".join(known.choices)
    low = f"{'>' if known.low_exclusive else '>='} {known.low:g}"
    return f"{low}, <= {known.high:,g}"


def _span(bounds: Bounds | None) -> str:
    if bounds is None:
        return "none"
    if bounds.high == math.inf:
        return f"{bounds.low:g} and above"
    return f"{bounds.low:g} to {bounds.high if isinstance(bounds.high, str) else format(bounds.high, 'g')}"


def _facts(known: Indicator) -> dict[str, Any]:
    params = defaults(known)
    return {
        "type": known.type,
        "title": known.title,
        "aliases": list(known.aliases),
        "parameters": [_parameter_facts(one) for one in known.parameters],
        "outputs": [_output_facts(output, params) for output in known.outputs],
        "reads_volume": known.reads_volume(params),
        "external_series": known.source_only,
        "note": known.note,
    }


def _parameter_facts(known: Parameter) -> dict[str, Any]:
    facts: dict[str, Any] = {"name": known.name, "aliases": list(known.aliases), "default": known.default}
    if known.choices:
        return facts | {"choices": list(known.choices)}
    return facts | {"low": known.low, "low_exclusive": known.low_exclusive, "high": known.high}


def _output_facts(output: Output, params: Mapping[str, Any]) -> dict[str, Any]:
    low, high = (None, None) if output.bounds is None else output.bounds.of(params)
    return {
        "name": output.name,
        "unit": output.unit,
        "low": low,
        "high": None if high == math.inf else high,
        "neutral": None if output.neutral is None else output.neutral.value,
        "lookback_bars": output.lookback(params, _HOURS),
        "settle_bars": output.settle(params),
    }
