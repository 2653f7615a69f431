"""Inputs that ``train`` and ``labels`` share: the strategy, its symbols, a span and the source of bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from ktrdr.data.bars import BarsByTimeframe
from ktrdr.data.store.repository import BarSource, MemoryBars, Repository, check_symbol
from ktrdr.errors import ArgumentInvalid
from ktrdr.strategy.loader import load_strategy
from ktrdr.strategy.schema import Strategy
from ktrdr.strategy.sections.grammar import MAX_SYMBOLS
from ktrdr.time import Span, Timeframe
from ktrdr.training.sources.make import require_trainable

Moment = str | date | datetime | None
"""A date or an instant as a user gives it; None for the strategy's own."""


@dataclass(frozen=True)
class TrainingInputs:
    """The checked inputs of a training.

    Args:
        strategy: with labels that can be trained.
        symbols: in the strategy's order.
        span: the bars that may be trained on.
        repository: the data folder, in which models lie too.
        source: where bars come from: the repository, or frames in memory.
    """

    strategy: Strategy
    symbols: tuple[str, ...]
    span: Span
    repository: Repository
    source: BarSource


def training_inputs(
    strategy: str | Path | Mapping[str, Any] | Strategy,
    symbols: str | Sequence[str] | None,
    timeframe: str | None,
    *,
    start: Moment,
    end: Moment,
    bars: BarsByTimeframe | None,
    data_dir: str | Path | None,
) -> TrainingInputs:
    """Checks the arguments that ``train`` and ``labels`` share; reads no bars.

    Raises:
        ConfigError, LabelNotSupported: the strategy cannot be trained.
        ArgumentInvalid: another timeframe than the strategy's base, frames for several symbols, no date.
    """
    loaded = load_strategy(strategy)
    require_trainable(loaded.training.labels)
    if timeframe is not None:
        loaded.require_base(Timeframe.parse(timeframe))
    chosen = loaded.symbols if symbols is None else _checked_symbols(symbols)
    if bars is not None and len(chosen) > 1:
        raise ArgumentInvalid(
            "frames can replace the bars of one symbol only",
            where="symbol",
            found=", ".join(chosen),
            expected="one of them",
        )
    repository = Repository() if data_dir is None else Repository(Path(data_dir))
    source = repository if bars is None else MemoryBars.of(bars, chosen[0])
    return TrainingInputs(loaded, chosen, _span(loaded, start, end), repository, source)


def _checked_symbols(symbols: str | Sequence[str]) -> tuple[str, ...]:
    """Returns the symbols to train on, in their order; refuses none, more than a strategy may have, and one twice."""
    chosen = (symbols,) if isinstance(symbols, str) else tuple(symbols)
    for symbol in chosen:
        check_symbol(symbol)
    if not 1 <= len(set(chosen)) == len(chosen) <= MAX_SYMBOLS:
        found = ", ".join(chosen) or "none"
        raise ArgumentInvalid(
            "not a list of symbols", where="symbol", found=found, expected=f"1 to {MAX_SYMBOLS} different names"
        )
    return chosen


def _span(strategy: Strategy, start: Moment, end: Moment) -> Span:
    first, last = strategy.dates
    return Span.parse(first if start is None else start, last if end is None else end)
