"""Runs scenarios chunk by chunk over the same bars and signals: what was found so far is never held twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl

from ktrdr import _core
from ktrdr._types import Floats
from ktrdr.analysis.sweep.scenarios import Choices, Compiled, Scenarios
from ktrdr.numerics import numeric_state
from ktrdr.simulation._run import begin
from ktrdr.simulation.columns import WholeColumns
from ktrdr.time import Timeframe

_BAR_SCENARIOS: Final = 200_000_000
"""Bars times scenarios of a chunk: a fraction of a second, so that a stop is heeded soon and a kill costs little."""
BLOCK_SHAPE: Final = (16, 3)
"""Blocks of a run's returns, and figures of each."""
_FEWEST: Final = 16
_MOST: Final = 4_096


@dataclass(frozen=True, eq=False)
class Chunk:
    """Scenarios that were run together.

    Args:
        first: number of the first of them.
        table: for each scenario its parameters, every metric (null where undefined) and ``error``.
        blocks: number, sum and sum of squares of the returns in 16 blocks [n_scenarios, 16, 3, float64]; NaN where a
            run has none.
        choices: for each scenario the place of its value in those of each rule; None for a chunk that was stored.
    """

    first: int
    table: pl.DataFrame
    blocks: Floats
    choices: Choices | None = None


@dataclass(frozen=True, eq=False)
class Market:
    """Bars and signals that scenarios are tried on.

    Args:
        columns: bars, signals and confidences.
        timeframe: length of a bar.
        initial_capital: account currency.
        warmup_bars: the first simulated bar.
    """

    columns: WholeColumns
    timeframe: Timeframe
    initial_capital: float
    warmup_bars: int

    def prepared(self, compiled: Compiled) -> _core.Simulation:
        """Returns a run of the core by the rules of the first scenario, before its first bar.

        Raises ``DataTooShort`` for a warm-up that reaches the end of the bars.
        """
        bars = self.columns.bars
        capital = self.initial_capital
        return begin(
            compiled.rules, "", self.timeframe, bars=bars, initial_capital=capital, warmup_bars=self.warmup_bars
        )

    def periods_per_year(self, compiled: Compiled) -> float:
        """Returns the factor of annual figures, which is that of all scenarios."""
        return self.prepared(compiled).metrics()[2]

    def spans(self, total: int, before: Sequence[Chunk]) -> dict[int, range]:
        """Returns the scenarios that no chunk ``before`` has, in the spans that are run together, by their first."""
        step = min(max(_BAR_SCENARIOS // len(self.columns.bars), _FEWEST), _MOST)
        found = []
        first = 0
        for stored in [*(range(one.first, one.first + one.table.height) for one in before), range(total, total)]:
            found += [range(start, min(start + step, stored.start)) for start in range(first, stored.start, step)]
            first = stored.stop
        return {span.start: span for span in found}

    def run(self, scenarios: Scenarios, compiled: Compiled, first: int, workers: int) -> Chunk:
        """Returns scenarios, run on so many threads; ``first`` is the number of the first of them."""
        columns = self.columns
        choices = np.ascontiguousarray(compiled.choices)
        with numeric_state():
            found, blocks, errors = self.prepared(compiled).sweep(
                columns.bars, columns.signals, columns.confidence, compiled.changes, choices, workers
            )
        values = found.reshape(len(scenarios), len(_core.METRICS))
        metrics = [_metric(name, values[:, column]) for column, name in enumerate(sorted(_core.METRICS))]
        numbers = pl.Series("scenario", range(first, first + len(scenarios)), pl.Int64)
        error = pl.Series("error", errors, pl.String)
        return Chunk(
            first,
            pl.DataFrame([numbers, *scenarios.frame(0, len(scenarios)), *metrics, error]),
            blocks.reshape(-1, *BLOCK_SHAPE),
            choices,
        )


@dataclass(frozen=True, eq=False)
class ChunkWork:
    """The scenarios of a grid or a list as units, each a chunk.

    Args:
        market: bars and signals of all.
        scenarios: every scenario.
        compiled: the same as the core takes them.
        spans: the scenarios of each unit, by its number, which is that of the first of them.
        threads: that a unit takes.
    """

    market: Market
    scenarios: Scenarios
    compiled: Compiled
    spans: Mapping[int, range]
    threads: int

    def unit(self, number: int) -> Chunk:
        """Returns the scenarios of one span, run."""
        span = self.spans[number]
        part = Scenarios(self.scenarios.values, self.scenarios.places[span.start : span.stop])
        compiled = replace(self.compiled, choices=self.compiled.choices[span.start : span.stop])
        return self.market.run(part, compiled, span.start, self.threads)


def in_order(chunks: Iterable[Chunk]) -> list[Chunk]:
    """Returns chunks in the order of their scenarios."""
    return sorted(chunks, key=lambda chunk: chunk.first)


def _metric(name: str, values: Floats) -> pl.Series:
    column = pl.Series(name, values, nan_to_null=True)
    return column.cast(pl.Int64) if _core.METRICS[name]["whole"] else column
