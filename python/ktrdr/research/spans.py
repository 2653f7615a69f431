"""The spans of a cycle: bars to train on, an embargo, and later bars that no stage before the backtest has seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ktrdr._types import Json, JsonObject, Stamps
from ktrdr.data.resample import Resampling
from ktrdr.data.store.repository import BarSource
from ktrdr.errors import DataTooShort
from ktrdr.time import Span, Timeframe, iso
from ktrdr.training.splits import embargo_of

TRAINING_SHARE: Final = 0.7
LEAST_BARS: Final = 500
"""Bars of a cycle; with fewer no split and no backtest says anything."""


@dataclass(frozen=True)
class Spans:
    """Spans of a cycle, as instants that later bars do not move.

    Args:
        train: bars that the net may learn, be chosen and be tested on.
        evaluation: bars of the backtest, after the training span and the embargo.
    """

    train: Span
    evaluation: Span

    def to_dict(self) -> JsonObject:
        """Returns the spans, JSON-ready; ``of`` reads them."""
        return {name: [iso(_known(end)) for end in ends] for name, ends in self._ends().items()}

    @classmethod
    def of(cls, facts: Json) -> Spans:
        """Returns the spans that ``to_dict`` wrote."""
        train, evaluation = (Span.parse(*facts[name]) for name in ("train", "evaluation"))
        return cls(train, evaluation)

    def _ends(self) -> dict[str, tuple[int | None, int | None]]:
        spans = {"train": self.train, "evaluation": self.evaluation}
        return {name: (span.start_ns, span.end_ns) for name, span in spans.items()}


def choose_spans(
    source: BarSource, symbols: Sequence[str], timeframes: Sequence[Timeframe], asked: Span, *, resample: bool
) -> Spans:
    """Returns the spans of a cycle in the bars that every series of a strategy covers.

    The first 70 % of the base bars are the training span, the next 1 % the embargo, the rest the evaluation.

    Args:
        source: the stored bars.
        symbols: of the strategy; the edges are the same for all.
        timeframes: of the strategy, base first.
        asked: limits that the user has set.
        resample: True if a missing timeframe is made from a finer one.

    Raises:
        DataError: a series is missing.
        DataTooShort: fewer than 500 base bars are left.
    """
    bars = Resampling(source) if resample else source
    covered = asked
    base = timeframes[0]
    for symbol in symbols:
        for timeframe in timeframes:
            covered = _within(covered, bars.stamps(symbol, timeframe), timeframe)
    stamps = _stamps_inside(bars, symbols, base, covered)
    if len(stamps) < LEAST_BARS:
        raise DataTooShort(
            "too few bars for a training and a backtest after it",
            where=f"{' '.join(symbols)} {base.value}",
            found=f"{len(stamps)} bars that all of {' '.join(frame.value for frame in timeframes)} cover",
            expected=f"at least {LEAST_BARS}",
            hint="import more bars, or give other dates",
        )
    return _split(stamps, base)


def bars_inside(source: BarSource, symbols: Sequence[str], base: Timeframe, span: Span) -> int:
    """Returns the number of base bars in a span, those of several symbols at one moment counted once."""
    return len(_stamps_inside(source, symbols, base, span))


def _stamps_inside(bars: BarSource, symbols: Sequence[str], base: Timeframe, span: Span) -> Stamps:
    found: Stamps = np.unique(np.concatenate([_inside(bars.stamps(symbol, base), span) for symbol in symbols]))
    return found


def _split(stamps: Stamps, base: Timeframe) -> Spans:
    first = math.floor(TRAINING_SHARE * len(stamps))
    evaluated = first + embargo_of(len(stamps))
    end_ns = int(stamps[-1]) + base.ns
    return Spans(Span(int(stamps[0]), int(stamps[first])), Span(int(stamps[evaluated]), end_ns))


def _within(span: Span, stamps: Stamps, timeframe: Timeframe) -> Span:
    """Returns the part of a span that a series covers."""
    if len(stamps) == 0:
        return Span(0, 0)
    start_ns = int(stamps[0])
    end_ns = int(stamps[-1]) + timeframe.ns
    return Span(
        start_ns if span.start_ns is None else max(start_ns, span.start_ns),
        end_ns if span.end_ns is None else min(end_ns, span.end_ns),
    )


def _inside(stamps: Stamps, span: Span) -> Stamps:
    first, stop = np.searchsorted(stamps, [_known(span.start_ns), _known(span.end_ns)])
    return stamps[first:stop]


def _known(instant_ns: int | None) -> int:
    assert instant_ns is not None
    return instant_ns
