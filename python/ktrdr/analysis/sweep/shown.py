"""Requests and results of sweeps as lists, pages and the command line print them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ktrdr._types import Json
from ktrdr.analysis.sweep.grid import parameter_text
from ktrdr.analysis.sweep.job import SweepRun
from ktrdr.operations.kind import Section, Shown
from ktrdr.operations.models import Result
from ktrdr.simulation.metrics import label, listed, rate_text, value_text
from ktrdr.strategy.submitted import request_fields, request_title
from ktrdr.text import dates_text

_LISTED: Final = ("sharpe", "total_return", "max_drawdown", "trades")
_MOST_ROWS: Final = 10


def shown(spec: Json) -> Shown:
    """Returns strategy, symbol, timeframe, dates and rules; a spec of a later version as far as it can be read."""
    fields = request_fields(spec)
    detail = ", ".join(filter(None, (dates_text(fields["start_date"], fields["end_date"]), _tried(spec))))
    return Shown(request_title(fields, "sweep"), detail, fields)


def _tried(spec: Json) -> str:
    grid = spec.get("grid")
    if isinstance(grid, Mapping):
        return " x ".join(f"{len(values)} {name}" for name, values in grid.items())
    return f"{len(spec.get('scenarios') or ())} scenarios"


def figures(summary: Json) -> dict[str, float | int | None]:
    """Returns total return and Sharpe ratio of the best scenario."""
    return listed((summary.get("best") or {}).get("metrics", {}))


def headline(manifest: Json) -> str:
    """Returns strategy, symbol, span, model and the rules that were swept."""
    run = (
        f"sweep of {manifest['strategy']} on {manifest['symbol']} {manifest['timeframe']}, "
        f"{manifest['first_simulated']} to {manifest['last_simulated']}, model {manifest['model']}"
    )
    return f"{run}: {', '.join(manifest['parameters'])}"


def remarks(result: Result) -> list[Section]:
    """Returns the doubt that so many trials cast on the best scenario, after a table of the best ones if it has one."""
    best = result.summary["best"]
    if best is None:
        return [Section("best", None, lines=("no scenario has a Sharpe ratio",))]
    judged = Section("best", best, lines=_lines(best, result.summary))
    return [_top(result), judged] if isinstance(result, SweepRun) else [judged]


def _top(result: SweepRun) -> Section:
    """Returns the best scenarios as a table."""
    names = tuple(result.manifest["parameters"])
    top = result.table.sort("sharpe", descending=True, nulls_last=True).head(_MOST_ROWS)
    rows = [
        (
            str(row["scenario"]),
            *(parameter_text(row[name]) for name in names),
            *(value_text(name, row[name], digits=3) for name in _LISTED),
        )
        for row in top.to_dicts()
    ]
    headings = ("scenario", *names, *(label(name) for name in _LISTED))
    return Section("", None, headings=headings, rows=rows)


def _lines(best: Mapping[str, Any], summary: Json) -> list[str]:
    count = f"{summary['scenarios']:,} scenarios"
    lines = []
    if best["dsr"] is not None:
        lines.append(f"probability that the best is more than luck among {count} (DSR): {rate_text(best['dsr'])}")
    if best["pbo"] is not None:
        lines.append(f"probability of an overfitted choice (PBO): {rate_text(best['pbo'])}")
    if summary["failed"]:
        lines.append(f"{summary['failed']:,} of {count} cannot be traded")
    return lines
