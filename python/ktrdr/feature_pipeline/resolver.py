"""Columns of the feature matrix, and the indicator calls they need."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ktrdr.strategy.schema import RELATIVE, IndicatorUse, Membership, Strategy, feature_names
from ktrdr.time import Timeframe


@dataclass(frozen=True)
class SeriesKey:
    """The series an indicator is computed on: a timeframe's bars, or an external series."""

    timeframe: Timeframe | None
    context: str | None


@dataclass(frozen=True)
class FeatureColumn:
    """One column: the output of an indicator on a series, as a degree of membership or raw."""

    column: int
    name: str
    series: SeriesKey
    use: IndicatorUse
    output: str
    membership: Membership | None
    normalization: str

    @property
    def is_relative(self) -> bool:
        """Returns True if the values are divided by the closes of the same bars."""
        return self.normalization == RELATIVE


@dataclass(frozen=True)
class IndicatorCall:
    """One call of an indicator, shared by all ids with the same type and parameters."""

    series: SeriesKey
    type: str
    params: tuple[tuple[str, Any], ...]


def call_of(column: FeatureColumn) -> IndicatorCall:
    """Returns the call that gives the values of a column."""
    return IndicatorCall(column.series, column.use.type, tuple(sorted(column.use.params.items())))


def resolve_columns(strategy: Strategy) -> tuple[FeatureColumn, ...]:
    """Returns every column in order: inputs as listed, their timeframes, then membership functions in file order.

    >>> from ktrdr.strategy.loader import load_strategy
    >>> [(column.column, column.name, column.output) for column in resolve_columns(load_strategy("v3_minimal"))][0]
    (0, '1h_rsi_momentum_oversold', '')
    """
    return tuple(_columns(strategy))


def _columns(strategy: Strategy) -> Iterator[FeatureColumn]:
    number = 0
    for entry in strategy.nn_inputs:
        use = strategy.indicators[entry.indicator_id]
        members: Sequence[Membership | None] = [None]
        if entry.fuzzy_set is not None:
            members = strategy.fuzzy_sets[entry.fuzzy_set].members
        names = feature_names(entry, strategy.fuzzy_sets)
        for timeframe in entry.timeframes:
            series = SeriesKey(timeframe, None) if use.data_source is None else SeriesKey(None, use.data_source)
            for member in members:
                yield FeatureColumn(number, next(names), series, use, entry.output, member, entry.normalization)
                number += 1


def indicator_calls(columns: Sequence[FeatureColumn]) -> dict[IndicatorCall, set[str]]:
    """Returns every needed call once, with the outputs that columns use."""
    found: dict[IndicatorCall, set[str]] = {}
    for column in columns:
        found.setdefault(call_of(column), set()).add(column.output)
    return found
