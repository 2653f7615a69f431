"""Symbols, timeframes and dates of ``training_data``, checked beyond their types."""

from __future__ import annotations

from ktrdr.config.faults import Faults
from ktrdr.config.place import Place
from ktrdr.errors import ArgumentInvalid, ConfigRange, ConfigReference, ConfigType
from ktrdr.strategy.resolve.inputs import parse_timeframe
from ktrdr.strategy.sections.grammar import DatesFile, SymbolsFile, TimeframesFile
from ktrdr.time import Span, Timeframe


def resolve_symbols(file: SymbolsFile, place: Place) -> tuple[str, ...]:
    """Returns the symbols in order; raises ``ConfigRange`` for one that occurs twice."""
    if file.symbol is not None:
        return (file.symbol,)
    symbols = tuple(file.entries or ())
    _refuse_repeats(symbols, place.at("list"))
    return symbols


def resolve_timeframes(file: TimeframesFile, place: Place) -> tuple[tuple[Timeframe, ...], Timeframe]:
    """Returns the timeframes in order, and the base; raises ``ConfigRange`` and ``ConfigReference``."""
    if file.timeframe is not None:
        frames: tuple[Timeframe, ...] = (parse_timeframe(file.timeframe, place.at("timeframe")),)
    else:
        faults = Faults()
        names = enumerate(file.entries or ())
        listed = [faults.attempt(parse_timeframe, name, place.at("list", index)) for index, name in names]
        faults.raise_all()
        frames = tuple(frame for frame in listed if frame is not None)
    _refuse_repeats(tuple(frame.value for frame in frames), place.at("list"))
    if file.base_timeframe is None:
        return frames, min(frames)
    base = parse_timeframe(file.base_timeframe, place.at("base_timeframe"))
    if base not in frames:
        expected = ", ".join(frame.value for frame in frames)
        raise place.error(
            ConfigReference, "not among the timeframes", ("base_timeframe",), found=base.value, expected=expected
        )
    return frames, base


def _refuse_repeats(names: tuple[str, ...], place: Place) -> None:
    for index, name in enumerate(names):
        if name in names[:index]:
            raise place.error(ConfigRange, "occurs twice in the list", (index,), found=name)


def resolve_dates(data: DatesFile, place: Place) -> tuple[str | None, str | None]:
    """Returns the first and the last date; raises ``ConfigType`` and ``ConfigRange``."""
    keys: tuple[tuple[str, ...], ...] = (("start_date",), ("end_date",))
    start = data.start_date
    end = data.end_date
    if data.date_range is not None:
        keys = (("date_range", "start"), ("date_range", "end"))
        start = data.date_range.start
        end = data.date_range.end
    faults = Faults()
    for key, date in zip(keys, (start, end), strict=True):
        try:
            Span.parse(date, None)
        except ArgumentInvalid as error:
            faults.add(place.error(ConfigType, error.what, key, found=date, expected=error.expected))
    faults.raise_all()
    try:
        Span.parse(start, end)
    except ArgumentInvalid as error:
        raise place.error(ConfigRange, error.what, keys[1], found=end, expected=error.expected) from None
    return start, end
