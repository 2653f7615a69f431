"""Evidence for and against a result: costs and delay, doubt about its Sharpe ratio, intervals of its metrics."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ktrdr.analysis.doubt import doubt_of, doubt_section, logged_beside
from ktrdr.analysis.sensitivity import sensitivity
from ktrdr.analysis.sensitivity_table import sensitivity_section
from ktrdr.analysis.statistics.band import equity_band
from ktrdr.analysis.statistics.intervals import MetricIntervals, metric_intervals
from ktrdr.analysis.statistics.sharpe import Moments, minimum_track_record, probabilistic_sharpe
from ktrdr.backtesting.job.stored import StoredLedger
from ktrdr.backtesting.results import BacktestResults
from ktrdr.errors import ArgumentInvalid
from ktrdr.report.figures import Line, Panel, stack
from ktrdr.report.market import Market
from ktrdr.report.tables import Cell, Grid, number
from ktrdr.simulation.metrics import label, rate_text, value_text
from ktrdr.simulation.result import RunResult

if TYPE_CHECKING:
    from markupsafe import Markup


@dataclass(frozen=True)
class Part:
    """A table under a heading, with a picture and sentences below it."""

    title: str
    table: Grid
    lines: tuple[str, ...] = ()
    drawing: Markup | None = None


def evidence(result: RunResult, market: Market) -> list[Part]:
    """Returns what else is known of a result; a part that it does not allow is left out.

    Args:
        result: a finished run.
        market: its bars, or the reason why there are none.
    """
    intervals = metric_intervals(result)
    return [*_costs_and_delay(result, market), *_doubt(result, intervals), *_intervals(result, intervals)]


def _costs_and_delay(result: RunResult, market: Market) -> Iterator[Part]:
    if market.loaded is None or result.trades.is_empty():
        return
    try:
        found = sensitivity(result, market.loaded)
    except ArgumentInvalid:  # a fork, or a part of a run: its signals alone do not give its metrics
        return
    section = sensitivity_section(found)
    rows = [(Cell(name), *map(number, values)) for name, *values in section.rows]
    head = Cell(section.headings[0])
    yield Part("Costs and delay", Grid((head, *map(number, section.headings[1:])), rows), tuple(section.lines))


def _doubt(result: RunResult, found: MetricIntervals) -> Iterator[Part]:
    if Moments.of_metrics(result.metrics, result.conventions["periods_per_year"]) is None:
        return
    if isinstance(result, BacktestResults) and isinstance(result.source, StoredLedger):
        logged = logged_beside(result.source.store, result)
        line = "A trial is a completed backtest of this symbol and timeframe whose bars overlap; the store logs each."
        rows = doubt_section(doubt_of(result, logged, found)).rows
    else:
        line = "PSR takes the run for the only one that was tried. The number of trials lowers it."
        rows = _alone(result)
    grid = Grid((Cell("measure"), number("value")), [(Cell(name), number(text)) for name, text in rows])
    yield Part("Doubt about the Sharpe ratio", grid, (line,))


def _alone(result: RunResult) -> list[tuple[str, str]]:
    """Returns the doubt about a run that no store has, so that nobody knows of other trials."""
    moments = Moments.of_metrics(result.metrics, result.conventions["periods_per_year"])
    assert moments is not None
    chance = probabilistic_sharpe(moments)
    record = minimum_track_record(moments)
    return [
        ("probability that the true Sharpe ratio is above 0 (PSR)", "-" if chance is None else rate_text(chance)),
        ("days that would show it at 95 % (MinTRL)", "never" if record is None else f"{record:,.0f}"),
        ("days of the run", f"{moments.n:,}"),
    ]


def _intervals(result: RunResult, found: MetricIntervals) -> Iterator[Part]:
    if not found.intervals:
        return
    rows = [
        (Cell(label(name)), number(value_text(name, result.metrics[name], result.undefined)), *_bounds(name, interval))
        for name, interval in found.intervals.items()
    ]
    headings = (Cell("metric"), number("value"), number("from"), number("to"))
    yield Part(f"{100 * found.level:g} % intervals", Grid(headings, rows), (_drawn(found),), _band(result))


def _band(result: RunResult) -> Markup | None:
    from markupsafe import Markup

    band = equity_band(result)
    if band is None:
        return None
    lines = (Line(band.lower, "second"), Line(band.upper, "second"), Line(band.equity, "curve"))
    share = f"{100 * band.level:g} % of {band.resamples:,} draws of its days"
    name = f"Equity by day, and {share} (between the dashed lines)"
    panel = Panel(name, 150, lines, lambda value: f"{value:,.10g}")
    return Markup(stack([panel], [f"day {day:,}" for day in band.days.tolist()], name))


def _bounds(name: str, interval: tuple[float, float] | None) -> Iterator[Cell]:
    return (number(value_text(name, bound, digits=3)) for bound in (interval or (None, None)))


def _drawn(found: MetricIntervals) -> str:
    blocks = [
        f"{length:.3g} {unit}"
        for length, unit in ((found.block_days, "days"), (found.block_trades, "trades"))
        if length is not None
    ]
    return (
        f"{found.resamples:,} bootstrap resamples in blocks with a mean of {' and '.join(blocks)}, seeded by the run. "
        "They say how far a metric moves in another draw of such days, and know nothing of other trials."
    )
