"""The report of a sweep: the best scenario with its doubt, heat maps, distribution, neighbours, scenarios, manifest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from ktrdr._types import Floats
from ktrdr.analysis.statistics.sharpe import ratios_of, sharpe_of_luck
from ktrdr.analysis.sweep.grid import Axis, axes_of, neighbours, parameter_text
from ktrdr.analysis.sweep.job import SweepRun
from ktrdr.analysis.sweep.result import Best, SweepResult
from ktrdr.analysis.sweep.shown import headline
from ktrdr.report.figures import Line, Panel, histogram, stack
from ktrdr.report.page import asset
from ktrdr.report.studies.study import StudyPart, metric_grid, study_page
from ktrdr.report.studies.sweep.heat_map import heat_maps, with_unit
from ktrdr.report.studies.sweep.words import DOUBT, doubt_lines, neighbour_lines
from ktrdr.report.tables import Cell, Grid, flat, number
from ktrdr.simulation.metrics import label, rate_text, value_text

MOST_SCENARIOS: Final = 200
"""Scenarios of the list, those with the highest Sharpe ratio."""
_LISTED: Final = ("sharpe", "total_return", "cagr", "max_drawdown", "profit_factor", "win_rate", "trades", "exposure")
_SPREAD: Final = ("sharpe", "total_return", "max_drawdown", "trades")
_QUANTILES: Final = {
    "least": 0.0,
    "5 %": 0.05,
    "25 %": 0.25,
    "median": 0.5,
    "75 %": 0.75,
    "95 %": 0.95,
    "greatest": 1.0,
}
_DIGITS: Final = 3
_MOST_REASONS: Final = 20
_MOST_VALUES: Final = 100


def sweep_report(result: SweepRun | SweepResult, data_dir: Path | None = None, *, explain: bool = False) -> str:
    """Returns the page of a sweep, of a strategy or of given signals; it needs no bars."""
    sweep = result.sweep if isinstance(result, SweepRun) else result
    axes = axes_of(sweep.table, sweep.parameters)
    title, subtitle = _head(result, sweep)
    parts = [
        *_best(sweep),
        *_maps(sweep, axes),
        *_distribution(sweep),
        *_fragility(sweep, axes),
        *_scenarios(sweep),
        *_rules(sweep, axes),
        *_failed(sweep.table),
        *_metrics(sweep),
        StudyPart("Manifest", flat(_manifest(result, axes))),
    ]
    script = "\n".join((asset("sort.js"), asset("heat_map.js"), asset("study.js")))
    return study_page(title, subtitle, _warnings(sweep), parts, script=script)


def _head(result: SweepRun | SweepResult, sweep: SweepResult) -> tuple[str, str]:
    if not isinstance(result, SweepRun):
        return "Sweep", f"{len(sweep):,} scenarios of given signals: {', '.join(sweep.parameters)}"
    facts = result.manifest
    title = " ".join(str(facts[name]) for name in ("strategy", "symbol", "timeframe"))
    return f"Sweep {title}", f"{headline(facts)}, {facts['operation']}, result {result.result_hash[:12]}"


def _warnings(sweep: SweepResult) -> list[str]:
    failed = sweep.table["error"].count()
    more = [f"{failed:,} of {len(sweep):,} scenarios cannot be traded"] if failed else []
    return [*sweep.warnings, *more]


def _manifest(result: SweepRun | SweepResult, axes: Sequence[Axis]) -> dict[str, Any]:
    tried = {"tried": {axis.name: list(axis.values) for axis in axes}}
    if isinstance(result, SweepRun):
        return {"result_hash": result.result_hash, **result.manifest, **tried}
    names = ("parameters", "periods_per_year", "risk_free_rate")
    return {"scenarios": len(result), **{name: getattr(result, name) for name in names}, **tried}


def _best(sweep: SweepResult) -> Iterator[StudyPart]:
    if not sweep.table["sharpe"].count():
        yield StudyPart("Best scenario", lines=("No scenario has a Sharpe ratio.",))
        return
    best = sweep.best()
    rows = [(Cell(with_unit(name)), number(parameter_text(value))) for name, value in best.parameters.items()]
    yield StudyPart(f"Best by Sharpe ratio: scenario {best.scenario}", Grid((Cell("rule"), number("value")), rows))
    lines = doubt_lines(best.metrics["sharpe"] or 0.0, best.dsr, best.pbo, len(sweep))
    yield StudyPart("Is it more than luck?", _doubt(sweep, best), lines=lines)


def _doubt(sweep: SweepResult, best: Best) -> Grid:
    values = {
        "its Sharpe ratio": value_text("sharpe", best.metrics["sharpe"], digits=_DIGITS),
        "that of the best of so many without skill (expected)": value_text("sharpe", _luck(sweep), digits=_DIGITS),
        "DSR": "-" if best.dsr is None else rate_text(best.dsr),
        "PBO": "-" if best.pbo is None else rate_text(best.pbo),
    }
    rows = [(Cell(name), number(text), Cell(DOUBT[name])) for name, text in values.items()]
    return Grid((Cell("measure"), number("value"), Cell("meaning")), rows)


def _metrics(sweep: SweepResult) -> Iterator[StudyPart]:
    if sweep.table["sharpe"].count():
        yield StudyPart("Every metric of the best", metric_grid(sweep.best().metrics, {}))


def _luck(sweep: SweepResult) -> float:
    """Returns the annual Sharpe ratio that the best of so many scenarios without skill is expected to have."""
    periods = sweep.periods_per_year
    return sharpe_of_luck(ratios_of(sweep.table, periods).to_list()) * float(periods**0.5)


def _maps(sweep: SweepResult, axes: Sequence[Axis]) -> Iterator[StudyPart]:
    maps = heat_maps(sweep.table, axes)
    if not maps:
        return
    line = (
        "Blue is above 0, orange is below it, or a drawdown; the stronger, the further away. ★ is the best, - has no "
        "value. Of the other rules the best value counts: point at a cell for its scenario. A ridge of good cells says "
        "more than one good cell."
    )
    yield StudyPart("Heat map", lines=(line,), maps=tuple(maps))


def _distribution(sweep: SweepResult) -> Iterator[StudyPart]:
    from markupsafe import Markup

    known = sweep.table["sharpe"].drop_nulls()
    if known.is_empty():
        return
    marks = [(float(known.max()), "best"), (_luck(sweep), "luck")]  # type: ignore[arg-type]
    title = "Number of scenarios by Sharpe ratio"
    picture = histogram(known.to_numpy(), lambda value: f"{value:.3g}", title, marks=marks)
    rows = [
        (
            Cell(label(name)),
            *(
                number(value_text(name, sweep.table[name].quantile(share, "linear"), digits=_DIGITS))
                for share in _QUANTILES.values()
            ),
        )
        for name in _SPREAD
        if sweep.table[name].count()
    ]
    table = Grid((Cell("metric"), *(number(name) for name in _QUANTILES)), rows)
    above = int((known > 0).sum())
    line = (
        f"{above:,} of {known.len():,} scenarios with a Sharpe ratio have one above 0. "
        "Dashed: the best, and what the best of so many without skill is expected to have (luck)."
    )
    yield StudyPart("Distribution over all scenarios", table, (Markup(picture),), (line,))


def _fragility(sweep: SweepResult, axes: Sequence[Axis]) -> Iterator[StudyPart]:
    if not sweep.table["sharpe"].count():
        return
    row = int(sweep.table["sharpe"].arg_max() or 0)
    found = neighbours(axes, row)
    if not found:
        return
    values = sweep.table.row(row, named=True)
    rows = [[Cell("the best"), number(""), number(str(row)), *_figures(values, _SPREAD)]]
    for one in found:
        other = sweep.table.row(one.row, named=True)
        change = f"{parameter_text(values[one.rule])} → {parameter_text(one.value)}"
        rows.append([Cell(one.rule), number(change), number(str(one.row)), *_figures(other, _SPREAD)])
    headings = (Cell("changed rule"), number("change"), number("scenario"), *(number(label(name)) for name in _SPREAD))
    ratios = [sweep.table["sharpe"][one.row] for one in found]
    yield StudyPart("Neighbours of the best", Grid(headings, rows), lines=neighbour_lines(values["sharpe"], ratios))


def _scenarios(sweep: SweepResult) -> Iterator[StudyPart]:
    top = sweep.table.sort("sharpe", descending=True, nulls_last=True, maintain_order=True).head(MOST_SCENARIOS)
    rows = [
        (
            number(str(row["scenario"])),
            *(number(parameter_text(row[name])) for name in sweep.parameters),
            *_figures(row, _LISTED),
        )
        for row in top.to_dicts()
    ]
    headings = [number(name) for name in ("scenario", *sweep.parameters, *map(label, _LISTED))]
    more = f"The {top.height:,} best of {len(sweep):,} by Sharpe ratio; `ktrdr sweep --out FILE` writes all of them. "
    note = f"{more if top.height < len(sweep) else ''}A heading sorts; again turns it over."
    yield StudyPart("Scenarios", Grid(headings, rows), lines=(note,), sorts=True)


def _figures(row: Mapping[str, Any], names: Sequence[str]) -> list[Cell]:
    return [number(value_text(name, row[name], digits=_DIGITS)) for name in names]


def _rules(sweep: SweepResult, axes: Sequence[Axis]) -> Iterator[StudyPart]:
    """Yields for each rule the Sharpe ratios of the scenarios that have one of its values."""
    from markupsafe import Markup

    ratios = sweep.table["sharpe"].fill_null(np.nan).to_numpy()
    for axis in axes:
        if not 1 < len(axis.values) <= _MOST_VALUES:
            continue
        groups = [ratios[axis.places == place] for place in range(len(axis.values))]
        known = [(place, group[~np.isnan(group)]) for place, group in enumerate(groups)]
        rows = [
            (
                number(parameter_text(axis.values[place])),
                number(f"{len(groups[place]):,}"),
                *(number(value_text("sharpe", value, digits=_DIGITS)) for value in _spread(group)),
            )
            for place, group in known
        ]
        headings = [number(name) for name in ("value", "scenarios", "worst", "median", "best")]
        drawings = []
        drawn = [(parameter_text(axis.values[place]), group) for place, group in known if len(group)]
        if axis.is_of_numbers and len(drawn) > 1:
            lines = [Line(np.array([group.max() for _, group in drawn]), "curve")]
            if max(len(group) for _, group in drawn) > 1:
                lines.append(Line(np.array([np.median(group) for _, group in drawn]), "second"))
            name = (
                "Sharpe ratio by value: the best, and the median (dashed)"
                if len(lines) > 1
                else "Sharpe ratio by value"
            )
            panel = Panel(name, 130, lines, lambda value: f"{value:.3g}")
            drawings.append(Markup(stack([panel], [words for words, _ in drawn], f"{name} of {axis.name}")))
        yield StudyPart(f"Rule: {with_unit(axis.name)}", Grid(headings, rows), tuple(drawings))


def _spread(group: Floats) -> tuple[float | None, ...]:
    if not len(group):
        return None, None, None
    return float(group.min()), float(np.median(group)), float(group.max())


def _failed(table: pl.DataFrame) -> Iterator[StudyPart]:
    failed = table.filter(pl.col("error").is_not_null())
    if failed.is_empty():
        return
    reasons = failed.group_by("error", maintain_order=True).agg(pl.len(), pl.first("scenario"))
    rows = [
        (Cell(row["error"]), number(f"{row['len']:,}"), number(str(row["scenario"])))
        for row in reasons.head(_MOST_REASONS).to_dicts()
    ]
    headings = (Cell("reason"), number("scenarios"), number("the first"))
    yield StudyPart("Scenarios that cannot be traded", Grid(headings, rows))
